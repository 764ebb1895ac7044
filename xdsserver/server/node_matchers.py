"""Which clients a question is about: Envoy's node matchers, as far as they can be answered from what is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import re2

if TYPE_CHECKING:
    from collections.abc import Collection

    from envoy.type.matcher.v3 import node_pb2, string_pb2

    from xdsserver.xds.messages import Node


class UnsupportedMatcherError(Exception):
    """A matcher asks for something that is not known of clients, or is no matcher."""


def chosen(node: Node, matchers: Collection[node_pb2.NodeMatcher]) -> bool:
    """Say whether any of the matchers is true of a node; without any, all are chosen.

    Raises:
        UnsupportedMatcherError: for metadata, which clients send and nobody keeps, and for patterns that are none.
    """
    return not matchers or any(_matches(node, matcher) for matcher in matchers)


def _matches(node: Node, matcher: node_pb2.NodeMatcher) -> bool:
    if matcher.node_metadatas:
        message = "node_matchers: metadata of clients is not kept; choose by node_id"
        raise UnsupportedMatcherError(message)
    return not matcher.HasField("node_id") or _text_matches(node.id, matcher.node_id)


def _text_matches(text: str, matcher: string_pb2.StringMatcher) -> bool:
    def folded(value: str) -> str:
        return value.lower() if matcher.ignore_case else value

    match matcher.WhichOneof("match_pattern"):
        case "exact":
            return folded(text) == folded(matcher.exact)
        case "prefix":
            return folded(text).startswith(folded(matcher.prefix))
        case "suffix":
            return folded(text).endswith(folded(matcher.suffix))
        case "contains":
            return folded(matcher.contains) in folded(text)
        case "safe_regex":
            try:
                return re2.fullmatch(matcher.safe_regex.regex, text) is not None
            except re2.error as error:
                message = f"node_matchers: {matcher.safe_regex.regex!r} is no regular expression of RE2 ({error})"
                raise UnsupportedMatcherError(message) from error
        case "custom" | None:
            message = "node_matchers: write node_id as exact, prefix, suffix, contains or safe_regex"
            raise UnsupportedMatcherError(message)
        case unknown:
            assert_never(unknown)
