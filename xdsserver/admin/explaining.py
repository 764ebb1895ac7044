"""Questions that are about one thing: what becomes of a request, and why an object is as it is.

Any server answers them alike, since what a request meets follows from the objects.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, HTTPException, Path, Query, Response

from xdsserver.inspection.answers import Explanation
from xdsserver.inspection.explain import explain
from xdsserver.inspection.requests import HttpVersion, RequestError, Sent, request_of
from xdsserver.inspection.why import Because, NoSuchKindError, object_named, why
from xdsserver.inspection.world import World
from xdsserver.objects.meta import Name

Text = Annotated[str, Query(max_length=1024)]
Part = Annotated[str, Path(min_length=1, max_length=253)]


@dataclass(frozen=True, slots=True)
class NoQuestion:
    """Why this cannot be answered, and what to ask."""

    detail: str


_REFUSED: dict[int | str, dict[str, Any]] = {400: {"model": NoQuestion, "description": "It is no such question."}}


def add_questions(app: FastAPI, prefix: str, world: World) -> None:
    """Add what can be asked to an application."""
    _explain(app, prefix, world)

    @app.get(
        f"{prefix}/why/{{kind}}/{{namespace}}/{{name}}", response_model=Because, responses=_REFUSED, tags=["objects"]
    )
    async def because(kind: Part, namespace: Part, name: Part) -> Response:
        """Say why an object is as it is: its conditions, what each means, and what to do."""
        try:
            key = object_named(f"{kind}/{namespace}/{name}")
        except NoSuchKindError as error:
            raise HTTPException(400, str(error)) from error
        return _written(why(world.reconciler, key))


def _explain(app: FastAPI, prefix: str, world: World) -> None:
    @app.get(f"{prefix}/explain", response_model=Explanation, responses=_REFUSED, tags=["routes"])
    async def explained(  # noqa: PLR0913, PLR0917 (as many as a request has parts)
        url: Annotated[str, Query(max_length=65_536, description="Such as `https://shop.example.com/cart?full=1`")],
        method: Text = "GET",
        header: Annotated[list[str] | None, Query(max_length=128, description="`NAME: VALUE`")] = None,
        port: Annotated[int | None, Query(ge=1, le=65_535, description="Instead of that of the URL.")] = None,
        sni: Annotated[str | None, Query(max_length=1024, description="Instead of that of the URL.")] = None,
        gateway: Annotated[str, Query(max_length=1024, description="`namespace/name`, where several are meant.")] = "",
        http: HttpVersion = "1.1",
    ) -> Response:
        """Say what becomes of a request: which listener, which rules were tried, who answers."""
        pairs = tuple((name.strip(), value.strip()) for name, _, value in (one.partition(":") for one in header or ()))
        namespace, _, name = gateway.partition("/")
        try:
            request = request_of(url, Sent(method, pairs, port, sni, http), Name(namespace, name) if gateway else None)
        except RequestError as error:
            raise HTTPException(400, str(error)) from error
        return _written(explain(world.pipeline, request))


def _written(found: object) -> Response:
    return Response(msgspec.json.encode(found), media_type="application/json")
