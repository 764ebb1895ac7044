"""Profiles: how a connection manager treats what clients send, before any route is chosen."""

from __future__ import annotations

from enum import Enum


class Profile(Enum):
    """What clients of a listener are taken for; the values of either are in `translation`.

    `EDGE` cleans paths and refuses what is doubtful, so that rules can protect something. `S3` passes on what clients
    have signed, byte for byte: an S3 request is signed over its raw path and its Host.
    """

    EDGE = "edge"
    S3 = "s3"
