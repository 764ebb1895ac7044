"""Values of Secrets show themselves to nobody who does not ask for them by name."""

from __future__ import annotations

import copy
import json
import pickle
import pprint
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.objects.documents import secret
from xdsserver.objects.decode import decode, decode_json
from xdsserver.objects.kinds import BY_NAME
from xdsserver.objects.metadata import LAST_APPLIED
from xdsserver.objects.secret import Secret, SecretBytes
from xdsserver.objects.validation import validate

if TYPE_CHECKING:
    from collections.abc import Callable

KIND = BY_NAME["Secret"]
VALUE, ENCODED = "hunter2 is the password", "aHVudGVyMiBpcyB0aGUgcGFzc3dvcmQ="


@dataclass(frozen=True)
class Holder:
    key: SecretBytes


def decoded() -> Secret:
    found = decode(KIND, secret(data={"password": ENCODED}))
    assert isinstance(found, Secret)
    return found


def traced(value: object) -> str:
    """Give a traceback with its locals."""
    holder = value

    def fail() -> None:
        inner = holder
        raise ValueError(inner)

    try:
        fail()
    except ValueError as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    raise AssertionError


SHOWS: list[Callable[[object], object]] = [
    repr,
    str,
    "{}".format,
    "{!r:>80}".format,
    ascii,
    pprint.pformat,
    traced,
    lambda value: f"{Holder(value)!r}" if isinstance(value, SecretBytes) else "",
    lambda value: str(msgspec.structs.asdict(value)) if isinstance(value, Secret) else "",
]
WRITES: list[Callable[[object], object]] = [
    msgspec.json.encode,
    msgspec.msgpack.encode,
    msgspec.to_builtins,
    pickle.dumps,
    lambda value: json.dumps(value.data if isinstance(value, Secret) else value),
    lambda value: vars(value) if isinstance(value, SecretBytes) else pickle.dumps(value),
]


@pytest.mark.parametrize("show", SHOWS)
def test_a_value_is_not_shown(show: Callable[[object], object]) -> None:
    for value in (decoded(), decoded().data["password"]):
        shown = str(show(value))
        assert VALUE not in shown
        assert ENCODED not in shown


@pytest.mark.parametrize("write", WRITES)
def test_a_value_is_not_written(write: Callable[[object], object]) -> None:
    for value in (decoded(), decoded().data["password"]):
        with pytest.raises(TypeError) as refusal:
            write(value)
        assert VALUE not in str(refusal.value)


def test_a_value_reveals_itself_to_whoever_asks() -> None:
    assert decoded().data["password"].reveal() == VALUE.encode()


def test_values_compare_by_content() -> None:
    one, same, other = SecretBytes(b"a"), SecretBytes(b"a"), SecretBytes(b"b")
    assert (one == same, one == other, one == b"a") == (True, False, False)
    assert len({one, same, other}) == 2
    assert copy.copy(one) is one
    assert copy.deepcopy({"key": one}) == {"key": one}


def test_one_value_that_is_no_base64_spoils_no_other() -> None:
    data = {"good": "YQ==", "lines": "YWFh\nYQ==\n", "bad": "%%"}
    for found in (decode(KIND, secret(data=data)), decode_json(KIND, json.dumps(secret(data=data)).encode())):
        assert isinstance(found, Secret)
        assert {name: value.readable for name, value in found.data.items()} == {
            "good": True,
            "lines": True,
            "bad": False,
        }
        assert found.data["lines"].reveal() == b"aaaa"


def test_what_is_wrong_with_a_value_is_said_without_it() -> None:
    with pytest.raises(msgspec.ValidationError, match="expected text in base64") as refusal:
        decode(KIND, secret(data={"password": 123456789}))
    assert "123456789" not in str(refusal.value)
    assert "123456789" not in str(validate(secret(data={"password": 123456789})).errors)


def test_the_copy_that_kubectl_keeps_of_a_secret_is_dropped() -> None:
    document = secret(data={"password": ENCODED})
    document["metadata"]["annotations"] = {LAST_APPLIED: json.dumps(document), "example.com/a": "b"}
    for found in (decode(KIND, document), decode_json(KIND, json.dumps(document).encode())):
        assert found.metadata.annotations == {"example.com/a": "b"}
    assert ENCODED not in str((validate(document).document or {})["metadata"])


@pytest.mark.parametrize(
    ("name", "good"),
    [("roots", True), ("example.com:servers:all", True), ("a:", False), (":a", False), ("A", False), ("a b", False)],
)
def test_a_trust_bundle_may_be_named_after_its_signer(name: str, *, good: bool) -> None:
    document = {
        "apiVersion": "certificates.k8s.io/v1beta1",
        "kind": "ClusterTrustBundle",
        "metadata": {"name": name},
        "spec": {"trustBundle": "-", "signerName": "example.com/servers"},
    }
    assert (validate(document).document is not None) == good
