"""A secret that must never be seen: it goes in at every door, and no output may hold a piece of it, in any writing.

Whoever adds an output adds it here: a command, a page, a file, a metric, a message of an exception.
"""
