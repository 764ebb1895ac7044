"""Tables that keep themselves up to date: the engine, which knows nothing of gateways.

A `Graph` holds tables in the order of their declaration. Sources are written from outside; every other table says how
its rows follow from rows of tables declared before it. `Graph.apply` takes changes of the sources and brings all tables
up to date by computing again only what read something that changed.

    graph = Graph()
    pods = graph.source("pods", Pod)                          # key -> Pod, written by `apply`
    ready = graph.derive("ready", pods, lambda read, key, pod: {key: pod.address} if pod.ready else {})
    by_app = graph.index("by_app", ready, by=lambda key, address: key.app)

    delta = graph.apply([Change(pods, PodKey("shop", "a"), Pod(...))])
    delta[by_app]                                             # {"shop": (PodKey("shop", "a"),)}

The laws, each with what goes wrong without it (`tests/tables/test_laws.py` has a test for each):

1. *A derivation sees its row and what it reads through `read`, and nothing else.* Reads are recorded; nobody declares
   them.

       right   lambda read, key, route: {key: resolve(route, read(services, route.backend))}
       wrong   lambda read, key, route: {key: resolve(route, services.rows[route.backend])}    # never wakes

2. *A key of a derived table comes from one key of its source.* Two writers of one row would make the last one win, and
   which one is last depends on history. Many-to-one is `group`; its members come sorted, never in order of arrival.

       right   attached = derive(routes, one row per (listener, route)); count(attached, by=the listener)
       wrong   derive(routes, lambda read, key, route: {route.listener: 1})                    # raises TableError

3. *Rows are frozen and compared by `==`; an equal row ends the wave.* A row that holds what nobody downstream needs
   wakes everybody downstream for nothing.

       right   derive(gateways, one narrow row per listener), then routes read listeners
       wrong   routes read the Gateway itself: a new label on it computes every route again

4. *`apply` is atomic.* Between two calls every table is what computing from nothing would give. What belongs together
   goes into one call, and what is decided in between (as which address a claim gets) into one `round`. Either may be
   done in steps, for the sake of others on the same thread: until its end they see `rows` as they were.

       right   apply([Change(pods, old, None), Change(pods, new, pod)])
       wrong   apply([Change(pods, old, None)]), then apply([Change(pods, new, pod)])    # serves a world without pods

5. *No clock, no randomness, no I/O in a derivation.* The same rows give the same rows. What goes wrong in one row is a
   value in another; a derivation that raises has a bug: its rows are dropped and the exception is in `Delta.failures`
   (likewise the member for which `by` or `order` raises, and the group for which `fold` does).

       right   lambda read, key, lease: {key: Held(lease.holder, until=lease.expires)}    # the reader has a clock
       wrong   lambda read, key, lease: {key: lease.expires > time.time()}                # stays true for ever

Only what holds for any rows belongs here. What rows mean is for whoever declares the graph; clocks, random numbers,
logs and threads have no place here at all.

The oracle (`tests/properties`) holds all of this for random histories: tables after many small steps equal those of a
fresh graph that got everything at once, and after deleting everything every table and every index is empty.
"""

from xdsserver.tables.graph import Change, Delta, Graph
from xdsserver.tables.grouped import InPieces
from xdsserver.tables.table import Read, Source, Table, TableError
from xdsserver.tables.work import Stats, Steps, finished

__all__ = [
    "Change",
    "Delta",
    "Graph",
    "InPieces",
    "Read",
    "Source",
    "Stats",
    "Steps",
    "Table",
    "TableError",
    "finished",
]
