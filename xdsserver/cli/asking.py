"""Whom a command asks: a folder that is read now, or a server that runs; both give the same answers.

A server is asked at its admin API. In a cluster that is on loopback of its pods, so `kubectl` leads there: whoever may
forward a port and read the Secret of the token may ask.
"""

import base64
import json
import os
import ssl
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import msgspec
import typer

from xdsserver.admin.errors import AdminError
from xdsserver.admin.token import Token, read_token
from xdsserver.cli.folder import read
from xdsserver.cli.output import no_answer
from xdsserver.inspection.paging import MOST, Scan
from xdsserver.inspection.world import Unread, World
from xdsserver.settings import DEFAULT_ADMIN, state_base

T = TypeVar("T")

KUBECTL: Final = "kubectl-xdsserver"
"""The name by which kubectl finds the command line as `kubectl xdsserver`."""

_ANSWER_S: Final = 90.0
"""How long an answer may take; a wait asks for 30 seconds at a time."""

Dir = Annotated[
    Path | None,
    typer.Option(
        "--dir", metavar="DIR", help="Read this folder instead of asking a server.", exists=True, file_okay=False
    ),
]
Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        help=f"The admin API of a server, http://{DEFAULT_ADMIN} without; `kubectl` for the one of the cluster.",
        envvar="XDSSERVER_SERVER",
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        metavar="PATH",
        help="The token of the server; without, the one that servers of this user make.",
        envvar="XDSSERVER_ADMIN_TOKEN_FILE",
    ),
]
CaFile = Annotated[
    Path | None,
    typer.Option("--ca-file", metavar="PATH", help="Who signed its certificate, where it is an https URL."),
]
Namespace = Annotated[
    str,
    typer.Option(
        "--server-namespace",
        metavar="NAME",
        help="With `kubectl`: where the server runs.",
        envvar="XDSSERVER_NAMESPACE",
    ),
]
SERVER_NAMESPACE: Final = "xdsserver-system"


class Silence(Exception):  # noqa: N818 (nothing failed in here)
    """A server gave no answer; the message says why, and what would help."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options of a command say of whom to ask."""

    folder: Path | None
    server: str | None
    token_file: Path | None
    ca_file: Path | None
    namespace: str = SERVER_NAMESPACE

    @contextmanager
    def place(self) -> Iterator["Folder | Api"]:
        """Find whom to ask; a server that gives no answer ends the command with words (exit code 3)."""
        if self.folder is not None:
            yield Folder(self.folder)
            return
        try:
            with self.api() as api:
                yield api
        except Silence as error:
            raise no_answer(str(error)) from error

    @contextmanager
    def api(self) -> Iterator["Api"]:
        """Find the server.

        Raises:
            Silence: it cannot be found.
        """
        server = self.server or ("kubectl" if Path(sys.argv[0]).name == KUBECTL else f"http://{DEFAULT_ADMIN}")
        if server == "kubectl":
            with _forwarded(self.namespace) as (url, token):
                yield Api(url, token)
            return
        if urllib.parse.urlsplit(server).scheme not in {"http", "https"}:
            message = f"--server: {server!r} is neither an http(s) URL nor `kubectl`"
            raise typer.BadParameter(message)
        try:
            token = read_token(self.token_file or state_base() / "admin-token")
        except AdminError as error:
            message = f"{error}; --token-file names another, --dir reads a folder without a server"
            raise Silence(message) from error
        yield Api(server.rstrip("/"), token, self.ca_file)


class Folder:
    """A folder, read once."""

    def __init__(self, path: Path) -> None:
        _, scan, reconciler = read(path)
        unread = tuple(
            Unread(f"{path / one.file}:{one.line}", one.key, f"{one.field} {one.message}".strip(), one.severity)
            for one in scan.problems
        )
        self.world = World(reconciler, unread=lambda: unread)
        """What it says."""


class Api:
    """The admin API of a server."""

    def __init__(self, url: str, token: Token, ca_file: Path | None = None) -> None:
        self._url = url
        self._token = token
        self._context = ssl.create_default_context(cafile=ca_file) if url.startswith("https:") else None

    def get(self, path: str, /, **query: object) -> dict[str, Any]:
        """Ask once.

        Raises:
            Silence: there is no answer, or a refusal.
        """
        with self._open("GET", path, query) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def post(self, path: str, document: object) -> dict[str, Any]:
        """Ask with a document.

        Raises:
            Silence: there is no answer, or a refusal.
        """
        with self._open("POST", path, {}, json.dumps(document).encode()) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def items(self, path: str, type_: type[T], /, **query: object) -> Iterator[T]:
        """Ask for a list, page by page; a list that is not whole is said to be so.

        Raises:
            Silence: there is no answer, or a refusal.
        """
        after = ""
        while True:
            page = self.get(path, limit=MOST, after=after, **query)
            yield from (msgspec.convert(one, type_) for one in page["items"])
            for missing in page.get("missing", ()):
                print(f"xdsserver: not heard: {missing}", file=sys.stderr)
            after = page["next"]
            if not after:
                return

    def lines(self, path: str, /, **query: object) -> Iterator[bytes]:
        """Ask for what is streamed.

        Raises:
            Silence: there is no answer, or a refusal.
        """
        with self._open("GET", path, query) as answer:
            yield from answer

    @contextmanager
    def _open(self, method: str, path: str, query: Mapping[str, object], body: bytes | None = None) -> Iterator[Any]:
        given = {name: value for name, value in query.items() if value is not None and value != ""}
        url = f"{self._url}/api/v1/{path}" + (f"?{urllib.parse.urlencode(given, doseq=True)}" if given else "")
        headers = {"Authorization": self._token.header(), "Content-Type": "application/json"}
        request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 (http and https only)
        # The token goes to the server that was named, and to no proxy between.
        handlers = (urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self._context))
        try:
            with urllib.request.build_opener(*handlers).open(request, timeout=_ANSWER_S) as answer:
                yield answer
        except urllib.error.HTTPError as error:
            raise Silence(_refusal(error)) from error
        except (OSError, ValueError) as error:
            why = getattr(error, "reason", error)
            message = f"no answer from {self._url}: {why}; --server names another, --dir reads a folder without one"
            raise Silence(message) from error


def _refusal(error: urllib.error.HTTPError) -> str:
    try:
        detail = json.load(error)["detail"]
    except (ValueError, KeyError, TypeError):
        detail = error.reason
    if error.code == HTTPStatus.UNAUTHORIZED:
        return "the server takes another token; --token-file names it"
    return detail if isinstance(detail, str) else json.dumps(detail)


@contextmanager
def _forwarded(namespace: str) -> Iterator[tuple[str, Token]]:
    """Have kubectl lead to the admin API of the server of a cluster, for the length of a block."""
    token = Token(_token_of(namespace))
    command = ["kubectl", "-n", namespace, "port-forward", "deployment/xdsserver", f":{DEFAULT_ADMIN.port}"]
    with _started(command) as process:
        first = process.stdout.readline() if process.stdout is not None else ""
        # It says `Forwarding from`, the address here, and the port there.
        port = first.partition("127.0.0.1:")[2].partition(" ")[0]
        if not port.isdecimal():
            process.terminate()
            words = process.stderr.read().strip() if process.stderr is not None else ""
            message = f"kubectl port-forward: {words or first.strip() or 'ended'}"
            raise Silence(message)
        try:
            yield f"http://127.0.0.1:{port}", token
        finally:
            process.terminate()


def _token_of(namespace: str) -> str:
    command = ["kubectl", "-n", namespace, "get", "secret", "xdsserver-admin", "-o", "jsonpath={.data.token}"]
    with _started(command) as process:
        text, words = process.communicate()
    try:
        token = base64.b64decode(text, validate=True).decode("ascii").strip()
    except ValueError:
        token = ""
    if process.returncode or not token:
        message = f"no token in Secret {namespace}/xdsserver-admin: {words.strip() or 'its key token is empty'}"
        raise Silence(message)
    return token


def _started(command: list[str]) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(  # noqa: S603 (an argument list, of options that are names)
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
        )
    except OSError as error:
        message = f"{command[0]} cannot be run: {error.strerror or error}"
        raise Silence(message) from error


def rows(place: Folder | Api, here: Callable[[World], Scan[T]], there: tuple[str, type[T]], **query: object) -> list[T]:
    """Give all rows of a view, from a folder or from a server."""
    if isinstance(place, Folder):
        return [row for _, row in here(place.world) if row is not None]
    path, type_ = there
    return list(place.items(path, type_, **query))
