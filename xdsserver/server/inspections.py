"""Servers ask each other what they know: one question, one answer, by the same proof as their reports.

What a question is, is nobody's business here. It comes from a server and goes to one, and what may be asked is what the
admin API shows: no secret is in any answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import grpc

from xdsserver.authority import AuthorityError
from xdsserver.replicas.questions import AskError
from xdsserver.server.stream import Ending

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from xdsserver.replicas.membership import Leadership
    from xdsserver.server.reports import Prove
    from xdsserver.server.stream import Context

SERVICE: Final = "xdsserver.inspection.v1.Inspection"
METHOD: Final = "Ask"


def handler(prove: Prove, answer: Callable[[bytes], Awaitable[bytes]]) -> grpc.GenericRpcHandler[Any, Any]:
    """Give what a gRPC server is to be told of this; whoever asks proves first that it is a server."""

    async def ask(question: bytes, context: Context) -> bytes:
        proof = await prove(context)
        if isinstance(proof, Ending):
            await context.abort(proof.code, proof.words)
        try:
            return await answer(question)
        except AskError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))

    # Without serialisers gRPC hands over the bytes as they are.
    make: Any = grpc.unary_unary_rpc_method_handler
    return grpc.method_handlers_generic_handler(SERVICE, {METHOD: make(ask)})


class InspectionPeers:
    """Asks the servers that leadership names; a channel is made for each question, since people ask seldom."""

    def __init__(self, name: str, leadership: Leadership, connect: Callable[[str], grpc.aio.Channel]) -> None:
        self._name = name
        self._leadership = leadership
        self._connect = connect

    @property
    def leader(self) -> str | None:
        """The name of the one that leads; None where nobody does."""
        return self._leadership.now.leader

    @property
    def others(self) -> tuple[str, ...]:
        """The names of all others."""
        return tuple(sorted(self._leadership.now.addresses.keys() - {self._name}))

    async def ask(self, name: str, question: bytes, within_s: float) -> bytes:
        """Ask one of them.

        Raises:
            AskError: there is no answer.
        """
        address = self._leadership.now.addresses.get(name)
        if address is None:
            message = "it is not there any more"
            raise AskError(message)
        try:
            async with self._connect(address) as channel:
                make: Any = channel.unary_unary
                found: bytes = await make(f"/{SERVICE}/{METHOD}")(question, timeout=within_s)
        except AuthorityError as error:
            raise AskError(str(error)) from error
        except grpc.aio.AioRpcError as error:
            message = f"{error.code().name}: {error.details()}"
            raise AskError(message) from error
        return found
