"""What is compiled says what its source says; it is committed, so that only who changes it needs the compiler."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

ROOT = Path(__file__).parents[2]
PROTOS = ROOT / "protos"
SOURCES = [path.relative_to(PROTOS).as_posix() for path in sorted(PROTOS.rglob("*.proto"))]


@pytest.mark.parametrize("source", SOURCES)
def test_the_committed_module_is_what_its_source_compiles_to(source: str, tmp_path: Path) -> None:
    """Descriptors are compared: the text of modules differs between releases of the compiler that mean the same."""
    out = tmp_path / "set"
    arguments = (f"--proto_path={PROTOS}", f"--descriptor_set_out={out}", source)
    subprocess.run((sys.executable, "-m", "grpc_tools.protoc", *arguments), check=True)
    (compiled,) = FileDescriptorSet.FromString(out.read_bytes()).file
    # Only the name of each field in JSON is filled in by this way of asking.
    for message in compiled.message_type:
        for part in (message, *message.nested_type):
            for field in part.field:
                field.ClearField("json_name")
    module = importlib.import_module(source.removesuffix(".proto").replace("/", ".") + "_pb2")
    assert module.DESCRIPTOR.serialized_pb == compiled.SerializeToString()


@pytest.mark.parametrize("source", SOURCES)
def test_the_stub_knows_every_field(source: str) -> None:
    module = importlib.import_module(source.removesuffix(".proto").replace("/", ".") + "_pb2")
    stub = (ROOT / source).with_name(Path(source).stem + "_pb2.pyi").read_text()
    for message in module.DESCRIPTOR.message_types_by_name.values():
        assert f"class {message.name}(" in stub
        for field in message.fields:
            assert f" {field.name}: " in stub or f" {field.name}(self)" in stub, field.full_name
