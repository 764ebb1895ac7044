"""A watched folder: whatever editors, checkouts and mounts do ends in the right state, and passes no wrong one."""

# ruff: noqa: ASYNC240  (moving a folder in a test blocks the loop for microseconds)

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
from typing_extensions import override

from tests.files.texts import BROKEN, route, routes, said
from xdsserver.files import Folder, Pace, Scan, scans
from xdsserver.files.mounts import remote_type
from xdsserver.files.values import Limits
from xdsserver.files.watch import CannotWatch, Notifier, inotify

PACE = Pace(quiet_s=0.05, longest_s=0.25, poll_s=0.1)
PATIENCE_S = 60
HOUR_S = 3600


class Watched:
    """A folder under watch, and the objects that its scans add up to."""

    def __init__(self, path: Path, stream: AsyncGenerator[Scan]) -> None:
        self.path = path
        self.scans: list[Scan] = []
        self.there: set[str] = set()
        self.removed: list[str] = []
        self._stream = stream

    async def next(self) -> Scan:
        scan = await asyncio.wait_for(anext(self._stream), PATIENCE_S)
        self.scans.append(scan)
        for change in scan.changes:
            if change.object is None:
                self.there.discard(change.name.name)
                self.removed.append(change.name.name)
            else:
                self.there.add(change.name.name)
        return scan

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self.next()


class Read(Folder):
    """A folder that tells of each reading, also of one that found nothing new.

    What is gone from it is removed when the test says that it has been gone for long.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, Limits(settle_s=HOUR_S), lambda: time.time_ns() + self._later_s * 10**9)
        self._later_s = 0
        self._readings = 0

    @override
    def scan(self) -> Scan:
        found = super().scan()
        self._readings += 1
        return found

    async def read(self) -> None:
        """Wait for a reading that began after this call; somebody must be waiting for what comes of it."""
        wanted = self._readings + 2
        while self._readings < wanted:
            self.wake()
            await asyncio.sleep(0.02)

    def wake(self) -> None:
        """Let something happen that says nothing."""
        (self.path / "README").write_text(str(self._readings))

    def has_settled(self) -> None:
        """Let what is gone be gone for long."""
        self._later_s += 2 * HOUR_S
        self.wake()


@asynccontextmanager
async def watched(
    path: Path | Folder, notifier: Notifier = inotify, reasons: list[str] | None = None
) -> AsyncIterator[Watched]:
    folder = path if isinstance(path, Folder) else Folder(path)
    stream = scans(folder, PACE, (reasons if reasons is not None else []).append, notifier)
    async with aclosing(stream):
        found = Watched(folder.path, stream)
        await found.next()
        yield found


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    path = tmp_path / "conf"
    path.mkdir()
    return path


async def test_the_first_scan_comes_at_once_and_later_ones_say_something(conf: Path) -> None:
    (conf / "a.yaml").write_text(route("a"))
    async with watched(conf) as folder:
        assert folder.there == {"a"}
        (conf / "README").write_text("an event that changes nothing")
        (conf / "b.yaml").write_text(route("b"))
        await folder.until(lambda: folder.there == {"a", "b"})
    assert all(scan.changes or scan.problems for scan in folder.scans)


async def test_f2_a_file_written_in_pieces_loses_nothing(conf: Path) -> None:
    """F2: half-written file: rescan the whole folder on any event; no document that is to come again is removed."""
    names = [f"r{number}" for number in range(40)]
    (conf / "a.yaml").write_text(routes(*names))
    read = Read(conf)
    async with watched(read) as folder:
        text = routes(*names, path="/new") + "---\n" + route("last")
        coming = asyncio.create_task(folder.until(lambda: "last" in folder.there))
        with (conf / "a.yaml").open("w") as file:
            for start in range(0, len(text), 1000):
                if start:
                    await read.read()
                file.write(text[start : start + 1000])
                file.flush()
        await coming
        assert len(folder.there) == 41
    assert folder.removed == []


async def test_f2_editors_that_rename_lose_nothing(conf: Path) -> None:
    """F2: editor rename: the file is away for a moment, or another one takes its name."""
    (conf / "a.yaml").write_text(route("a"))
    read = Read(conf)
    async with watched(read) as folder:
        for number in range(5):
            coming = asyncio.create_task(folder.until(lambda number=number: f"b{number}" in folder.there))  # type: ignore[misc]
            (conf / "a.yaml").rename(conf / "a.yaml~")
            await read.read()
            (conf / ".a.yaml.swp").write_text(route("a", f"/{number}") + "---\n" + route(f"b{number}"))
            (conf / ".a.yaml.swp").rename(conf / "a.yaml")
            await coming
        read.has_settled()
        await folder.until(lambda: folder.there == {"a", "b4"})
    assert "a" not in folder.removed


async def test_f2_a_config_map_swap_is_one_step(conf: Path) -> None:
    """F2: ConfigMap-style `..data` swap: watchfiles reported a symlink swap only as `..data` add + `..data/a.yaml`
    delete, so any event means the whole folder."""

    def mount(version: str) -> None:
        (conf / version).mkdir()
        (conf / version / "a.yaml").write_text(routes("a", "b", path=f"/{version.strip('.')}"))
        (conf / "..tmp").symlink_to(version)
        (conf / "..tmp").rename(conf / "..data")

    mount("..v1")
    (conf / "a.yaml").symlink_to("..data/a.yaml")
    async with watched(conf) as folder:
        for old, new in (("..v1", "..v2"), ("..v2", "..v3")):
            mount(new)
            shutil.rmtree(conf / old)
            before = len(folder.scans)
            await folder.until(lambda before=before: any(scan.changes for scan in folder.scans[before:]))  # type: ignore[misc]
            assert len(folder.scans[-1].changes) == 2
    assert folder.removed == []
    assert folder.there == {"a", "b"}


async def test_f2_a_checkout_of_500_files_is_few_scans_and_no_removal(conf: Path) -> None:
    """F2: git checkout of 500 files: each is unlinked and written again."""
    for number in range(500):
        (conf / f"r{number}.yaml").write_text(route(f"r{number}"))

    def checkout() -> None:
        for number in range(500):
            path = conf / f"r{number}.yaml"
            path.unlink()
            path.write_text(route(f"r{number}", "/new"))
        (conf / "last.yaml").write_text(route("last"))

    read = Read(conf)
    async with watched(read) as folder:
        coming = asyncio.create_task(folder.until(lambda: "last" in folder.there))
        await asyncio.to_thread(checkout)
        await coming
        changed = {change.name.name for scan in folder.scans[1:] for change in scan.changes}
        assert len(changed) == 501
        assert folder.removed == []
        assert len(folder.scans) <= 10


async def test_f2_what_happens_in_quick_succession_is_one_event(conf: Path) -> None:
    """F2: debounced: the folder is read when it has been quiet for a moment, and not for each file that is written."""
    seen, some = 0, asyncio.Event()

    async def note() -> None:
        nonlocal seen
        async with aclosing(inotify(conf, Pace(quiet_s=0.5, longest_s=HOUR_S, poll_s=HOUR_S))) as events:
            async for _ in events:
                seen += 1
                some.set()

    def checkout() -> None:
        for number in range(40):
            (conf / f"r{number}.yaml").write_text(route(f"r{number}"))
            # The pace of the writer: far less than the moment of quiet.
            time.sleep(0.02)

    noting = asyncio.create_task(note())
    await asyncio.to_thread(checkout)
    await asyncio.wait_for(some.wait(), PATIENCE_S)
    noting.cancel()
    await asyncio.wait((noting,))
    assert seen <= 3, "of forty; the machine may stop for half a second"


async def test_f1_a_folder_that_comes_late_or_is_replaced_is_found(conf: Path) -> None:
    """F1: folder missing at start: retry; mid-run: last good kept."""
    conf.rmdir()
    async with watched(conf) as folder:
        assert said(folder.scans[0]) == [".: error: folder does not exist"]
        conf.mkdir()
        (conf / "a.yaml").write_text(route("a"))
        await folder.until(lambda: folder.there == {"a"})
        conf.rename(conf.with_name("old"))
        await folder.until(lambda: any("does not exist" in line for line in said(folder.scans[-1])))
        conf.mkdir()
        (conf / "a.yaml").write_text(route("a") + "---\n" + route("b"))
        await folder.until(lambda: folder.there == {"a", "b"})
        (conf / "a.yaml").write_text(route("b"))
        await folder.until(lambda: folder.there == {"b"})
    assert folder.removed == ["a"]


async def test_f3_a_broken_file_is_told_and_mended(conf: Path) -> None:
    """F3: one bad document: last good stays; others apply."""
    (conf / "a.yaml").write_text(route("a"))
    async with watched(conf) as folder:
        (conf / "a.yaml").write_text(BROKEN)
        await folder.until(lambda: bool(folder.scans[-1].errors))
        assert folder.scans[-1].changes == ()
        (conf / "a.yaml").write_text(route("a"))
        await folder.until(lambda: not folder.scans[-1].problems)
    assert folder.removed == []


async def no_watches_left(path: Path, pace: Pace) -> AsyncGenerator[bool]:
    if pace.poll_s:
        message = f"the system gives no watch: OS file watch limit reached about {path.name}"
        raise CannotWatch(message)
    yield True


async def test_f4_without_events_the_folder_is_polled_and_that_is_said(conf: Path) -> None:
    """F4: inotify limit or network disk: fall back to 2 s polling, say so."""
    reasons: list[str] = []
    async with watched(conf, no_watches_left, reasons) as folder:
        (conf / "a.yaml").write_text(route("a"))
        await folder.until(lambda: folder.there == {"a"})
        (conf / "b.yaml").write_text(route("b"))
        await folder.until(lambda: folder.there == {"a", "b"})
    assert reasons == [f"{conf} is read every 0.1 s: the system gives no watch: OS file watch limit reached about conf"]
    assert Pace().poll_s == 2


LIMITED = """
import asyncio, sys
from contextlib import aclosing
from pathlib import Path
from xdsserver.files import Folder, Pace, scans
async def main():
    reasons = []
    async with aclosing(scans(Folder(Path(sys.argv[1])), Pace(poll_s=0.1), reasons.append)) as stream:
        await anext(stream)
        (Path(sys.argv[1]) / "b.yaml").write_text(sys.argv[2])
        scan = await anext(stream)
        print(len(scan.changes), *reasons)
asyncio.run(main())
"""


def can_limit() -> bool:
    """Whether a user namespace of our own may have a limit of its own."""
    probe = ["unshare", "--user", "--map-root-user", "sh", "-c", "echo 0 > /proc/sys/user/max_inotify_instances"]
    return (
        shutil.which("unshare") is not None and subprocess.run(probe, check=False, capture_output=True).returncode == 0
    )


@pytest.mark.skipif(not can_limit(), reason="this machine allows no user namespace, where the limit can be set")
def test_f4_the_real_inotify_limit(conf: Path) -> None:
    """F4: inotify limit: fall back to polling, say so."""
    inner = 'echo 0 > /proc/sys/user/max_inotify_instances; exec "$0" "$@"'
    python = [sys.executable, "-c", LIMITED, str(conf), route("b")]
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", inner, *python]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"1 {conf} is read every 0.1 s: the system gives no watch (")


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("36 35 0:50 / {path} rw - nfs4 server:/x rw", "nfs4"),
        ("36 35 0:50 / {path} rw shared:1 - fuse.sshfs host: rw", "fuse.sshfs"),
        ("36 35 0:50 / {path} rw - ext4 /dev/sda rw", None),
        ("36 35 0:50 / {path}-other rw - nfs4 server:/x rw", None),
    ],
)
def test_f4_a_network_disk_is_known_by_its_mount(tmp_path: Path, line: str, kind: str | None) -> None:
    """F4: network disk."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text("22 1 8:1 / / rw - ext4 /dev/root rw\n" + line.format(path=os.path.realpath(tmp_path)) + "\n")
    assert remote_type(tmp_path, mounts) == kind


@pytest.mark.alone
async def test_a_saved_file_is_read_within_a_moment(conf: Path) -> None:
    """Of the 400 ms from a saved file to the answer of 1,000 routes, this part may take half."""
    names = [f"r{number}" for number in range(1000)]
    (conf / "a.yaml").write_text(routes(*names))
    took: list[float] = []
    stream = scans(Folder(conf))
    async with aclosing(stream):
        await anext(stream)
        for number in range(7):
            text = "---\n".join(route(name, f"/{number}x" if name == "r500" else "/") for name in names)
            start = time.perf_counter()
            (conf / "a.yaml").write_text(text)
            scan = await asyncio.wait_for(anext(stream), PATIENCE_S)
            took.append(time.perf_counter() - start)
            assert len(scan.changes) == 1
    print(f"from saved to read: p50 {sorted(took)[3] * 1000:.0f} ms")  # noqa: T201  (`pytest -s` shows it)
    assert sorted(took)[3] < 0.3
