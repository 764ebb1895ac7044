"""`xdsserver version`."""

from importlib.metadata import version as installed

from xdsserver.objects.schemas import BUNDLE_VERSION
from xdsserver.proxy.envoy import EnvoyError, envoy_version, find_envoy


def version() -> None:
    """Print the versions of xdsserver, of the Gateway API that it reads, and of the Envoy that it would run."""
    print(f"xdsserver {installed('xdsserver')}")
    print(f"gateway-api {BUNDLE_VERSION}")
    try:
        binary = find_envoy()
        print(f"envoy {envoy_version(binary)} ({binary})")
    except EnvoyError as error:
        print(f"envoy: {error}")
