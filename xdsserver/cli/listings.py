"""Commands that list what there is: `routes`, `gateways`, `tenants`, `problems`, `fleet`, `history` and `config`."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from xdsserver.cli import asking
from xdsserver.cli.asking import SERVER_NAMESPACE, Api, Asked, Folder, rows
from xdsserver.cli.output import Column, Exit, Listing, Output, OutputAs, Tone, list_rows
from xdsserver.inspection import fleet as fleets
from xdsserver.inspection import gateways as gateway_views
from xdsserver.inspection import problems as problem_views
from xdsserver.inspection import resources as resource_views
from xdsserver.inspection import routes as route_views
from xdsserver.inspection import tenants as tenant_views
from xdsserver.inspection.conditions import State
from xdsserver.inspection.fleet import EnvoyAnswer
from xdsserver.inspection.gateways import GatewayAnswer
from xdsserver.inspection.history import ChangedObject, Entry
from xdsserver.inspection.problems import ProblemAnswer
from xdsserver.inspection.resources import ResourceAnswer
from xdsserver.inspection.routes import RouteAnswer, RouteFilter
from xdsserver.inspection.tenants import TenantAnswer

_TONES = {
    "good": Tone.GOOD,
    "in sync": Tone.GOOD,
    "pending": Tone.WARNING,
    "behind": Tone.WARNING,
    "warning": Tone.WARNING,
    "unattached": Tone.WARNING,
    "bad": Tone.BAD,
    "rejected": Tone.BAD,
    "rejecting": Tone.BAD,
    "error": Tone.BAD,
}


def _object(one: ProblemAnswer) -> str:
    return "/".join(part for part in (one.kind, one.namespace, one.name) if part)


def _changed(one: ChangedObject) -> str:
    name = "/".join(part for part in (one.kind, one.namespace, one.name) if part)
    return f"{name} (gone)" if one.gone else name


def _of(total: int, named: list[str]) -> str:
    rest = total - 2
    return ", ".join(named[:2]) + (f" and {rest} more" if rest > 0 else "")


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:2]) + (f" +{len(names) - 2}" if len(names) > 2 else "")  # noqa: PLR2004 (two are shown)


_ROUTES = Listing[RouteAnswer](
    (
        Column("ROUTE", lambda one: f"{one.kind}/{one.namespace}/{one.name}"),
        Column("HOSTNAMES", lambda one: _some(one.hostnames)),
        Column("GATEWAYS", lambda one: _some(one.gateways)),
        Column("RULES", lambda one: str(one.rules)),
        Column("STATE", lambda one: one.state, lambda one: _TONES[one.state]),
        Column("WORDS", lambda one: one.words),
    ),
    lambda one: f"{one.kind}/{one.namespace}/{one.name}",
)
_GATEWAYS = Listing[GatewayAnswer](
    (
        Column("GATEWAY", lambda one: f"{one.namespace}/{one.name}"),
        Column("CLASS", lambda one: one.class_name),
        Column("ADDRESSES", lambda one: _some(one.addresses)),
        Column("LISTENERS", lambda one: f"{one.programmed}/{one.listeners}"),
        Column("ROUTES", lambda one: str(one.attached_routes)),
        Column("STATE", lambda one: one.state, lambda one: _TONES[one.state]),
        Column("WORDS", lambda one: one.words),
    ),
    lambda one: f"Gateway/{one.namespace}/{one.name}",
)
_TENANTS = Listing[TenantAnswer](
    (
        Column("TENANT", lambda one: f"{one.namespace}/{one.name}"),
        Column("POOLS", lambda one: str(one.pools)),
        Column("ENDPOINT", lambda one: one.endpoint),
        Column("CONSOLE", lambda one: one.console),
        Column("STATE", lambda one: one.state, lambda one: _TONES[one.state]),
        Column("WORDS", lambda one: one.words),
    ),
    lambda one: f"Tenant/{one.namespace}/{one.name}",
)
_PROBLEMS = Listing[ProblemAnswer](
    (
        Column("SEVERITY", lambda one: one.severity, lambda one: _TONES[one.severity]),
        Column("OBJECT", _object),
        Column("WHERE", lambda one: one.where),
        Column("REASON", lambda one: one.reason),
        Column("ENVOYS", lambda one: _some(one.envoys)),
        Column("WORDS", lambda one: one.message),
    ),
    lambda one: _object(one) or one.where,
)
_FLEET = Listing[EnvoyAnswer](
    (
        Column("ENVOY", lambda one: one.node),
        Column("FLEET", lambda one: one.fleet),
        Column("SERVER", lambda one: one.replica),
        Column("BUILD", lambda one: one.build),
        Column("SYNC", lambda one: one.sync, lambda one: _TONES[one.sync]),
        Column("LAG", lambda one: f"{one.lag_s:.1f} s" if one.lag_s else ""),
        Column("HAS", lambda one: " ".join(f"{of.type}:{of.acknowledged}/{of.wanted}" for of in one.types)),
        Column("REJECTS", lambda one: "; ".join(f"{of.type} {of.name}: {of.words}" for of in one.rejections)),
    ),
    lambda one: one.node,
)
_HISTORY = Listing[Entry](
    (
        Column("CHANGE", lambda one: str(one.number)),
        Column("AT", lambda one: datetime.fromtimestamp(one.at_s, UTC).isoformat(timespec="milliseconds")),
        Column("OBJECTS", lambda one: _of(one.objects_total, [_changed(of) for of in one.objects])),
        Column("RESOURCES", lambda one: _of(one.resources_total, [f"{of.type} {of.name}" for of in one.resources])),
    ),
    lambda one: str(one.number),
)
_RESOURCES = Listing[ResourceAnswer](
    (
        Column("TYPE", lambda one: one.type),
        Column("NAME", lambda one: one.name),
        Column("FLEET", lambda one: one.fleet),
        Column("VERSION", lambda one: one.version),
        Column("BYTES", lambda one: str(one.size)),
        Column("HELD BACK", lambda one: "yes" if one.held_back else "", lambda _one: Tone.BAD),
    ),
    lambda one: f"{one.type}/{one.name}",
)


def routes(  # a command has as many parameters as its user has options
    host: Annotated[str, typer.Option(help="Those that answer requests for this host.")] = "",
    path: Annotated[str, typer.Option(help="Those with a match that takes this path.")] = "",
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Those of this namespace.")] = "",
    gateway: Annotated[str, typer.Option(metavar="NAMESPACE/NAME", help="Those of this Gateway.")] = "",
    kind: Annotated[str, typer.Option(help="Those of this kind, such as HTTPRoute.")] = "",
    state: Annotated[str, typer.Option(help="good, pending, bad, rejected or unattached.")] = "",
    output: OutputAs = Output.TABLE,
    folder: asking.Dir = None,
    server: asking.Server = None,
    token_file: asking.TokenFile = None,
    ca_file: asking.CaFile = None,
    server_namespace: asking.Namespace = SERVER_NAMESPACE,
) -> None:
    """List routes, and what became of each.

    Exit code: 0 good, 1 a route that is listed is not, 2 usage, 3 no answer.
    """
    wanted = RouteFilter(host, path, namespace, gateway, kind, _state(state))
    query = {"host": host, "path": path, "namespace": namespace, "gateway": gateway, "kind": kind, "state": state}
    with Asked(folder, server, token_file, ca_file, server_namespace).place() as place:
        found = rows(place, lambda world: route_views.scan(world.pipeline, wanted), ("routes", RouteAnswer), **query)
    list_rows(found, _ROUTES, output)
    _end(any(one.state in {"bad", "rejected"} for one in found))


def gateways(
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Those of this namespace.")] = "",
    output: OutputAs = Output.TABLE,
    folder: asking.Dir = None,
    server: asking.Server = None,
    token_file: asking.TokenFile = None,
    ca_file: asking.CaFile = None,
    server_namespace: asking.Namespace = SERVER_NAMESPACE,
) -> None:
    """List Gateways, where they are served, and whether Envoys have them.

    Exit code: 0 good, 1 a Gateway that is listed is not, 2 usage, 3 no answer.
    """
    with Asked(folder, server, token_file, ca_file, server_namespace).place() as place:
        there = ("gateways", GatewayAnswer)
        found = rows(place, lambda world: gateway_views.scan(world.pipeline, "", namespace), there, namespace=namespace)
    list_rows(found, _GATEWAYS, output)
    _end(any(one.state in {"bad", "rejected"} for one in found))


def tenants(
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Those of this namespace.")] = "",
    output: OutputAs = Output.TABLE,
    folder: asking.Dir = None,
    server: asking.Server = None,
    token_file: asking.TokenFile = None,
    ca_file: asking.CaFile = None,
    server_namespace: asking.Namespace = SERVER_NAMESPACE,
) -> None:
    """List Tenants, the URLs under which clients get to them, and whether Envoys serve these.

    How the servers of a Tenant are is in its status, which `kubectl get tenants` shows.

    Exit code: 0 good, 1 the way to a Tenant that is listed is not, 2 usage, 3 no answer.
    """
    with Asked(folder, server, token_file, ca_file, server_namespace).place() as place:
        there = ("tenants", TenantAnswer)
        found = rows(place, lambda world: tenant_views.scan(world.pipeline, "", namespace), there, namespace=namespace)
    list_rows(found, _TENANTS, output)
    _end(any(one.state in {"bad", "rejected"} for one in found))


def problems(
    output: OutputAs = Output.TABLE,
    folder: asking.Dir = None,
    server: asking.Server = None,
    token_file: asking.TokenFile = None,
    ca_file: asking.CaFile = None,
    server_namespace: asking.Namespace = SERVER_NAMESPACE,
) -> None:
    """List everything that is not as it should be.

    That is what cannot be read, conditions that are not good, references that lead nowhere, and what Envoys reject, in
    their own words. Of a folder what waits for Envoys is left out, since there are none.

    Exit code: 0 no errors (warnings do not count), 1 errors, 2 usage, 3 no answer.
    """
    with Asked(folder, server, token_file, ca_file, server_namespace).place() as place:
        there = ("problems", ProblemAnswer)
        found = rows(place, lambda world: problem_views.scan(world, datetime.now(UTC)), there)
    if isinstance(place, Folder):
        found = [one for one in found if one.severity != "pending"]
    list_rows(found, _PROBLEMS, output)
    _end(any(one.severity == "error" for one in found))


def fleet(
    name: Annotated[str, typer.Option("--fleet", metavar="NAMESPACE/NAME", help="The Envoys of this fleet.")] = "",
    output: OutputAs = Output.TABLE,
    server: asking.Server = None,
    token_file: asking.TokenFile = None,
    ca_file: asking.CaFile = None,
    server_namespace: asking.Namespace = SERVER_NAMESPACE,
) -> None:
    """List the Envoys that are connected, what each has, how far behind it is, and what it rejects.

    Exit code: 0 good, 1 an Envoy rejects something, 2 usage, 3 no answer.
    """
    with Asked(None, server, token_file, ca_file, server_namespace).place() as place:
        found = rows(place, fleets.scan, ("fleet", EnvoyAnswer), fleet=name)
    list_rows(found, _FLEET, output)
    _end(any(one.sync == "rejecting" for one in found))


def history(
    last: Annotated[int, typer.Option(min=1, max=1000, help="So many of the last changes.")] = 20,
    output: OutputAs = Output.TABLE,
    server: asking.Server = None,
    token_file: asking.TokenFile = None,
    ca_file: asking.CaFile = None,
    server_namespace: asking.Namespace = SERVER_NAMESPACE,
) -> None:
    """List the last changes: when, which objects, and what Envoys got because of them.

    Exit code: 0 good, 2 usage, 3 no answer.
    """
    with Asked(None, server, token_file, ca_file, server_namespace).place() as place:
        found = [] if isinstance(place, Folder) else _last(place, last)
    list_rows(found, _HISTORY, output)


def config(
    type_: Annotated[str, typer.Option("--type", help="Those of this type, such as Cluster.")] = "",
    name: Annotated[str, typer.Option("--fleet", metavar="NAMESPACE/NAME", help="Those of this fleet.")] = "",
    output: OutputAs = Output.TABLE,
    folder: asking.Dir = None,
    server: asking.Server = None,
    token_file: asking.TokenFile = None,
    ca_file: asking.CaFile = None,
    server_namespace: asking.Namespace = SERVER_NAMESPACE,
) -> None:
    """List the xDS resources that Envoys get; `dump` and `translate` have their contents.

    Exit code: 0 good, 1 Envoys reject one of them, 2 usage, 3 no answer.
    """
    if type_ and type_ not in resource_views.TYPES:
        message = f"--type: use one of {', '.join(resource_views.TYPES)}"
        raise typer.BadParameter(message)
    with Asked(folder, server, token_file, ca_file, server_namespace).place() as place:
        there = ("resources", ResourceAnswer)
        found = rows(place, lambda world: resource_views.scan(world, "", name, type_), there, fleet=name, type=type_)
    list_rows(found, _RESOURCES, output)
    _end(any(one.held_back for one in found))


def _last(place: Api, count: int) -> list[Entry]:
    found = []
    for entry in place.items("history", Entry):
        found.append(entry)
        if len(found) == count:
            break
    return found


def _end(found: bool) -> None:  # noqa: FBT001 (the only thing that there is to say)
    if found:
        raise typer.Exit(Exit.FOUND)


def _state(text: str) -> State | None:
    match text:
        case "":
            return None
        case "good" | "pending" | "bad" | "rejected" | "unattached":
            return text
        case _:
            message = f"--state: {text!r} is none of good, pending, bad, rejected and unattached"
            raise typer.BadParameter(message)
