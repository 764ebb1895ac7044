"""GatewayClass: which ones are ours, and what we say of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi.conditions import ACCEPTED, Condition, Problem, Status, condition
from xdsserver.gatewayapi.features import claimed
from xdsserver.gatewayapi.installed import release_of
from xdsserver.gatewayapi.statuses import GatewayClassStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xdsserver.gatewayapi.fleets import Parameters
    from xdsserver.gatewayapi.installed import Installed
    from xdsserver.objects.gatewayclass import GatewayClass

SUPPORTED_RELEASES = ((1, 6), (1, 7))
"""Releases of the Gateway API (major and minor) whose objects we read as their specification says."""


def class_status(
    class_: GatewayClass, parameters: Parameters, features: Iterable[str], installed: Installed | None
) -> GatewayClassStatus:
    """Judge a class of ours (GatewayClassStatus).

    `parameters` are what its parametersRef leads to; a class that leads nowhere is not accepted. `features` are all
    that are whole here; those are claimed that the `installed` API has (None: nobody knows).
    """
    generation = class_.metadata.generation
    problems = (parameters,) if isinstance(parameters, Problem) else ()
    accepted = condition(ACCEPTED, "Accepted", "Gateways of this class are served", problems, generation)
    conditions = [accepted]
    if installed is not None:
        conditions.append(_version(installed, generation))
    return GatewayClassStatus(tuple(conditions), claimed(features, installed))


def _version(installed: Installed, generation: int) -> Condition:
    found = ", ".join(installed.versions)
    if all(release_of(version) in SUPPORTED_RELEASES for version in installed.versions):
        message = f"Gateway API {found} is supported"
        return Condition("SupportedVersion", Status.TRUE, "SupportedVersion", message, generation)
    known = ", ".join(f"v{major}.{minor}" for major, minor in SUPPORTED_RELEASES)
    message = f"Gateway API {found} is not one of {known}; objects are served as far as they are understood"
    return Condition("SupportedVersion", Status.FALSE, "UnsupportedVersion", message, generation)
