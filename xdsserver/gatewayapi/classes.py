"""GatewayClass: which ones are ours, and what we say of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi.conditions import ACCEPTED, Condition, Problem, Status, condition
from xdsserver.gatewayapi.statuses import GatewayClassStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xdsserver.objects.gatewayclass import GatewayClass

SUPPORTED_BUNDLES = ("v1.6", "v1.7")
"""Releases of the Gateway API (major and minor) whose objects we read as their specification says."""


def class_problems(class_: GatewayClass) -> tuple[Problem, ...]:
    """Say what keeps a class of ours from being accepted."""
    reference = class_.spec.parameters_ref
    if reference is None:
        return ()
    message = f"spec.parametersRef: {reference.group}/{reference.kind} is not a kind of parameters; remove it"
    return (Problem(ACCEPTED, "InvalidParameters", message),)


def class_status(class_: GatewayClass, features: Iterable[str], bundle: str | None) -> GatewayClassStatus:
    """Judge a class of ours (GatewayClassStatus).

    `features` are names of `features.Feature`s; `bundle` is the release of the schemas that the objects were checked
    against (annotation `gateway.networking.k8s.io/bundle-version`), None where nobody knows.
    """
    generation = class_.metadata.generation
    accepted = condition(ACCEPTED, "Accepted", "Gateways of this class are served", class_problems(class_), generation)
    conditions = [accepted]
    if bundle is not None:
        conditions.append(_version(bundle, generation))
    return GatewayClassStatus(tuple(conditions), tuple(sorted(features)))


def _version(bundle: str, generation: int) -> Condition:
    known = ", ".join(SUPPORTED_BUNDLES)
    if bundle.rpartition(".")[0] in SUPPORTED_BUNDLES:
        message = f"Gateway API {bundle} is supported"
        return Condition("SupportedVersion", Status.TRUE, "SupportedVersion", message, generation)
    message = f"Gateway API {bundle} is not one of {known}; objects are served as far as they are understood"
    return Condition("SupportedVersion", Status.FALSE, "UnsupportedVersion", message, generation)
