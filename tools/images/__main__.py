"""`python -m tools.images`: make both images and say where they are."""

from __future__ import annotations

import sys
import time

from tools.images.machine import NotHereError
from tools.images.recipe import ENVOY, SERVER, envoy_image, server_image


def main() -> int:
    """Print a line for each image."""
    for image, make in ((SERVER, server_image), (ENVOY, envoy_image)):
        began = time.monotonic()
        try:
            archive = make()
        except NotHereError as error:
            print(f"{image.name}: {error}", file=sys.stderr)
            return 1
        size_mb = archive.stat().st_size // 1_000_000
        print(f"{image.name}: {archive} ({size_mb} MB, {time.monotonic() - began:.1f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
