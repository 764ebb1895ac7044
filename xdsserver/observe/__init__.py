"""How a running server tells people and machines what it does; imported by the shell only."""
