"""What the relays of both centers say, through a real control socket, as facts; and which errors are surely nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.control import regions as c
from relay.control.client import ControlClient
from relay.control.report import CoreReport, Done, ListenerReport, StatusReport
from relay.errors import RelayError
from relay.failover.actions.port import ActionFailed, ActionRefused
from relay.failover.evidence import CenterFacts
from relay.orchestrator.relays import BothRelays, OwnRelay
from tests.support.controlroom import answering

REGIONS = c.RegionsReport(
    region="tokyo",
    epoch=7,
    has_permit=True,
    sealed_epoch=6,
    blocked=("atm",),
    sites=(c.SiteRow(name="osaka", result="good"), c.SiteRow(name="nagoya", result="silent")),
    tail=c.TailRow(left=4, is_finished=False),
)
STATUS = StatusReport(
    listeners=(ListenerReport(name="atm", signed_on=3), ListenerReport(name="branch", signed_on=4)),
    core=CoreReport(inflight=2),
    owed=5,
    listed=1,
)


async def test_a_relays_words_become_facts(tmp_path: Path) -> None:
    answers = {"region-status": REGIONS, "status": STATUS, "region-seal": Done("sealed"), "region-block": RelayError("no")}
    with answering(tmp_path, {**answers}) as daemon:
        own = OwnRelay(ControlClient(daemon.path), "tokyo")
        assert await own.facts() == CenterFacts(
            center="tokyo",
            region="tokyo",
            epoch=7,
            sealed_epoch=6,
            blocked=("atm",),
            may_speak=True,
            sessions=7,
            inflight=2,
            owed=5,
            listed=1,
            tail_left=4,
            tail_is_finished=False,
        )
        assert await own.standby("osaka") == ""
        assert await own.standby("nagoya") == "nagoya: silent"
        assert "no region kyoto" in await own.standby("kyoto")
        assert await own.say("seal", 7, (), "drill") == "sealed"
        assert daemon.asked[-1] == c.RegionSealArgs(epoch=7, who="the failover run", why="drill")
        with pytest.raises(ActionRefused, match="no"):
            await own.say("block", 7, ("all",), "drill")
        with pytest.raises(ActionRefused, match="nothing is called"):
            await own.say("explode", 7, (), "drill")


async def test_a_relay_that_is_not_there_has_trouble_and_nobody_knows(tmp_path: Path) -> None:
    own = OwnRelay(ControlClient(str(tmp_path / "none.sock")), "tokyo")
    assert (await own.facts()).trouble
    assert await own.standby("osaka")
    with pytest.raises(ActionFailed):
        await own.say("seal", 7, (), "drill")
    alone = BothRelays("tokyo", own, None)
    assert (await alone.facts("osaka")).trouble == "no peer is configured"
    assert await alone.standby("osaka", "osaka") == "no peer is configured"
    with pytest.raises(ActionRefused):
        await alone.say("osaka", "seal", 7, (), "drill")
    both = BothRelays("osaka", own, alone)
    assert (await both.facts("tokyo")).trouble == (await both.facts("osaka")).trouble
