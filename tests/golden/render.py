"""Outputs as people read them: resources by type and name, statuses by object, problems by place."""

from __future__ import annotations

import base64
import json
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import yaml
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from google.protobuf.json_format import MessageToJson
from typing_extensions import override

from tests.golden.cases import FLEET, all_cases, scan
from tests.golden.world import settled
from xdsserver.effects import Intended
from xdsserver.xds.resource import CLUSTER, ENDPOINTS, LISTENER, ROUTE, SECRET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message

    from tests.golden.cases import Case
    from xdsserver.pipeline import ResourceKey

REFERENCE = "gateway/one_listener"
"""The case that shows in full what the others leave out."""

OWN = frozenset({"address", "endpoints", "load_assignment", "route_config_name", "service_name", "virtual_hosts"})
"""Fields that are always shown: they tell one resource from another, so that equal ones are equal by chance."""

TYPES: Mapping[str, tuple[str, type[Message]]] = {
    CLUSTER: ("clusters", Cluster),
    ENDPOINTS: ("endpoints", ClusterLoadAssignment),
    LISTENER: ("listeners", Listener),
    ROUTE: ("routes", RouteConfiguration),
    SECRET: ("secrets", Secret),
}

Json = Any
"""What YAML can hold."""


def envoy(case: Case) -> Json:
    """Give the Envoy resources of a case, less what they have in common with those of the reference."""
    found = _resources(case)
    if case.name == REFERENCE:
        return found
    common = {title: next(iter(members.values())) for title, members in _resources(_reference()).items()}
    return {
        title: {name: _less(resource, common.get(title, {})) for name, resource in members.items()}
        for title, members in found.items()
    }


def status(case: Case) -> Json:
    """Give the statuses of a case and what is wrong with its documents."""
    usual = {} if case.name == REFERENCE else _statuses(_reference())
    out: dict[str, Json] = {
        key: document
        for key, document in _statuses(case).items()
        if not key.startswith("GatewayClass ") or usual.get(key) != document
    }
    if case.shows_intended:
        rows = settled(case).reconciler.pipeline.intended.rows
        out["intended"] = {
            str(key): row.document if isinstance(row, Intended) else "kept as it is"
            for key, row in sorted(rows.items())
        }
    if problems := scan(case).problems:
        out["problems"] = [str(problem) for problem in problems]
    return out


def text(content: Json) -> str:
    """Write YAML in which what fits on a line is on one."""
    dumped: str = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)
    return dumped


@cache
def _reference() -> Case:
    return next(case for case in all_cases() if case.name == REFERENCE)


def _resources(case: Case) -> dict[str, dict[str, Json]]:
    rows = settled(case).reconciler.pipeline.resources.rows
    out: dict[str, dict[str, Json]] = {}
    for type_url, (title, message) in TYPES.items():
        bodies = sorted((_shown(key), resource.body) for key, resource in rows.items() if key[1] == type_url)
        if bodies:
            out[title] = {name: _fields(message.FromString(body)) for name, body in bodies}
    return out


def _shown(key: ResourceKey) -> str:
    fleet, _, name = key
    return name if fleet == FLEET else f"{fleet}: {name}"


def _fields(message: Message) -> Json:
    fields: dict[str, Json] = json.loads(MessageToJson(message, preserving_proto_field_name=True))
    for name in ("name", "cluster_name"):
        fields.pop(name, None)
    return _named_first(_digests(fields))


def _digests(value: Json) -> Json:
    """Put short digests in the place of certificates and keys."""
    match value:
        case {"inline_string": str(pem)} if pem.startswith("-----BEGIN "):
            return f"sha256 {sha256(pem.encode()).hexdigest()[:16]}"
        case {"inline_bytes": str(text)}:
            return f"sha256 {sha256(base64.b64decode(text)).hexdigest()[:16]}"
        case dict():
            return {field: _digests(member) for field, member in value.items()}
        case list():
            return [_digests(one) for one in value]
        case _:
            return value


def _named_first(value: Json) -> Json:
    """Put names before what they name; the fields of messages come in the order of their numbers.

    Keys of a map (names with a dot, here) come in no order of their own.
    """
    match value:
        case dict():
            fields = sorted(value, key=lambda field: (field != "name", field if "." in field else ""))
            return {field: _named_first(value[field]) for field in fields}
        case list():
            return [_named_first(one) for one in value]
        case _:
            return value


def _less(value: Json, common: Json) -> Json:
    """Leave out of a value what the reference has in the same place."""
    match value, common:
        case dict(), dict():
            out = {}
            for field, member in value.items():
                if field == "filter_chains" and field in common:
                    shown = [_less(chain, common[field][0]) for chain in member]
                else:
                    shown = member if field in OWN or field not in common else _less(member, common[field])
                if field in OWN or field not in common or shown not in (None, {}, []):
                    out[field] = shown
            return out
        case list(), list() if len(value) == len(common):
            found = [_less(*pair) for pair in zip(value, common, strict=True)]
            return [one for one in found if one not in (None, {}, [])]
        case _:
            return None if value == common else value


def _statuses(case: Case) -> dict[str, Json]:
    rows = settled(case).reconciler.pipeline.statuses.rows
    return {str(key): status.document() for key, status in sorted(rows.items())}


class _Dumper(yaml.SafeDumper):
    """Flow style for what is short."""

    FITS = 150

    @override
    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:
        return super().represent_mapping(tag, mapping, flow_style=len(str(mapping)) <= self.FITS)

    @override
    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.SequenceNode:
        return super().represent_sequence(tag, sequence, flow_style=len(str(sequence)) <= self.FITS)

    @override
    def ignore_aliases(self, data: Any) -> bool:
        return True
