"""Statements and agendas as bytes, also those of a release that says more than we know."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.replicas.council import FLEET, KEY, answer, objection
from xdsserver.messages import delivery_reports_pb2 as pb
from xdsserver.replicas import Answer, Envoy, Matter, State, Statement, Subject
from xdsserver.replicas.statements import Attending, Backend
from xdsserver.replicas.tally import MOST
from xdsserver.replicas.wire import (
    MAX_MESSAGE_BYTES,
    MalformedStatementError,
    read_agenda,
    read_statement,
    write_agenda,
    write_statement,
)
from xdsserver.replicas.witness import PIECE
from xdsserver.xds.ledger import MAX_WORDS
from xdsserver.xds.resource import CLUSTER

SUBJECT = Subject(KEY, "u", 2)
STATEMENT = Statement(
    replica="two",
    attending=(Attending(Envoy(FLEET, "a"), 1.5), Attending(Envoy(FLEET, "b"), None)),
    answers=(answer("b", "a"), Answer(SUBJECT, None)),
    objections=(
        (1, replace(objection("a", "b", kept=True), lasts_s=2.25)),
        (2, replace(objection("c"), owner=None)),
        (4, replace(objection("c"), type_url=CLUSTER, listeners=(), backend=Backend(8080, "auto", "shop/edge"))),
        (3, None),
    ),
    complete=True,
)
MATTERS = tuple(Matter(SUBJECT, state) for state in State)


def test_what_is_written_is_read_again() -> None:
    assert read_statement(write_statement(STATEMENT, "1.0")) == STATEMENT
    assert read_agenda(write_agenda(MATTERS)) == MATTERS
    assert read_statement(b"") == Statement()
    assert read_agenda(b"") == ()


def test_the_same_statement_is_the_same_bytes_whatever_the_order_of_nodes() -> None:
    nodes = [f"node-{number}" for number in range(50)]
    assert write_statement(Statement(answers=(answer(*nodes),)), "") == write_statement(
        Statement(answers=(answer(*reversed(nodes)),)), ""
    )


def test_fields_and_states_that_a_later_release_added_are_ignored() -> None:
    added = bytes([15 << 3 | 2, 3]) + b"new"
    message = pb.Statement.FromString(write_statement(STATEMENT, "9.0"))
    message.envoys[0].MergeFromString(added)
    message.rejections[0].MergeFromString(added)
    assert read_statement(message.SerializeToString() + added) == STATEMENT
    agenda = pb.Agenda.FromString(write_agenda(MATTERS))
    agenda.matters.add(subject=agenda.matters[0].subject).MergeFromString(bytes([2 << 3, 99]))
    assert read_agenda(agenda.SerializeToString() + added) == MATTERS


def test_what_is_no_message_of_ours_is_refused() -> None:
    for read in (read_statement, read_agenda):
        with pytest.raises(MalformedStatementError):
            read(b"\xff\xff")


def test_the_largest_piece_fits() -> None:
    """A piece is full, and one more entry names all Envoys that a replica may have, as long as names of pods are."""
    nodes = [f"node-{number}".ljust(253, "x") for number in range(MOST)]
    everybody = Statement(
        answers=(answer(*nodes),),
        attending=tuple(Attending(Envoy(FLEET, node), 1.0) for node in nodes[:PIECE]),
        objections=((1, objection("a", words="w" * MAX_WORDS)),),
    )
    assert len(write_statement(everybody, "")) < MAX_MESSAGE_BYTES


def test_no_version_of_a_resource_is_told() -> None:
    """Two releases that run side by side make other bytes of the same objects."""
    for message in (pb.Statement, pb.Envoy, pb.Answer, pb.Rejection, pb.Subject, pb.Object, pb.Matter):
        assert not [field.name for field in message.DESCRIPTOR.fields if "version" in field.name]
