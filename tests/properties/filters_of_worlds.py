"""Filters of generated routes: those of the golden cases, so that a new one is there by itself, and stranger ones.

Strange ones have their own part missing, or values that only an older or a newer schema lets in, by which they may have
come.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

from tests.golden.cases import all_cases, scan
from tests.properties import backends_of_worlds as backends
from xdsserver.objects import gateway as gw
from xdsserver.objects import httproute as hr
from xdsserver.objects.meta import BackendObjectReference, LocalObjectReference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.properties.gateway_worlds import Dice


_TERNARY = (None, True, False)


def any_filter(dice: Dice) -> hr.HTTPRouteFilter:
    """Choose one of all filters, no type much more often than another."""
    if dice.any(1, 1, 0):
        return dice.any(*_STRANGE)(dice)
    return dice.any(*dice.any(*_of_golden_cases().values()))


@cache
def _of_golden_cases() -> Mapping[str, tuple[hr.HTTPRouteFilter, ...]]:
    """Collect the filters of routes in the golden cases of filters, by type."""
    objects = (one.object for case in all_cases() if case.name.startswith("filters/") for one in scan(case).changes)
    rules = (rule for one in objects if isinstance(one, hr.HTTPRoute) for rule in one.spec.rules)
    found: dict[str, dict[hr.HTTPRouteFilter, None]] = defaultdict(dict)
    for rule in rules:
        for filter_ in chain(rule.filters, *(backend.filters for backend in rule.backend_refs)):
            found[filter_.type][filter_] = None
    return {type_: tuple(filters) for type_, filters in found.items()}


def _edits(dice: Dice) -> hr.HTTPHeaderFilter:
    plain = hr.HTTPHeaderFilter(
        set=dice.sample((hr.HTTPHeader(name="x-a", value="100%"), hr.HTTPHeader(name="X-A", value="2")), most=2),
        add=dice.sample((hr.HTTPHeader(name="x-b", value="%REQ(x)%"), hr.HTTPHeader(name="x-c", value="")), most=2),
        remove=dice.sample(("x-d", "x-e"), most=2),
    )
    host = hr.HTTPHeaderFilter(set=(hr.HTTPHeader(name="Host", value="h"),))
    pseudo = hr.HTTPHeaderFilter(remove=(":path",))
    return dice.pick(plain, plain, plain, plain, host, pseudo)


def _request_headers(dice: Dice) -> hr.HTTPRouteFilter:
    return hr.HTTPRouteFilter(type="RequestHeaderModifier", request_header_modifier=dice.pick(_edits(dice), None))


def _response_headers(dice: Dice) -> hr.HTTPRouteFilter:
    return hr.HTTPRouteFilter(type="ResponseHeaderModifier", response_header_modifier=dice.pick(_edits(dice), None))


def _path(dice: Dice) -> hr.HTTPPathModifier:
    return dice.pick(
        hr.HTTPPathModifier(type="ReplaceFullPath", replace_full_path="/new"),
        hr.HTTPPathModifier(type="ReplacePrefixMatch", replace_prefix_match="/new/"),
        hr.HTTPPathModifier(type="ReplacePrefixMatch", replace_prefix_match="/"),
        hr.HTTPPathModifier(type="ReplacePrefixMatch", replace_prefix_match=""),
        hr.HTTPPathModifier(type="ReplaceFullPath", replace_full_path="/100%25/$1/\\1"),
        hr.HTTPPathModifier(type="ReplaceFullPath", replace_full_path="/a?b#c"),
        hr.HTTPPathModifier(type="ReplaceFullPath"),
        hr.HTTPPathModifier(type="ReplaceExtension", replace_full_path="/"),
    )


def _redirect(dice: Dice) -> hr.HTTPRouteFilter:
    redirect = hr.HTTPRequestRedirectFilter(
        scheme=dice.pick(None, "https", "http", "gopher"),
        hostname=dice.pick(None, "new.example.com"),
        path=dice.pick(None, None, _path(dice)),
        port=dice.pick(None, None, 80, 443, 65535),
        status_code=dice.pick(302, 301, 303, 307, 308, None, 399),
    )
    return hr.HTTPRouteFilter(type="RequestRedirect", request_redirect=dice.pick(redirect, redirect, None))


def _rewrite(dice: Dice) -> hr.HTTPRouteFilter:
    rewrite = hr.HTTPURLRewriteFilter(
        hostname=dice.pick(None, "inside.example.com"), path=dice.pick(None, _path(dice), _path(dice))
    )
    return hr.HTTPRouteFilter(type="URLRewrite", url_rewrite=dice.pick(rewrite, rewrite, None))


def _reference(dice: Dice) -> BackendObjectReference:
    group, kind = backends.group_and_kind(dice)
    return BackendObjectReference(
        name=dice.pick("api", "web", "missing"),
        namespace=dice.any(None, None, "pay"),
        group=group,
        kind=kind,
        port=None if kind == "XBackend" else dice.pick(80, 80, 8080, None),
    )


def _mirror(dice: Dice) -> hr.HTTPRouteFilter:
    third = hr.Fraction(numerator=1, denominator=3)
    mirror = hr.HTTPRequestMirrorFilter(
        backend_ref=_reference(dice),
        percent=dice.pick(None, None, 0, 7, 100, 101),
        fraction=dice.pick(None, None, None, third, hr.Fraction(numerator=2), hr.Fraction(numerator=1, denominator=0)),
    )
    return hr.HTTPRouteFilter(type="RequestMirror", request_mirror=dice.pick(mirror, mirror, mirror, None))


def _cors(dice: Dice) -> hr.HTTPRouteFilter:
    origins = ("https://a.example.com", "https://*.example.com:8443", "*", "http://*")
    cors = hr.HTTPCORSFilter(
        allow_origins=dice.sample(origins, least=1, most=3),
        allow_credentials=dice.pick(*_TERNARY),
        allow_methods=dice.pick((), ("GET", "POST"), ("*",)),
        allow_headers=dice.pick((), ("x-a", "X-B"), ("*",)),
        expose_headers=dice.pick((), ("x-c",), ("*",)),
        max_age=dice.pick(5, 1, 2**31 - 1),
    )
    return hr.HTTPRouteFilter(type="CORS", cors=dice.pick(cors, cors, cors, None))


def external_auth(dice: Dice) -> gw.ExternalAuth:
    """Give what rules, backends and listeners may have alike."""
    http = gw.HttpAuth(
        path=dice.pick(None, "/auth", "/a/../%zz//"),
        allowed_headers=dice.sample(("x-user", "Cookie"), most=2),
        allowed_response_headers=dice.sample(("x-name",), most=1),
    )
    protocol = dice.pick("HTTP", "GRPC", "GRPC", "SOAP")
    return gw.ExternalAuth(
        protocol=protocol,
        backend_ref=_reference(dice),
        http=dice.pick(http, None) if protocol == "HTTP" else None,
        grpc=dice.pick(gw.GrpcAuth(allowed_headers=("x-user",)), None) if protocol == "GRPC" else None,
        forward_body=dice.pick(None, gw.ForwardBody(max_size=1), gw.ForwardBody(max_size=0)),
    )


def _auth(dice: Dice) -> hr.HTTPRouteFilter:
    auth = external_auth(dice)
    return hr.HTTPRouteFilter(type="ExternalAuth", external_auth=dice.pick(auth, auth, auth, None))


def _extension(dice: Dice) -> hr.HTTPRouteFilter:
    reference = LocalObjectReference(group=dice.pick("example.com", ""), kind="Filter", name="own")
    return hr.HTTPRouteFilter(type=dice.pick("ExtensionRef", "Compression"), extension_ref=dice.pick(reference, None))


_STRANGE = (_request_headers, _response_headers, _redirect, _rewrite, _mirror, _cors, _auth, _extension)
