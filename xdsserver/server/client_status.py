"""The client status discovery service (CSDS): which Envoys are connected, and what each of them has made of what.

It reads the ledger and the cache and changes nothing, so standard tools can ask the control plane what they ask an
Envoy. Secrets are redacted; a caller sees the clients of the fleet that it would itself be given.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import grpc
from envoy.admin.v3 import config_dump_shared_pb2
from envoy.config.core.v3 import base_pb2
from envoy.service.status.v3 import csds_pb2
from google.protobuf import timestamp_pb2

from xdsserver.server.node_matchers import UnsupportedMatcherError, chosen
from xdsserver.xds.redaction import redacted
from xdsserver.xds.resource import TYPE_ORDER, WILDCARD_TYPES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    from google.protobuf import any_pb2

    from xdsserver.server.stream import Context
    from xdsserver.xds.cache import Cache
    from xdsserver.xds.delivery import Delivery
    from xdsserver.xds.ledger import Ledger, StreamRecord
    from xdsserver.xds.messages import Node
    from xdsserver.xds.resource import Resource

SERVICE: Final = csds_pb2.DESCRIPTOR.services_by_name["ClientStatusDiscoveryService"].full_name

_MAX_CONTENT_BYTES: Final = 64 * 1024 * 1024
"""What one answer may hold of contents, over all clients: more is to be asked for in parts."""

_Config: TypeAlias = csds_pb2.ClientConfig.GenericXdsConfig

FleetOf: TypeAlias = "Callable[[Node], object]"
"""Which fleet a caller would be given as this node; anything else than a fleet's name gives none."""

Sight: TypeAlias = "Callable[[Context], Awaitable[FleetOf]]"
"""Says what a caller may see, or ends the call."""


class TooMuchError(Exception):
    """The answer would be larger than one message should be; the message says what to leave out."""


class _Said(NamedTuple):
    """What a client made of one resource."""

    acked: str
    """The version that it uses; empty for none."""
    open_since_s: float | None = None
    """When it was sent something that it has not answered, on the clock of the sessions."""
    rejected: tuple[str, str] | None = None
    """The version that it rejected last, and its words."""
    rejected_at_s: float = 0.0


class ClientStatus:
    """The answers to questions about clients."""

    def __init__(self, cache: Cache, ledger: Ledger) -> None:
        self._cache = cache
        self._ledger = ledger

    def handler(self, sight: Sight) -> grpc.GenericRpcHandler[Any, Any]:
        """Give what a gRPC server is to be told of this; `sight` says who may see what."""

        async def fetch(request: csds_pb2.ClientStatusRequest, context: Context) -> csds_pb2.ClientStatusResponse:
            return await self._answer_or_abort(request, context, await sight(context))

        async def stream(
            requests: AsyncIterator[csds_pb2.ClientStatusRequest], context: Context
        ) -> AsyncIterator[csds_pb2.ClientStatusResponse]:
            async for request in requests:
                # Asked again each time: what a caller proved itself with may have expired.
                yield await self._answer_or_abort(request, context, await sight(context))

        read, write = csds_pb2.ClientStatusRequest.FromString, csds_pb2.ClientStatusResponse.SerializeToString
        methods = {
            "FetchClientStatus": grpc.unary_unary_rpc_method_handler(fetch, read, write),
            "StreamClientStatus": grpc.stream_stream_rpc_method_handler(stream, read, write),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    def answer(self, request: csds_pb2.ClientStatusRequest, fleet_of: FleetOf) -> csds_pb2.ClientStatusResponse:
        """Describe the clients that the request chooses and the caller may see, those that joined first first.

        Raises:
            UnsupportedMatcherError: the request chooses by something that is not known of clients.
            TooMuchError: their configuration does not fit into one answer.
        """
        contents = None if request.exclude_resource_contents else _Contents()
        return csds_pb2.ClientStatusResponse(
            config=[
                self._client(record, contents)
                for record in self._ledger.streams()
                if fleet_of(record.node) == record.fleet and chosen(record.node, request.node_matchers)
            ]
        )

    async def _answer_or_abort(
        self, request: csds_pb2.ClientStatusRequest, context: Context, fleet_of: FleetOf
    ) -> csds_pb2.ClientStatusResponse:
        try:
            return self.answer(request, fleet_of)
        except UnsupportedMatcherError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except TooMuchError as error:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))

    def _client(self, record: StreamRecord, contents: _Contents | None) -> csds_pb2.ClientConfig:
        return csds_pb2.ClientConfig(
            node=base_pb2.Node(id=record.node.id, cluster=record.node.cluster),
            client_scope=f"{record.fleet} {record.stream}",
            generic_xds_configs=self._resources(record, contents),
        )

    def _resources(self, record: StreamRecord, contents: _Contents | None) -> Iterator[_Config]:
        for type_url in TYPE_ORDER:
            if (delivery := record.types.get(type_url)) is None:
                continue
            have = self._cache.resources(record.fleet, type_url)
            said = _said(delivery)
            # Of other types a client has what it asked for; what it did not ask for is not late.
            unsent = have.keys() - said.keys() if type_url in WILDCARD_TYPES else ()
            for name in sorted([*said, *unsent]):
                yield _describe(_Subject(type_url, name, have.get(name)), said.get(name, _NOTHING_SAID), contents)


_NOTHING_SAID: Final = _Said("")


def _said(delivery: Delivery) -> Mapping[str, _Said]:
    acked, pending, rejected = dict(delivery.acked), delivery.pending, delivery.rejected
    found = {}
    for name in {*acked, *pending, *rejected}:
        rejection = rejected.of(name)
        found[name] = _Said(
            acked.get(name, ""),
            delivery.waits_since_s(name) if name in pending else None,
            rejected[name] if rejection is not None else None,
            rejection.at_s if rejection is not None else 0.0,
        )
    return found


def _moment(at_s: float) -> timestamp_pb2.Timestamp:
    """Turn a time of the sessions, whose clock is that of the event loop, into one of the calendar."""
    found = timestamp_pb2.Timestamp()
    found.FromNanoseconds(time.time_ns() - round((asyncio.get_running_loop().time() - at_s) * 1e9))
    return found


class _Subject(NamedTuple):
    type_url: str
    name: str
    now: Resource | None
    """What it shall be; None where it is being removed."""


def _describe(subject: _Subject, said: _Said, contents: _Contents | None) -> _Config:
    """Describe one resource: `version_info` and `xds_config` are what the client uses, as far as we still have that."""
    now = subject.now
    found = _Config(type_url=subject.type_url, name=subject.name, version_info=said.acked)
    if now is not None and contents is not None and now.version == said.acked:
        found.xds_config.CopyFrom(contents.of(now))
    if said.rejected is not None:
        found.config_status, found.client_status = csds_pb2.ERROR, config_dump_shared_pb2.NACKED
        found.error_state.version_info, found.error_state.details = said.rejected
        found.error_state.last_update_attempt.CopyFrom(_moment(said.rejected_at_s))
        if now is not None and contents is not None and now.version == said.rejected[0]:
            found.error_state.failed_configuration.CopyFrom(contents.of(now))
    elif said.open_since_s is not None:
        found.last_updated.CopyFrom(_moment(said.open_since_s))
        found.config_status, found.client_status = csds_pb2.STALE, config_dump_shared_pb2.REQUESTED
    elif now is not None and now.version == said.acked:
        found.config_status, found.client_status = csds_pb2.SYNCED, config_dump_shared_pb2.ACKED
    else:
        # A newer version, or the removal, waits for what must come before it.
        found.config_status = csds_pb2.NOT_SENT
        found.client_status = config_dump_shared_pb2.ACKED if said.acked else config_dump_shared_pb2.REQUESTED
    return found


class _Contents:
    """Redacted contents for one answer: made once for all clients, and not without bound."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], any_pb2.Any] = {}
        self._bytes = 0

    def of(self, resource: Resource) -> any_pb2.Any:
        key = (resource.name, resource.version)
        self._bytes += len(resource.body)
        if self._bytes > _MAX_CONTENT_BYTES:
            message = (
                f"the contents are over {_MAX_CONTENT_BYTES} bytes: set exclude_resource_contents, or choose fewer"
                " clients with node_matchers"
            )
            raise TooMuchError(message)
        if key not in self._made:
            self._made[key] = redacted(resource)
        return self._made[key]
