"""`xdsserver explain`: what becomes of a request, and why."""

import json
from collections.abc import Iterator
from typing import Annotated

import msgspec
import typer

from xdsserver.cli import asking
from xdsserver.cli.asking import SERVER_NAMESPACE, Api, Asked
from xdsserver.cli.output import Exit, Output, OutputAs, Tone, answer, paint
from xdsserver.inspection.answers import BackendSeen, Explanation, Share
from xdsserver.inspection.explain import explain as explain_request
from xdsserver.inspection.requests import HttpVersion, RequestError, Sent, request_of
from xdsserver.model.routing import MILLION
from xdsserver.objects.meta import Name

_MANY = 20
"""Matches that were tried are listed up to so many; a document has all of them."""


def explain(
    url: Annotated[str, typer.Argument(metavar="URL", help="Such as https://shop.example.com/cart?full=1")],
    method: Annotated[str, typer.Option("--method", "-X", help="The method of the request.")] = "GET",
    headers: Annotated[
        list[str] | None, typer.Option("--header", "-H", metavar="'NAME: VALUE'", help="A header. May be repeated.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="The port, instead of that of the URL.")] = None,
    sni: Annotated[
        str | None, typer.Option(help="The name in the TLS handshake, instead of that of the URL; '' for none.")
    ] = None,
    gateway: Annotated[
        str | None, typer.Option(metavar="NAMESPACE/NAME", help="The Gateway, where several have the port.")
    ] = None,
    http: Annotated[str, typer.Option(metavar="VERSION", help="1.0, 1.1 or 2.")] = "1.1",
    output: OutputAs = Output.TABLE,
    folder: asking.Dir = None,
    server: asking.Server = None,
    token_file: asking.TokenFile = None,
    ca_file: asking.CaFile = None,
    server_namespace: asking.Namespace = SERVER_NAMESPACE,
) -> None:
    """Say what becomes of a request: which listener, which rules were tried, who answers.

    Matches are told in the order in which Envoy tries them, each with the first thing of it that the request does not
    meet. Where Envoy answers by itself, it is said why.

    Exit code: 0 it gets to a backend or is redirected, 1 it is answered with an error or closed, 2 usage, 3 no
    answer.
    """
    versions: dict[str, HttpVersion] = {"1.0": "1.0", "1.1": "1.1", "2": "2"}
    if http not in versions:
        message = "--http: use 1.0, 1.1 or 2"
        raise typer.BadParameter(message)
    sent = Sent(method, tuple(map(_header, headers or ())), port, sni, versions[http])
    try:
        request = request_of(url, sent, _gateway(gateway))
    except RequestError as error:
        raise typer.BadParameter(str(error)) from error
    with Asked(folder, server, token_file, ca_file, server_namespace).place() as place:
        if isinstance(place, Api):
            found = _ask(place, url, sent, gateway)
        else:
            found = explain_request(place.world.pipeline, request)
    show(found, output)


def _ask(api: Api, url: str, sent: Sent, gateway: str | None) -> Explanation:
    """Have a server explain it."""
    headers = [f"{name}: {value}" for name, value in sent.headers]
    # In a list, since no name at all is something else than that of the URL.
    sni = None if sent.sni is None else [sent.sni]
    query = {"method": sent.method, "port": sent.port, "sni": sni, "http": sent.version, "gateway": gateway}
    return msgspec.convert(api.get("explain", url=url, header=headers or None, **query), Explanation)


def show(found: Explanation, output: Output) -> None:
    """Print an explanation, and end with what it means."""
    names = {one.rule.route for one in found.shares if one.rule is not None}
    answer(found, output, lines(found), "\n".join(f"{one.kind}/{one.namespace}/{one.name}" for one in sorted(names)))
    if not found.good:
        raise typer.Exit(Exit.FOUND)


def lines(found: Explanation) -> Iterator[str]:
    """Say it for people."""
    yield f"fleet      {found.fleet or '-'}"
    yield f"bind       {found.bind or '-'}" + (f"  filter chain {found.chain}" if found.chain != found.bind else "")
    yield f"listener   {found.listener or '-'}"
    yield f"host       {found.virtual_host or '-'}"
    for note in found.notes:
        yield f"note       {note}"
    skipped = found.tried_before + len(found.tried) - _MANY
    if skipped > 0:
        yield paint(f"not        {skipped} more before these", Tone.QUIET)
    for one in found.tried[-_MANY:]:
        yield paint(f"not        {one.rule} under {one.hostname}: {one.because}", Tone.QUIET)
    for share in found.shares:
        yield from _share(share)
    for elsewhere in found.elsewhere:
        yield f"see        {elsewhere.route} asks for this hostname, but {elsewhere.because}"


def _share(share: Share) -> Iterator[str]:
    part = "" if share.ppm == MILLION else f"{share.ppm / 10_000:g} %: "
    if share.rule is not None:
        yield f"rule       {part}{share.rule}"
    for one in share.filters:
        yield f"filter     {one.of} {one.type} {json.dumps(one.settings, default=str)}"
    why = f" ({share.why})" if share.why else ""
    match share.kind:
        case "closed":
            yield paint(f"answer     {part}none, the connection is closed{why}", Tone.BAD)
        case "redirect":
            yield paint(f"answer     {part}{share.status} to {share.location}{why}", Tone.GOOD)
        case "answer":
            call = "" if share.grpc_status is None else f", grpc-status {share.grpc_status}"
            yield paint(f"answer     {part}{share.status}{call}{why}", Tone.BAD)
        case "backend":
            yield paint(f"answer     {part}that of the backend", Tone.GOOD)
    if share.backend is not None:
        yield from _backend(share.backend)
    if share.kind == "backend" and share.path:
        yield f"  sees     {share.path} of {share.host}"


def _backend(backend: BackendSeen) -> Iterator[str]:
    tls = " over TLS" if backend.tls else ""
    yield f"backend    {backend.object} port {backend.port}, {backend.protocol}{tls}"
    if backend.hostname:
        yield f"  at       {backend.hostname} (by DNS)"
    for one in backend.endpoints:
        yield (
            f"  at       {one.address}:{one.port}" if one.served else f"  not at   {one.address}, which is {one.health}"
        )


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name:
        message = f"--header: {text!r} is no header; write 'NAME: VALUE'"
        raise typer.BadParameter(message)
    return name.strip(), value.strip()


def _gateway(text: str | None) -> Name | None:
    if text is None:
        return None
    namespace, slash, name = text.partition("/")
    return Name(namespace, name) if slash else Name("default", text)
