"""Measurements: `python -m bench [prefix]`, one JSON line per figure, then a table for people.

Belongs here: what takes time or a size to be compared with a goal. Does not belong here: a promise that can be counted
without a clock; that is a test. What runs besides us (a hand-written server, the load) is built by the same run, so
that ratios hold on any machine.
"""
