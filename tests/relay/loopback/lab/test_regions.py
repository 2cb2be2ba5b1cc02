"""Two regions and their copy, without a network: whose calls were taken, and what a promotion loses."""

from __future__ import annotations

import tomllib

import msgspec

from relay.core import contract as c
from relay.loopback.lab.centers import configuration
from relay.loopback.lab.regions import FIRST_EPOCH, Lag, Promote, Regions, State
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
