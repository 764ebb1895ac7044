"""`xdsserver version`."""

from importlib.metadata import version as installed

from xdsserver.objects.schemas import BUNDLE_VERSION
from xdsserver.proxy.envoy import EnvoyError, envoy_version, find_envoy


def version() -> None:
    """Print what is installed.

    That is: xdsserver, the Gateway API that it reads, and the Envoy that it would run.
    """
    print(f"xdsserver {installed('xdsserver')}")
    print(f"gateway-api {BUNDLE_VERSION}")
    try:
        binary = find_envoy()
        print(f"envoy {envoy_version(binary)} ({binary})")
    except EnvoyError as error:
        print(f"envoy: {error}")
