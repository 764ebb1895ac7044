"""Write `xdsserver/objects/schemas` from the CRDs of the Gateway API and of multi-cluster Services.

    python tools/gateway_api_schemas.py MODULE_DIR MCS_MODULE_DIR

The two are unpacked releases of the Go modules `sigs.k8s.io/gateway-api` and `sigs.k8s.io/mcs-api`, which have one
license. Of the former the experimental channel is taken because it contains the standard one. Descriptions and `status`
are left out, since nobody reads them here. The schemas of the Kubernetes core (`core.*.json`) are written by hand and
not touched.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

OUT = Path(__file__).parent.parent / "xdsserver" / "objects" / "schemas"
MAPS_OF_SCHEMAS = frozenset({"properties"})
LISTS_OF_SCHEMAS = frozenset({"allOf", "anyOf", "oneOf"})
SCHEMAS = frozenset({"items", "additionalProperties", "not"})


def strip(schema: Any) -> Any:  # noqa: ANN401  (a JSON schema is any JSON)
    """Return the schema without descriptions, at every level."""
    if not isinstance(schema, dict):
        return schema
    out: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in MAPS_OF_SCHEMAS:
            out[keyword] = {name: strip(part) for name, part in value.items()}
        elif keyword in LISTS_OF_SCHEMAS:
            out[keyword] = [strip(part) for part in value]
        elif keyword in SCHEMAS:
            out[keyword] = strip(value)
        elif keyword != "description":
            out[keyword] = value
    return out


def without_envelope(schema: dict[str, Any]) -> dict[str, Any]:
    """Leave out what every kind shares (checked by `metadata.py`) and `status` (never read from users)."""
    properties = {
        k: v for k, v in schema["properties"].items() if k not in {"apiVersion", "kind", "metadata", "status"}
    }
    return {**schema, "properties": properties}


def kind_file(crd: dict[str, Any], source: str) -> tuple[str, str]:
    """Return file name and text of one kind; a version whose schema is that of an earlier one only names it."""
    spec = crd["spec"]
    versions: dict[str, Any] = {}
    served = sorted((v for v in spec["versions"] if v["served"]), key=lambda v: (v["name"] != "v1", v["name"]))
    for version in served:
        schema = without_envelope(strip(version["schema"]["openAPIV3Schema"]))
        same = next((name for name, earlier in versions.items() if earlier == schema), None)
        versions[version["name"]] = same or schema
    content = {
        "source": source,
        "group": spec["group"],
        "kind": spec["names"]["kind"],
        "namespaced": spec["scope"] == "Namespaced",
        "versions": versions,
    }
    return f"{spec['group']}.{spec['names']['kind']}.json", json.dumps(content, indent=1) + "\n"


def main() -> None:
    """Rewrite all schema files of the Gateway API; files of kinds that are no longer there are removed."""
    module, multicluster = map(Path, sys.argv[1:])
    written: set[str] = set()
    for path in sorted((module / "config" / "crd" / "experimental").glob("*.yaml")):
        for crd in yaml.safe_load_all(path.read_text()):
            if not crd or crd.get("kind") != "CustomResourceDefinition":
                continue
            release = crd["metadata"]["annotations"]["gateway.networking.k8s.io/bundle-version"]
            name, text = kind_file(crd, f"sigs.k8s.io/gateway-api {release}, config/crd/experimental")
            (OUT / name).write_text(text)
            written.add(name)
    imports = yaml.safe_load(
        (multicluster / "config" / "crd" / "multicluster.x-k8s.io_serviceimports.yaml").read_text()
    )
    release = imports["metadata"]["labels"]["multicluster.x-k8s.io/release-version"]
    name, text = kind_file(imports, f"sigs.k8s.io/mcs-api {release}, config/crd")
    (OUT / name).write_text(text)
    for stale in {path.name for path in OUT.glob("gateway.networking.*.json")} - written:
        (OUT / stale).unlink()
    (OUT / "LICENSE.gateway-api").write_text((module / "LICENSE").read_text())


if __name__ == "__main__":
    main()
