"""`xdsserver crds`."""

from xdsserver.objects.crd import manifest


def crds() -> None:
    """Print the CustomResourceDefinitions of our own kinds as YAML."""
    print(manifest(), end="")
