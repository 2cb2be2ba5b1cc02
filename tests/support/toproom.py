"""Snapshots for the pages of `relay top`: two centers and two regions with traffic, things that wait, and a failover run.

Owns sample answers. It must never ask a relay.
"""

from __future__ import annotations

import msgspec

from relay.cli.topsnap import Snapshot
from relay.console.ring import Point
from relay.control.announce import AnnounceReport
from relay.control.pair import PairPathRow, PairPeer, PairReport, PairSightRow
from relay.control.regions import RegionsReport, SiteRow
from relay.control.report import (
    CoreReport,
    LinksReport,
    ListenerReport,
    OutboundReport,
    OutboundRow,
    RegionReport,
    SafReport,
    SafRow,
    StatusReport,
)
from relay.failover.bankday import BankClock
from relay.failover.planwatch import PlanView
from relay.failover.view import RunView, view_of
from relay.wire.roster import RosterEntry
from tests.support.failoverbook import Book

NOW_MS = 1_795_482_000_000
STATUS = StatusReport(
    center="tokyo-center",
    state="serving",
    at_ms=NOW_MS,
    uptime_ms=11_000_000,
    region=RegionReport(region="tokyo", epoch=7, has_permit=True),
    pair=PairReport(
        peer="osaka-center",
        finding="well",
        paths=(PairPathRow(name="a", state="up"), PairPathRow(name="b", state="up")),
        sights=(
            PairSightRow(name="tokyo", ours="ok", peers="ok", is_active=True),
            PairSightRow(name="osaka", ours="ok", peers="failing"),
        ),
        other=PairPeer(age_ms=2_000, role="standby", epoch=7, region="tokyo"),
    ),
    announce=AnnounceReport(adapter="bird", addresses=("10.0.0.1",), seen="holding", role="holding"),
    listeners=(
        ListenerReport(name="atm", dialect="iso8583", channel="atm", signed_on=1_204, links=1_210, expected=1_210),
        ListenerReport(name="ndc", dialect="ndc", channel="atm", signed_on=300, links=301, expected=420),
        ListenerReport(name="branch", dialect="branch", channel="branch", signed_on=90, links=90),
        ListenerReport(name="rc", dialect="zengin-rc", channel="zengin", signed_on=4, links=4, is_dialer=True),
    ),
    core=CoreReport(inflight=12, inflight_target=64, queue=3),
    owed=3,
    owed_oldest_ms=12_000,
    listed=2,
    exchanges={"in_doubt": 1},
    outbound=OutboundReport(queued=5, unknown=1),
)
POINT = Point(
    at_ms=NOW_MS,
    per_s={"approve": 120.0, "decline": 2.5, "taken": 1.0, "doubt": 0.0, "refused": 0.25},
    p50_ms=12.0,
    p99_ms=80.0,
    core_p99_ms=61.0,
)
REPORT = "business date:      2026-11-24\nverdict:            3 differences\n\nTOTALS\nrest of it\n"


def session(terminal: str, came: int = 0, went: int = 0, *, since_ms: int = 0, signed_on: bool = True) -> RosterEntry:
    return RosterEntry(
        terminal=terminal,
        listener="atm",
        peer=f"10.0.0.1:{terminal}",
        since_ms=since_ms,
        signed_on=signed_on,
        messages_in=came,
        messages_out=went,
    )


def run_view(book: Book) -> RunView:
    return view_of(book.run, book.keeper.entries, book.time.wall_ms(), BankClock(), center="tokyo", may_act=True)


def between_runs() -> RunView:
    view = view_of(Book().run, (), NOW_MS, BankClock(), center="tokyo")
    plans = (
        PlanView(file="unplanned.toml", checked_ms=NOW_MS - 60_000, good_ms=NOW_MS - 60_000, exercised_ms=NOW_MS),
        PlanView(file="failback.toml", checked_ms=NOW_MS - 60_000, trouble=("seal-osaka: nobody listens",)),
    )
    return msgspec.structs.replace(view, plans=plans)


def snapshot(**changes: object) -> Snapshot:
    said: dict[str, object] = {
        "at_ms": 5_000,
        "status": STATUS,
        "regions": RegionsReport(region="tokyo", epoch=7, sites=(SiteRow(name="osaka", result="good"),)),
        "point": POINT,
        "links": LinksReport(at_ms=10_000, total=2, links=(session("ATM1", 10, 9), session("ATM2", 5, 5))),
        "owed": SafReport(
            owed=3,
            listed=1,
            rows=(
                SafRow(
                    key="K1",
                    terminal="ATM7",
                    kind="withdrawal",
                    amount_minor=30_000,
                    currency="JPY",
                    recorded_ms=NOW_MS - 90_000,
                ),
                SafRow(
                    key="K0",
                    terminal="ATM8",
                    kind="deposit",
                    recorded_ms=NOW_MS - 900_000,
                    is_listed=True,
                    why="the core said no",
                ),
            ),
        ),
        "outbound": (OutboundRow(key="O1", line="rc", kind="transfer", recorded_ms=NOW_MS - 1_000, detail="no answer"),),
        "report": REPORT,
        "run": between_runs(),
        **changes,
    }
    return Snapshot(**said)  # type: ignore[arg-type]  # the members of a snapshot
