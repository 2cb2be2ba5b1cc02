"""Two regions and their copy, without a network: whose calls were taken, and what a promotion loses."""

from __future__ import annotations

import asyncio
import tomllib

import msgspec
import pytest

from relay.core import contract as c
from relay.loopback.lab.centers import configuration
from relay.loopback.lab.door import LabError
from relay.loopback.lab.regions import FIRST_EPOCH, HALTED_MS, Lag, Promote, Regions, State
from relay.loopback.ledger import Caller, Commit
from relay.reconcile.dates import Cutover

EVENING_MS = 20 * 3_600_000  # of the first of January, when it is the second one in Japan
BODY = msgspec.json.encode({"command": "x"})


def event(center: str, epoch: int) -> tuple[str, str, dict[str, str], bytes]:
    headers = {"relay-center": center, "relay-epoch": "1", "region-epoch": str(epoch), "content-type": "application/json"}
    body = msgspec.json.encode({"kind": "session-up", "terminal": "ATM00001", "at": "2026-11-26T00:00:00Z"})
    return "POST", c.NETWORK_EVENTS_PATH, headers, body


async def test_calls_are_counted_by_who_made_them_and_how_they_ended() -> None:
    regions = Regions()
    for center, epoch in (("tokyo", FIRST_EPOCH), ("osaka", FIRST_EPOCH - 1)):
        regions.cores["tokyo"].handle(*event(center, epoch), 5)
    rows = {row.center: (row.posted + row.told + row.refused, row.refused) for row in (await regions.on_status(b"{}")).calls}
    assert rows["osaka"] == (1, 1)
    assert rows["tokyo"][0] == 1


async def test_a_promotion_and_a_new_copy() -> None:
    regions = Regions()
    status = await regions.on_lag(msgspec.json.encode(Lag(500)))
    assert (status.primary, status.standby, status.lag_ms) == ("tokyo", "osaka", 500)
    status = await regions.on_promote(msgspec.json.encode(Promote(FIRST_EPOCH + 1)))
    assert (status.primary, status.standby) == ("osaka", "")
    assert {row.city: (row.state, row.epoch) for row in status.rows} == {
        "tokyo": ("serving", FIRST_EPOCH),
        "osaka": ("serving", FIRST_EPOCH + 1),
    }, "the old one is told nothing"
    status = await regions.on_copy(b"{}")
    assert (status.primary, status.standby) == ("osaka", "tokyo")
    status = await regions.on_state(msgspec.json.encode(State("tokyo", "blocked")))
    assert status.rows[0].state == "blocked"
    assert (await regions.on_books(b"{}")).lines == ()


def test_both_cores_file_a_message_under_the_day_that_their_relays_count() -> None:
    for city, ledger in Regions().ledgers.items():
        offset = tomllib.loads(configuration(city, "/nowhere", "/b.ctl", []))["reconcile"]["utc_offset_minutes"]
        asked = c.TransactionRequest(kind="deposit", channel="atm", realm="bank", terminal="ATM00001")
        ledger.redo(Commit("post", "key", asked, Caller("tokyo/1/1", "tokyo", 1, 1), EVENING_MS))
        assert [entry.business_date for entry in ledger.entries()] == [Cutover(0, offset).date_at(EVENING_MS)]


async def test_the_books_know_whose_a_key_was_that_a_promotion_lost() -> None:
    regions = Regions()
    await regions.on_lag(msgspec.json.encode(Lag(60_000)))
    asked = c.TransactionRequest(
        kind="withdrawal", channel="atm", realm="bank", terminal="ATM1", trace="0007", from_account="7654321"
    )
    caller = Caller("tokyo/1/1", "tokyo", 1, FIRST_EPOCH)
    regions.ledgers["tokyo"].post("bank:ndc:ATM1:1", asked, caller, EVENING_MS)
    await regions.on_promote(msgspec.json.encode(Promote(FIRST_EPOCH + 1)))
    (line,) = (await regions.on_books(b"{}")).lines
    assert (line.key, line.terminal, line.trace, line.kind) == ("bank:ndc:ATM1:1", "ATM1", "0007", "withdrawal")
    assert line.account == "7654321", "whose books name accounts would take it for another's"
    assert line.delta_minor == 0, "it is nowhere in the ledger that serves"


async def test_a_halted_copy_gets_nothing_until_it_runs_again() -> None:
    regions = Regions()
    await regions.on_lag(msgspec.json.encode(Lag(50)))
    status = await regions.on_halt(b"{}")
    assert (status.is_halted, status.lag_ms) == (True, 50)
    assert regions.replica.lag_ms == HALTED_MS
    assert (await regions.on_lag(msgspec.json.encode(Lag(70)))).is_halted, "the lag is for later"
    status = await regions.on_resume(b"{}")
    assert (status.is_halted, regions.replica.lag_ms) == (False, 70)


async def test_a_promotion_that_takes_its_time_is_under_way_and_is_not_begun_twice() -> None:
    regions = Regions()
    await regions.on_halt(b"{}")
    status = await regions.on_promote(msgspec.json.encode(Promote(FIRST_EPOCH + 1, after_ms=1)))
    assert (status.promoting, status.primary) == (FIRST_EPOCH + 1, "tokyo")
    with pytest.raises(LabError, match="under way"):
        await regions.on_promote(msgspec.json.encode(Promote(FIRST_EPOCH + 1)))
    async with asyncio.timeout(10):
        while regions.status().promoting:  # noqa: ASYNC110  one turn of the loop after the other
            await asyncio.sleep(0)
    status = regions.status()
    assert (status.primary, status.is_halted, status.asked["promote"]) == ("osaka", False, 2)
    with pytest.raises(LabError, match="no standby"):
        await regions.on_promote(msgspec.json.encode(Promote(FIRST_EPOCH + 2)))
