"""All filters, in the order in which Envoy applies them. Adding one: its file, its line here, its golden case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.filters.request_header_modifier import RequestHeaderModifier
from xdsserver.filters.request_redirect import RequestRedirect
from xdsserver.filters.response_header_modifier import ResponseHeaderModifier
from xdsserver.filters.url_rewrite import URLRewrite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.filters.slices import RouteFilter

FILTERS: tuple[RouteFilter, ...] = (
    RequestHeaderModifier(),
    ResponseHeaderModifier(),
    RequestRedirect(),
    URLRewrite(),
)

BY_TYPE: Mapping[str, RouteFilter] = {one.type: one for one in FILTERS}

FEATURES: tuple[str, ...] = tuple(feature for one in FILTERS for feature in one.features)
