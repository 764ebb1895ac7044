"""Statements and agendas as messages of `protos/`, in pieces that any receiver takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError

from xdsserver.messages import delivery_reports_pb2 as pb
from xdsserver.model.places import ListenerKey
from xdsserver.objects.meta import ObjectKey
from xdsserver.replicas.statements import (
    Answer,
    Attending,
    Author,
    Backend,
    Envoy,
    Matter,
    Objection,
    State,
    Statement,
    Subject,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
"""What is accepted of one message: one entry may name all Envoys that a replica may have."""

_STATES: Final = {
    pb.Matter.OPEN: State.OPEN,
    pb.Matter.DECIDED: State.DECIDED,
    pb.Matter.WITHDRAWN: State.WITHDRAWN,
}
_NUMBERS: Final = {state: number for number, state in _STATES.items()}


class MalformedStatementError(Exception):
    """What a replica sent is no message of ours."""


def write_statement(statement: Statement, release: str) -> bytes:
    """Encode a statement; `release` is our version, for people."""
    message = pb.Statement(complete=statement.complete)
    if statement.replica is not None:
        message.hello.replica, message.hello.release = statement.replica, release
    for one in statement.attending:
        envoy = message.envoys.add(fleet=one.envoy.fleet, node=one.envoy.node, gone=one.for_s is None)
        if one.for_s is not None:
            envoy.connected_for.CopyFrom(_duration(one.for_s))
    for answer in statement.answers:
        subject, waiting = _subject(answer.subject), answer.waiting
        message.answers.add(subject=subject, withheld=waiting is None, waiting=sorted(waiting or ()))
    for number, objection in statement.objections:
        out = message.rejections.add(id=number, over=objection is None)
        if objection is not None:
            _write_objection(objection, out)
    return message.SerializeToString()


def read_statement(content: bytes) -> Statement:
    """Decode a statement; fields that a later release added are ignored.

    Raises:
        MalformedStatementError: it is none.
    """
    try:
        message = pb.Statement.FromString(content)
    except DecodeError as error:
        raise MalformedStatementError(str(error)) from error
    return Statement(
        replica=message.hello.replica if message.HasField("hello") else None,
        attending=tuple(
            Attending(Envoy(one.fleet, one.node), None if one.gone else _seconds(one.connected_for))
            for one in message.envoys
        ),
        answers=tuple(
            Answer(_read_subject(one.subject), None if one.withheld else frozenset(one.waiting))
            for one in message.answers
        ),
        objections=tuple((one.id, None if one.over else _read_objection(one)) for one in message.rejections),
        complete=message.complete,
    )


def write_agenda(matters: Iterable[Matter]) -> bytes:
    """Encode what the leader tells."""
    found = [pb.Matter(subject=_subject(one.subject), state=_NUMBERS[one.state]) for one in matters]
    return pb.Agenda(matters=found).SerializeToString()


def read_agenda(content: bytes) -> tuple[Matter, ...]:
    """Decode what the leader tells; a state that a later release added is ignored.

    Raises:
        MalformedStatementError: it is not an agenda.
    """
    try:
        message = pb.Agenda.FromString(content)
    except DecodeError as error:
        raise MalformedStatementError(str(error)) from error
    known = ((one.subject, _STATES.get(one.state)) for one in message.matters)
    return tuple(Matter(_read_subject(subject), state) for subject, state in known if state is not None)


def _write_objection(objection: Objection, out: pb.Rejection) -> None:
    out.fleet, out.type_url, out.words = objection.fleet, objection.type_url, objection.words
    if objection.owner is not None:
        (kind, namespace, name), uid, generation = objection.owner
        out.owner.CopyFrom(pb.Object(kind=kind, namespace=namespace, name=name, uid=uid, generation=generation))
    out.listeners.extend(map(_subject, objection.listeners))
    out.nodes.extend(sorted(objection.nodes))
    out.kept = objection.kept
    if objection.backend is not None:
        port, protocol, gateway = objection.backend
        out.backend.CopyFrom(pb.Backend(port=port, protocol=protocol, gateway=gateway))
    out.lasts.CopyFrom(_duration(objection.lasts_s))


def _read_objection(message: pb.Rejection) -> Objection:
    owner = None
    if message.HasField("owner"):
        key = ObjectKey(message.owner.kind, message.owner.namespace, message.owner.name)
        owner = Author(key, message.owner.uid, message.owner.generation)
    backend = None
    if message.HasField("backend"):
        backend = Backend(message.backend.port, message.backend.protocol, message.backend.gateway)
    return Objection(
        message.fleet,
        message.type_url,
        owner,
        tuple(map(_read_subject, message.listeners)),
        frozenset(message.nodes),
        message.words,
        _seconds(message.lasts),
        message.kept,
        backend,
    )


def _subject(subject: Subject) -> pb.Subject:
    kind, namespace, name, section = subject.key
    return pb.Subject(
        kind=kind,
        namespace=namespace,
        name=name,
        section=section,
        uid=subject.uid,
        generation=subject.generation,
    )


def _read_subject(message: pb.Subject) -> Subject:
    key = ListenerKey(message.kind, message.namespace, message.name, message.section)
    return Subject(key, message.uid, message.generation)


def _duration(for_s: float) -> Duration:
    found = Duration()
    found.FromMilliseconds(max(0, round(for_s * 1000)))
    return found


def _seconds(duration: Duration) -> float:
    return max(0.0, duration.ToMilliseconds() / 1000)
