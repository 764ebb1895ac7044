"""What Envoys rejected, as the message of `protos/`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xdsserver.messages.saved_state_pb2 import Precedent as PrecedentMessage
from xdsserver.xds.precedents import Precedent
from xdsserver.xds.resource import SECRET
from xdsserver.xds.rulings import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNSAID: Final = "rejected before the last start"
"""For what may hold a secret: Envoy's words may repeat what they are about, and this is written in plain."""


def precedent_message(precedent: Precedent) -> PrecedentMessage:
    """Give the message; equal precedents give equal ones."""
    fleet, type_url, name = precedent.key
    out = PrecedentMessage(
        fleet=fleet, type_url=type_url, name=name, wanted=precedent.wanted, served=sorted(precedent.served)
    )
    for one in precedent.verdicts:
        out.verdicts.add(
            owner=one.owner,
            digests=sorted(one.digests),
            words=_UNSAID if type_url == SECRET else one.words,
            nodes=sorted(one.nodes),
            builds=sorted(one.builds),
        )
    return out


def read_precedent(message: PrecedentMessage) -> Precedent:
    """Take a message apart."""
    key = (message.fleet, message.type_url, message.name)
    return Precedent(key, tuple(_verdicts(message)), message.wanted, frozenset(message.served))


def _verdicts(message: PrecedentMessage) -> Iterator[Verdict]:
    for one in message.verdicts:
        # Without a digest it would be about everything.
        if one.digests:
            owner, digests = tuple(one.owner), frozenset(one.digests)
            yield Verdict(owner, digests, one.words, frozenset(one.nodes), frozenset(one.builds))
