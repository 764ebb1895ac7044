"""All kinds of backends that a reference may name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.gatewayapi.backends.service_imports import SERVICE_IMPORT
from xdsserver.gatewayapi.backends.services import SERVICE
from xdsserver.gatewayapi.backends.xbackends import XBACKEND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xdsserver.gatewayapi.backends.kinds import Kind

KINDS: Mapping[tuple[str, str], Kind] = {(one.group, one.name): one for one in (SERVICE, SERVICE_IMPORT, XBACKEND)}
