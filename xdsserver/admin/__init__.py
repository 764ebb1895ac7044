"""The admin API: what `inspection` tells, over HTTP, for whoever has the token.

What belongs here is the edge: who may ask (`guard`, `token`), the OpenAPI document (`api`), long answers in turns so
that Envoys are never kept waiting (`turns`, `dump`), waiting for changes (`changes`, `waits`), and asking other servers
(`answering`). It only reads: nothing here writes a table, an object or an Envoy. What there is to tell is decided in
`inspection`; an answer that is put together in here cannot be had on the command line without a server.

Nothing of this is imported before somebody asks (`lazy`), since a framework takes half a second and 35 MiB.
"""
