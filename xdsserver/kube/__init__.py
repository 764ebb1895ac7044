"""Kubernetes: objects come from an API server, and what is owed goes there.

Belongs here: how to reach an API server and who we are there (`access`), one request with its time limit (`client`),
all that can go wrong as one small tree (`errors`); one kind of objects followed through every fault (`following`), what
is known of it (`store`), its bytes (`wire`), and all kinds as a source of objects (`source`, a `reflector` for each,
which decode in `turns`); the order and the pace of writes; and identity: the authority that signs certificates for
xDS (`authority`), those of fleets (`fleet_certificates`) and whose a token is (`token_reviews`). Does not belong here:
what objects mean (`xdsserver.gatewayapi`) and what is owed to them (`xdsserver.effects`). Parts that decide are pure
(`following`, `workqueue`, `pace`): they are handed the time, and do nothing.

The API server is trusted for what it says and not for being there. Every request has a time limit, every silence an
end, every repetition a pause; and nothing that is known is forgotten before something newer is known in its place.
"""
