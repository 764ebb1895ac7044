"""All slices, in the order in which Envoy applies them. Adding one: its file, its line here, its golden case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.filters.cors import CrossOrigin
from xdsserver.filters.external_auth import ExternalAuth
from xdsserver.filters.request_header_modifier import RequestHeaderModifier
from xdsserver.filters.request_mirror import RequestMirror
from xdsserver.filters.request_redirect import RequestRedirect
from xdsserver.filters.response_header_modifier import ResponseHeaderModifier
from xdsserver.filters.retry import Retry
from xdsserver.filters.session_persistence import SessionPersistence
from xdsserver.filters.timeouts import Timeouts
from xdsserver.filters.url_rewrite import URLRewrite
from xdsserver.gatewayapi.parsing import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.filters.slices import ListenerFilter, RouteFilter, RuleField, Slice

FILTERS: tuple[RouteFilter, ...] = (
    CrossOrigin(),
    ExternalAuth(),
    RequestHeaderModifier(),
    ResponseHeaderModifier(),
    RequestRedirect(),
    URLRewrite(),
    RequestMirror(),
)

SESSIONS = SessionPersistence()
"""What a backend may ask for as well as a rule."""

FIELDS: tuple[RuleField, ...] = (Timeouts(), Retry(), SESSIONS)
"""Fields of a rule; what they set goes behind what filters do."""

VOCABULARY = Vocabulary({one.type: one for one in FILTERS}, FIELDS)
"""What a rule may hold, for those who parse one."""

SLICES: tuple[Slice, ...] = (*FILTERS, *FIELDS)

BY_TYPE: Mapping[str, Slice] = {one.type: one for one in SLICES}
"""Who applies a Filter of a rule."""

BEFORE_ROUTING: Mapping[str, ListenerFilter] = {one.type: one for one in (ExternalAuth(),)}
"""Filters that listeners may have too, in the order of the list that the user wrote."""

FEATURES: tuple[str, ...] = tuple(feature for one in SLICES for feature in one.features)
