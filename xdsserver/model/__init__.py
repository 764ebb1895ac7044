"""Resolved configuration: what the objects mean together, in words of neither Kubernetes nor Envoy.

Belongs here: values that `gatewayapi` (and later `tenant`) answers with and `translation` turns into Envoy messages.
Does not belong here: how a value is found out, any object struct, any Envoy type.
"""
