"""Golden cases: what users write on the left, what Envoy gets and what statuses say on the right.

A folder per case, `cases/<area>/<case>/`: `cluster.yaml` in, `envoy.yaml` and `status.yaml` out. Other YAML files
beside `cluster.yaml` are input too. The first comment of `cluster.yaml` says what the case proves and names the passage
of the specification that it follows; below it a case holds only what it is about. Lines of that comment that set the
stage:

    # base: class gateway web     files of base/ that are read before it
    # envoys: none                no Envoy has answered (otherwise each acknowledges all that it gets)
    # envoys: listener            they acknowledged the listener, and have no routes yet; also `listener routes`
    # envoys: reject listener "its words"     or `routes`, or `secrets`
    # envoys: reject cluster Service/default/web/80/http1 "its words"     or `endpoints Service/default/web/80/TCP`
    # envoys: reject HTTPRoute default/all "its words"     this route's piece of its table, and nothing else
    # envoys: reject TLSRoute default/all "its words"     its filter chain; or that of `Gateway default/edge/https`
    # addresses: 127.0.0.1        the pool of addresses (otherwise all of 127.0.0.1 to 127.0.0.254)
    # taken: 80 8080              ports that cannot be opened
    # bundle: v1.7.0 standard     release and channel of the schemas, or `none` (otherwise v1.7.0 experimental); with
                                  `cluster` it is that of an API server
    # ingress: default/gateway-edge=192.0.2.7,lb.example.com     where load balancers lead to Services
    # nodes: node-1=192.0.2.5     addresses of nodes
    # show: intended              Kubernetes objects of ours too, in status.yaml

`make golden` rewrites the outputs and removes what belongs to no case; read the diff before committing it. What all
Envoy resources of a type have in common is shown once, in `cases/gateway/one_listener`, and left out of the others
where it is the same; so is the status of the GatewayClass.
Resources of a fleet that is not the default one stand there with its name before theirs.

`versions.yaml` beside this holds the names and versions of the resources of a few cases, so that no release makes an
Envoy take anew what means the same, unnoticed.

Besides, each case is checked for: any order and one by one gives the same tables, deleting all leaves nothing, and
Envoy itself accepts the result.
"""
