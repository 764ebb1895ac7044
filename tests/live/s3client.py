"""An ordinary client of S3 (boto3), and what it does with a bucket: the same on loopback and in a cluster."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACCESS_KEY, SECRET_KEY, WRONG_KEY = "accessaccess", "secretsecretsecret", "another"
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
STYLES = ("path", "virtual")
MIB = 1 << 20


@dataclass(frozen=True)
class Endpoint:
    """Where an S3 API is, over HTTPS: a name and a port, and the file of the authority of its certificate."""

    host: str
    port: int
    authority: Path

    def client(self, style: str = "path", *, host: str = "", secret: str = SECRET_KEY) -> Any:  # noqa: ANN401 (made at run time)
        """Make a client as people do: an endpoint, two keys, and the style of addressing; nothing is tried again."""
        return boto3.client(
            "s3",
            endpoint_url=f"https://{host or self.host}:{self.port}",
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=secret,
            verify=str(self.authority),
            # Without the version boto3 makes URLs in a form of before, which has no signature over the path.
            config=Config(s3={"addressing_style": style}, signature_version="s3v4", retries={"total_max_attempts": 1}),
        )

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))

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


@contextmanager
def names_are_at(address: str, *names: str) -> Iterator[None]:
    """Let these names, and those below them, lead to an address, as records in a DNS would."""
    ask = socket.getaddrinfo

    def answer(host: str, *arguments: int) -> object:
        ours = any(host == name or host.endswith(f".{name}") for name in names)
        return ask(address if ours else host, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", answer)
        yield


def use_key(endpoint: Endpoint, bucket: str, style: str, key: str) -> None:
    """Put, get, look at, list and delete an object with metadata of its user."""
    client, body = endpoint.client(style), f"{style} {key}".encode()
    metadata = {"first_name": "A", "plain": "b"}
    client.put_object(Bucket=bucket, Key=key, Body=body, Metadata=metadata)
    got = client.get_object(Bucket=bucket, Key=key)
    there = (got["Body"].read(), got["Metadata"])
    assert there == (body, metadata), f"{key!r}, {style}: {there} for {(body, metadata)}"
    assert client.head_object(Bucket=bucket, Key=key)["ContentLength"] == len(body)
    assert key in [one["Key"] for one in client.list_objects_v2(Bucket=bucket, Prefix=key)["Contents"]]
    client.delete_object(Bucket=bucket, Key=key)
    with pytest.raises(ClientError) as gone:
        client.get_object(Bucket=bucket, Key=key)
    assert gone.value.response["Error"]["Code"] == "NoSuchKey"


def use_presigned(endpoint: Endpoint, bucket: str, style: str) -> None:
    """Put and get by URLs that were signed for somebody else; one that was changed is good for nothing."""
    client = endpoint.client(style)
    for number, key in enumerate(KEYS):
        where = {"Bucket": bucket, "Key": key}
        url = client.generate_presigned_url("put_object", Params=where)
        assert endpoint.fetch(url, "PUT", b"%d" % number) == (200, b"")
        url = client.generate_presigned_url("get_object", Params=where)
        assert endpoint.fetch(url) == (200, b"%d" % number)
        assert endpoint.fetch(url.replace("X-Amz-Expires=3600", "X-Amz-Expires=3601"))[0] == 403


def use_parts(endpoint: Endpoint, bucket: str, style: str, folder: Path) -> None:
    """Put a large object in parts, get it in parts, and get a piece out of its middle."""
    client, key, body = endpoint.client(style), "large//object", os.urandom(MIB) * 17
    parts = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=3)
    file = folder / f"large-{style}"
    file.write_bytes(body)
    client.upload_file(str(file), bucket, key, ExtraArgs={"Metadata": {"a_b": "c"}}, Config=parts)
    assert client.head_object(Bucket=bucket, Key=key)["Metadata"] == {"a_b": "c"}
    client.download_file(bucket, key, str(file), Config=parts)
    assert file.read_bytes() == body
    got = client.get_object(Bucket=bucket, Key=key, Range=f"bytes={MIB - 1}-{MIB + 1}")
    assert got["Body"].read() == body[MIB - 1 : MIB + 2]


def refused_before_its_body(endpoint: Endpoint, bucket: str, body: bytes) -> None:
    """Ask to put a body with a wrong signature: boto3 waits for leave to send it (`Expect: 100-continue`)."""
    with pytest.raises(ClientError) as refused:
        endpoint.client(secret=WRONG_KEY).put_object(Bucket=bucket, Key="k", Body=body)
    assert refused.value.response["Error"]["Code"] == "SignatureDoesNotMatch"
