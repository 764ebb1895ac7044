"""The definitions of our own kinds, made of their structs; folders of YAML are checked by the same schemas."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import yaml
from typing_extensions import override

from xdsserver.objects.envoyfleet import FLEET_GROUP, EnvoyFleet, EnvoyFleetStatus
from xdsserver.objects.structural import structural
from xdsserver.objects.tenant import TENANT_GROUP, Tenant, TenantStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xdsserver.objects.meta import KubeObject, Part
    from xdsserver.objects.structural import Schema

_ENVELOPE: Final = {
    "apiVersion": {"type": "string", "description": "The group and version of this object."},
    "kind": {"type": "string", "description": "The kind of this object."},
    "metadata": {"type": "object"},
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`; `wide` ones are shown with `-o wide` only."""

    name: str
    path: str
    kind: str = "string"
    wide: bool = False


@dataclass(frozen=True, slots=True)
class OwnKind:
    """A kind of ours, namespaced, with the one version that there is."""

    struct: type[KubeObject]
    plural: str
    short_names: tuple[str, ...]
    columns: tuple[Column, ...]
    group: str = FLEET_GROUP
    version: str = "v1alpha1"
    status: type[Part] | None = None
    """The form of its status, where it has one: then that is a resource of its own, which users do not write."""

    @property
    def name(self) -> str:
        """The kind."""
        return self.struct.__name__


OWN: Final[tuple[OwnKind, ...]] = (
    OwnKind(
        EnvoyFleet,
        "envoyfleets",
        ("fleet",),
        (
            Column("Mode", ".spec.mode"),
            Column("Exposure", ".spec.exposure.type"),
            Column("Workload", ".spec.workload.kind"),
            Column("Accepted", '.status.conditions[?(@.type=="Accepted")].status'),
            Column("Image", ".spec.workload.image", wide=True),
            Column("Age", ".metadata.creationTimestamp", "date"),
        ),
        status=EnvoyFleetStatus,
    ),
    OwnKind(
        Tenant,
        "tenants",
        ("tenant",),
        (
            Column("State", ".status.currentState"),
            Column("Ready", '.status.conditions[?(@.type=="Ready")].status', wide=True),
            Column("Endpoint", ".status.gateway.endpoint", wide=True),
            Column("Age", ".metadata.creationTimestamp", "date"),
        ),
        TENANT_GROUP,
        status=TenantStatus,
    ),
)


def own_kind(group: str, name: str) -> OwnKind | None:
    """Find a kind of ours."""
    return next((one for one in OWN if (one.group, one.name) == (group, name)), None)


@cache
def body_schema(own: OwnKind) -> Schema:
    """Give the schema of all that an object of the kind has beside its envelope; nobody may change it."""
    whole = structural(own.struct)
    properties = {name: part for name, part in whole["properties"].items() if name != "metadata"}
    required = [name for name in whole.get("required", ()) if name != "metadata"]
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})


def custom_resource_definition(own: OwnKind) -> dict[str, Any]:
    """Give the CustomResourceDefinition of a kind of ours."""
    body = body_schema(own)
    description = (own.struct.__doc__ or "").strip()
    parts = _ENVELOPE | body["properties"]
    if own.status is not None:
        parts |= {"status": structural(own.status) | {"description": "What was found, and what became of it."}}
    schema = body | {"description": description, "properties": parts}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{own.plural}.{own.group}"},
        "spec": {
            "group": own.group,
            "names": {
                "kind": own.name,
                "listKind": f"{own.name}List",
                "plural": own.plural,
                "singular": own.name.lower(),
                "shortNames": list(own.short_names),
                "categories": ["xdsserver"],
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": own.version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    **({} if own.status is None else {"subresources": {"status": {}}}),
                    "additionalPrinterColumns": [_column(one) for one in own.columns],
                }
            ],
        },
    }


def _column(one: Column) -> dict[str, Any]:
    return {"name": one.name, "jsonPath": one.path, "type": one.kind} | ({"priority": 1} if one.wide else {})


class _Whole(yaml.SafeDumper):
    """Writes what occurs twice twice: API servers read aliases, and people do not."""

    @override
    def ignore_aliases(self, data: object) -> bool:
        return True


def manifest(kinds: Iterable[OwnKind] = OWN) -> str:
    """Render CustomResourceDefinitions of ours as YAML documents."""
    documents = [custom_resource_definition(own) for own in kinds]
    return str(yaml.dump_all(documents, Dumper=_Whole, sort_keys=False, width=120, allow_unicode=True))
