"""Schemas of every kind that is checked, one JSON file each, read when the kind is first met.

The files of the Gateway API are its own CRDs of release v1.7.0, experimental channel (which contains the standard one),
without descriptions and `status`; they are under the Apache License 2.0, whose text is `LICENSE.gateway-api`, and are
written by `tools/gateway_api_schemas.py`. Those of the Kubernetes core are ours, after its API reference: the fields
that exist, with limits on those that are read here. Our own kinds have no file: their schemas are made of their structs
(`xdsserver.objects.crd`).
"""

BUNDLE_VERSION = "v1.7.0"
"""The release of the Gateway API whose schemas these are."""
