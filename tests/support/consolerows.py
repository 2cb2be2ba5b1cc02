"""Rows of invented lists for the console's pages: owed, outbound, found in a journal, reports on a shelf.

Owns nothing else; consolescenes.py puts them together.
"""

from __future__ import annotations

import msgspec

from relay.control.report import OutboundRow, SafRow
from relay.journal.reader import ExchangeDetail, ExchangeView
from relay.journal.records import HistoryLine, StoredState
from relay.reconcile.matcher import Difference, Ending, What
from relay.reconcile.report import Layer, Report, sign

MINUTE_MS = 60_000


def owed_rows(now_ms: int) -> tuple[SafRow, ...]:
    kinds = (
        ("advice", "deposit", "delivering", 30_000_000, "the core answered 503 four times in a row"),
        ("reversal", "withdrawal", "undoing", 5_000_000, "no answer within 1,500 ms; the inquiry was not answered either"),
        ("financial", "transfer", "listed", 184_500_000, "the core says posted, the terminal says not dispensed"),
        ("financial", "telegram", "listed", 12_800_000, "two regions hold different outcomes under one key"),
        ("advice", "totals", "held", None, "waits for the business date before it"),
    )
    rows = []
    for number in range(23):
        what, kind, state, minor, why = kinds[number % len(kinds)]
        rows.append(
            SafRow(
                key=f"bank/T{number * 37 % 400:07}/1105{number:02}/00{number * 91 % 9973:04}/{what}",
                state=state,
                message_class=what,
                listener="atm-iso",
                terminal=f"T{number * 37 % 400:07}",
                kind=kind,
                amount_minor=minor,
                currency="JPY" if minor is not None else "",
                recorded_ms=now_ms - (40 - number) * MINUTE_MS,
                tries=number % 6,
                why=why,
                is_listed=state == "listed",
                is_waiting=number == 7,
            )
        )
    return tuple(rows)


def outbound_rows(now_ms: int) -> tuple[OutboundRow, ...]:
    states = ("queued", "sent", "unknown", "acknowledged", "failed", "cancelled", "acknowledged", "acknowledged")
    details = {
        "unknown": "the line broke after the last byte",
        "failed": "the terminal refused it: 05",
        "queued": "waits for a session of T0000031",
        "cancelled": "sato: wrong branch",
    }
    return tuple(
        OutboundRow(
            key=f"out-20261125-{number:06}-cutover-{number * 7919:08x}",
            listener="zengin-rc" if number % 3 else "atm-iso",
            line=f"000@192.168.101.{200 + number}" if number % 3 == 0 else f"LCN {number % 16:02}",
            kind="interbank-transfer" if number % 3 else "cutover",
            state=state,
            detail=details.get(state, ""),
            recorded_ms=now_ms - number * MINUTE_MS,
        )
        for number, state in enumerate(states * 2)
    )


def found_rows(now_ms: int) -> tuple[ExchangeView, ...]:
    states = ("done", "awaiting-completion", "confirmed", "undone", "listed", "refused", "unproven", "settled")
    return tuple(view(now_ms - number * 47_000, number, state) for number, state in enumerate(states[n % 8] for n in range(26)))


def view(recorded_ms: int, number: int, state: str) -> ExchangeView:
    return ExchangeView(
        exchange_id=8_412_000 - number,
        key=f"bank/T{number * 37 % 400:07}/112503{number:02}/00{number * 91 % 9973:04}/011000",
        state=state,
        listener="atm-iso",
        realm="bank",
        terminal=f"T{number * 37 % 400:07}" if number % 5 else f"000@192.168.101.{100 + number}",
        message_class="financial",
        kind=("deposit", "withdrawal", "interbank-transfer")[number % 3],
        policy="undo",
        amount_minor=(number % 9 + 1) * 10_000,
        currency="JPY",
        business_date="2026-11-25",
        pan="411111******1111",
        original_key="",
        verdict="decline" if state == "refused" else "approve",
        code="91" if state == "refused" else "approved" if number % 5 == 0 else "00",
        evidence='{"completion":"0220 002 dispensed","sequence":4411,"notes":{"10000":1,"1000":4}}',
        standing_minor=None,
        tries=1,
        epoch=7,
        incarnation=41,
        recorded_ms=recorded_ms,
        updated_ms=recorded_ms + 612,
    )


def detail_of(seen: ExchangeView) -> ExchangeDetail:
    steps = (
        ("taken", StoredState.RECORDED, ""),
        ("approved", StoredState.ANSWERED, "code 00 from 10.65.4.17:443 after 24 ms"),
        ("replied", StoredState.AWAITING_COMPLETION, ""),
        ("completed", StoredState.DONE, "the terminal confirmed 40,000 JPY dispensed"),
    )
    lines = [
        HistoryLine(seen.exchange_id, seen.recorded_ms + number * 180, event, state, said)
        for number, (event, state, said) in enumerate(steps)
    ]
    return ExchangeDetail(seen, tuple(lines))


def shelf(now_ms: int) -> tuple[Report, ...]:
    difference = Difference(
        what=next(iter(What)),
        key="bank/T0000031/112403/004411/011000",
        terminal="T0000031",
        kind="withdrawal",
        journal_minor=40_000,
        core_minor=None,
        currency="JPY",
        why="the core has no line of it",
        ending=Ending.LISTED,
    )
    day = Report(
        number=311, layer=Layer.DAILY, business_date="2026-11-24", center="tokyo", made_ms=now_ms - 7_200_000, is_whole=True,
        journal_rows=1_204_118, core_lines=1_204_117, differences=(difference,),
    )  # fmt: skip
    agrees = msgspec.structs.replace(day, number=310, business_date="2026-11-23", differences=(), made_ms=now_ms - 93_600_000)
    broken = msgspec.structs.replace(
        agrees, number=309, layer=Layer.NEAR, is_whole=False, trouble="the listing broke off after page 41"
    )
    return (broken, sign(agrees, "kimura", "read and compared with the branch sheets", now_ms - 90_000_000), day)
