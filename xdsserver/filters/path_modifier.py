"""Path modifiers: a new path, whole or in place of the prefix that matched, for redirects and rewrites alike."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xdsserver.model.routing import PathKind

if TYPE_CHECKING:
    from envoy.config.route.v3.route_components_pb2 import RedirectAction, RouteAction

    from xdsserver.model.routing import PathMatch, RequestMatch
    from xdsserver.objects.httproute import HTTPPathModifier

_PATH = re.compile(r"(?:/(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})*)?")
"""A path as a request may have it (RFC 3986), or nothing. A `?` or `#` would end it, anything else Envoy refuses."""


@dataclass(frozen=True, slots=True)
class FullPath:
    """The whole path becomes this one; the query stays."""

    path: str


@dataclass(frozen=True, slots=True)
class NewPrefix:
    """The prefix that matched becomes this one, which has no slash at its end: that of `/` is empty."""

    prefix: str


def parse_path(spec: HTTPPathModifier, matches: tuple[RequestMatch, ...]) -> FullPath | NewPrefix | str:
    """Give what becomes of the path of a request that any of `matches` let in, or say what is wrong."""
    match spec.type:
        case "ReplaceFullPath":
            value = spec.replace_full_path
        case "ReplacePrefixMatch":
            value = spec.replace_prefix_match
        case other:
            return f"path.type: {other} is not supported; use ReplaceFullPath or ReplacePrefixMatch"
    field = "path." + spec.type[0].lower() + spec.type[1:]
    if value is None:
        return f"{field} is missing; type {spec.type} needs it"
    if _PATH.fullmatch(value) is None:
        return f"{field}: {value!r} must be empty, or begin with / and be a path without query"
    if spec.type == "ReplaceFullPath":
        return FullPath(value or "/")
    if any(one.path.kind is not PathKind.PREFIX for one in matches):
        return f"{field}: only a match of type PathPrefix has a prefix to replace; use ReplaceFullPath"
    return NewPrefix(value.rstrip("/"))


def replace_prefix(change: NewPrefix, old: PathMatch, out: RouteAction | RedirectAction) -> None:
    """Have Envoy replace a prefix that it compares by elements; what was asked for before is undone.

    Envoy puts the new prefix in place of the old one and nothing between it and the rest, so that without a new one
    `/old/rest` would keep its slash, but `/old` would become nothing: there an expression does it.
    """
    out.ClearField("prefix_rewrite")
    out.ClearField("regex_rewrite")
    if change.prefix:
        # Of the root Envoy takes the slash away, too.
        out.prefix_rewrite = change.prefix if old.value else change.prefix + "/"
    elif old.value:
        # However long the prefix: of what is literal at its beginning RE2 makes no program.
        out.regex_rewrite.pattern.regex = f"^{re.escape(old.value)}/*"
        out.regex_rewrite.substitution = "/"
