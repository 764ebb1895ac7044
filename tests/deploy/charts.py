"""The Helm chart, rendered by Helm's own code, for tests and for the manifests that are made of it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import helm_python
import yaml

from tests.docs.reference import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CHART = ROOT / "deploy" / "chart" / "xdsserver"
PRESETS = ROOT / "deploy" / "chart" / "presets"
NAMESPACE = "xdsserver-system"

Document = dict[str, Any]


def presets() -> dict[str, dict[str, Any]]:
    """Give the values of all presets by name; that of none is `default`."""
    found = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(PRESETS.glob("*.yaml"))}
    return {"default": {}, **found}


@cache
def _chart(path: Path) -> helm_python.Chart:
    return helm_python.Chart.load(path)


def texts(
    values: Mapping[str, Any], name: str = "xdsserver", namespace: str = NAMESPACE, chart: Path = CHART
) -> dict[str, str]:
    """Render all templates, as if the kinds of the Gateway API were known: without a cluster Helm knows none."""
    class_ = {"create": "always"} | dict(values.get("gatewayClass", {}))
    rendered = _chart(chart).render(dict(values) | {"gatewayClass": class_}, name=name, namespace=namespace)
    return {path.partition("/templates/")[2]: text for path, text in rendered.items()}


def documents(values: Mapping[str, Any], name: str = "xdsserver", namespace: str = NAMESPACE) -> list[Document]:
    """Give all objects of a release, tests too, in the order of their files."""
    found = texts(values, name, namespace)
    return [
        one
        for path in sorted(found)
        if path.endswith(".yaml")
        for one in yaml.load_all(found[path], yaml.CSafeLoader)
        if one is not None
    ]


def of_kind(values: Mapping[str, Any], kind: str, **metadata: str) -> list[Document]:
    """Give the objects of a kind, those whose metadata is like that."""
    wanted = metadata.items()
    return [one for one in documents(values) if one["kind"] == kind and wanted <= one["metadata"].items()]


@cache
def definitions() -> tuple[Document, ...]:
    """Give the definitions of our kinds, which Helm makes known first."""
    paths = sorted((CHART / "charts/crds/crds").iterdir())
    return tuple(yaml.load(path.read_bytes(), yaml.CSafeLoader) for path in paths)
