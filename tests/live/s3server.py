"""A small S3 server that takes nothing on trust: it stands in for RustFS, and runs by its variables on plain Python.

Signatures (AWS4-HMAC-SHA256, in headers and in queries) are computed again over the path, the query, the Host and the
headers as they arrived, byte for byte, and so are hashes of bodies and checksums; whatever was touched on the way is
answered with SignatureDoesNotMatch. Objects are files named by a hash of their key, so that any text is a key, and
several servers may share a folder.

    RUSTFS_ADDRESS, RUSTFS_CONSOLE_ADDRESS     where it listens
    RUSTFS_VOLUMES                             the first of these is where objects are
    RUSTFS_ACCESS_KEY, RUSTFS_SECRET_KEY       who may do everything
    RUSTFS_SERVER_DOMAINS                      names in front of which buckets may stand

    STAND_IN_NOT_READY                         set to anything, it never takes requests

`GET /health` says that it runs, `GET /health/ready` that it takes requests: not while there is a file `unready` with
the name of this machine in it where objects are. `GET /stand-in` counts what came.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import socket
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

MOST_HEADERS = 65_536
NAMES_OF_STATUSES = {200: "OK", 204: "No Content", 206: "Partial Content"}


class RefusedError(Exception):
    """A request that is answered with an error of S3."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


@dataclass
class Request:
    """A request as it arrived; names of headers in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    bucket: str = ""
    key: str = ""

    def parameters(self) -> dict[str, str]:
        parts = (part.partition("=") for part in self.query.split("&") if part)
        return {unquote(name): unquote(value) for name, _, value in parts}


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Server:
    """The keys of who may do everything, and where objects are."""

    access_key: str
    secret_key: str
    domains: tuple[str, ...]
    folder: Path
    name: str = field(default_factory=socket.gethostname)
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, what: str, more: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + more

    # ------------------------------------------------------------------------------------------------------- HTTP
    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head[:-4].split("\r\n")
        method, target, _ = first.split(" ")
        path, _, query = target.partition("?")
        headers: dict[str, str] = {}
        for name, _, value in (line.partition(":") for line in lines):
            before = headers.get(name.lower())
            headers[name.lower()] = value.strip() if before is None else f"{before},{value.strip()}"
        request = Request(method, path, query, headers, reader, writer)
        self.count("requests")
        untouched = True
        try:
            answer = await self._answer(request)
        except RefusedError as refused:
            self.count(refused.code)
            # A body that was not asked for stays where it is, and so this connection ends.
            untouched = "content-length" not in headers and "transfer-encoding" not in headers
            words = f"<Error><Code>{refused.code}</Code><Message>{escape(refused.message)}</Message></Error>"
            answer = Answer(refused.status, words.encode(), {"content-type": "application/xml"})
        length = {} if answer.status == 204 else {"content-length": str(len(answer.body))}
        fields = {**length, "x-served-by": self.name, **answer.headers}
        if not untouched:
            fields["connection"] = "close"
        said = [f"HTTP/1.1 {answer.status} {NAMES_OF_STATUSES.get(answer.status, 'Refused')}"]
        said += [f"{name}: {value}" for name, value in fields.items()]
        writer.write("\r\n".join([*said, "\r\n"]).encode("latin-1") + (b"" if method == "HEAD" else answer.body))
        await writer.drain()
        return untouched and headers.get("connection", "").lower() != "close"

    async def _body(self, request: Request) -> bytes:
        """Read a body, having said that it may come where the client waits for that; check what was said of it."""
        if request.headers.get("expect", "").lower() == "100-continue":
            self.count("asked to continue")
            request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await request.writer.drain()
        if "chunked" in request.headers.get("transfer-encoding", ""):
            body = b""
            while size := int((await request.reader.readline()).split(b";")[0], 16):
                body += await request.reader.readexactly(size)
                await request.reader.readexactly(2)
            await request.reader.readuntil(b"\r\n")
        else:
            body = await request.reader.readexactly(int(request.headers.get("content-length", "0")))
        self.count("bytes", len(body))
        said = request.headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
        if said.startswith("STREAMING-"):
            return _without_chunks(request, body)
        if said != "UNSIGNED-PAYLOAD" and said != hashlib.sha256(body).hexdigest():
            raise RefusedError(400, "XAmzContentSHA256Mismatch")
        return body

    # ----------------------------------------------------------------------------------------------------- requests
    async def _answer(self, request: Request) -> Answer:
        match request.path:
            case "/health":
                return Answer()
            case "/health/ready":
                return Answer(503 if self._unready() else 200)
            case "/stand-in":
                return Answer(200, json.dumps({"name": self.name, **self.counts}).encode())
        self._verify(request)
        self._place(request)
        if not request.bucket:
            return self._buckets()
        return await (self._object(request) if request.key else self._bucket(request))

    def _unready(self) -> bool:
        marked = self.folder / "unready"
        if "STAND_IN_NOT_READY" in os.environ:
            return True
        return marked.exists() and marked.read_text().strip() == self.name

    def _verify(self, request: Request) -> None:
        parameters = request.parameters()
        if parameters.get("X-Amz-Algorithm") == "AWS4-HMAC-SHA256":
            signed, theirs = parameters["X-Amz-SignedHeaders"], parameters["X-Amz-Signature"]
            scope, at = parameters["X-Amz-Credential"], parameters["X-Amz-Date"]
            payload = "UNSIGNED-PAYLOAD"
        else:
            found = re.fullmatch(
                r"AWS4-HMAC-SHA256 Credential=(\S+), ?SignedHeaders=(\S+), ?Signature=(\w+)",
                request.headers.get("authorization", ""),
            )
            if found is None:
                raise RefusedError(403, "AccessDenied")
            scope, signed, theirs = found.groups()
            at, payload = request.headers["x-amz-date"], request.headers["x-amz-content-sha256"]
        who, day, region, service, last = scope.split("/")
        if who != self.access_key:
            raise RefusedError(403, "InvalidAccessKeyId")
        sent = sorted(part if "=" in part else f"{part}=" for part in request.query.split("&") if part)
        lines = [f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in signed.split(";")]
        query = "&".join(part for part in sent if not part.startswith("X-Amz-Signature="))
        canonical = "\n".join((request.method, request.path, query, *lines, "", signed, payload))
        digest = hashlib.sha256(canonical.encode("latin-1")).hexdigest()
        key = f"AWS4{self.secret_key}".encode()
        for part in (day, region, service, last):
            key = hmac.digest(key, part.encode(), "sha256")
        words = f"AWS4-HMAC-SHA256\n{at}\n{day}/{region}/{service}/{last}\n{digest}"
        if not hmac.compare_digest(hmac.digest(key, words.encode(), "sha256").hex(), theirs):
            raise RefusedError(403, "SignatureDoesNotMatch", canonical)

    def _place(self, request: Request) -> None:
        """Find bucket and key: in the path, or the bucket in front of one of our names."""
        host = request.headers.get("host", "")
        domain = next((one for one in self.domains if host.endswith(f".{one}")), None)
        path = unquote(request.path.removeprefix("/"))
        if domain is not None:
            self.count("virtual-hosted")
            request.bucket, request.key = host.removesuffix(f".{domain}"), path
        else:
            request.bucket, _, request.key = path.partition("/")

    def _buckets(self) -> Answer:
        names = "".join(
            f"<Bucket><Name>{one.name}</Name><CreationDate>2026-01-01T00:00:00Z</CreationDate></Bucket>"
            for one in sorted(self.folder.iterdir())
            if one.is_dir()
        )
        return _xml(f"<ListAllMyBucketsResult><Buckets>{names}</Buckets></ListAllMyBucketsResult>")

    async def _bucket(self, request: Request) -> Answer:
        folder = self.folder / request.bucket
        if request.method == "PUT":
            await self._body(request)
            folder.mkdir(exist_ok=True)
            return Answer(headers={"location": f"/{request.bucket}"})
        if not folder.is_dir():
            raise RefusedError(404, "NoSuchBucket")
        if request.method == "HEAD":
            return Answer()
        prefix = request.parameters().get("prefix", "")
        objects = [json.loads(one.read_text()) for one in folder.glob("*.json")]
        contents = "".join(
            f"<Contents><Key>{escape(quote(one['key']))}</Key><Size>{one['size']}</Size>"
            f"<LastModified>2026-01-01T00:00:00Z</LastModified><ETag>{one['etag']}</ETag></Contents>"
            for one in sorted(objects, key=lambda one: str(one["key"]))
            if one["key"].startswith(prefix)
        )
        return _xml(
            f"<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>{contents}"
            "</ListBucketResult>"
        )

    async def _object(self, request: Request) -> Answer:
        folder = self.folder / request.bucket
        if not folder.is_dir():
            raise RefusedError(404, "NoSuchBucket")
        place = folder / hashlib.sha256(request.key.encode()).hexdigest()
        parameters = request.parameters()
        match request.method:
            case "PUT" if "uploadId" in parameters:
                return _stored(self._part(parameters), await self._body(request), request)
            case "PUT":
                return _stored(place, await self._body(request), request)
            case "POST" if "uploads" in parameters:
                return self._begin(request)
            case "POST" if "uploadId" in parameters:
                return await self._complete(request, place, parameters["uploadId"])
            case "DELETE":
                place.with_suffix(".json").unlink(missing_ok=True)
                return Answer(204)
            case "GET" | "HEAD":
                return _read(place, request)
        raise RefusedError(405, "MethodNotAllowed")

    def _part(self, parameters: dict[str, str]) -> Path:
        return self.folder / ".uploads" / f"{parameters['uploadId']}-{int(parameters['partNumber']):05}"

    def _begin(self, request: Request) -> Answer:
        upload = hashlib.sha256(f"{request.bucket}/{request.key}/{time.time_ns()}".encode()).hexdigest()
        kept = self.folder / ".uploads" / upload
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps(_metadata(request)))
        place = f"<Bucket>{request.bucket}</Bucket><Key>{escape(request.key)}</Key>"
        return _xml(
            f"<InitiateMultipartUploadResult>{place}<UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
        )

    async def _complete(self, request: Request, place: Path, upload: str) -> Answer:
        asked = ET.fromstring(await self._body(request))  # noqa: S314 # what a test wrote
        numbers = [int(one.text or "") for one in asked.iter() if one.tag.endswith("PartNumber")]
        uploads = self.folder / ".uploads"
        body = b"".join((uploads / f"{upload}-{number:05}.data").read_bytes() for number in numbers)
        kept = json.loads((uploads / upload).read_text())
        etag = _write(place, body, request.key, kept)
        where = f"<Bucket>{request.bucket}</Bucket><Key>{escape(request.key)}</Key><ETag>{etag}</ETag>"
        return _xml(f"<CompleteMultipartUploadResult>{where}</CompleteMultipartUploadResult>")


def _without_chunks(request: Request, body: bytes) -> bytes:
    """Take a body out of its chunks (aws-chunked), and check the checksum behind it."""
    found, rest = b"", body
    while True:
        head, rest = rest.split(b"\r\n", 1)
        size = int(head.split(b";")[0], 16)
        if size == 0:
            break
        found, rest = found + rest[:size], rest[size + 2 :]
    if len(found) != int(request.headers["x-amz-decoded-content-length"]):
        raise RefusedError(400, "IncompleteBody")
    trailer = dict(line.split(":", 1) for line in rest.decode().split("\r\n") if ":" in line)
    crc = base64.b64encode(zlib.crc32(found).to_bytes(4, "big")).decode()
    if trailer.get("x-amz-checksum-crc32", crc) != crc:
        raise RefusedError(400, "BadDigest")
    return found


def _metadata(request: Request) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name.startswith("x-amz-meta-")}


def _stored(place: Path, body: bytes, request: Request) -> Answer:
    return Answer(headers={"etag": _write(place, body, request.key, _metadata(request))})


def _write(place: Path, body: bytes, key: str, metadata: dict[str, str]) -> str:
    etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
    told: dict[str, Any] = {"key": key, "size": len(body), "etag": etag, "metadata": metadata}
    # In place of what was there in one go: other servers may be reading it.
    for suffix, content in ((".data", body), (".json", json.dumps(told).encode())):
        new = place.with_name(f"{place.name}.{os.getpid()}.new")
        new.write_bytes(content)
        new.replace(place.with_suffix(suffix))
    return etag


def _read(place: Path, request: Request) -> Answer:
    if not place.with_suffix(".json").exists():
        raise RefusedError(404, "NoSuchKey", request.key)
    told = json.loads(place.with_suffix(".json").read_text())
    body = place.with_suffix(".data").read_bytes()
    headers = {"etag": told["etag"], "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT", **told["metadata"]}
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    if asked is None:
        return Answer(200, body, headers)
    first, last = int(asked[1]), min(int(asked[2] or len(body)), len(body) - 1)
    return Answer(206, body[first : last + 1], {**headers, "content-range": f"bytes {first}-{last}/{len(body)}"})


def _xml(text: str) -> Answer:
    return Answer(200, f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode(), {"content-type": "application/xml"})


async def _console(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\nconsole")
    writer.close()


def _volume(volumes: str) -> Path:
    """Give the folder of the first volume: `http://store-a-{0...1}.store-hl:9000/data/rustfs{0...1} ...`, or a path."""
    first = re.sub(r"\{(\d+)\.\.\.\d+\}", r"\1", volumes.split(maxsplit=1)[0])
    return Path(re.sub(r"^https?://[^/]+", "", first))


async def main() -> None:
    """Serve until the end, by what the variables say."""
    given = os.environ
    domains = tuple(filter(None, given.get("RUSTFS_SERVER_DOMAINS", "").split(",")))
    folder = _volume(given["RUSTFS_VOLUMES"])
    server = Server(given["RUSTFS_ACCESS_KEY"], given["RUSTFS_SECRET_KEY"], domains, folder)
    for variable, client in (("RUSTFS_ADDRESS", server.serve), ("RUSTFS_CONSOLE_ADDRESS", _console)):
        host, _, port = given[variable].rpartition(":")
        await asyncio.start_server(client, host, int(port), limit=MOST_HEADERS)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
