"""Images that are made without an engine: what engines and containerd read in such a file."""

from __future__ import annotations

import hashlib
import json
import tarfile
from typing import TYPE_CHECKING

import pytest

from tools.images.archives import Image, Layer, write
from tools.images.machine import NotHereError, existing

if TYPE_CHECKING:
    from pathlib import Path


def layer_of(folder: Path) -> Path:
    source = folder / "source"
    (source / "kept").mkdir(parents=True)
    (source / "kept" / "program").write_text("#!/bin/sh\n")
    (source / "kept" / "program").chmod(0o700)
    (source / "left").write_text("out")
    out = folder / "layer.tar"
    with Layer(out) as layer:
        layer.tree("/opt/it", source, lambda path: path.name == "left")
        layer.text("/etc/it.conf", "on\n")
        layer.link("/usr/bin/it", "/opt/it/kept/program")
        layer.folder("/var/lib/it", 0o700, owner=65532)
    return out


def test_a_layer_has_each_folder_once_and_before_what_is_in_it(tmp_path: Path) -> None:
    with tarfile.open(layer_of(tmp_path)) as tar:
        names = tar.getnames()
        program, state = tar.getmember("opt/it/kept/program"), tar.getmember("var/lib/it")
    assert names == [
        *("opt", "opt/it", "opt/it/kept", "opt/it/kept/program"),
        *("etc", "etc/it.conf", "usr", "usr/bin", "usr/bin/it", "var", "var/lib", "var/lib/it"),
    ]
    # Whoever built it, everybody may run it and nobody but root may change it.
    assert (program.uid, program.uname, program.mode) == (0, "root", 0o755)
    assert (state.uid, state.gid, state.mode) == (65532, 65532, 0o700)


def test_an_image_names_its_layers_by_what_is_in_them(tmp_path: Path) -> None:
    layer = layer_of(tmp_path)
    image = Image("localhost/it:1", ("it", "--on"), labels={"a": "b"})
    write(image, [layer], tmp_path / "image.tar")
    with tarfile.open(tmp_path / "image.tar") as tar:

        def read(name: str) -> bytes:
            file = tar.extractfile(name)
            assert file is not None
            return file.read()

        (manifest,) = json.loads(read("manifest.json"))
        config = json.loads(read(manifest["Config"]))
        (packed,) = [read(name) for name in manifest["Layers"]]
    assert manifest["RepoTags"] == ["localhost/it:1"]
    assert packed == layer.read_bytes()
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(packed).hexdigest()}"]
    assert (config["config"]["User"], config["config"]["Entrypoint"]) == ("65532:65532", ["it", "--on"])


def test_what_is_not_on_this_machine_is_named_with_its_package() -> None:
    with pytest.raises(NotHereError, match="/nowhere is not on this machine: install the package some-package"):
        existing("/nowhere", "some-package")
