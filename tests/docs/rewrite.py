"""Rewrite the pages that are made from the code: `python -m tests.docs.rewrite`, part of `make golden`."""

from __future__ import annotations

from tests.docs.made import pages

if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
