"""The admin API as an application: what can be asked under /api/v1, with which parameters, and what is answered.

Types of parameters and answers stand in the signatures, where FastAPI reads them for the OpenAPI document and checks
what comes in. What goes out is written by msgspec, from the same types, since a page of a thousand rows is written
many times faster so.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from fastapi import FastAPI, HTTPException, Path, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from xdsserver.admin import changes
from xdsserver.admin.answering import LONGEST_WAIT_S, Answerer, Gathered, Question
from xdsserver.admin.dump import dump, resource, served
from xdsserver.admin.explaining import add_questions
from xdsserver.admin.turns import gather_in_turns
from xdsserver.admin.waits import Progress
from xdsserver.inspection import backends, certificates, gateways, objects, resources, route_detail, routes, tenants
from xdsserver.inspection.backends import BackendAnswer
from xdsserver.inspection.certificates import CertificateAnswer
from xdsserver.inspection.conditions import State
from xdsserver.inspection.fleet import EnvoyAnswer, HeldResource
from xdsserver.inspection.gateways import GatewayAnswer, GatewayDetail, ListenerAnswer
from xdsserver.inspection.history import Entry
from xdsserver.inspection.objects import ObjectAnswer, ObjectDetail
from xdsserver.inspection.paging import MOST, Page, Scan
from xdsserver.inspection.problems import ProblemAnswer
from xdsserver.inspection.resources import TYPES, ResourceAnswer
from xdsserver.inspection.route_detail import RouteDetail
from xdsserver.inspection.routes import RouteAnswer
from xdsserver.inspection.tenants import TenantAnswer
from xdsserver.inspection.world import World, key_of, name_of

T = TypeVar("T")

PREFIX = "/api/v1"

Text = Annotated[str, Query(max_length=1024)]
After = Annotated[str, Query(max_length=4096, description="The `next` of the page before; the first page without.")]
Limit = Annotated[int, Query(ge=1, le=MOST, description="Items of one page.")]
Part = Annotated[str, Path(min_length=1, max_length=253)]
NamespaceOf = Annotated[
    str, Path(min_length=1, max_length=253, description="The namespace; `-` for an object of the cluster.")
]


@dataclass(frozen=True, slots=True)
class SharedPage(Generic[T]):
    """Part of a list that several servers know together.

    Attributes:
        items: those of this part.
        next: what to ask for as `after`; "" where this is the last part.
        examined: how many rows were looked at to find them.
        partial: whether a server was not heard that could have more to say.
        missing: which, and why.
    """

    items: tuple[T, ...]
    next: str
    examined: int
    partial: bool
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Waited:
    """What a wait came to.

    Attributes:
        progress: how far the Envoys of all servers are.
        partial: whether a server was not heard that could have more Envoys.
        missing: which, and why.
    """

    progress: Progress
    partial: bool
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Server:
    """The server that answers.

    Attributes:
        release: of xdsserver.
        replica: its name among several; "" for the only one.
        ready: whether Envoys are answered.
        objects: how many are taken in.
        envoys: how many are connected to it.
        change: the number of the last change.
    """

    release: str
    replica: str
    ready: bool
    objects: int
    envoys: int
    change: int


@dataclass(frozen=True, slots=True)
class Error:
    """Why there is no answer."""

    detail: str


@dataclass(frozen=True, slots=True)
class Api:
    """What the application answers from.

    Attributes:
        world: what views look at.
        answerer: what servers know together.
        release: of xdsserver.
        ready: whether Envoys are answered.
        longest_s: how long a wait, or a stream of changes, may take at most; None for as long as somebody listens.
    """

    world: World
    answerer: Answerer
    release: str
    ready: Callable[[], bool]
    longest_s: float | None = None


def application(api: Api) -> FastAPI:
    """Make the application; who may ask is decided in front of it (`guard`)."""
    app = FastAPI(
        title="xdsserver admin API",
        version="v1",
        summary="What Gateways, routes and Envoys are doing, and why. It only reads.",
        description=_DESCRIPTION,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        responses={401: {"model": Error, "description": "The token is missing or wrong."}},
    )
    app.exception_handler(RecursionError)(_too_deep)
    _lists(app, api)
    _details(app, api)
    _together(app, api)
    _streams(app, api)
    add_questions(app, PREFIX, api.world)
    make = app.openapi
    app.openapi = lambda: _secured(make())  # type: ignore[method-assign] # as FastAPI's documentation has it
    return app


_DESCRIPTION = """\
Every request bears the token of the server: `Authorization: Bearer TOKEN`. Lists come in pages: `next` of one is
`after` for the next. Of several servers each answers alike; where one could not be heard, `partial` says so.
"""

_MISSING: dict[int | str, dict[str, Any]] = {404: {"model": Error, "description": "There is nothing of that name."}}


def _written(found: object) -> Response:
    return Response(msgspec.json.encode(found), media_type="application/json")


async def _page(scan: Scan[Any], limit: int) -> Response:
    return _written(await gather_in_turns(scan, limit))


def _found(found: object, what: str) -> Response:
    if found is None:
        raise HTTPException(404, f"there is no {what}")
    return _written(found)


async def _too_deep(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"detail": "the request cannot be understood"}, 400)


def _secured(document: dict[str, Any]) -> dict[str, Any]:
    """Say in the document that every request needs the token."""
    schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
    schemes["token"] = {"type": "http", "scheme": "bearer"}
    document["security"] = [{"token": []}]
    return document


def _lists(app: FastAPI, api: Api) -> None:
    pipeline = api.world.pipeline

    @app.get(f"{PREFIX}/server", response_model=Server, tags=["server"])
    async def server() -> Response:
        """Tell of the server that answers."""
        world = api.world
        envoys = 0 if world.serving is None else sum(1 for _ in world.serving.ledger.streams())
        objects_ = sum(1 for _ in pipeline.names())
        return _written(Server(api.release, world.replica, api.ready(), objects_, envoys, world.history.last))

    @app.get(f"{PREFIX}/gateways", response_model=Page[GatewayAnswer], tags=["gateways"])
    async def list_gateways(after: After = "", limit: Limit = 100, namespace: Text = "") -> Response:
        """List the Gateways, those of other controllers too."""
        return await _page(gateways.scan(pipeline, after, namespace), limit)

    @app.get(f"{PREFIX}/listeners", response_model=Page[ListenerAnswer], tags=["gateways"])
    async def list_listeners(after: After = "", limit: Limit = 100, namespace: Text = "") -> Response:
        """List the listeners of all Gateways and ListenerSets."""
        return await _page(gateways.scan_listeners(pipeline, after, namespace), limit)

    @app.get(f"{PREFIX}/routes", response_model=Page[RouteAnswer], tags=["routes"])
    async def list_routes(  # noqa: PLR0913, PLR0917 (as many as there are filters)
        after: After = "",
        limit: Limit = 100,
        host: Text = "",
        path: Annotated[str, Query(max_length=4096)] = "",
        namespace: Text = "",
        gateway: Annotated[str, Query(max_length=1024, description="`namespace/name`")] = "",
        kind: Text = "",
        state: Annotated[State | None, Query()] = None,
    ) -> Response:
        """List the routes: those for a host, for a path, of a namespace, of a Gateway, or in a state."""
        wanted = routes.RouteFilter(host, path, namespace, gateway, kind, state)
        return await _page(routes.scan(pipeline, wanted, after), limit)

    @app.get(f"{PREFIX}/backends", response_model=Page[BackendAnswer], tags=["backends"])
    async def list_backends(after: After = "", limit: Limit = 100, namespace: Text = "") -> Response:
        """List the backends that Envoys reach, with their endpoints."""
        return await _page(backends.scan(pipeline, after, namespace), limit)

    @app.get(f"{PREFIX}/certificates", response_model=Page[CertificateAnswer], tags=["certificates"])
    async def list_certificates(after: After = "", limit: Limit = 100) -> Response:
        """List the certificates that Envoys show."""
        return await _page(certificates.scan(pipeline, datetime.now(UTC), after), limit)

    @app.get(f"{PREFIX}/tenants", response_model=Page[TenantAnswer], tags=["tenants"])
    async def list_tenants(after: After = "", limit: Limit = 100, namespace: Text = "") -> Response:
        """List the Tenants: under which URLs clients get to them, and whether Envoys serve these."""
        return await _page(tenants.scan(pipeline, after, namespace), limit)

    @app.get(f"{PREFIX}/objects", response_model=Page[ObjectAnswer], tags=["objects"])
    async def list_objects(after: After = "", limit: Limit = 100, kind: Text = "", namespace: Text = "") -> Response:
        """List all objects that were taken in."""
        return await _page(objects.scan(pipeline, after, kind, namespace), limit)

    @app.get(f"{PREFIX}/resources", response_model=Page[ResourceAnswer], tags=["resources"])
    async def list_resources(
        after: After = "",
        limit: Limit = 100,
        fleet: Text = "",
        type: Annotated[str, Query(max_length=1024, description="Such as `Cluster`, or a type URL.")] = "",  # noqa: A002
    ) -> Response:
        """List the xDS resources of fleets, without their contents."""
        return await _page(resources.scan(api.world, after, fleet, type), limit)


def _details(app: FastAPI, api: Api) -> None:
    pipeline = api.world.pipeline

    @app.get(
        f"{PREFIX}/gateways/{{namespace}}/{{name}}", response_model=GatewayDetail, responses=_MISSING, tags=["gateways"]
    )
    async def one_gateway(namespace: Part, name: Part) -> Response:
        """Tell all of one Gateway."""
        key = key_of("Gateway", namespace, name)
        return _found(gateways.detail(pipeline, name_of(key)), str(key))

    @app.get(
        f"{PREFIX}/routes/{{kind}}/{{namespace}}/{{name}}",
        response_model=RouteDetail,
        responses=_MISSING,
        tags=["routes"],
    )
    async def one_route(kind: Part, namespace: Part, name: Part) -> Response:
        """Resolve one route, down to Envoy routes, clusters and endpoints."""
        key = key_of(kind, namespace, name)
        return _found(route_detail.detail(pipeline, key), str(key))

    @app.get(
        f"{PREFIX}/objects/{{kind}}/{{namespace}}/{{name}}",
        response_model=ObjectDetail,
        responses=_MISSING,
        tags=["objects"],
    )
    async def one_object(kind: Part, namespace: NamespaceOf, name: Part) -> Response:
        """Show an object as it was taken in, with the status that is owed to it; secret values are left out."""
        key = key_of(kind, namespace, name)
        return _found(objects.detail(pipeline, key), str(key))

    @app.get(f"{PREFIX}/resources/content", responses=_MISSING, tags=["resources"])
    async def one_resource(
        fleet: Text,
        type: Annotated[str, Query(max_length=1024, description="Such as `Cluster`, or a type URL.")],  # noqa: A002
        name: Annotated[str, Query(max_length=4096)],
    ) -> Response:
        """Show one xDS resource as Envoys get it; what is secret in it is left out."""
        key = (fleet, TYPES.get(type, type), name)
        if resources.resource(api.world, key) is None:
            raise HTTPException(404, f"fleet {fleet} has no {type} {name}")
        return StreamingResponse(resource(api.world, key), media_type="application/json")


def _together(app: FastAPI, api: Api) -> None:
    answerer = api.answerer

    def shared(found: Gathered) -> Response:
        return _written({**found.document, "partial": found.partial, "missing": found.missing})

    @app.get(f"{PREFIX}/problems", response_model=SharedPage[ProblemAnswer], tags=["problems"])
    async def list_problems(after: After = "", limit: Limit = 100) -> Response:
        """List all that is not as it should be: conditions, rejections in Envoy's words, files that cannot be read."""
        return shared(await answerer.of_leader(Question("problems", after, limit)))

    @app.get(f"{PREFIX}/history", response_model=SharedPage[Entry], tags=["changes"])
    async def list_history(after: After = "", limit: Limit = 100) -> Response:
        """List the last changes, the newest first: when, which objects, which resources."""
        return shared(await answerer.of_leader(Question("history", after, limit)))

    @app.get(f"{PREFIX}/fleet", response_model=SharedPage[EnvoyAnswer], tags=["fleet"])
    async def list_fleet(after: After = "", limit: Limit = 100, fleet: Text = "") -> Response:
        """List the Envoys that are connected to any server: what each has, how far behind it is, what it rejects."""
        return shared(await answerer.of_all(Question("fleet", after, limit, fleet)))

    @app.get(f"{PREFIX}/fleet/resources", response_model=SharedPage[HeldResource], tags=["fleet"])
    async def list_held(
        node: Annotated[str, Query(min_length=1, max_length=1024)], after: After = "", limit: Limit = 100
    ) -> Response:
        """List what one Envoy has, resource by resource."""
        return shared(await answerer.of_all(Question("held", after, limit, node=node)))

    longest_s = LONGEST_WAIT_S if api.longest_s is None else api.longest_s

    @app.get(f"{PREFIX}/wait/{{kind}}/{{namespace}}/{{name}}", response_model=Waited, tags=["changes"])
    async def wait(
        kind: Part,
        namespace: Part,
        name: Part,
        generation: Annotated[int, Query(ge=0, le=2**62, description="The least that is waited for.")] = 0,
        timeout_s: Annotated[float, Query(ge=0, le=LONGEST_WAIT_S)] = 30.0,
    ) -> Response:
        """Wait until all Envoys have acknowledged an object; ask again where that takes longer than one request may."""
        key = key_of(kind, namespace, name)
        named = (key.kind, key.namespace, key.name)
        asked = Question("wait", object=named, generation=generation, timeout_s=min(timeout_s, longest_s))
        found = await answerer.wait(asked)
        return _written({"progress": found.document, "partial": found.partial, "missing": found.missing})


def _streams(app: FastAPI, api: Api) -> None:
    @app.get(f"{PREFIX}/changes", response_class=StreamingResponse, responses=_EVENTS, tags=["changes"])
    async def watch(request: Request, after: Annotated[int | None, Query(ge=0, le=2**62)] = None) -> Response:
        """Watch changes as server-sent events, from now on or from behind one of them."""
        seen = request.headers.get("last-event-id", "")
        number = int(seen) if after is None and seen.isascii() and seen.isdecimal() and len(seen) < _DIGITS else after
        events = changes.stream(api.world.history, number, api.longest_s)
        return StreamingResponse(events, media_type="text/event-stream")

    @app.get(f"{PREFIX}/dump", response_class=StreamingResponse, responses=_LINES, tags=["server"])
    async def everything() -> Response:
        """Dump everything that this server knows, a JSON object a line; what is secret is left out."""
        return StreamingResponse(dump(api.world, api.release), media_type="application/x-ndjson")

    @app.get(f"{PREFIX}/served", response_class=StreamingResponse, responses=_LINES, tags=["server"])
    async def comparable() -> Response:
        """Tell what is served so that a folder can be compared with it, a JSON object a line, without secrets."""
        return StreamingResponse(served(api.world), media_type="application/x-ndjson")


_DIGITS = 19
_EVENTS: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}, "description": "Events."}}
_LINES: dict[int | str, dict[str, Any]] = {200: {"content": {"application/x-ndjson": {}}, "description": "Lines."}}
