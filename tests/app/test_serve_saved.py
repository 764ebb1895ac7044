"""Serving a saved state: what is told, what is read again, and what stays where a file cannot be used."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.app.told import Told
from tests.cli.folders import GATEWAY, ROUTE, SHOP, folder
from tests.cli.run import xdsserver
from tests.properties.secrets_of_worlds import PAIRS
from xdsserver.app import ServeSaved
from xdsserver.files.saved import read_saved, write_saved
from xdsserver.files.sealing import read_key
from xdsserver.objects.meta import ObjectKey
from xdsserver.objects.secret import Secret, SecretBytes
from xdsserver.observe.notices import Level
from xdsserver.settings import HostPort, ServeSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

CERT = ObjectKey("Secret", "default", "cert")
SECURE = """\
  - name: https
    protocol: HTTPS
    port: 8443
    tls: {certificateRefs: [{name: cert}]}
  - name: other
    protocol: HTTPS
    port: 8444
    tls: {certificateRefs: [{name: cert}, {name: cert, namespace: else}]}
"""
SET = """\
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: more}
spec:
  parentRef: {name: edge}
  listeners:
  - {name: third, protocol: HTTPS, port: 8445, tls: {certificateRefs: [{name: cert}]}}
"""
SECRETS = """\
apiVersion: v1
kind: Secret
metadata: {name: cert}
stringData: {tls.key: k, tls.crt: c}
---
apiVersion: v1
kind: Secret
metadata: {name: unused}
"""


@dataclass(frozen=True)
class Site:
    """A folder, the file that it is saved into, and the key."""

    conf: Path
    file: Path
    key: Path

    def save(self, *options: str | Path) -> None:
        assert xdsserver("save", self.conf, "--out", self.file, *options).code == 0


@pytest.fixture
def site(tmp_path: Path) -> Site:
    key = tmp_path / "key"
    key.write_bytes(bytes(range(32)))
    return Site(folder(tmp_path / "conf", a=GATEWAY, b=ROUTE, c=SHOP), tmp_path / "edge.state", key)


@dataclass(frozen=True)
class Running:
    told: Told
    reload: asyncio.Event


@asynccontextmanager
async def serving(site: Site, key: Path | None = None) -> AsyncIterator[Running]:
    told, stop, reload = Told(), asyncio.Event(), asyncio.Event()
    xds = (f"unix:{site.file.with_name('xds.sock')}",)
    run = ServeSaved(ServeSettings(site.file, key, xds, health=HostPort("127.0.0.1", 0)), told)
    running = asyncio.create_task(run.run(stop, reload))
    try:
        await told.of("objects, saved")
        yield Running(told, reload)
    finally:
        stop.set()
        await running


async def test_what_is_served_is_told_with_its_age_and_release(site: Site) -> None:
    site.save()
    async with serving(site) as running:
        said = (await running.told.of("objects, saved")).text
    assert said.startswith("4 objects, saved 20")
    assert " UTC by xdsserver " in said


@pytest.mark.parametrize(
    ("saved_with_key", "words"),
    [(False, "was left out, since there was no key when the state was saved"), (True, "is sealed; give the key")],
)
async def test_each_listener_that_lacks_its_certificate_is_told(
    site: Site, *, saved_with_key: bool, words: str
) -> None:
    folder(site.conf, a=GATEWAY + SECURE, s=SECRETS, t=SET)
    site.save(*(("--state-key-file", site.key) if saved_with_key else ()))
    async with serving(site) as running:
        await running.told.of("changed")
    about = [one for one in running.told.warnings() if words in one]
    assert [one.partition(words)[0] for one in about] == [
        "Gateway default/edge: listener https lacks its certificate: Secret default/cert ",
        "Gateway default/edge: listener other lacks its certificate: Secret default/cert ",
        "ListenerSet default/more: listener third lacks its certificate: Secret default/cert ",
        "Secret default/unused: ",
    ]


async def test_with_the_key_no_certificate_is_lacking(site: Site) -> None:
    folder(site.conf, a=GATEWAY + SECURE, s=SECRETS)
    site.save("--state-key-file", site.key)
    async with serving(site, site.key) as running:
        await running.told.of("changed")
    assert not [one for one in running.told.warnings() if "lacks" in one or "Secret default/unused" in one]


async def test_a_certificate_that_served_on_though_its_secret_was_bad_serves_on_here(site: Site) -> None:
    folder(site.conf, a=GATEWAY + SECURE, s=SECRETS)
    site.save("--state-key-file", site.key)
    key = read_key(site.key)
    taken = read_saved(site.file, key).snapshot
    bad = taken.objects[CERT]
    chain, private = PAIRS[0]
    good = Secret(metadata=bad.metadata, data={"tls.crt": SecretBytes(chain), "tls.key": SecretBytes(private)})
    write_saved(site.file, replace(taken, last_good={CERT: good}), key)
    async with serving(site, site.key) as running:
        told = await running.told.of("the certificate that was there before serves on")
    assert told.subject == "Gateway default/edge"


async def test_a_file_that_is_replaced_is_read_again_and_only_what_differs_is_taken(site: Site) -> None:
    site.save()
    async with serving(site) as running:
        start = len(running.told.notices)
        folder(site.conf, b=ROUTE.replace("name: shop}", "name: store}"))
        site.save()
        changed = await running.told.of("changed", since=start)
    assert changed.text == "HTTPRoute default/shop (gone), HTTPRoute default/store"


async def test_f3_a_file_that_cannot_be_used_is_told_and_what_was_read_before_stays(site: Site) -> None:
    """F3: last good stays in force, and the problem names the file."""
    site.save()
    async with serving(site) as running:
        start = len(running.told.notices)
        whole = site.file.read_bytes()
        site.file.write_bytes(whole[:-1])
        running.reload.set()
        refused = await running.told.of("is damaged or cut off", since=start)
        assert refused.level is Level.ERROR
        assert str(site.file) in refused.text
        site.file.unlink()
        running.reload.set()
        gone = await running.told.of("No such file", since=start)
        assert gone.level is Level.ERROR
        site.file.write_bytes(whole)
        running.reload.set()
        await running.told.of("objects, saved", since=start)
        assert not [one for one in running.told.notices[start:] if one.subject == "changed"]


async def test_a_hangup_reads_the_file_again_with_the_key_as_it_is_now(site: Site) -> None:
    folder(site.conf, s=SECRETS)
    site.save("--state-key-file", site.key)
    right = site.key.read_bytes()
    site.key.write_bytes(bytes(32))
    async with serving(site, site.key) as running:
        await running.told.of("is sealed with another key")
        start = len(running.told.notices)
        site.key.write_bytes(right)
        running.reload.set()
        changed = await running.told.of("changed", since=start)
    assert changed.text == "Secret default/cert, Secret default/unused"


async def test_readiness_stays_though_the_source_is_away(site: Site) -> None:
    site.save()
    async with serving(site) as running:
        where = (await running.told.of("/readyz")).text.rpartition(" ")[2]
        await running.told.of("changed")
        start = len(running.told.notices)
        site.file.unlink()
        running.reload.set()
        await running.told.of("No such file", since=start)
        async with aiohttp.ClientSession() as session, session.get(f"{where}/readyz") as answer:
            assert answer.status == 200
