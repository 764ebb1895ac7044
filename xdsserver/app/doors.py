"""The way in for Envoys of other machines, for every way to run that offers one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsserver.authority import FolderStore, kept_up
from xdsserver.authority.certificates import utc_now
from xdsserver.observe.notices import Level, Notice
from xdsserver.server.mutual_tls import ServerCertificates, certificate_door

if TYPE_CHECKING:
    from xdsserver.observe.notices import Report
    from xdsserver.server.doors import Door
    from xdsserver.settings import SecureXds


def secure_doors(settings: SecureXds | None, report: Report) -> tuple[Door, ...]:
    """Return the doors that were asked for; the authority is made where there is none yet.

    Its successor is made here and by `xdsserver certificate`, whichever comes first. No certificate is good for longer
    than 90 days, so one of the two comes in time, and no server needs a timer for it.

    Raises:
        AuthorityError: the authority cannot be read or kept.
    """
    if settings is None:
        return ()
    store = FolderStore(settings.authority_dir)
    kept_up(store, utc_now())
    certificates = ServerCertificates(
        store, on_problem=lambda words: report(Notice(Level.WARNING, "xDS", f"{words}; the last one stays in force"))
    )
    return (certificate_door(settings.addresses, certificates),)
