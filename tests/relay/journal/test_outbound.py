"""What a step does to a message that the core started, and what still waits of it."""

from __future__ import annotations

from relay.journal.outbound import OutboundState, outbound_blanked, outbound_stepped, outbound_taken
from tests.relay.journal.test_memory import MemoryRig
from tests.support.outbound_suite import moved, outbound


def test_a_report_of_an_older_state_leaves_one_owed() -> None:
    """The state moved while the report was under way: the confirmation is of what was reported, not of what is."""
    stored = outbound_taken(outbound(MemoryRig().journal, "k1"))
    assert not stored.owes_report
    assert stored.is_open
    unknown = outbound_stepped(stored, moved(1, OutboundState.UNKNOWN))
    settled = outbound_stepped(unknown, moved(1, OutboundState.ACKNOWLEDGED))
    confirmed = outbound_stepped(settled, moved(1, None, reported=OutboundState.UNKNOWN))
    assert confirmed.state is OutboundState.ACKNOWLEDGED
    assert confirmed.owes_report
    done = outbound_stepped(confirmed, moved(1, None, reported=OutboundState.ACKNOWLEDGED))
    assert not done.owes_report
    assert not done.is_open


def test_an_unknown_one_is_open_until_a_person_has_settled_it() -> None:
    stored = outbound_taken(outbound(MemoryRig().journal, "k1"))
    unknown = outbound_stepped(stored, moved(1, OutboundState.UNKNOWN, reported=OutboundState.UNKNOWN))
    assert not unknown.owes_report
    assert unknown.is_open
    assert outbound_blanked(unknown).taken.body == b""
