"""What the Gateway API says: pure functions from objects to verdicts, statuses and the model.

Belongs here: the rules of the specification, one idea a module, in its terms. Does not belong here: the declaration of
tables (a function takes values, or a `read` that looks one up), Envoy's types, filters (the pipeline hands in how they
are parsed), clocks, I/O. What a user did wrong is a `Problem`, which becomes a condition; nothing raises because of it.
"""
