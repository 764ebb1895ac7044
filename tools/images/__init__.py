"""Images without an engine and without a registry: made of what is on this machine, for tests and for a first look.

    python -m tools.images            # both, into build/images

What is published is built by the `Dockerfile`; these images have the same layout, so that what is tested with them
holds for the others: the server in a virtual environment at `/opt/xdsserver`, Envoy at `/usr/local/bin/envoy`, both as
user 65532, and nothing that has to be written. They differ in what lies below: the interpreter and the libraries are
those of this machine, at the paths that they have here.

`archives.py` writes images, `machine.py` finds what a program needs, `recipe.py` says what goes in. Nothing here may
know of clusters, engines or tests; who wants an image asks `recipe.py` for a file.
"""
