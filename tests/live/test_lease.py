"""One exclusive Zengin line and two relay centers, a real PostgreSQL between them: kill -9, SIGSTOP past the lease's end, the
database gone, its server changed, and what two people do. Never two on the line, never a 発信通番 twice.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from relay.control.client import Refused
from relay.control.lease import LeaseSignedArgs, LeaseTakeArgs
from relay.lease.access import Access
from relay.lease.store import init
from tests.support.daemonworld import next_look
from tests.support.pgserver import PostgresPair, PostgresServer
from tests.support.twocenters import TTL_MS, TwoCenters

MakeCenters = Callable[[str], TwoCenters]
SIGNED = LeaseSignedArgs(line="zengin", who="Sato", why="drill")


def take(*, second: str = "Suzuki", by_hand: bool = False) -> LeaseTakeArgs:
    return LeaseTakeArgs(line="zengin", by_hand=by_hand, who="Sato", second=second, why="the other one is off, we looked")


async def make_schema(dsn: str) -> None:
    await init(Access(dsn=dsn, schema="relay_lease", password=None, request_timeout_ms=10_000))


@pytest.fixture
def database() -> Iterator[PostgresServer]:
    made = PostgresServer()
    yield made
    made.remove()


@pytest.fixture
def pair() -> Iterator[PostgresPair]:
    made = PostgresPair()
    yield made
    made.remove()


@pytest_asyncio.fixture(loop_scope="session")
async def centers(tmp_path: Path) -> AsyncIterator[MakeCenters]:
    made: list[TwoCenters] = []

    def make(dsn: str) -> TwoCenters:
        made.append(TwoCenters(tmp_path, dsn))
        return made[-1]

    yield make
    for each in made:
        await each.stop()


async def tokyo_holds(both: TwoCenters, ttl_ms: int = TTL_MS) -> None:
    await make_schema(both.dsn)
    await both.start_all_but_relays(ttl_ms)
    await both.relays["tokyo"].start()
    await both.until_state("tokyo", "held")
    await both.relays["osaka"].start()
    await both.until_open()
    row = await both.until_state("osaka", "seeking")
    assert row.holder.startswith("tokyo") or not row.holder


@pytest.mark.timeout(400)
async def test_a_killed_holder_is_followed_after_its_lease_and_no_number_is_given_twice(
    database: PostgresServer, centers: MakeCenters
) -> None:
    both = centers(database.dsn)
    await tokyo_holds(both)
    await both.until_acknowledged("tokyo", await both.send("tokyo", 4))
    assert both.taps["osaka"].dialled == 0, "a standby dials nobody"
    first = (await both.row("tokyo")).token
    waiting = await both.send("osaka", 3)
    assert set((await both.states("osaka")).values()) == {"queued"}, "what is posted to a standby waits for its line"
    await both.relays["tokyo"].kill()
    row = await both.until_state("osaka", "held")
    assert row.token > first
    await both.until_acknowledged("osaka", waiting)
    assert "numbers-of-other-center" in both.relays["osaka"].log(), "the gap is told to a person"
    # Tokyo comes back: no failback by itself.
    await both.relays["tokyo"].start()
    await both.until_state("tokyo", "seeking")
    dialled = both.taps["tokyo"].dialled
    # A planned hand-over: tokyo has it at once, and goes on after osaka's numbers.
    await asyncio.to_thread(both.relays["osaka"].control.lease_release, SIGNED)
    row = await both.until_state("tokyo", "held")
    assert both.taps["tokyo"].dialled >= dialled
    await both.until_acknowledged("tokyo", await both.send("tokyo", 3))
    serials = both.serials()
    assert len(serials) == 10
    assert [serial > 10_000 for serial in serials] == [False] * 4 + [True] * 3 + [False] * 3
    assert len({tenure.token for tenure in row.tenures}) == len(row.tenures) >= 3
    assert (await both.row("osaka")).state == "idle"
    # The end of a process gives the line back, too.
    await asyncio.to_thread(both.relays["osaka"].control.lease_standby, SIGNED)
    await both.until_state("osaka", "seeking")
    assert await both.relays["tokyo"].stop() == 0
    await both.until_state("osaka", "held")


@pytest.mark.timeout(400)
async def test_a_stopped_holder_that_wakes_after_its_lease_says_nothing_on_the_line(
    database: PostgresServer, centers: MakeCenters
) -> None:
    both = centers(database.dsn)
    await tokyo_holds(both)
    await both.until_acknowledged("tokyo", await both.send("tokyo", 2))
    both.relays["tokyo"].signal(signal.SIGSTOP)
    # What it would answer when it wakes, before any of its timers: a telegram, and messages of the core.
    both.center.order(1, "001-1-1000001", 1_000)
    await both.until_state("osaka", "held")
    await both.until_open()
    said = len(both.taps["tokyo"].said)
    both.relays["tokyo"].signal(signal.SIGCONT)
    await both.until_state("tokyo", "fault")
    assert len(both.taps["tokyo"].said) == said, "not a byte, though a telegram lay there to be acknowledged"
    assert both.relays["tokyo"].metrics()['relay_links_closed_total{listener="zengin",reason="lease-lost"}'] == 1
    await both.until(lambda: both.mind.is_settled, "the telegram was not taken")
    ledger = both.relays["tokyo"].ledger

    def posted() -> list[int]:
        return [entry.standing_minor for entry in ledger.entries() if entry.kind == "interbank-transfer"]

    async with asyncio.timeout(30):
        while posted() != [1_000]:  # the acknowledgement comes first
            await next_look()
    assert not ledger.posted_twice()
    await both.until_acknowledged("osaka", await both.send("osaka", 2))
    assert len(both.serials()) == 4
    # A restart mends no fault; one person makes it the standby of the holder that the database knows.
    assert await both.relays["tokyo"].stop() == 0
    await both.relays["tokyo"].start()
    assert (await both.row("tokyo")).state == "fault"
    await asyncio.to_thread(both.relays["tokyo"].control.lease_standby, SIGNED)
    await both.until_state("tokyo", "seeking")


@pytest.mark.timeout(400)
async def test_without_the_database_both_stop_and_only_two_people_go_on(database: PostgresServer, centers: MakeCenters) -> None:
    both = centers(database.dsn)
    await tokyo_holds(both)
    tokyo, osaka = both.relays["tokyo"].control, both.relays["osaka"].control
    await both.until_acknowledged("tokyo", await both.send("tokyo", 1))
    database.kill()
    await both.until_state("tokyo", "fault")
    await both.until_state("osaka", "fault")
    assert both.taps["osaka"].dialled == 0
    assert any("FAULT" in problem for problem in both.relays["tokyo"].log().splitlines())
    dialled = both.taps["tokyo"].dialled
    for args, said in ((take(second="sato "), "two different people"), (take(), "no lease database answers")):
        with pytest.raises(Refused, match=said):
            await asyncio.to_thread(tokyo.lease_take, args)
    assert both.taps["tokyo"].dialled == dialled
    await asyncio.to_thread(osaka.lease_take, take(by_hand=True))
    row = await both.until_state("osaka", "by-hand")
    await both.until_acknowledged("osaka", await both.send("osaka", 2))
    database.start()
    held = await both.until_state("osaka", "held")
    assert held.token >= row.token
    assert (await both.row("tokyo")).state == "fault", "the database is back, and the line stays where people put it"
    with pytest.raises(Refused, match="osaka holds"):
        await asyncio.to_thread(tokyo.lease_take, take())
    report = await asyncio.to_thread(osaka.lease_status)
    assert [(deed.who, deed.second) for deed in report.deeds] == [("Sato", "Suzuki")]
    assert len(both.serials()) == 3


@pytest.mark.timeout(400)
async def test_the_lease_goes_on_over_a_change_of_the_databases_server(pair: PostgresPair, centers: MakeCenters) -> None:
    both = centers(pair.dsn)
    await tokyo_holds(both, ttl_ms=60_000)
    before = await both.row("tokyo")
    pair.primary.kill()
    pair.standby.sql("SELECT pg_promote(true, 30)", database="postgres")
    async with asyncio.timeout(60):
        while str(pair.standby.port) not in (await asyncio.to_thread(both.relays["tokyo"].control.lease_status)).database:
            await next_look()
    row = await both.row("tokyo")
    assert (row.state, row.token) == ("held", before.token)
    await both.until_acknowledged("tokyo", await both.send("tokyo", 2))
    assert (await both.row("osaka")).state == "seeking"
    assert both.taps["osaka"].dialled == 0
