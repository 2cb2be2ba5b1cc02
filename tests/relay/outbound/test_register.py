"""A move without a row moves nothing and is counted; what is kept is counted, in bytes too, and forgotten when it is over."""

from __future__ import annotations

from relay.journal.outbound import OutboundState, outbound_taken
from relay.outbound.lines import Message
from relay.outbound.register import Register
from relay.outbound.states import Event, State
from relay.telemetry.metrics import Metrics
from tests.relay.journal.test_memory import MemoryRig
from tests.support.outbound_suite import BODY, outbound


def test_moves_and_memory() -> None:
    rig = MemoryRig()
    register = Register(rig.journal, rig.time, Metrics())
    record = outbound(rig.journal, "k1")
    rig.journal.take_outbound(record, lambda _: None)
    message = Message(outbound_taken(record))
    assert not register.move(message, Event.ACCEPTED)
    assert message.state is State.QUEUED
    assert register.metrics.registry.get_sample_value("relay_outbound_unexpected_events_total") == 1
    for _ in range(2):
        register.keep(message)
    assert (len(register.open), register.open_bytes) == (1, len(BODY))
    assert register.move(message, Event.CANCEL_ASKED)
    results: list[object] = []
    message.detail = "why"
    register.write(message, results.append)
    assert message.stored.state is OutboundState.QUEUED, "as on the disk, not as wished"
    rig.settle()
    assert results == [None]
    assert (message.stored.state, message.stored.detail) == (OutboundState.CANCELLED, "why")
    assert register.move(message, Event.CANCEL_DURABLE)
    register.forget_if_over(message)
    assert "k1" in register.open, "its report is owed"
    message.stored = type(message.stored)(
        taken=record,
        state=OutboundState.CANCELLED,
        detail="",
        updated_ms=0,
        sent_ms=None,
        reported=OutboundState.CANCELLED,
    )
    message.is_written = False
    register.forget_if_over(message)
    assert "k1" in register.open, "its end is not on disk"
    message.is_written = True
    register.forget_if_over(message)
    register.forget_if_over(message)
    assert (register.open, register.open_bytes) == ({}, 0)


def test_a_write_that_fails_leaves_what_is_known_of_the_disk() -> None:
    rig = MemoryRig()
    register = Register(rig.journal, rig.time, Metrics())
    message = Message(outbound_taken(outbound(rig.journal, "never taken")))
    results: list[object] = []
    register.move(message, Event.LINE_READY)
    register.write(message, results.append)
    rig.settle()
    assert results != [None]
    assert message.stored.state is OutboundState.QUEUED
