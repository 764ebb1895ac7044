"""The OpenAPI document of the admin API, for whoever makes a client of it."""

from __future__ import annotations

import json

from tests.admin.asking import Running
from tests.docs.reference import ROOT

PAGE = ROOT / "docs" / "reference" / "openapi.json"


def page() -> str:
    return json.dumps(Running().plain.openapi(), indent=2, ensure_ascii=False) + "\n"
