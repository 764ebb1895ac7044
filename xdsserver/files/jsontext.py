"""JSON with the same promises as our YAML: each key once, finite numbers, errors with a line."""

import json
from typing import Any

from xdsserver.files.yamltext import Json, YamlError
from xdsserver.objects.paths import quote


def parse_json(text: str) -> Json:
    """Read one JSON document. Raises YamlError, as for YAML."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_finite)
    except json.JSONDecodeError as error:
        raise YamlError(error.lineno - 1, f"is not valid JSON: {error.msg}") from error
    except RecursionError as error:
        raise YamlError(0, "is nested too deep") from error
    except ValueError as error:
        raise YamlError(0, f"is not valid JSON: {error}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        keys = [key for key, _ in pairs]
        message = f"has the key {quote(next(key for key in keys if keys.count(key) > 1))} twice in one mapping"
        raise YamlError(0, message)
    return out


def _finite(name: str) -> float:
    raise YamlError(0, f"has the number {name}, which JSON does not know")
