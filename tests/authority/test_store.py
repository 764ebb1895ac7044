"""Where the authority's keys are kept."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from xdsserver.authority import AuthorityError, FolderStore, MemoryStore, kept_up, make_authority

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATE = NOW + timedelta(days=500)


@pytest.mark.parametrize("kind", ["folder", "memory"])
def test_the_first_is_made_and_a_successor_when_it_is_time(kind: str, tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "new" / "folder") if kind == "folder" else MemoryStore()
    assert store.read() == ()
    (first,) = kept_up(store, NOW)
    assert kept_up(store, NOW + timedelta(days=1)) == (first,)
    old, new = kept_up(store, LATE)
    assert old == first
    assert store.read() == (old, new)


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "authority"
    kept_up(FolderStore(folder), NOW)
    (file,) = folder.iterdir()
    assert (folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)


def test_two_first_starts_agree_on_one_authority(tmp_path: Path) -> None:
    stores = [FolderStore(tmp_path) for _ in range(8)]
    with ThreadPoolExecutor(len(stores)) as pool:
        found = set(pool.map(lambda store: kept_up(store, NOW), stores))
    assert len(found) == 1


def test_a_store_sees_what_another_process_wrote(tmp_path: Path) -> None:
    mine, theirs = FolderStore(tmp_path), FolderStore(tmp_path)
    assert kept_up(mine, NOW) == theirs.read()
    assert kept_up(theirs, LATE) == mine.read()
    assert len(mine.read()) == 2


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    found = kept_up(store, NOW)
    assert store.read() is found


@pytest.mark.parametrize("content", [b"", b"nonsense", make_authority(NOW).certificate])
def test_a_file_of_somebody_else_is_an_error_and_stays(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "authority.pem"
    file.write_bytes(content)
    with pytest.raises(AuthorityError, match=r"authority\.pem is not an authority"):
        kept_up(FolderStore(tmp_path), NOW)
    assert file.read_bytes() == content


def test_a_folder_that_cannot_be_is_an_error_that_names_it(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(AuthorityError, match="file"):
        kept_up(FolderStore(file / "folder"), NOW)
