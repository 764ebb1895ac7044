"""Vertical slices: one filter of routes per file, from what the user writes to what Envoy gets.

Belongs here: everything that one filter needs, in the file that is called like it, and its line in `registry`. What two
filters say in the same words of the specification (edits of headers, a new path) has a module of its own beside them.
Does not belong here: a filter that is known outside of its file: a third place to touch (a golden case aside) means
that the interface is wrong.
"""
