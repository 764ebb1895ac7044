"""What the OpenAPI document promises is what is answered: any request within it, and many beside it (schemathesis)."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, seed, settings

from tests.admin.asking import TOKEN, with_routes
from xdsserver.inspection.world import Unread
from xdsserver.objects.meta import ObjectKey

with warnings.catch_warnings():
    # Its dependencies are not as strict as we are.
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        ignored_auth,
        response_schema_conformance,
        status_code_conformance,
    )

if TYPE_CHECKING:
    from schemathesis import Case

RUNNING = with_routes(5)
RUNNING.unread = (Unread("a.yaml:3", ObjectKey("HTTPRoute", "default", "x"), "spec: is not a mapping"),)
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Host": "localhost"}
SCHEMA = schemathesis.openapi.from_asgi("/api/v1/openapi.json", RUNNING.app, headers=HEADERS)


@SCHEMA.parametrize()
@settings(
    max_examples=8,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@seed(7)
def test_any_request_is_answered_as_the_document_says(case: Case[Any]) -> None:
    """No 5xx, no answer that the document does not have, and none to whoever shows no token (S4): some 800 requests."""
    case.headers.update(HEADERS)
    answer = case.call()
    case.validate_response(
        answer, checks=[not_a_server_error, response_schema_conformance, status_code_conformance, ignored_auth]
    )


def test_the_document_asks_for_the_token_everywhere() -> None:
    document = RUNNING.plain.openapi()
    assert document["security"] == [{"token": []}]
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert not [one for path in document["paths"].values() for one in path.values() if "security" in one]
