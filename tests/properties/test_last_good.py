"""The last good certificate serves on: for any history of a Secret, what Envoy gets is what a plain fold of it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from envoy.extensions.transport_sockets.tls.v3 import secret_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.gateway_worlds import CONTROLLER
from tests.properties.secrets_of_worlds import PAIRS
from xdsserver.files.sealing import StateKey
from xdsserver.files.snapshot import Snapshot, from_message, to_message
from xdsserver.gatewayapi.conditions import RESOLVED_REFS, Status
from xdsserver.gatewayapi.statuses import all_conditions
from xdsserver.objects.gateway import Gateway, GatewayListener, GatewaySpec, ListenerTLS
from xdsserver.objects.gatewayclass import GatewayClass, GatewayClassSpec
from xdsserver.objects.meta import Name, ObjectKey, ObjectMeta, SecretObjectReference
from xdsserver.objects.secret import Secret, SecretBytes
from xdsserver.reconciler import Reconciler
from xdsserver.xds.resource import SECRET

if TYPE_CHECKING:
    from xdsserver.gatewayapi.conditions import Condition
    from xdsserver.reconciler import Outcome

CLASS, FRONT, CERT = Name("", "ours"), Name("shop", "front"), Name("shop", "cert")


class State(NamedTuple):
    """A Secret as it may be: in which life, and which certificate it holds; None for one that is bad."""

    life: int
    certificate: int | None


GOOD, OTHER, BAD = State(1, 0), State(1, 1), State(1, None)
REBORN, REBORN_BAD = State(2, 0), State(2, None)

states = st.none() | st.builds(State, st.integers(1, 2), st.none() | st.integers(0, 1))


def secret(state: State | None) -> Secret | None:
    if state is None:
        return None
    chain, key = PAIRS[state.certificate or 0]
    return Secret(
        metadata=ObjectMeta(name=CERT.name, namespace=CERT.namespace, uid=f"{state.life}"),
        data={"tls.crt": SecretBytes(chain), "tls.key": SecretBytes(b"" if state.certificate is None else key)},
    )


def running() -> Reconciler:
    """Serve a Gateway whose one listener shows the Secret, which is not there yet."""
    tls = ListenerTLS(certificate_refs=(SecretObjectReference(name=CERT.name),))
    listener = GatewayListener(name="https", port=443, protocol="HTTPS", tls=tls)
    reconciler = Reconciler()
    class_ = GatewayClass(metadata=ObjectMeta(name="ours"), spec=GatewayClassSpec(controller_name=CONTROLLER))
    front = Gateway(
        metadata=ObjectMeta(name=FRONT.name, namespace=FRONT.namespace),
        spec=GatewaySpec(gateway_class_name="ours", listeners=(listener,)),
    )
    reconciler.objects([("GatewayClass", CLASS, class_), ("Gateway", FRONT, front)])
    return reconciler


def become(reconciler: Reconciler, state: State | None) -> Outcome:
    outcome = reconciler.objects([("Secret", CERT, secret(state))])
    assert not outcome.failures
    return outcome


def shown(reconciler: Reconciler) -> list[bytes]:
    """Give the chains of all certificates that Envoys get."""
    bodies = [row.body for key, row in reconciler.pipeline.resources.rows.items() if key[1] == SECRET]
    return [
        secret_pb2.Secret.FromString(body).tls_certificate.certificate_chain.inline_string.encode() for body in bodies
    ]


def resolved(reconciler: Reconciler) -> Condition:
    """Give what the listener says of its references."""
    status = reconciler.pipeline.statuses.rows[ObjectKey("Gateway", *FRONT)]
    return next(one for part, one in all_conditions(status) if part and one.type == RESOLVED_REFS)


@settings(deadline=None, max_examples=100)
@given(st.lists(states, max_size=8))
def test_what_envoy_gets_is_the_last_good_certificate_of_the_life_of_the_secret(history: list[State | None]) -> None:
    reconciler = running()
    expected: State | None = None
    for state in history:
        if state is None or state.certificate is not None or (expected is not None and expected.life != state.life):
            expected = state if state is not None and state.certificate is not None else None
        become(reconciler, state)

        good = [] if expected is None or expected.certificate is None else [PAIRS[expected.certificate][0]]
        assert shown(reconciler) == good
        is_good = state is not None and state.certificate is not None
        assert resolved(reconciler).status is (Status.TRUE if is_good else Status.FALSE)
    become(reconciler, None)
    assert not reconciler.pipeline.remembered_certificates.rows


def test_a_wrong_key_keeps_the_certificate_and_says_so() -> None:
    reconciler = running()
    become(reconciler, GOOD)
    outcome = become(reconciler, BAD)

    assert not outcome.resources, "nothing is sent: Envoys have what serves on"
    said = resolved(reconciler)
    assert (said.status, said.reason) == (Status.FALSE, "InvalidCertificateRef")
    assert said.message == (
        "listener https: tls.certificateRefs[0]: Secret shop/cert: tls.key holds no private key in PEM; "
        "the certificate that was there before serves on, it is valid until 2026-01-02"
    )


def test_a_secret_that_is_gone_takes_its_certificate_along() -> None:
    reconciler = running()
    become(reconciler, GOOD)
    become(reconciler, None)
    assert shown(reconciler) == []
    become(reconciler, BAD)
    assert shown(reconciler) == []


def test_another_secret_of_the_same_name_is_another() -> None:
    """Taken away and made again between two looks: its name is all that it has in common with the old one."""
    reconciler = running()
    become(reconciler, GOOD)
    become(reconciler, REBORN_BAD)
    assert shown(reconciler) == []
    become(reconciler, REBORN)
    become(reconciler, REBORN_BAD)
    assert shown(reconciler) == [PAIRS[0][0]]


def test_who_starts_from_what_was_saved_serves_on_too() -> None:
    reconciler = running()
    become(reconciler, GOOD)
    become(reconciler, BAD)
    key = StateKey(bytes(32))
    taken = Snapshot(reconciler.pipeline.objects(), reconciler.written, reconciler.last_good())
    saved = from_message(to_message(taken, key), key).snapshot
    assert saved == taken
    assert list(saved.last_good) == [ObjectKey("Secret", *CERT)]

    restored = Reconciler(written=saved.written)
    for objects in (saved.last_good, saved.objects):
        restored.objects((one.kind, kube.name, kube) for one, kube in objects.items())
    assert shown(restored) == [PAIRS[0][0]]
    assert restored.pipeline.resources.rows == reconciler.pipeline.resources.rows
    assert resolved(restored) == resolved(reconciler)


def test_what_was_good_does_not_pass_for_what_is() -> None:
    reconciler = running()
    become(reconciler, GOOD)
    become(reconciler, BAD)
    key = StateKey(bytes(32))
    state = to_message(Snapshot(reconciler.pipeline.objects(), {}, reconciler.last_good()), key)
    state.sealed[0].CopyFrom(state.last_good[0])
    assert ObjectKey("Secret", *CERT) in from_message(state, key).missing


def test_who_starts_without_a_memory_refuses_the_bad_one() -> None:
    reconciler = running()
    become(reconciler, BAD)
    assert shown(reconciler) == []
    assert "serves on" not in resolved(reconciler).message


def test_a_new_certificate_touches_nothing_but_itself() -> None:
    reconciler = running()
    become(reconciler, GOOD)
    outcome = become(reconciler, OTHER)
    assert [key[1] for key in outcome.resources] == [SECRET]
    assert not outcome.statuses
