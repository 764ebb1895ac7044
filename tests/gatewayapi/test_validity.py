"""The time of a certificate: told to whoever has a clock, and no reason to close a port."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

import pytest

from tests.canary.canary import GATEWAY
from tests.certificates import Certificate, curve_key, on_days, secret
from tests.cli.run import xdsserver
from xdsserver.gatewayapi.certificates import parse_server_certificate
from xdsserver.gatewayapi.validity import doubt, next_turn
from xdsserver.model.certificates import ServerCertificate

if TYPE_CHECKING:
    from pathlib import Path

DAY = dt.timedelta(days=1)


def test_a_certificate_is_doubted_before_and_after_its_time() -> None:
    one = Certificate(curve_key())
    found = parse_server_certificate(secret(one.pem, one.key_pem))
    assert isinstance(found, ServerCertificate)
    start, end = found.valid_from, found.valid_until
    assert "is not valid before" in doubt(found, start - DAY)
    assert doubt(found, start) == doubt(found, end) == ""
    assert "expired on" in doubt(found, end + DAY)
    assert [next_turn(found, now) for now in (start - DAY, start + DAY, end + DAY)] == [start, end, None]


@pytest.mark.parametrize(
    ("days", "words"), [((-30, -1), "expired on"), ((1, 30), "is not valid before"), ((-1, 1), "")]
)
def test_p6_check_warns_of_certificates_that_are_served_though_expired(
    days: tuple[float, float], words: str, tmp_path: Path
) -> None:
    """P6: served, with a warning; the folder is good."""
    one = on_days(Certificate(curve_key()), *days)
    data = {"tls.crt": one.pem.decode(), "tls.key": one.key_pem.decode()}
    document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "canary"}, "stringData": data}
    (tmp_path / "gateway.yaml").write_text(GATEWAY)
    path = tmp_path / "secret.yaml"
    path.touch(mode=0o600)
    path.write_text(json.dumps(document))
    answer = xdsserver("check", tmp_path)
    assert answer.code == 0
    warnings = [line for line in answer.lines if "warning" in line]
    assert bool(warnings) == bool(words)
    assert all(f"{path}:1: warning: Secret default/canary the certificate {words}" in line for line in warnings)
