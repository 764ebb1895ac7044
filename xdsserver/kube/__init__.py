"""Kubernetes: objects come from an API server, and what is owed goes there.

Belongs here: the client, the watch of each kind, the order and the pace of writes, and what is done when the API server
is slow, says no or is away. Does not belong here: what objects mean (`xdsserver.gatewayapi`) and what is owed to them
(`xdsserver.effects`). Parts that decide are pure (`workqueue`, `pace`): they are handed the time, and do nothing.
"""
