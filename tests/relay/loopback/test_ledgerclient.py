"""The ledger over HTTP, page by page, from a real fake core."""

from __future__ import annotations

import pytest

from relay.core import contract as c
from relay.errors import RelayError
from relay.loopback.core import FakeCore
from relay.loopback.coreserver import CoreServer
from relay.loopback.ledger import PAGE_COUNT_MAX, Caller, Ledger
from relay.loopback.ledgerclient import fetch_lines

NOON_MS = 1_763_640_000_000  # 2025-11-20 12:00 UTC
A = Caller("tokyo/1/1", "tokyo", 1, 1)


def deposit(trace: int) -> c.TransactionRequest:
    return c.TransactionRequest(
        kind="deposit",
        channel="atm",
        realm="bank",
        terminal="ATM00001",
        trace=f"{trace:06d}",
        amount=c.Amount("1000", "JPY"),
        card=c.Card(pan="4000000000000002"),
    )


async def test_all_pages_of_all_days_since_the_run_began() -> None:
    ledger = Ledger()
    ledger.post("old", deposit(0), A, NOON_MS - 3_600_000)
    for n in range(PAGE_COUNT_MAX + 7):
        ledger.post(f"k{n}", deposit(n), A, NOON_MS)
    ledger.post("tomorrow", deposit(9_999), A, NOON_MS + 12 * 3_600_000)
    server = CoreServer(FakeCore(ledger), zones=("127.0.0.1",))
    await server.start()
    try:
        lines = await fetch_lines(f"http://127.0.0.1:{server.port}", NOON_MS, NOON_MS + 12 * 3_600_000)
    finally:
        await server.stop()
    assert len(lines) == PAGE_COUNT_MAX + 8
    assert {line.key for line in lines}.isdisjoint({"old"})
    assert sum(line.delta_minor for line in lines) == 1_000 * (PAGE_COUNT_MAX + 8)
    assert lines[0].trace == "000000"


async def test_a_ledger_that_cannot_be_read_is_said_in_a_sentence() -> None:
    with pytest.raises(RelayError, match="cannot be read"):
        await fetch_lines("http://127.0.0.1:1", NOON_MS, NOON_MS)
    server = CoreServer(FakeCore(), zones=("127.0.0.1",))
    await server.start()
    try:
        with pytest.raises(RelayError, match="answers 404"):
            await fetch_lines(f"http://127.0.0.1:{server.port}/elsewhere", NOON_MS, NOON_MS)
    finally:
        await server.stop()
