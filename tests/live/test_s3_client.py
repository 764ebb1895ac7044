"""An ordinary S3 client at a Tenant: a folder with a Tenant in it, HTTPS, and a server that checks every signature.

RustFS itself is not at hand here; `tests.live.s3server` stands in for it, and is stricter: it compares signatures with
the bytes that arrived.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket
import ssl
import sys
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
import pytest_asyncio
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.certificates import Certificate, authority, curve_key
from tests.live import manifests as m
from tests.live import s3server
from tests.live.http1 import Ask
from tests.live.product import answers, home, standalone
from tests.live.tls_clients import Tls
from tests.ports import free_port
from xdsserver.objects.decode import decode
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.tenant import Tenant
from xdsserver.tenant.endpoint import variables

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.live.manifests import Document

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

HOST, WEB = "s3.test", "www.test"
ACCESS_KEY, SECRET_KEY = "accessaccess", "secretsecretsecret"
KEYS = (
    "plain",
    "a//b",
    "a%2Fb",
    "../x",
    "x/../y",
    "a b+c",
    "ключ/€/😀",
    "/lead",
    "./d",
    "a\\b",
    "q?x=1&y=2",
    "#f",
    "~t*'()!",
)
WRONG_KEY = "another"
STYLES = ("path", "virtual")


@dataclass(frozen=True)
class Store:
    """A Tenant that is served: the port of its listener, and that of the server itself."""

    port: int
    backend: int
    certificate: Path

    def client(self, style: str = "path", *, host: str = HOST, secret: str = SECRET_KEY) -> Any:  # noqa: ANN401 (made at run time)
        """Make a client as people do: an endpoint, two keys, and the style of addressing."""
        return boto3.client(
            "s3",
            endpoint_url=f"https://{host}:{self.port}",
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=secret,
            verify=str(self.certificate),
            # Without the version boto3 makes URLs in a form of before, which has no signature over the path.
            config=Config(s3={"addressing_style": style}, signature_version="s3v4", retries={"total_max_attempts": 1}),
        )

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))

    def fetch(self, url: str, method: str = "GET", body: bytes = b"") -> tuple[int, bytes]:
        """Follow a URL that somebody was given, touching nothing of it."""
        parts = urlsplit(url)
        connection = http.client.HTTPSConnection(parts.netloc, context=self._tls, timeout=30)
        try:
            connection.request(method, url.removeprefix(f"https://{parts.netloc}"), body or None)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def counts(self) -> dict[str, int]:
        """Ask the server what it counted."""
        connection = http.client.HTTPConnection("127.0.0.1", self.backend, timeout=30)
        connection.request("GET", "/stand-in")
        found: dict[str, int] = json.loads(connection.getresponse().read())
        connection.close()
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
        with names_are_here(HOST, WEB):
            yield found


@asynccontextmanager
async def _store() -> AsyncIterator[Store]:
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(home())
        trusted = authority()
        shown = Certificate(curve_key(), hostnames=(HOST, f"*.{HOST}", WEB), name="store", issuer=trusted)
        found = Store(free_port(), free_port(), where.root / "authority.crt")
        await asyncio.to_thread(found.certificate.write_bytes, trusted.pem)
        listeners = [
            m.https_listener(found.port, "cert", name=name, hostname=hostname)
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
        documents = [m.gateway_class(), edge, tenant(found.port), *service, unmarked]
        m.write(where.folder / "store.yaml", documents)
        m.write(where.folder / "secret.yaml", [secret])
        (where.folder / "secret.yaml").chmod(0o600)
        await stack.enter_async_context(_server(found, where.root / "data"))
        await stack.enter_async_context(standalone(where))
        for host in (HOST, f"bucket.{HOST}", WEB):
            await answers(found.port, Ask("/health", host), lambda answer: answer.status == 200, tls=Tls(host))
        yield found


@asynccontextmanager
async def _server(found: Store, folder: Path) -> AsyncIterator[None]:
    await asyncio.to_thread(folder.mkdir)
    read = decode(BY_NAME["Tenant"], tenant(found.port))
    assert isinstance(read, Tenant)
    ours = {one["name"]: one["value"] for one in variables(read)}
    assert f"{HOST}:{found.port}" in ours["RUSTFS_SERVER_DOMAINS"]
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


@contextmanager
def names_are_here(*names: str) -> Iterator[None]:
    """Let these names, and those below them, lead to this machine, as records in a DNS would."""
    ask = socket.getaddrinfo

    def answer(host: str, *arguments: int) -> object:
        ours = any(host == name or host.endswith(f".{name}") for name in names)
        return ask("127.0.0.1" if ours else host, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", answer)
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bucket(store: Store) -> str:
    await asyncio.to_thread(store.client().create_bucket, Bucket="bucket")
    return "bucket"


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("key", KEYS)
async def test_any_text_is_a_key(store: Store, bucket: str, style: str, key: str) -> None:
    def use() -> None:
        client = store.client(style)
        metadata = {"first_name": "A", "plain": "b"}
        client.put_object(Bucket=bucket, Key=key, Body=f"{style} {key}".encode(), Metadata=metadata)
        got = client.get_object(Bucket=bucket, Key=key)
        assert (got["Body"].read().decode(), got["Metadata"]) == (f"{style} {key}", metadata)
        assert client.head_object(Bucket=bucket, Key=key)["ContentLength"] == len(f"{style} {key}".encode())
        keys = [one["Key"] for one in client.list_objects_v2(Bucket=bucket, Prefix=key)["Contents"]]
        assert key in keys
        client.delete_object(Bucket=bucket, Key=key)
        with pytest.raises(ClientError) as gone:
            client.get_object(Bucket=bucket, Key=key)
        assert gone.value.response["Error"]["Code"] == "NoSuchKey"

    before = store.counts()
    await asyncio.to_thread(use)
    after = store.counts()
    virtual = after.get("virtual-hosted", 0) - before.get("virtual-hosted", 0)
    assert virtual == (6 if style == "virtual" else 0)
    assert after.get("SignatureDoesNotMatch", 0) == before.get("SignatureDoesNotMatch", 0)


@pytest.mark.parametrize("style", STYLES)
async def test_a_presigned_url_is_good_for_whoever_has_it(store: Store, bucket: str, style: str) -> None:
    def use() -> None:
        client = store.client(style)
        for number, key in enumerate(KEYS):
            where = {"Bucket": bucket, "Key": key}
            url = client.generate_presigned_url("put_object", Params=where)
            assert store.fetch(url, "PUT", b"%d" % number) == (200, b"")
            url = client.generate_presigned_url("get_object", Params=where)
            assert store.fetch(url) == (200, b"%d" % number)
            assert store.fetch(url.replace("X-Amz-Expires=3600", "X-Amz-Expires=3601"))[0] == 403

    await asyncio.to_thread(use)


@pytest.mark.parametrize("style", STYLES)
async def test_a_large_object_is_put_together_from_its_parts(store: Store, bucket: str, style: str) -> None:
    def use() -> None:
        client = store.client(style)
        body = os.urandom(1 << 20) * 17
        parts = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20, max_concurrency=3)
        file = store.certificate.with_name(f"large-{style}")
        file.write_bytes(body)
        client.upload_file(str(file), bucket, "large//object", ExtraArgs={"Metadata": {"a_b": "c"}}, Config=parts)
        assert client.head_object(Bucket=bucket, Key="large//object")["Metadata"] == {"a_b": "c"}
        client.download_file(bucket, "large//object", str(file), Config=parts)
        assert file.read_bytes() == body
        got = client.get_object(Bucket=bucket, Key="large//object", Range="bytes=1048575-1048577")
        assert got["Body"].read() == body[1048575:1048578]

    await asyncio.to_thread(use)


async def test_a_body_waits_until_the_server_wants_it(store: Store, bucket: str) -> None:
    """Of a client whose signature is wrong nothing but the headers gets to the server."""

    def use() -> None:
        body = b"x" * (4 << 20)
        before = store.counts()
        with pytest.raises(ClientError) as refused:
            store.client(secret=WRONG_KEY).put_object(Bucket=bucket, Key="k", Body=body)
        assert refused.value.response["Error"]["Code"] == "SignatureDoesNotMatch"
        between = store.counts()
        assert between["bytes"] == before["bytes"]
        store.client().put_object(Bucket=bucket, Key="k", Body=body)
        after = store.counts()
        assert after["bytes"] - between["bytes"] >= len(body)
        assert after["asked to continue"] == between["asked to continue"] + 1

    await asyncio.to_thread(use)


async def test_the_edge_next_door_breaks_signatures_where_it_cleans_paths(store: Store, bucket: str) -> None:
    """Why listeners are marked: what is shown above is not so on a listener that nobody marked."""

    def use() -> None:
        client = store.client(host=WEB)
        client.put_object(Bucket=bucket, Key="plain", Body=b"x")
        with pytest.raises(ClientError) as refused:
            client.put_object(Bucket=bucket, Key="a//b", Body=b"x")
        assert refused.value.response["Error"]["Code"] == "SignatureDoesNotMatch"

    await asyncio.to_thread(use)
