"""Backends: what a reference may lead to, a kind of object per file, and how any of them is found and reached.

A kind of backend narrows its objects to a `Backend` and its `Port`s (`kinds`), which is all that the rest knows: who
may refer to it and what is spoken (`resolve`), and where its endpoints are (`endpoints`). Adding one: its file, its
line in `registry`, its golden cases, and its two tables in the pipeline.
"""
