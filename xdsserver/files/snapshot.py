"""A snapshot, as the message of `protos/`: source objects, and what was allocated for them.

Secrets are sealed with a key, or left out. An object that cannot be had from a message costs itself only.
"""

import base64
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from xdsserver.files.precedents import precedent_message, read_precedent
from xdsserver.files.sealing import SALT_BYTES, StateKey, seal, unseal
from xdsserver.infrastructure.allocation import Written
from xdsserver.messages.saved_state_pb2 import Allocation, ObjectReference, SavedObject, SavedState, SealedObject
from xdsserver.objects.decode import decode_json
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.meta import KubeObject, Name, ObjectKey
from xdsserver.objects.secret import SecretBytes
from xdsserver.xds.precedents import Precedent

SCHEMA = 1
SEALED_KINDS = frozenset({"Secret"})

_NOW, _LAST_GOOD = "now", "last good"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is saved: the objects in force, what was allocated, and Secrets as they were when they were good.

    `release` and `saved_at_s` (since 1970) say by whom and when; they are for people.
    """

    objects: Mapping[ObjectKey, KubeObject]
    written: Mapping[Name, Written]
    last_good: Mapping[ObjectKey, KubeObject] = field(default_factory=dict)
    release: str = ""
    saved_at_s: float = 0.0
    precedents: Sequence[Precedent] = ()
    """What Envoys rejected of what follows from the objects."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What was read: a snapshot, and why it lacks what it lacks, by object (words that follow its name)."""

    snapshot: Snapshot
    missing: Mapping[ObjectKey, str] = field(default_factory=dict)


def to_message(snapshot: Snapshot, key: StateKey | None = None) -> SavedState:
    """Give the message. But for what is sealed, equal snapshots give equal ones."""
    state = SavedState(schema=SCHEMA, release=snapshot.release)
    state.saved_at.FromMilliseconds(round(snapshot.saved_at_s * 1000))
    secret = []
    for one, kube in sorted(snapshot.objects.items()):
        if one.kind in SEALED_KINDS:
            secret.append(one)
        else:
            state.objects.append(SavedObject(reference=_reference(one), json=_open_json(kube)))
    if key is None:
        state.left_out.extend(map(_reference, secret))
    elif secret:
        state.salt = os.urandom(SALT_BYTES)
        cipher = key.of_file(state.salt)
        state.sealed.extend(_sealed(cipher, one, snapshot.objects[one], _NOW) for one in secret)
        good = sorted(snapshot.last_good.items())
        state.last_good.extend(_sealed(cipher, one, kube, _LAST_GOOD) for one, kube in good)
    state.allocations.extend(_allocation(name, one) for name, one in sorted(snapshot.written.items()))
    state.precedents.extend(map(precedent_message, snapshot.precedents))
    return state


def from_message(state: SavedState, key: StateKey | None = None) -> Saved:
    """Take a message apart; `key` is that which its secrets were sealed with."""
    jsons = [(saved.reference, saved.json) for saved in state.objects]
    missing = {_key(one): "was left out, since there was no key when the state was saved" for one in state.left_out}
    cipher = key.of_file(state.salt) if key is not None else None
    for sealed in state.sealed:
        one = _key(sealed.reference)
        if cipher is None:
            missing[one] = "is sealed; give the key with --state-key-file"
        elif (json := unseal(cipher, sealed.nonce, sealed.ciphertext, _bound_to(one, _NOW))) is None:
            missing[one] = "is sealed with another key than that of --state-key-file"
        else:
            jsons.append((sealed.reference, json))
    objects: dict[ObjectKey, KubeObject] = {}
    for reference, json in jsons:
        kube = _from_json(reference, json)
        if isinstance(kube, str):
            missing[_key(reference)] = kube
        else:
            objects[_key(reference)] = kube
    written = {Name(one.namespace, one.name): _written(one) for one in state.allocations}
    good = dict(_good(state, cipher)) if cipher is not None else {}
    precedents = tuple(map(read_precedent, state.precedents))
    snapshot = Snapshot(objects, written, good, state.release, state.saved_at.ToMilliseconds() / 1000, precedents)
    return Saved(snapshot, missing)


def _sealed(cipher: ChaCha20Poly1305, key: ObjectKey, kube: KubeObject, role: str) -> SealedObject:
    nonce, ciphertext = seal(cipher, _secret_json(kube), _bound_to(key, role))
    return SealedObject(reference=_reference(key), nonce=nonce, ciphertext=ciphertext)


def _good(state: SavedState, cipher: ChaCha20Poly1305) -> Iterator[tuple[ObjectKey, KubeObject]]:
    """Yield what was good, as far as it can be had: it is a help, and nobody asked for it by name."""
    for sealed in state.last_good:
        json = unseal(cipher, sealed.nonce, sealed.ciphertext, _bound_to(_key(sealed.reference), _LAST_GOOD))
        kube = _from_json(sealed.reference, json) if json is not None else ""
        if not isinstance(kube, str):
            yield _key(sealed.reference), kube


def _reference(key: ObjectKey) -> ObjectReference:
    return ObjectReference(group=BY_NAME[key.kind].group, kind=key.kind, namespace=key.namespace, name=key.name)


def _key(reference: ObjectReference) -> ObjectKey:
    return ObjectKey(reference.kind, reference.namespace, reference.name)


def _bound_to(key: ObjectKey, role: str) -> bytes:
    """Name an object and what it is there for: sealed for one, it opens for no other. No part has a line end."""
    return "\n".join((role, *key)).encode()


def _reveal(value: object) -> str:
    """Write a value of a Secret, the one type of ours that JSON does not know, as `decode_json` reads it."""
    if not isinstance(value, SecretBytes):
        message = f"{type(value).__name__} has no form in JSON"
        raise TypeError(message)
    return base64.b64encode(value.reveal()).decode() if value.readable else _UNREADABLE


_UNREADABLE = "-"
"""No base64, as what it stands for was none."""

_open_json: Callable[[KubeObject], bytes] = msgspec.json.Encoder().encode
"""Of objects without secrets; should one hold some, this raises rather than writes them."""
_secret_json: Callable[[KubeObject], bytes] = msgspec.json.Encoder(enc_hook=_reveal).encode


def _from_json(reference: ObjectReference, json: bytes) -> KubeObject | str:
    """Decode one object, or say why not; what it holds is not repeated, since it may be secret."""
    kind = BY_NAME.get(reference.kind)
    if kind is None or kind.group != reference.group:
        return "is of a kind that this release does not read"
    try:
        kube = decode_json(kind, json)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "cannot be decoded by this release"
    if ObjectKey(kind.name, *kube.name) != _key(reference):
        return "is filed under a name that it does not have"
    return kube


def _allocation(name: Name, one: Written) -> Allocation:
    ports = (
        Allocation.Port(listener_port=port, transport=transport, bind_port=bind)
        for (port, transport), bind in sorted(one.ports.items())
    )
    return Allocation(namespace=name.namespace, name=name.name, uid=one.uid, address=one.address, ports=ports)


def _written(one: Allocation) -> Written:
    ports = {(port.listener_port, port.transport): port.bind_port for port in one.ports}
    return Written(one.uid, one.address, ports)
