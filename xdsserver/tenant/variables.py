"""Variables of a container's environment, in the form of the API."""

from __future__ import annotations

from typing import Any

Variable = dict[str, Any]


def text(name: str, value: str) -> Variable:
    """Give a variable with a value."""
    return {"name": name, "value": value}


def from_secret(name: str, secret: str, key: str) -> Variable:
    """Give a variable whose value stays in a Secret; a pod does not start without it."""
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key, "optional": False}}}
