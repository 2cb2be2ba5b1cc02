"""After a restart: every exchange that the journal holds open takes up its duty again, before anything is served.

Owns the way back from a stored exchange to an open one. It must never post a request again: secrets are gone, so a recovered
repeat or hold is inquired, and an undo is stated by key. The traps: RECORDED without an intent means that no reply left, which
is what allows an automatic undo, and an exchange with an intent never passes here unless it owes something; but that is so on
the disk that wrote it and not on a copy, which may lack the intent of a reply that left, and paid.
"""

from __future__ import annotations

from functools import partial

from protocols.vocabulary import MessageClass
from relay.exchange.desk import Desk
from relay.exchange.exchange import RECOVERED_EVENT, RECOVERED_FROM_COPY_EVENT, Event, State
from relay.exchange.register import Open, rebuild
from relay.journal.port import JournalFailed, StepResult
from relay.journal.records import StoredExchange
from relay.telemetry.log import get_log

log = get_log("recovery")


def recover(desk: Desk, completion_deadline_ms: int, *, is_copy: bool = False) -> dict[str, int]:
    """Take up every open exchange, oldest first. `is_copy`: the journal may lack the last that its center wrote. Returns how
    many there were, by stored state."""
    counts: dict[str, int] = {}
    for stored in desk.register.journal.open_exchanges():
        counts[stored.state.value] = counts.get(stored.state.value, 0) + 1
        entry = desk.register.by_key[stored.taken.key] = rebuild(stored, desk.register.clock.monotonic_ms())
        take_up(desk, entry, stored, completion_deadline_ms, is_copy=is_copy)
    if counts:
        log.info("open exchanges recovered", **counts)
    return counts


def take_up(desk: Desk, entry: Open, stored: StoredExchange, completion_deadline_ms: int, *, is_copy: bool = False) -> None:
    """The duty of one, which the register has already. The same for one that came from a worker that is gone."""
    if is_copy and entry.withdrawn and entry.state in (State.RECORDED, State.HELD):
        desk.doubt.withdraw(entry, by=stored.reversed_by)  # its terminal has said how it ended
    elif entry.state is State.RECORDED:
        events = RECOVERED_FROM_COPY_EVENT if is_copy else RECOVERED_EVENT
        event = events[entry.request.doubt_policy]
        desk.register.move(entry, event)
        desk.register.write(
            entry,
            event,
            partial(_recovered, desk, entry),
            standing_minor=0 if event is Event.RECOVERED_UNDO else None,
            tries=0,
            detail="no reply intent on disk after a restart",
        )
    elif entry.state is State.AWAITING_COMPLETION and entry.withdrawn:
        desk.doubt.withdraw(entry, by=stored.reversed_by)
    elif entry.state is State.AWAITING_COMPLETION:
        desk.doubt.await_completion(entry, completion_deadline_ms)
    elif desk.repeats.elsewhere is not None and entry.request.message_class is not MessageClass.FINANCIAL:
        entry.is_loose = True  # its former life may have died before it was placed
        desk.place(entry)
    elif entry.state in (State.DELIVERING, State.PART_UNDONE, State.UNDONE):
        desk.doubt.by_hand.owe(entry)  # the relay may have died before it knew that a person has decided
    else:
        desk.saf.owe(entry)


def _recovered(desk: Desk, entry: Open, result: StepResult) -> None:
    if isinstance(result, JournalFailed):
        log.error("a recovered exchange could not be written", why=result.why, exchange_id=entry.exchange_id)
    if entry.state in (State.UNDOING, State.REPEATING, State.HELD):  # else its terminal reversed it meanwhile
        desk.saf.owe(entry)
