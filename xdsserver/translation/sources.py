"""Where Envoy gets the rest of its configuration: the stream on which it got this, and how long it waits for that.

Envoy opens a listener, and says that it is ready, without what did not arrive in time: requests are answered 404 where
the table is late, handshakes are reset where the certificate is. No time is long enough for a server that is starved:
what a listener names is waited for without end. Nobody is held back for good by that, for every name leads somewhere
(`tests/properties` hold it), a certificate that is gone is told as removed at once, what is rejected counts as arrived,
and whoever connects anew asks again (docs/adr/0032).
"""

from __future__ import annotations

from envoy.config.core.v3.config_source_pb2 import ApiVersion, ConfigSource

_WITHOUT_END_S = 0
"""Envoy's word for it. Who changes this number must rename certificates too: Envoy takes a source that differs for one
of its own, does not ask again for a name that it gets from another, and would wait with the listener until the
certificate is renewed."""

_ENDPOINTS_WAIT_S = 2
"""How long a cluster waits for its endpoints, which are told right after it.

Not without end: while a cluster waits Envoy takes no other, and it asks in no way for endpoints that it knows already
when the cluster that it changes to needs them again. One that lost its stream in between would take no cluster any
more. No listener is opened too early by this: endpoints come before it on the same stream.
"""


def ads() -> ConfigSource:
    """Name the aggregated stream, for what is waited for as long as it takes."""
    return _aggregated(_WITHOUT_END_S)


def ads_of_endpoints() -> ConfigSource:
    """Name the aggregated stream, for endpoints."""
    return _aggregated(_ENDPOINTS_WAIT_S)


def _aggregated(wait_s: int) -> ConfigSource:
    source = ConfigSource(resource_api_version=ApiVersion.V3)
    source.ads.SetInParent()
    source.initial_fetch_timeout.FromSeconds(wait_s)
    return source
