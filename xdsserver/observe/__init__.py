"""How a running server tells people and machines what it does; imported by the shell only.

Belongs here: notices for terminals and logs, the table of metrics, and the HTTP port of probes and scrapes. Does not
belong here: deciding what is worth telling, or where in the program it happens. `metrics` and `endpoints` take a fifth
of a second to import, so that whoever may do without imports them where they are needed.
"""
