"""What users write and clusters report: one frozen struct per kind.

Belongs here: the shape of objects (field names and defaults of the CRDs), the names by which they refer to each
other, decoding, and validation against the schemas of the CRDs. Does not belong here: what an object *means*
(`gatewayapi`), where it came from (`files`, `kube`) or any Envoy type.

Decoding is lenient to unknown fields and keeps enumerated fields as strings: a value that a newer API adds must
reach the code that can answer it with a condition. Whoever reads objects that no API server has checked runs them
through `validation` first.
"""
