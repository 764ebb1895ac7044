"""A position in the chain of HTTP filters that does what the route says, or its virtual host, and else nothing.

The whole settings of the filter that runs stand in the route (`ExtensionWithMatcherPerRoute`), so that using a filter
changes no listener, and what Envoy can only say of a filter as a whole (which headers an authorization service gets)
can still be said of one route. Envoy looks at the route when the request gets to the position, not when it creates the
chain, so that a route which is chosen late is not served without its filter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.extensions.common.matching.v3.extension_matcher_pb2 import (
    ExtensionWithMatcher,
    ExtensionWithMatcherPerRoute,
)
from envoy.extensions.filters.common.matcher.action.v3.skip_action_pb2 import SkipFilter
from envoy.extensions.filters.http.composite.v3.composite_pb2 import Composite, ExecuteFilterAction
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from xdsserver.filters.slices import Configured


def position(name: str) -> HttpFilter:
    """Give a position for the chain; where no route says what is done there, it is skipped."""
    matcher = ExtensionWithMatcher()
    matcher.extension_config.CopyFrom(_typed("composite", Composite()))
    matcher.xds_matcher.on_no_match.action.name = "skip"
    matcher.xds_matcher.on_no_match.action.typed_config.Pack(SkipFilter(), deterministic=True)
    out = HttpFilter(name=name)
    out.typed_config.Pack(matcher, deterministic=True)
    return out


def fill(out: Configured, name: str, filter_: Message) -> None:
    """Have a filter run at a position, for every request of a route, of a share of it or of a virtual host.

    Nothing is matched: an input that a request lacks must not be a way around.
    """
    execute = ExecuteFilterAction()
    execute.typed_config.CopyFrom(_typed("filter", filter_))
    per_route = ExtensionWithMatcherPerRoute()
    per_route.xds_matcher.on_no_match.action.name = "execute"
    per_route.xds_matcher.on_no_match.action.typed_config.Pack(execute, deterministic=True)
    out.typed_per_filter_config[name].Pack(per_route, deterministic=True)


def _typed(name: str, settings: Message) -> TypedExtensionConfig:
    out = TypedExtensionConfig(name=name)
    out.typed_config.Pack(settings, deterministic=True)
    return out
