"""`xdsserver dump`: everything that a server knows."""

import sys

from xdsserver.cli import asking
from xdsserver.cli.asking import SERVER_NAMESPACE, Api, Asked


def dump(
    server: asking.Server = None,
    token_file: asking.TokenFile = None,
    ca_file: asking.CaFile = None,
    server_namespace: asking.Namespace = SERVER_NAMESPACE,
) -> None:
    """Write everything that a server knows, a JSON object a line; what is secret is left out.

    Objects and statuses, Gateways, routes, backends, certificates, problems, Envoys, changes, and all xDS resources
    with their contents. Each line says in `line` what it is.

    Exit code: 0 good, 2 usage, 3 no answer.
    """
    with Asked(None, server, token_file, ca_file, server_namespace).place() as place:
        if isinstance(place, Api):
            for line in place.lines("dump"):
                sys.stdout.write(line.decode())
