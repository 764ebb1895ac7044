"""An ordinary S3 client at a Tenant: a folder with a Tenant in it, HTTPS, and a server that checks every signature.

RustFS itself is not at hand here; `tests.live.s3server` stands in for it, and is stricter: it compares signatures with
the bytes that arrived.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest
import pytest_asyncio
from botocore.exceptions import ClientError

from tests.certificates import Certificate, authority, curve_key
from tests.live import manifests as m
from tests.live import s3server
from tests.live.http1 import Ask
from tests.live.product import answers, home, standalone
from tests.live.s3client import (
    ACCESS_KEY,
    KEYS,
    MIB,
    SECRET_KEY,
    STYLES,
    Endpoint,
    names_are_at,
    refused_before_its_body,
    use_key,
    use_parts,
    use_presigned,
)
from tests.live.tls_clients import Tls
from tests.ports import free_port
from xdsserver.objects.decode import decode
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.tenant import Tenant
from xdsserver.tenant.endpoint import variables

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.live.manifests import Document

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

HOST, WEB = "s3.test", "www.test"


@dataclass(frozen=True)
class Store:
    """A Tenant that is served: its endpoint, and the port of the server itself."""

    endpoint: Endpoint
    backend: int

    def counts(self) -> dict[str, int]:
        """Ask the server what it counted."""
        with urlopen(f"http://127.0.0.1:{self.backend}/stand-in", timeout=30) as answer:
            found: dict[str, int] = json.load(answer)
        return found


def tenant(port: int) -> Document:
    pools = [{"name": "primary", "servers": 1, "persistence": {"volumesPerServer": 4}}]
    gateway = {"parentRefs": [{"name": "edge"}], "api": {"hostnames": [HOST], "port": port}}
    metadata = {"name": "store", "namespace": "default"}
    spec = {"pools": pools, "gateway": gateway}
    return {"apiVersion": "rustfs.com/v1alpha1", "kind": "Tenant", "metadata": metadata, "spec": spec}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store() -> AsyncIterator[Store]:
    async with _store() as found:
        with names_are_at("127.0.0.1", HOST, WEB):
            yield found


@asynccontextmanager
async def _store() -> AsyncIterator[Store]:
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        trusted = authority()
        shown = Certificate(curve_key(), hostnames=(HOST, f"*.{HOST}", WEB), name="store", issuer=trusted)
        found = Store(Endpoint(HOST, free_port(), where.root / "authority.crt"), free_port())
        port = found.endpoint.port
        await asyncio.to_thread(found.endpoint.authority.write_bytes, trusted.pem)
        listeners = [
            m.https_listener(port, "cert", name=name, hostname=hostname)
            for name, hostname in (("s3", HOST), ("buckets", f"*.{HOST}"), ("web", WEB))
        ]
        edge = m.gateway(*listeners)
        edge["metadata"]["annotations"] = {"gateway.xdsserver.io/s3-listeners": "s3,buckets"}
        # The same server at a listener that nobody marked: a route of a user, which may go anywhere.
        unmarked = m.http_route("cleaned", m.rule(m.to("store-io", port=9000)), hostnames=[WEB])
        service = m.service("store-io", found.backend)
        service[0]["spec"]["ports"] = [{"port": 9000, "name": "http-rustfs"}]
        service[1]["ports"] = [{"port": found.backend, "name": "http-rustfs"}]
        secret = m.tls_secret("cert", (shown.pem, shown.key_pem))
        documents = [m.gateway_class(), edge, tenant(port), *service, unmarked]
        m.write(where.folder / "store.yaml", documents)
        m.write(where.folder / "secret.yaml", [secret])
        (where.folder / "secret.yaml").chmod(0o600)
        await stack.enter_async_context(_server(found, where.root / "data"))
        await stack.enter_async_context(standalone(where))
        for host in (HOST, f"bucket.{HOST}", WEB):
            await answers(port, Ask("/health", host), lambda answer: answer.status == 200, tls=Tls(host))
        yield found


@asynccontextmanager
async def _server(found: Store, folder: Path) -> AsyncIterator[None]:
    await asyncio.to_thread(folder.mkdir)
    read = decode(BY_NAME["Tenant"], tenant(found.endpoint.port))
    assert isinstance(read, Tenant)
    ours = {one["name"]: one["value"] for one in variables(read)}
    assert f"{HOST}:{found.endpoint.port}" in ours["RUSTFS_SERVER_DOMAINS"]
    theirs = {
        "RUSTFS_ADDRESS": f"127.0.0.1:{found.backend}",
        "RUSTFS_CONSOLE_ADDRESS": f"127.0.0.1:{free_port()}",
        "RUSTFS_VOLUMES": str(folder),
        "RUSTFS_ACCESS_KEY": ACCESS_KEY,
        "RUSTFS_SECRET_KEY": SECRET_KEY,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, s3server.__file__, env={**os.environ, **ours, **theirs}, stdin=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bucket(store: Store) -> str:
    await asyncio.to_thread(store.endpoint.client().create_bucket, Bucket="bucket")
    return "bucket"


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("key", KEYS)
async def test_any_text_is_a_key(store: Store, bucket: str, style: str, key: str) -> None:
    before = store.counts()
    await asyncio.to_thread(use_key, store.endpoint, bucket, style, key)
    after = store.counts()
    virtual = after.get("virtual-hosted", 0) - before.get("virtual-hosted", 0)
    assert virtual == (6 if style == "virtual" else 0)
    assert after.get("SignatureDoesNotMatch", 0) == before.get("SignatureDoesNotMatch", 0)


@pytest.mark.parametrize("style", STYLES)
async def test_a_presigned_url_is_good_for_whoever_has_it(store: Store, bucket: str, style: str) -> None:
    await asyncio.to_thread(use_presigned, store.endpoint, bucket, style)


@pytest.mark.parametrize("style", STYLES)
async def test_a_large_object_is_put_together_from_its_parts(
    store: Store, bucket: str, style: str, tmp_path: Path
) -> None:
    await asyncio.to_thread(use_parts, store.endpoint, bucket, style, tmp_path)


async def test_a_body_waits_until_the_server_wants_it(store: Store, bucket: str) -> None:
    """Of a client whose signature is wrong nothing but the headers gets to the server."""
    body = bytes(4 * MIB)
    before = store.counts()
    await asyncio.to_thread(refused_before_its_body, store.endpoint, bucket, body)
    between = store.counts()
    assert between["bytes"] == before["bytes"]
    await asyncio.to_thread(store.endpoint.client().put_object, Bucket=bucket, Key="k", Body=body)
    after = store.counts()
    assert after["bytes"] - between["bytes"] >= len(body)
    assert after["asked to continue"] == between["asked to continue"] + 1


async def test_the_edge_next_door_breaks_signatures_where_it_cleans_paths(store: Store, bucket: str) -> None:
    """Why listeners are marked: what is shown above is not so on a listener that nobody marked."""

    def use() -> None:
        client = store.endpoint.client(host=WEB)
        client.put_object(Bucket=bucket, Key="plain", Body=b"x")
        with pytest.raises(ClientError) as refused:
            client.put_object(Bucket=bucket, Key="a//b", Body=b"x")
        assert refused.value.response["Error"]["Code"] == "SignatureDoesNotMatch"

    await asyncio.to_thread(use)
