"""What a Gateway or a fleet owes the world outside of Envoy, as pure functions.

For now: addresses and ports, and the permissions that the controller needs.

Belongs here: decisions about infrastructure, made from claims and from what is written down already. Does not belong
here: asking a machine or an API server anything; what they answer comes in as an argument.
"""
