"""The xDS protocol as values and state machines: what a stream was told, what it is owed, and in which order.

Belongs here: resources as bytes, the cache that all streams read, subscriptions, sessions (one per stream), the ledger
of what Envoys answered. Requests, changed names and the time go in; responses and events come out.

Does not belong here: sockets, gRPC, clocks, locks, logging (`server` has those), and anything that knows what a
Gateway or a route is (`translation` has that). A session may be replayed from a script, and the tests do.
"""
