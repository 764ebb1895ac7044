"""Where Envoy gets the rest of its configuration: the stream on which it got this."""

from __future__ import annotations

from envoy.config.core.v3.config_source_pb2 import ApiVersion, ConfigSource

_FETCH_TIMEOUT_S = 2
"""How long a resource waits for one that it names: short, so that a missing one never holds back the others."""


def ads() -> ConfigSource:
    """Name the aggregated stream."""
    source = ConfigSource(resource_api_version=ApiVersion.V3)
    source.ads.SetInParent()
    source.initial_fetch_timeout.seconds = _FETCH_TIMEOUT_S
    return source
