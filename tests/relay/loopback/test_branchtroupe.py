"""Branch terminals behind the port: every third one is a teller, and the endings of 応答コード."""

from __future__ import annotations

import asyncio

import pytest

from relay.loopback import branchtroupe
from relay.loopback.branchtroupe import BranchTroupe
from relay.loopback.report import LedgerLine
from relay.loopback.troupe import Part, until


def troupe(terminals: int = 3) -> BranchTroupe:
    return BranchTroupe(Part(terminals=terminals, rate_per_s=6.0, reply_timeout_ms=500), 1)


async def test_places_differ_and_every_third_is_a_tellers() -> None:
    one = troupe(6)
    assert [desk.terminal.place.kind for desk in one.desks] == ["A", "A", "T", "A", "A", "T"]
    assert len({desk.terminal.place.name for desk in one.desks}) == 6
    assert one.next_post() is None


async def test_its_books_are_held_against_the_ledger() -> None:
    one = troupe()
    one.desks[0].terminal.violations.append("an answer that nobody asked for")
    act = one.books.begin("9901-123-0001", "000001", "deposit", "A", 5_000)
    act.taken = 5_000
    assert one.conserve([], [], []).lost == 1
    assert one.tally.violations == ["an answer that nobody asked for"]
    assert one.conserve([LedgerLine("k", "9901-123-0001", "000001", 5_000, "A")], [], []).ledger_minor == 5_000


async def test_with_nobody_listening_they_keep_trying_and_stop_when_told() -> None:
    one = troupe()
    one.start()
    assert not await until(lambda: one.present_count() > 0, 0.5)
    await one.stop()
    assert (one.present_count(), one.unsettled_count()) == (0, 0)


async def test_an_evening_that_begins_while_terminals_still_open_waits_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(branchtroupe, "CLOSE_S", 0.3)
    called = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        one = BranchTroupe(Part(terminals=1, rate_per_s=6.0, reply_timeout_ms=5_000), server.sockets[0].getsockname()[1])
        one.start()
        await called.wait()
        await one.evening()  # the terminal still reads for the answer to its 開局; nobody else may read there
        await one.stop()
    assert [wrong for wrong in one.tally.violations if "could not close its day" not in wrong] == []
    assert len(one.tally.violations) == 1
