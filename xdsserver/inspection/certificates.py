"""Certificates that are shown: for which names, until when, by whom."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from xdsserver.gatewayapi.last_good import LastGood
from xdsserver.gatewayapi.validity import doubt
from xdsserver.inspection.paging import Scan, in_order, joined
from xdsserver.model.certificates import ServerCertificate
from xdsserver.objects.meta import Name, ObjectKey
from xdsserver.pipeline import Pipeline

_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class CertificateAnswer:
    """A certificate of a Secret, as Envoys show it.

    Attributes:
        namespace: of the Secret.
        name: its name.
        fleets: whose Envoys show it.
        hostnames: the DNS names that it is for.
        valid_from: RFC 3339, in UTC.
        valid_until: likewise.
        days_left: full days until then, below zero when it is over.
        fingerprint: SHA-256 of the certificate, 64 hex digits.
        last_good: whether the Secret holds something bad now, and the one before serves on.
        words: what is wrong with it; "" where all is well.
    """

    namespace: str
    name: str
    fleets: tuple[str, ...]
    hostnames: tuple[str, ...]
    valid_from: str
    valid_until: str
    days_left: int
    fingerprint: str
    last_good: bool
    words: str


def scan(pipeline: Pipeline, now: datetime, after: str = "") -> Scan[CertificateAnswer]:
    """Walk the Secrets whose certificates are shown, by namespace and name; `now` is aware."""
    fleets: dict[Name, list[str]] = {}
    for fleet, secret in pipeline.certificate_counts.rows:
        fleets.setdefault(secret, []).append(fleet)
    for name, key in in_order(fleets, after, joined):
        yield name, certificate(pipeline, key, tuple(sorted(fleets[key])), now)


def certificate(pipeline: Pipeline, secret: Name, fleets: tuple[str, ...], now: datetime) -> CertificateAnswer | None:
    """Tell of the certificate of a Secret; None where there is none that could be shown."""
    match pipeline.certificates.rows.get(secret):
        case ServerCertificate() as shown:
            words, before = doubt(shown, now), False
        case LastGood(shown, problem):
            words, before = problem.message, True
        case _:
            return None
    return CertificateAnswer(
        *secret,
        fleets,
        shown.hostnames,
        shown.valid_from.isoformat(),
        shown.valid_until.isoformat(),
        int((shown.valid_until - now).total_seconds() // _DAY_S),
        shown.fingerprint,
        before,
        words,
    )


def doubtful(pipeline: Pipeline, now: datetime) -> Iterator[tuple[ObjectKey, str]]:
    """Give the Secrets whose certificates are shown though their time is not now, and say so."""
    for name in sorted({secret for _fleet, secret in pipeline.certificate_counts.rows}):
        found = pipeline.certificates.rows.get(name)
        if isinstance(found, ServerCertificate) and (words := doubt(found, now)):
            yield ObjectKey("Secret", *name), words
