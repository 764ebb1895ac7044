"""The official conformance suite of the Gateway API, run against `xdsserver serve` with an Envoy beside it.

    make conformance                                      # release 1.7.0, experimental channel, all five profiles
    make conformance VERSION=1.6.3 CHANNEL=standard
    make conformance ARGS='--run-test=HTTPRouteWeight'    # flags of the suite

Belongs here: what sets the stage (`stage`, `programs`), the suite as a program (`suite`), its own words made short
(`output`), what its report says (`summary`), and the run (`run`). A class that somebody else serves is asked by `Suite`
alone. Does not belong here: any knowledge of single tests; what the suite finds is mended in the product, with a golden
case.

`reports/` has the reports of whole runs in the form that the suite's authors ask for. Logs of the last run, of the
suite, of the server and of its Envoy, are in `reports/logs/`.
"""
