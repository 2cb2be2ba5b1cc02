"""What a tester asks a running daemon: its status and its person's list, over the control socket.

Owns a reader of its own for the few figures that a load needs, so that a mistake in the daemon's own tools is seen here and
not shared; and the sweep at the end of the day, which it asks for. It must never change anything else. The trap: a daemon that
was just killed leaves its socket file behind; that is "not there now", never an error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec

from relay.loopback.report import Listed

ANSWER_BYTES_MAX = 16 * 1024 * 1024
ROWS_MAX = 10_000
LOOK_S = 0.1
TAIL, LISTED = "tail", "listed"  # of a report's layer, and of how a difference ended

# The one open state in which nothing is missing but the terminal's own completion.
AWAITING_COMPLETION = "awaiting_completion"


class Address(msgspec.Struct, frozen=True):
    address: str = ""
    health: str = ""


class CoreFigures(msgspec.Struct, frozen=True):
    addresses: tuple[Address, ...] = ()
    inflight: int = 0
    queue: int = 0


class Status(msgspec.Struct, frozen=True):
    """The part of the daemon's status that a load looks at; anything else in it is ignored."""

    state: str = ""
    incarnation: int = 0
    core: CoreFigures = CoreFigures()
    exchanges: dict[str, int] = {}
    owed: int = 0
    listed: int = 0

    @property
    def in_doubt(self) -> int:
        """Exchanges whose outcome the daemon does not know yet, and what it owes the core."""
        open_count = sum(count for state, count in self.exchanges.items() if state != AWAITING_COMPLETION)
        return max(open_count, self.owed)  # what is owed is open too, but for what waits in a chain

    @property
    def unended(self) -> int:
        """As `in_doubt`, and those that wait for a terminal's completion."""
        return max(sum(self.exchanges.values()), self.owed)


class _Row(msgspec.Struct, frozen=True):
    key: str = ""
    terminal: str = ""
    kind: str = ""
    detail: str = ""


class _ListedReport(msgspec.Struct, frozen=True):
    total: int = 0
    rows: tuple[_Row, ...] = ()


class _Answer(msgspec.Struct, frozen=True):
    answer: msgspec.Raw = msgspec.Raw()
    problem: str = ""


class _Sheet(msgspec.Struct, frozen=True):
    statements: int = 0
    differs: int = 0


class _Line(msgspec.Struct, frozen=True):
    key: str = ""
    terminal: str = ""
    why: str = ""
    ending: str = ""


class _ReconcileReport(msgspec.Struct, frozen=True):
    number: int = 0
    layer: str = ""
    business_date: str = ""
    is_whole: bool = False
    journal_rows: int = 0
    left_out: int = 0
    differences: tuple[_Line, ...] = ()
    totals: _Sheet = _Sheet()


class _Done(msgspec.Struct, frozen=True):
    text: str = ""


class NotThere(Exception):
    """Nobody answers on the control socket now."""


async def status(path: str, timeout_s: float = 5.0) -> Status:
    """Raises NotThere."""
    return msgspec.json.decode(await _ask(path, "status", {}, timeout_s), type=Status)


async def listed(path: str, timeout_s: float = 20.0) -> tuple[int, list[Listed]]:
    """How many exchanges wait for a person, and the first ROWS_MAX of them. Raises NotThere."""
    report = msgspec.json.decode(await _ask(path, "listed", {"count_max": ROWS_MAX}, timeout_s), type=_ListedReport)
    return report.total, [Listed(row.key, row.terminal, trace_of(row.key), f"{row.kind}: {row.detail}") for row in report.rows]


async def reconciled(path: str, business_date: str, timeout_s: float = 30.0) -> dict[str, int]:
    """Have a business date swept; the figures of its report, or {} where none came in time. Raises NotThere."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + timeout_s
    await _ask(path, "reconcile-now", {"business_date": business_date}, timeout_s)
    while loop.time() < deadline_s:
        report = await _report(path, 0, timeout_s)
        if report.business_date == business_date:
            mended = sum(1 for line in report.differences if line.ending == "mended")
            return {
                "whole": int(report.is_whole),
                "journal_rows": report.journal_rows,
                "mended": mended,
                "listed": len(report.differences) - mended + report.left_out,
                "statements": report.totals.statements,
                "totals_differ": report.totals.differs,
            }
        await asyncio.sleep(LOOK_S)
    return {}


async def listed_in_tail(path: str, timeout_s: float = 20.0) -> list[Listed]:
    """What a replay of a lost tail gave to people: it stands in the reports of that layer. Raises NotThere."""
    await _ask(path, "status", {}, timeout_s)  # an answer that is missing below is a report that is not there
    report, found = await _report(path, 0, timeout_s), list[Listed]()
    for number in range(report.number, 0, -1):
        report = await _report(path, number, timeout_s)
        if report.layer == TAIL:
            rows = (line for line in report.differences if line.ending == LISTED)
            found += [Listed(line.key, line.terminal, trace_of(line.key), line.why) for line in rows]
    return found


async def _report(path: str, number: int, timeout_s: float) -> _ReconcileReport:
    """0 is the newest. An empty one where there is none."""
    try:
        asked: dict[str, int | str] = {"number": number, "form": "json"}
        said = msgspec.json.decode(await _ask(path, "reconcile-report", asked, timeout_s), type=_Done)
    except NotThere:
        return _ReconcileReport()
    return msgspec.json.decode(said.text, type=_ReconcileReport)


def trace_of(key: str) -> str:
    """The sender's trace in a key made by the default recipe (realm:dialect:acquirer:terminal:type:trace:date), or empty."""
    parts = key.split(":")
    return parts[5] if len(parts) == 7 else ""


async def _ask(path: str, command: str, args: Mapping[str, int | str], timeout_s: float) -> bytes:
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_unix_connection(path, limit=ANSWER_BYTES_MAX)
            try:
                writer.write(msgspec.json.encode({"command": command, "args": args}) + b"\n")
                line = await reader.readline()
            finally:
                writer.close()
        answer = msgspec.json.decode(line, type=_Answer)
    except (OSError, TimeoutError, ValueError, msgspec.MsgspecError) as error:
        raise NotThere(f"no relay answers on {path}") from error
    if not bytes(answer.answer):
        raise NotThere(f"the relay does not answer {command}: {answer.problem}")
    return bytes(answer.answer)
