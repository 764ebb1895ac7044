"""`xdsserver certificate`: what an Envoy on another machine proves itself with."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from xdsserver.authority import LONGEST_LIFE, AuthorityError, FolderStore, issue_client, kept_up, standing
from xdsserver.authority.certificates import utc_now
from xdsserver.authority.envoy_files import write_envoy_files
from xdsserver.reconciler import FLEET


def certificate(
    authority_dir: Annotated[
        Path,
        typer.Option(
            metavar="PATH",
            help="Where the key is kept that signs certificates, as for `standalone`; made when it is missing.",
            envvar="XDSSERVER_AUTHORITY_DIR",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where to write; for the Envoy, and for nobody else.")],
    fleet: Annotated[str, typer.Option(metavar="NAME", help="The fleet that the Envoy belongs to.")] = FLEET,
    days: Annotated[
        int, typer.Option(metavar="N", min=1, max=LONGEST_LIFE.days, help="For how long it is good.")
    ] = LONGEST_LIFE.days,
) -> None:
    """Issue the certificate of an Envoy.

    It opens the configuration of one fleet, with the private keys in it, and nothing else. Run this again before the
    time is over: a running Envoy reads what is written there without a restart.

    Exit code: 0 written, 1 it could not be, 2 usage.
    """
    now = utc_now()
    try:
        stands = standing(kept_up(FolderStore(authority_dir), now), now)
        issued = issue_client(stands.signer, fleet, timedelta(days=days), now)
        write_envoy_files(out, issued, stands.bundle)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    except AuthorityError as error:
        print(f"xdsserver: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    print(f"{out}: fleet {fleet}, good until {issued.parsed.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
