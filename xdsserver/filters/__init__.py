"""Vertical slices: one filter of routes per file, from what the user writes to what Envoy gets.

Belongs here: everything that one filter needs, in the file that is called like it, and its line in `registry`. Does not
belong here: anything that two filters share beyond a few lines, or a filter that is known outside of its file: a third
place to touch (a golden case aside) means that the interface is wrong.
"""
