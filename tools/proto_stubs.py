"""Type stubs for Envoy's protos, from the descriptors that `xds-protos` installs.

The wheel ships no stubs, and without them every Envoy message is `Any`. Its own descriptors are fed to mypy-protobuf's
plugin, so the stubs always fit the installed version. Usage: `python tools/proto_stubs.py FOLDER`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import shutil
import subprocess
import sys
from pathlib import Path

from google.protobuf import descriptor_pb2
from google.protobuf.compiler import plugin_pb2

# `google` is left out: types-protobuf owns that namespace, and what little we use of google.rpc is typed by hand below.
ROOTS = ("envoy", "udpa", "validate", "xds")


def main() -> int:
    """Write the stubs into the folder named on the command line; anything there before is removed."""
    folder = Path(sys.argv[1])
    plugin = Path(sys.executable).parent / "protoc-gen-mypy"
    request = plugin_pb2.CodeGeneratorRequest(parameter="quiet", proto_file=_descriptors())
    request.file_to_generate.extend(
        file.name
        for file in request.proto_file
        if file.name.split("/")[0] in ROOTS or file.name.startswith("google/rpc/")
    )
    answer = subprocess.run([plugin], input=request.SerializeToString(), stdout=subprocess.PIPE, check=True)
    response = plugin_pb2.CodeGeneratorResponse.FromString(answer.stdout)
    if response.error:
        print(response.error, file=sys.stderr)
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    for file in response.file:
        path = folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.content, encoding="utf-8")
    _close_packages(folder)
    print(f"{len(response.file)} stubs in {folder}")
    return 0


def _descriptors() -> list[descriptor_pb2.FileDescriptorProto]:
    """Every proto file of the wheel and what it imports, dependencies first, as the plugin protocol asks."""
    found: dict[str, descriptor_pb2.FileDescriptorProto] = {}

    def visit(file: object) -> None:
        name = file.name  # type: ignore[attr-defined]
        if name in found:
            return
        for dependency in file.dependencies:  # type: ignore[attr-defined]
            visit(dependency)
        found[name] = descriptor_pb2.FileDescriptorProto()
        file.CopyToProto(found[name])  # type: ignore[attr-defined]

    for path in importlib.metadata.files("xds-protos") or ():
        if path.name.endswith("_pb2.py") and path.parts[0] in ROOTS:
            visit(importlib.import_module(".".join(path.with_suffix("").parts)).DESCRIPTOR)
    return list(found.values())


def _close_packages(folder: Path) -> None:
    """Make ordinary packages of the stub folders, or the untyped `envoy/__init__.py` of the wheels would hide them."""
    for root in ROOTS:
        for sub in (folder / root, *(folder / root).rglob("*")):
            if sub.is_dir():
                (sub / "__init__.pyi").touch()


if __name__ == "__main__":
    sys.exit(main())
