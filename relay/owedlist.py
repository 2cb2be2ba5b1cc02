"""What is owed to the core and what waits for a person: what `relay saf` shows.

Owns the gathering. It must never change anything (relay/exchange/people.py does). The traps: of what is owed the memory knows
more than the disk (the last answer, who waits behind whom), and of what is listed only the disk knows anything; and a silent
core leaves tens of thousands owed, which in one go would keep every message waiting, so they are looked through a slice at a
time, and what settles meanwhile is shown as it is by then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from heapq import nsmallest
from typing import Final

from relay.control.commands import SafListArgs
from relay.control.report import SafDetail, SafReport, SafRow, SafStep
from relay.exchange.desk import Desk
from relay.exchange.exchange import STORED
from relay.exchange.register import Open
from relay.journal.port import Journal
from relay.journal.records import StoredExchange, StoredState

SLICE_COUNT: Final = 500  # of what is owed, looked at in one turn of the loop
LISTED = frozenset({StoredState.LISTED, StoredState.UNPROVEN})


async def owed_report(desk: Desk, journal: Journal, args: SafListArgs, turn: Callable[[], Awaitable[None]]) -> SafReport:
    """Owed ones first, each kind oldest first. `turn` lets everybody else have the loop."""
    listed = list(journal.listed())
    on_list = {stored.taken.exchange_id for stored in listed}  # perhaps before the memory has heard that this is durable
    entries, owed_count, oldest = list(desk.saf.entries()), 0, list[Open]()
    slice_count = max(SLICE_COUNT, args.count_max)
    for start in range(0, len(entries), slice_count):
        owed = [entry for entry in entries[start : start + slice_count] if entry.exchange_id not in on_list]
        owed_count += len(owed)
        if args.what != "listed":
            oldest = nsmallest(args.count_max, (*oldest, *owed), key=lambda entry: entry.exchange_id)
        await turn()
    rows: list[SafRow] = []
    if args.what != "listed":
        rows += [owed_row(desk, entry) for entry in oldest]
    if args.what != "owed":
        wanted = listed[: args.count_max - len(rows)]
        reasons = journal.reasons([stored.taken.exchange_id for stored in wanted])
        rows += [listed_row(stored, reasons.get(stored.taken.exchange_id, "")) for stored in wanted]
    return SafReport(owed=owed_count, listed=len(listed), rows=tuple(rows))


def owed_detail(desk: Desk, journal: Journal, stored: StoredExchange) -> SafDetail:
    """One exchange with its history, whatever its state."""
    history = list(journal.history(stored.taken.exchange_id))
    entry = desk.register.by_key.get(stored.taken.key)
    reasons = [line.detail for line in history if line.detail]
    if entry is not None and desk.saf.is_owed(entry):
        row = owed_row(desk, entry)
    else:
        row = listed_row(stored, reasons[-1] if reasons else "")
    steps = tuple(SafStep(at_ms=h.at_ms, event=h.event, state=h.state.value, detail=h.detail) for h in history)
    return SafDetail(row=row, history=steps)


def owed_row(desk: Desk, entry: Open) -> SafRow:
    request = entry.request
    amount = request.amount
    return SafRow(
        key=entry.key,
        state=STORED[entry.state].value,
        message_class=request.message_class.value,
        listener="" if entry.facts is None else entry.facts.name,
        terminal=request.terminal,
        kind=request.kind,
        amount_minor=None if amount is None else amount.minor,
        currency="" if amount is None else amount.currency,
        original_key=request.original_key or "",
        standing_minor=entry.standing_minor,
        recorded_ms=entry.recorded_ms,
        tries=entry.tries,
        why=entry.why,
        is_waiting=not desk.saf.is_head(entry),
    )


def listed_row(stored: StoredExchange, why: str) -> SafRow:
    taken = stored.taken
    return SafRow(
        key=taken.key,
        state=stored.state.value,
        message_class=taken.message_class.value,
        listener=taken.listener,
        terminal=taken.terminal,
        kind=taken.kind,
        amount_minor=taken.amount_minor,
        currency=taken.currency,
        original_key=taken.original_key,
        standing_minor=stored.standing_minor,
        recorded_ms=taken.recorded_ms,
        tries=stored.tries,
        why=why,
        is_listed=stored.state in LISTED,
    )
