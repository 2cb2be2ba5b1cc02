"""Reconciliation in a test: a journal of listed rows, a core of listed lines, variables in memory, and time that stands still.

Owns these fakes and the builders of rows and lines. It must never decide: what follows for a difference is asked of the real
`decide`, on an exchange made of the row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from protocols.vocabulary import DoubtPolicy, MessageClass, Unknown, Verdict
from relay.clock import SystemClock
from relay.core.contract import Amount, LedgerEntry, LedgerPage
from relay.core.port import Look, Looked, NotFound, Permit
from relay.exchange.reopen import Around, Decision, Reopens, decide
from relay.exchange.reopening import Busy, Seen
from relay.journal.items import IDS_PER_INCARNATION
from relay.journal.records import Intent, StoredExchange, StoredState, Taken
from relay.journal.sides import ROWS_MAX, Moved, Side
from relay.reconcile.asking import Asking
from relay.reconcile.dates import DAY_MS
from relay.reconcile.judging import Judge

DATE = "2025-11-26"
BEGINS_MS = 1_764_082_800_000
PAGE = 10


class KeptVariables:
    """`fails_after` durable writes the journal takes no more."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.writes = 0

    def variables(self, link_name: str) -> Mapping[str, bytes]:
        return self.kept

    def store_variable(self, link_name: str, name: str, value: bytes | None, done: Callable[[None], None]) -> None:
        self.writes += 1
        if value is None:
            self.kept.pop(name, None)
        else:
            self.kept[name] = value
        done(None)


class Later(SystemClock):
    """Two days after the date began."""

    def __init__(self) -> None:
        self.now_ms = BEGINS_MS + 2 * DAY_MS

    def wall_ms(self) -> int:
        return self.now_ms


class ListRows:
    def __init__(self, sides: list[Side]) -> None:
        self.sides = sides
        self.lines: list[Moved] = []

    def by_keys(self, keys: Sequence[str]) -> dict[str, Side]:
        assert len(keys) <= ROWS_MAX
        return {side.key: side for side in self.sides if side.key in set(keys)}

    def by_ids(self, exchange_ids: Sequence[int]) -> dict[int, Side]:
        assert len(exchange_ids) <= ROWS_MAX
        return {side.exchange_id: side for side in self.sides if side.exchange_id in set(exchange_ids)}

    def after(self, exchange_id: int, count_max: int = ROWS_MAX) -> list[Side]:
        return [side for side in self.sides if exchange_id < side.exchange_id < _end_of(exchange_id)][:count_max]

    def moved_rows(self, exchange_id: int) -> list[Moved]:
        rows = [
            Moved(s.exchange_id, s.exchange_id, s.terminal, s.business_date, s.recorded_ms, s.recorded_ms) for s in self.sides
        ]
        return [row for row in rows if exchange_id < row.mark < _end_of(exchange_id)]

    def moved_lines(self, line_id: int) -> list[Moved]:
        return [line for line in self.lines if line.mark > line_id]

    def last_line(self) -> int:
        return self.lines[-1].mark if self.lines else 0

    def lives(self) -> list[int]:
        return sorted({each.exchange_id // IDS_PER_INCARNATION for each in self.sides})

    def last_before(self, wall_ms: int, life: int) -> int:
        return life * IDS_PER_INCARNATION

    def change(self, exchange_id: int, **changes: Any) -> None:
        self.sides = [
            msgspec.structs.replace(each, **changes) if each.exchange_id == exchange_id else each for each in self.sides
        ]


class ListCore:
    """`fails_at` is the place in the listing at which a page breaks off; `said` is what an inquiry of any key says."""

    def __init__(self, lines: list[LedgerEntry], page: int = PAGE) -> None:
        self.lines = lines
        self.page = page
        self.fails_at = -1
        self.circles = False
        self.ignores_terminal = False
        self.said: Look = Looked(NotFound())
        self.inquired: list[str] = []
        self.asked: list[str] = []
        self.pages = 0

    def ledger(
        self, date: str, terminal: str, cursor: str, permit: Permit, timeout_ms: int, done: Callable[[Any], None]
    ) -> Any:
        start = int(cursor or "0")
        self.pages += 1
        self.asked.append(f"{date} {terminal} {cursor}".strip())
        if start == self.fails_at:
            done(Unknown(why="lost: closed"))
            return None
        mine = [each for each in self.lines if not terminal or self.ignores_terminal or each.terminal == terminal]
        stop = start + self.page
        following = None if stop >= len(mine) else str(start if self.circles and start else stop)
        done(LedgerPage(business_date=date, entries=mine[start:stop], next_cursor=following))
        return None

    def look(self, key: str, attempt: Any, permit: Permit, timeout_ms: int, done: Callable[[Any], None]) -> Any:
        self.inquired.append(f"{key} {attempt.text()}")
        done(self.said)
        return None


class Reopened:
    """Stands for Reopening: the real decision, and a list of what would be owed."""

    def __init__(self, rows: ListRows) -> None:
        self.rows = rows
        self.moved: list[tuple[str, str]] = []
        self.busy = 0
        self.leaves: dict[str, Any] = {"state": "settled", "updated_ms": BEGINS_MS + DAY_MS}

    def judge(self, seen: Seen, looked: Looked, done: Callable[[Decision | Busy], None]) -> None:
        if self.busy:
            self.busy -= 1
            done(Busy("somebody"))
            return
        side = self.rows.by_keys([seen.key])[seen.key]
        reversal = None if not seen.reversal_key else stored_of(self.rows.by_keys([seen.reversal_key])[seen.reversal_key])
        attempt = f"tokyo/{side.incarnation}/{side.exchange_id}"
        decision = decide(stored_of(side), looked, attempt, Around(reversal, seen.times, seen.is_related))
        if isinstance(decision, Reopens) and not seen.is_dry:
            self.moved.append((seen.key, decision.event.name))
            self.rows.change(side.exchange_id, times=side.times + 1, **self.leaves)
        done(decision)


def _end_of(exchange_id: int) -> int:
    return (exchange_id // IDS_PER_INCARNATION + 1) * IDS_PER_INCARNATION


def stored_of(side: Side) -> StoredExchange:
    intent = None if side.verdict is None else Intent(Verdict(side.verdict), "", b"")
    taken = Taken(
        exchange_id=side.exchange_id,
        key=side.key,
        listener="atm",
        realm="bank",
        terminal=side.terminal,
        message_class=MessageClass(side.message_class),
        kind=side.kind,
        policy=DoubtPolicy(side.policy),
        fingerprint=b"",
        state=StoredState(side.state),
        recorded_ms=side.recorded_ms,
        request=b"kept",
        amount_minor=side.amount_minor,
        currency=side.currency,
        incarnation=side.incarnation,
    )
    return StoredExchange(
        taken=taken,
        state=StoredState(side.state),
        intent=intent,
        outcome=side.outcome,
        standing_minor=side.standing_minor,
        tries=0,
        epoch=1,
        updated_ms=side.updated_ms,
    )


def side(number: int, **changes: Any) -> Side:
    """An approved withdrawal of 5,000 yen, early on the date."""
    base = Side(
        exchange_id=number,
        key=f"k{number}",
        terminal="ATM1",
        message_class="financial",
        kind="withdrawal",
        policy="undo",
        state="answered",
        is_closed=True,
        verdict="approve",
        amount_minor=5_000,
        currency="JPY",
        business_date="",
        recorded_ms=BEGINS_MS + number,
        updated_ms=0,
        incarnation=3,
    )
    return msgspec.structs.replace(base, **changes)


def line(number: int, **changes: Any) -> LedgerEntry:
    """Its line."""
    amount = Amount("5000", "JPY")
    base = LedgerEntry(key=f"k{number}", kind="withdrawal", terminal="ATM1", state="posted", amount=amount, standing=amount)
    return msgspec.structs.replace(base, **changes)


async def at_once(work: Callable[[], object]) -> object:
    return work()


def no_time(delay_ms: int) -> Awaitable[None]:
    passed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    passed.set_result(None)
    return passed


def asking_of(
    core: ListCore, rows: ListRows, permit: Callable[[], Permit | None] = lambda: Permit(1, "tokyo"), peer: str = ""
) -> Asking:
    return Asking(core, rows, permit, no_time, "tokyo", 4_000, 0, at_once, peer)


def judge_of(asking: Asking, reopened: Reopened, *, is_mending: bool = True, moves_max: int = 100) -> Judge:
    return Judge(asking, reopened.judge, is_mending=is_mending, moves_max=moves_max)
