"""The RustFS operator as pure functions: a Tenant and what is there go in, what is owed and a status come out.

Belongs here: what the objects of a Tenant are called and look like, what of a Tenant cannot be served and why, when a
change must wait, and what its status says. Does not belong here: requests, watches and time (`xdsserver.kube` and the
shell), which tables hold the objects (`xdsserver.pipeline`), and how clients outside get to a Tenant's listeners.

`plan` is in the middle; every other module has one idea that it asks. Names, labels, ports, paths and the order of
variables are those of the operator that made the clusters which users have: what it made is taken over as it stands.
"""
