"""Names and versions of the resources of a few cases: by these an Envoy knows after an upgrade what it has already."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import yaml

from tests.golden.cases import all_cases
from tests.golden.world import settled
from xdsserver.translation.documents import short_type

if TYPE_CHECKING:
    from collections.abc import Mapping

Versions: TypeAlias = "dict[str, dict[str, dict[str, str]]]"
"""By case, type and name."""

PATH = Path(__file__).parent / "versions.yaml"
CASES = frozenset(
    {
        "filters/cors",
        "filters/external_auth",
        "filters/together",
        "gateway/ipv6",
        "gateway/several_ports",
        "grpc/filters",
        "hostnames/exact_holds_covering_wildcards",
        "isolation/listeners",
        "xbackend/tls",
    }
)
"""Together they have every type of resource, and most of what a listener may hold."""

HEAD = """\
# Names and versions of resources, of a few cases; `make golden` rewrites them.
#
# An Envoy that connects to the next release keeps a resource whose line is the same. One whose line differs it takes
# again; a listener then closes its connections after a drain, and under another name it is opened anew. So a commit
# that changes lines here says why.
"""


def found() -> Versions:
    """Give those that follow from the cases now."""
    out: Versions = {}
    for case in all_cases():
        if case.name in CASES:
            types: dict[str, dict[str, str]] = defaultdict(dict)
            for (_, type_url, name), resource in sorted(settled(case).reconciler.pipeline.resources.rows.items()):
                types[short_type(type_url)][name] = resource.version
            out[case.name] = dict(types)
    return out


def text(versions: Mapping[str, object]) -> str:
    """Write them as the file has them."""
    return HEAD + yaml.safe_dump(versions, width=1000)
