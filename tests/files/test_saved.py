"""What is saved is read again, by who may; what is no saved state, or no whole one, says so."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.files.texts import SECRET, routes
from tests.objects.documents import envoy_fleet
from tests.objects.fleets import TAKEN
from xdsserver.files import Folder
from xdsserver.files.saved import MAGIC, read_saved, write_saved
from xdsserver.files.sealing import StateKey, read_key
from xdsserver.files.snapshot import SCHEMA, Saved, Snapshot, from_message, to_message
from xdsserver.files.state import StateError
from xdsserver.infrastructure.allocation import Written
from xdsserver.messages.saved_state_pb2 import ObjectReference, SavedObject, SavedState
from xdsserver.objects.clustertrustbundle import ClusterTrustBundle, ClusterTrustBundleSpec
from xdsserver.objects.decode import decode
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.meta import Name, ObjectKey, ObjectMeta
from xdsserver.objects.secret import Secret, SecretBytes
from xdsserver.objects.validation import validate
from xdsserver.xds.fragments import NOBODY
from xdsserver.xds.precedents import Precedent
from xdsserver.xds.resource import ROUTE
from xdsserver.xds.resource import SECRET as SECRET_TYPE
from xdsserver.xds.rulings import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from xdsserver.objects.meta import KubeObject

KEY = StateKey(bytes(range(32)))
CERT = ObjectKey("Secret", "default", "cert")
WRITTEN = {Name("shop", "edge"): Written("uid", "192.0.2.1", {(80, "TCP"): 8080, (53, "UDP"): 53})}


@pytest.fixture
def objects(tmp_path: Path) -> Mapping[ObjectKey, KubeObject]:
    folder = tmp_path / "conf"
    folder.mkdir()
    (folder / "a.yaml").write_text(f"{routes('a', 'b')}---\n{SECRET}")
    return {one.key: one.object for one in Folder(folder).scan().changes if one.object is not None}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "edge.state"


def test_what_is_saved_with_a_key_is_read_with_it(objects: Mapping[ObjectKey, KubeObject], file: Path) -> None:
    snapshot = Snapshot(objects, WRITTEN, {CERT: objects[CERT]}, "1.2.3", 1_790_000_000.25)
    write_saved(file, snapshot, KEY)
    saved = read_saved(file, KEY)
    assert saved.snapshot == snapshot
    assert not saved.missing
    assert CERT in saved.snapshot.objects


def test_what_envoys_rejected_is_read_again_and_repeats_nothing_of_secrets(file: Path) -> None:
    digests = frozenset((b"a" * 16, b"b" * 16))
    verdict = Verdict(("HTTPRoute", "shop", "a"), digests, "no such regex", frozenset(("n1", "n2")), frozenset(("1",)))
    table = Precedent(("fleet", ROUTE, "80"), (verdict,), "wanted", frozenset(("served", "before")))
    whole = replace(verdict, owner=NOBODY, words="KEY")
    secret = Precedent(("fleet", SECRET_TYPE, "s"), (whole,), "wanted")
    write_saved(file, Snapshot({}, {}, precedents=(table, secret)))
    found = read_saved(file).snapshot.precedents
    assert found[0] == table
    assert found[1].verdicts[0].owner == NOBODY
    assert b"KEY" not in file.read_bytes()


def test_a_verdict_about_nothing_is_none(file: Path) -> None:
    """It would be about everything that there is."""
    verdict = Verdict(("HTTPRoute", "shop", "a"), frozenset(), "no", frozenset())
    write_saved(file, Snapshot({}, {}, precedents=(Precedent(("fleet", ROUTE, "80"), (verdict,), "wanted"),)))
    assert read_saved(file).snapshot.precedents[0].verdicts == ()


@pytest.mark.parametrize(
    ("sealed_with", "opened_with", "words"),
    [
        (None, None, "was left out, since there was no key when the state was saved"),
        (None, KEY, "was left out, since there was no key when the state was saved"),
        (KEY, None, "is sealed; give the key with --state-key-file"),
        (KEY, StateKey(bytes(32)), "is sealed with another key than that of --state-key-file"),
    ],
)
def test_without_the_key_all_but_secrets_is_there_and_secrets_are_named(
    objects: Mapping[ObjectKey, KubeObject],
    file: Path,
    sealed_with: StateKey | None,
    opened_with: StateKey | None,
    words: str,
) -> None:
    write_saved(file, Snapshot(objects, WRITTEN), sealed_with)
    saved = read_saved(file, opened_with)
    assert saved.snapshot.objects == {key: one for key, one in objects.items() if key != CERT}
    assert saved.snapshot.written == WRITTEN
    assert saved.missing == {CERT: words}


def test_a_secret_that_was_unreadable_is_so_again_and_a_trust_bundle_comes_along() -> None:
    secret = Secret(
        metadata=ObjectMeta(name="cert", namespace="default"),
        data={"good": SecretBytes(b"\0\xff"), "empty": SecretBytes(b""), "bad": SecretBytes.of_base64("?")},
    )
    bundle = ClusterTrustBundle(metadata=ObjectMeta(name="roots"), spec=ClusterTrustBundleSpec(trust_bundle="PEM"))
    objects = {CERT: secret, ObjectKey("ClusterTrustBundle", "", "roots"): bundle}
    assert from_message(to_message(Snapshot(objects, {}), KEY), KEY) == Saved(Snapshot(objects, {}))


@pytest.mark.parametrize("name", TAKEN)
def test_an_envoy_fleet_is_read_as_it_was(name: str) -> None:
    checked = validate(envoy_fleet("edge", "ns", **TAKEN[name])).document
    assert checked is not None
    snapshot = Snapshot({ObjectKey("EnvoyFleet", "ns", "edge"): decode(BY_NAME["EnvoyFleet"], checked)}, {})
    assert from_message(to_message(snapshot, KEY), KEY) == Saved(snapshot)


def test_no_two_files_and_no_two_objects_share_a_nonce_or_a_key(objects: Mapping[ObjectKey, KubeObject]) -> None:
    first, second = (to_message(Snapshot(objects, {}), KEY) for _ in range(2))
    assert first.salt != second.salt
    assert first.sealed[0].nonce != second.sealed[0].nonce
    # What was sealed for one file is nothing in another.
    second.sealed[0].CopyFrom(first.sealed[0])
    assert CERT in from_message(second, KEY).missing


def test_what_was_sealed_for_one_object_is_not_opened_as_another(objects: Mapping[ObjectKey, KubeObject]) -> None:
    """A Secret that somebody may name in a listener must not become one that they may not."""
    state = to_message(Snapshot(objects, {}), KEY)
    state.sealed[0].reference.name = "other"
    saved = from_message(state, KEY)
    assert ObjectKey("Secret", "default", "other") in saved.missing
    assert not [key for key in saved.snapshot.objects if key.kind == "Secret"]


def test_equal_states_without_secrets_are_equal_bytes_whatever_the_order(
    objects: Mapping[ObjectKey, KubeObject],
) -> None:
    backwards = dict(reversed(list(objects.items())))
    assert list(backwards) != list(objects)
    one, other = (to_message(Snapshot(some, WRITTEN)).SerializeToString() for some in (objects, backwards))
    assert one == other


def test_the_file_is_its_owners_alone_and_replaced_as_a_whole(
    objects: Mapping[ObjectKey, KubeObject], file: Path
) -> None:
    file.write_text("what was there before")
    file.chmod(0o644)
    held = file.open()
    write_saved(file, Snapshot(objects, {}), KEY)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with held:
        assert held.read() == "what was there before"
    assert [path.name for path in file.parent.iterdir() if path.is_file()] == [file.name]


def test_a_symbolic_link_stays_and_leads_to_the_new_state(
    objects: Mapping[ObjectKey, KubeObject], tmp_path: Path, file: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    write_saved(link, Snapshot(objects, {}))
    assert link.is_symlink()
    assert read_saved(file).snapshot.objects


def test_nothing_but_a_regular_file_is_written_or_read(file: Path) -> None:
    os.mkfifo(file)
    with pytest.raises(StateError, match="not a regular file"):
        write_saved(file, Snapshot({}, {}))
    with pytest.raises(StateError, match="not a regular file"):
        read_saved(file)


def _cut(content: bytes) -> bytes:
    return content[:-1]


def _flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (_cut, "is damaged or cut off"),
        (_flipped, "is damaged or cut off"),
        (lambda content: content[: len(MAGIC) + 5], "is damaged or cut off"),
        (lambda content: content[:5], "is damaged or cut off"),
        (lambda content: content + b"\0", "is damaged or cut off"),
        (lambda _content: b"", "is not a saved state of xdsserver"),
        (lambda _content: b"kind: Gateway\n", "is not a saved state of xdsserver"),
        (lambda content: content[len(MAGIC) :], "is not a saved state of xdsserver"),
    ],
)
def test_f3_a_saved_state_that_is_cut_off_or_foreign_says_so(
    objects: Mapping[ObjectKey, KubeObject], file: Path, harm: Callable[[bytes], bytes], words: str
) -> None:
    """F3: what cannot be read is named, with what to do; nothing of it is used."""
    write_saved(file, Snapshot(objects, {}))
    file.write_bytes(harm(file.read_bytes()))
    with pytest.raises(StateError, match=words) as refusal:
        read_saved(file)
    assert str(refusal.value).startswith(f"{file} ")


def test_a_file_that_is_not_there_says_so(file: Path) -> None:
    with pytest.raises(StateError, match=r"edge.state cannot be read \(No such file or directory\)"):
        read_saved(file)


def test_what_is_too_large_is_neither_written_nor_read(
    objects: Mapping[ObjectKey, KubeObject], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_saved(file, Snapshot(objects, {}))
    monkeypatch.setattr("xdsserver.files.saved.MAX_BYTES", file.stat().st_size)
    write_saved(file, Snapshot(objects, {}))
    monkeypatch.setattr("xdsserver.files.saved.MAX_BYTES", file.stat().st_size - 1)
    before = file.read_bytes()
    with pytest.raises(StateError, match=r"edge.state is not written: it would have"):
        write_saved(file, Snapshot(objects, {}))
    assert file.read_bytes() == before
    with pytest.raises(StateError, match=r"edge.state has 0 MiB; a saved state has at most"):
        read_saved(file)


def test_a_newer_form_is_refused_with_the_release_that_wrote_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xdsserver.files.snapshot.SCHEMA", SCHEMA + 1)
    write_saved(file, Snapshot({}, {}, release="9.9.9"))
    with pytest.raises(StateError, match=r"saved by xdsserver 9\.9\.9 in a form that is newer"):
        read_saved(file)


def test_a2_an_object_that_cannot_be_decoded_costs_itself_only(objects: Mapping[ObjectKey, KubeObject]) -> None:
    """A2: a poison object is never decoded outside a guard of its own, so no start can fail for it again and again."""
    state = to_message(Snapshot(objects, WRITTEN))
    route = next(one for one in state.objects if one.reference.name == "a")
    route.json = b'{"metadata": {"name": 7}}'
    deep = ObjectReference(group="gateway.networking.k8s.io", kind="HTTPRoute", namespace="default", name="deep")
    state.objects.append(SavedObject(reference=deep, json=b"[" * 100_000))
    state.objects.append(SavedObject(reference=ObjectReference(group="x", kind="New", name="new"), json=b"{}"))
    saved = from_message(SavedState.FromString(state.SerializeToString()))
    assert saved.snapshot.objects == {ObjectKey("HTTPRoute", "default", "b"): objects["HTTPRoute", "default", "b"]}  # type: ignore[index]
    assert {key.name: words for key, words in saved.missing.items()} == {
        "a": "cannot be decoded by this release",
        "deep": "cannot be decoded by this release",
        "new": "is of a kind that this release does not read",
        "cert": "was left out, since there was no key when the state was saved",
    }


@pytest.mark.parametrize("size", [0, 31, 33, 1000])
def test_a_key_is_32_bytes(tmp_path: Path, size: int) -> None:
    path = tmp_path / "key"
    path.write_bytes(bytes(size))
    with pytest.raises(StateError, match=f"holds {'more than 32' if size > 32 else size} bytes, expected 32; make one"):
        read_key(path)


def test_a_key_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"No such file.*head -c 32 /dev/urandom"):
        read_key(tmp_path / "key")


def test_a_key_shows_itself_to_nobody(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"k" * 32)
    key = read_key(path)
    assert "kkk" not in f"{key} {key!r}"
    with pytest.raises(TypeError):
        key.__reduce__()
