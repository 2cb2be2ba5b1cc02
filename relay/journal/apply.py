"""What a record does to what is stored, as pure functions: the meaning that every engine keeps.

Owns taking, stepping and blanking of a stored exchange. It must never know a disk. The memory engine is built on it, and the
SQL of the other engine is tested against it.
"""

from __future__ import annotations

from msgspec.structs import replace

from relay.journal.records import Intent, Step, StoredExchange, Taken


def taken(record: Taken) -> StoredExchange:
    """An exchange as it stands from the moment it was taken."""
    return StoredExchange(
        taken=record,
        state=record.state,
        intent=record.intent,
        outcome=None,
        standing_minor=None,
        tries=0,
        epoch=record.epoch,
        updated_ms=record.recorded_ms,
    )


def stepped(stored: StoredExchange, record: Step) -> StoredExchange:
    """After one step: its state and time, and of the rest whatever the step carries."""
    intent = stored.intent if record.intent is None else record.intent
    return StoredExchange(
        taken=replace(stored.taken, state=record.state, intent=intent),
        state=record.state,
        intent=intent,
        outcome=stored.outcome if record.outcome is None else record.outcome,
        standing_minor=stored.standing_minor if record.standing_minor is None else record.standing_minor,
        tries=stored.tries if record.tries is None else record.tries,
        epoch=stored.epoch if record.epoch is None else record.epoch,
        updated_ms=record.at_ms,
    )


def blanked(stored: StoredExchange) -> StoredExchange:
    """After the body window: the key and what became of it stay, request, PAN, reply data and evidence go."""
    intent = None if stored.intent is None else Intent(stored.intent.verdict, stored.intent.code, b"")
    return replace(stored, taken=replace(stored.taken, request=b"", pan=None, intent=intent), intent=intent, outcome=None)
