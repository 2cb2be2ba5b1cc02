"""One look: what the open pane needs and no more, the newest one stands while the relay is away, two make a rate."""

from __future__ import annotations

from pathlib import Path

import msgspec

from relay.cli.topsnap import REPORT_EVERY_MS, Looker
from relay.control.client import ControlClient
from relay.control.commands import LinksArgs, OutboundListArgs, ReconcileReportArgs, SafListArgs
from relay.control.failoverclient import FailoverClient
from relay.control.pace import PaceReport
from relay.control.regions import RegionsReport
from relay.control.report import Done, LinksReport, OutboundListReport, SafReport
from relay.errors import RelayError
from tests.support.controlroom import Answering, answering
from tests.support.toproom import STATUS, between_runs
from tests.support.virtualtime import VirtualTime

BOUNDS = (10.0, 100.0)


def pace(at_ms: int, approved: int) -> PaceReport:
    return PaceReport(
        at_ms=at_ms, bounds_ms=BOUNDS, endings={"approve": approved}, reply=(approved, 0, 0), core=(approved, 0, 0)
    )


def answers() -> dict[str, msgspec.Struct | RelayError]:
    return {
        "status": STATUS,
        "region-status": RegionsReport(),
        "pace": pace(1_000, 10),
        "links": LinksReport(),
        "saf-list": SafReport(owed=1),
        "outbound-list": OutboundListReport(),
        "reconcile-report": Done("business date: x"),
        "failover-status": between_runs(),
    }


def looker(daemon: Answering, time: VirtualTime) -> Looker:
    return Looker(ControlClient(daemon.path), FailoverClient(daemon.path), time, "atm")


def kinds(daemon: Answering) -> list[type]:
    asked = [type(one) for one in daemon.asked]
    daemon.asked.clear()
    return asked


def test_only_what_the_open_pane_shows_is_asked(tmp_path: Path) -> None:
    with answering(tmp_path, answers()) as daemon:
        made = looker(daemon, VirtualTime())
        made.look("sessions")
        assert LinksArgs(listener="atm", count_max=2_000) in daemon.asked
        assert not {SafListArgs, ReconcileReportArgs} & set(kinds(daemon))
        made.look("waiting")
        assert {SafListArgs, OutboundListArgs} <= set(asked := kinds(daemon))
        assert LinksArgs not in asked
        assert made.look("failover").run == between_runs()
        assert not {SafListArgs, LinksArgs, ReconcileReportArgs} & set(kinds(daemon))


def test_two_looks_make_a_rate(tmp_path: Path) -> None:
    with answering(tmp_path, answers()) as daemon:
        made = looker(daemon, VirtualTime())
        assert made.look("overview").point is None
        daemon.answers["pace"] = pace(3_000, 30)
        point = made.look("overview").point
        assert point is not None
        assert (point.all_per_s, point.p50_ms) == (10.0, 5.0)
        daemon.answers["pace"] = pace(4_000, 1)  # another life of the relay
        assert made.look("overview").point is None
        daemon.answers["pace"] = RelayError("unknown command pace.")  # an older relay
        assert made.look("overview").trouble == ""


def test_the_report_is_asked_for_now_and_then(tmp_path: Path) -> None:
    with answering(tmp_path, answers()) as daemon:
        time = VirtualTime()
        made = looker(daemon, time)
        for _ in range(3):
            assert made.look("overview").report == "business date: x"
        assert kinds(daemon).count(ReconcileReportArgs) == 1
        time.run(REPORT_EVERY_MS)
        daemon.answers["reconcile-report"] = RelayError("there is no report.")
        assert made.look("reports").report == ""


def test_a_relay_that_is_away_leaves_the_newest_look_and_says_why(tmp_path: Path) -> None:
    with answering(tmp_path, answers()) as daemon:
        made = looker(daemon, VirtualTime())
        good = made.look("overview")
    gone = made.look("overview")
    assert (gone.status, gone.at_ms) == (good.status, good.at_ms)
    assert gone.trouble
    assert gone.run is None
    assert gone.run_trouble


def test_where_the_core_starts_nothing_the_rest_is_shown(tmp_path: Path) -> None:
    refusing = {**answers(), "outbound-list": RelayError("not served.")}
    with answering(tmp_path, refusing) as daemon:
        made = looker(daemon, VirtualTime()).look("waiting")
        assert (made.trouble, made.outbound) == ("", ())
        assert made.owed == SafReport(owed=1)
