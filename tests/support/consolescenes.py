"""What a relay says of itself in four scenes: a calm day, a bad night, nothing at all, and texts that strangers chose.

Owns invented reports for whoever looks at the console's pages. It must never be asked by the product. The trap: a look at a
page is worth something only where the page is full of what it may hold: long ids, high counts, every state.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import msgspec

from relay.console.ring import Point
from relay.console.roll import RollLink
from relay.control.announce import AnnounceReport
from relay.control.drain import DrainReport, DrainRow
from relay.control.pair import PairPathRow, PairPeer, PairReport, PairSightRow
from relay.control.regions import RegionsReport, SiteRow
from relay.control.report import (
    AddressReport,
    CoreReport,
    JournalReport,
    ListenerReport,
    OutboundListReport,
    OutboundRow,
    RegionReport,
    SafDetail,
    SafReport,
    SafRow,
    SafStep,
    StatusReport,
)
from relay.failover.bankday import BankClock
from relay.failover.cosign import LONE_MS_MAX, LoneRow
from relay.failover.evidence import CenterFacts, Evidence
from relay.failover.people import Person
from relay.failover.room import PersonRow, PlanRow, RoomView
from relay.failover.view import RunView, view_of
from relay.journal.reader import ExchangeDetail, ExchangeView
from relay.reconcile.report import Report
from tests.support.consolelinks import Line
from tests.support.consolerows import MINUTE_MS, detail_of, found_rows, outbound_rows, owed_rows, shelf, view
from tests.support.failoverbook import Book

NIGHT_MS = 1_795_543_620_000  # 2026-11-25 03:07:00 in Japan
SCRIPT = "<script>document.title='owned'</script>"
ENDLESS = "bank/" + "A1B2C3D4E5F6" * 12  # a key without a place to break it
DIALECTS = {"atm-iso": "iso8583", "atm-ndc": "ndc", "branches": "branch-p1", "zengin-rc": "zrc"}


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What `WrittenSources` is to answer."""

    answers: Mapping[str, msgspec.Struct]
    ring: tuple[Point, ...] = ()
    lines: tuple[RollLink, ...] = ()
    found: tuple[ExchangeView, ...] = ()
    detail: ExchangeDetail | None = None
    shelf: tuple[Report, ...] = ()


# ---- a calm day --------------------------------------------------------------------------------------------------------
LISTENERS = (
    ListenerReport(
        name="atm-iso", endpoint="tcp:8583:interface=10.20.0.11", dialect="iso8583", channel="atm", links=18_204,
        signed_on=18_171, expected=18_300,
    ),
    ListenerReport(
        name="atm-ndc", endpoint="tcp:9410:interface=10.20.0.11", dialect="ndc", channel="atm", links=6_412, signed_on=6_409,
        expected=6_420,
    ),
    ListenerReport(
        name="branches", endpoint="tcp:9500:interface=10.20.0.11", dialect="branch-p1", channel="branch", links=2_318,
        signed_on=2_310, expected=2_320,
    ),
    ListenerReport(
        name="zengin-rc", endpoint="tcp:192.0.2.40:7001", dialect="zrc", channel="zengin", is_dialer=True, links=4, signed_on=4,
        expected=4,
    ),
)  # fmt: skip
PAIR = PairReport(
    peer="osaka",
    finding="normal",
    paths=(PairPathRow(name="a", state="up"), PairPathRow(name="b", state="up")),
    sights=(
        PairSightRow(name="ap-northeast-1", ours="ok", peers="ok", is_active=True),
        PairSightRow(name="ap-northeast-3", ours="ok", peers="ok"),
    ),
    other=PairPeer(age_ms=140, role="standby", epoch=7, region="ap-northeast-1", has_permit=True),
)
STATUS = StatusReport(
    version="0.1.0",
    center="tokyo",
    realm="bank",
    incarnation=41,
    pid=2_211,
    config_path="/etc/relay/relay.toml",
    uptime_ms=19 * 86_400_000 + 7 * 3_600_000,
    state="serving",
    region=RegionReport(region="ap-northeast-1", epoch=7, has_permit=True),
    pair=PAIR,
    listeners=LISTENERS,
    core=CoreReport(
        name="core.bank.internal",
        addresses=tuple(AddressReport(address=f"10.{zone}.4.17:443", health="healthy", inflight=9) for zone in (64, 65, 66)),
        inflight=27,
        inflight_target=160,
        queue_max=20_000,
        dns_answer_age_ms=2_100,
    ),
    journal=JournalReport(path="/var/lib/relay/journal.sqlite", size_bytes=3_288_334_336, waiting=3, waiting_max=20_000),
    exchanges={"asked": 27, "awaiting_completion": 311},
    announce=AnnounceReport(
        adapter="bird", addresses=("10.20.0.11",), role="holding", why="healthy", seen="announced", sessions_up=2
    ),
)
REGIONS = RegionsReport(
    source="dns",
    region="ap-northeast-1",
    epoch=7,
    has_permit=True,
    sites=(SiteRow(name="ap-northeast-1", result="good", said_epoch=7), SiteRow(name="ap-northeast-3", result="good")),
)
DRAIN = DrainReport(
    rows=(
        DrainRow(name="atm", open=24_616, busy=338),
        DrainRow(name="branch", open=2_318, busy=12),
        DrainRow(name="zengin", open=4, busy=1),
    )
)


def ring(now_ms: int, count: int = 360) -> tuple[Point, ...]:
    """Half an hour that a night has: a wave, and a quarter of an hour ago two minutes of trouble."""
    points = []
    for back in range(count, 0, -1):
        at_ms = now_ms - back * 5_000
        wave = 1 + 0.18 * math.sin(back / 23) + 0.06 * math.sin(back / 3.1) + 0.03 * math.sin(back * 1.7)
        bad = 1.0 if 170 < back < 194 else 0.0
        shares = {"approve": 412 * wave * (1 - 0.6 * bad), "decline": 31 * wave, "taken": 58 * wave, "doubt": 0.2 + 14 * bad}
        points.append(
            Point(
                at_ms=at_ms,
                per_s=shares | {"refused": 190 * bad * wave},
                p50_ms=21 * wave + 60 * bad,
                p99_ms=64 * wave + 1_400 * bad,
                core_p99_ms=52 * wave + 1_180 * bad,
                sessions=int(26_894 - 40 * bad),
                queue=int(3 * wave + 340 * bad),
            )
        )
    return tuple(points)


def sessions(now_ms: int, count: int = 120) -> tuple[RollLink, ...]:
    atms = [
        Line(
            f"T{number:07}", "atm-iso", peer=f"10.41.{number % 200}.17:50{number % 900:03}",
            since_ms=now_ms - number * 7_919_000,
        )
        for number in range(count // 2)
    ]  # fmt: skip
    tellers = [
        Line(
            f"0310-{number // 4:03}-{number % 4 + 1}", "branches", peer=f"10.77.{number}.9:40110", channel="branch",
            since_ms=now_ms - 300_000 - number * 611_000,
        )
        for number in range(count // 3)
    ]  # fmt: skip
    silent = [Line("", "atm-ndc", peer=f"10.42.9.{n}:40200", signed_on=False, since_ms=now_ms - 4_000) for n in range(3)]
    return (*atms, *tellers, *silent)


# ---- a bad night -------------------------------------------------------------------------------------------------------
def bad_status(now_ms: int) -> StatusReport:
    addresses = (
        AddressReport(address="10.64.4.17:443", health="ejected", failures=14),
        AddressReport(address="10.65.4.17:443", health="failing", inflight=40, failures=3),
        AddressReport(address="10.66.4.17:443", health="healthy", inflight=112),
    )
    core = msgspec.structs.replace(STATUS.core, addresses=addresses, inflight=152, queue=341)
    pair = msgspec.structs.replace(
        PAIR,
        finding="path-lost",
        paths=(PairPathRow(name="a", state="up"), PairPathRow(name="b", state="lost")),
        sights=(
            PairSightRow(name="ap-northeast-1", ours="failing", peers="failing", is_active=True),
            PairSightRow(name="ap-northeast-3", ours="ok", peers="ok"),
        ),
    )
    region = RegionReport(
        region="ap-northeast-1", epoch=7, has_permit=False, detail="no answer for 41 s", silent_ms=41_000, blocked=("branch",)
    )
    shut = msgspec.structs.replace(LISTENERS[3], is_open=False, links=0, signed_on=0)
    return msgspec.structs.replace(
        STATUS,
        core=core,
        pair=pair,
        region=region,
        listeners=(*LISTENERS[:3], shut),
        owed=14,
        owed_oldest_ms=41 * MINUTE_MS,
        listed=9,
        exchanges={"asked": 152, "in_doubt": 12, "undoing": 31, "held": 4},
    )


def run_view(now_ms: int, gate: int = 2) -> RunView:
    """A run at this gate, approved by one of two."""
    book = Book(start_ms=now_ms - 9 * MINUTE_MS)
    book.to_gate(gate)
    facts = CenterFacts(
        center="tokyo", epoch=7, region="tokyo", sealed_epoch=7 if gate > 1 else 0,
        blocked=("atm", "branch", "inquiry", "partner"), sessions=26_894, inflight=3, owed=14, listed=9, tail_left=12,
    )  # fmt: skip
    osaka = msgspec.structs.replace(facts, center="osaka", sessions=212, owed=0, listed=0, tail_left=0)
    evidence = Evidence(
        centers=(facts, osaka),
        lag_ms=3_400,
        batch_checkpoint="step 12 of 31 is done, 13 had not begun",
        zengin="open again at 08:30",
        remarks=("Baba: the network people see both lines of Tokyo dark",),
    )
    book.wait(4 * MINUTE_MS)
    digest = book.show(evidence)
    book.write(book.approved(gate, "Baba", "operations", digest))
    book.wait(40_000)
    people = [Person(name=one.name, roles=one.roles) for one in PEOPLE]
    clock, entries = BankClock(), book.keeper.entries
    view = view_of(book.run, entries, book.time.wall_ms(), clock, center="tokyo", may_act=True, people=people)
    return msgspec.structs.replace(view, lone=(lone(now_ms, ("say", "r1", "accept-loss"), "Baba", "Sato"),))


def lone(now_ms: int, what: tuple[str, ...], who: str, second: str, place: str = "") -> LoneRow:
    """Signed by one of two a minute ago."""
    at_ms = now_ms - MINUTE_MS
    left_ms = LONE_MS_MAX - MINUTE_MS
    text = "we go on with what the copy has"
    return LoneRow(
        what=what, who=who, second=second, text=text, at_ms=at_ms, until_ms=now_ms + left_ms, left_ms=left_ms, place=place
    )


PEOPLE = (
    PersonRow(name="Sato", roles=("operations", "business"), has_authenticator=True),
    PersonRow(name="Baba", roles=("operations",), has_authenticator=True),
    PersonRow(name="Chiba", roles=("business",), has_authenticator=True),
)
PLAN = PlanRow(
    file="unplanned.toml",
    version="b2a986f6ba774f19" * 4,
    name="tokyo-lost",
    kind="unplanned",
    from_region="tokyo",
    to_region="osaka",
    steps=22,
    roles=("operations", "business"),
)


# ---- the scenes --------------------------------------------------------------------------------------------------------
def calm(now_ms: int) -> Scene:
    quiet = tuple(point for point in ring(now_ms) if point.per_s["refused"] == 0.0)
    return Scene(
        answers=_answers(STATUS, REGIONS, DRAIN, SafReport(), OutboundListReport(), run_view(now_ms, 1)),
        ring=quiet,
        lines=sessions(now_ms),
        found=found_rows(now_ms),
        detail=detail_of(view(now_ms - 90_000, 3, "done")),
        shelf=shelf(now_ms),
    )


def night(now_ms: int) -> Scene:
    rows = owed_rows(now_ms)
    report = SafReport(owed=14, listed=9, rows=rows)
    out = OutboundListReport(rows=outbound_rows(now_ms))
    drain = msgspec.structs.replace(
        DRAIN, stage="finishing", who="sato", why="the hall is flooded", left_ms=94_000, since_ms=now_ms - 26_000
    )
    regions = msgspec.structs.replace(
        REGIONS, has_permit=False, sites=(SiteRow(name="ap-northeast-1", result="silent"), REGIONS.sites[1])
    )
    told = msgspec.structs.replace(calm(now_ms), ring=ring(now_ms))
    signed = (
        lone(now_ms, ("take", "zengin", "True"), "tanaka", "sato", "console"),
        lone(now_ms, ("pin", "osaka", "8", "60"), "Mori", "Kato", "host"),
    )
    status = msgspec.structs.replace(bad_status(now_ms), signatures=signed)
    answers = _answers(status, regions, drain, report, out, run_view(now_ms))
    return msgspec.structs.replace(told, answers=answers)


def bare(now_ms: int) -> Scene:
    """A relay that has just begun, and nobody is there."""
    status = StatusReport(state="starting", center="tokyo", version="0.1.0")
    none = RunView(now_ms=now_ms, center="tokyo", day=BankClock().view(now_ms))
    return Scene(answers=_answers(status, RegionsReport(), DrainReport(), SafReport(), OutboundListReport(), none))


def strange(now_ms: int) -> Scene:
    """Whatever can be said by somebody else is script, or endless, or both."""
    told = night(now_ms)
    row = SafRow(
        key=ENDLESS, state=SCRIPT, terminal=SCRIPT, kind=ENDLESS, why=SCRIPT + ENDLESS, amount_minor=10**15, currency="XTS",
        recorded_ms=now_ms, is_listed=True,
    )  # fmt: skip
    out = OutboundRow(key=ENDLESS, listener=SCRIPT, line=ENDLESS, kind=SCRIPT, state="unknown", detail=ENDLESS)
    status = bad_status(now_ms)
    listener = ListenerReport(name=SCRIPT, endpoint=ENDLESS, dialect="iso8583", channel="atm", links=10**6, signed_on=10**6)
    region = msgspec.structs.replace(status.region, detail=SCRIPT + ENDLESS)
    status = msgspec.structs.replace(status, listeners=(listener,), region=region, config_path="/" + ENDLESS)
    lines = (Line(SCRIPT, "atm-iso"), Line(ENDLESS, "atm-iso"), Line('"><img src=x onerror=alert(1)>', "branches"), *told.lines)
    seen = msgspec.structs.replace(view(now_ms, 1, "listed"), key=ENDLESS, terminal=SCRIPT, evidence=SCRIPT + ENDLESS)
    answers = _answers(
        status,
        REGIONS,
        DRAIN,
        SafReport(listed=1, rows=(row,)),
        OutboundListReport(rows=(out,)),
        _spoilt(run_view(now_ms)),
    )
    return msgspec.structs.replace(told, answers=answers, lines=lines, found=(seen,), detail=detail_of(seen))


def _spoilt(run: RunView) -> RunView:
    steps = tuple(msgspec.structs.replace(step, detail=SCRIPT + ENDLESS) for step in run.steps[:3])
    return msgspec.structs.replace(run, stopped=SCRIPT, declarer=SCRIPT, plan=ENDLESS, steps=(*steps, *run.steps[3:]))


def _answers(
    status: StatusReport,
    regions: RegionsReport,
    drain: DrainReport,
    saf: SafReport,
    outbound: OutboundListReport,
    run: RunView,
) -> dict[str, msgspec.Struct]:
    shown = saf.rows[2] if len(saf.rows) > 2 else saf.rows[0] if saf.rows else SafRow(key="k")
    step = SafStep(at_ms=shown.recorded_ms, event="taken", state="recorded")
    later = SafStep(at_ms=shown.recorded_ms + 1_500, event="listed", state="listed", detail=shown.why)
    return {
        "status": status,
        "region-status": regions,
        "drain-status": drain,
        "saf-list": saf,
        "saf-show": SafDetail(row=shown, history=(step, later)),
        "outbound-list": outbound,
        "failover-status": run,
        "failover-room": RoomView(view=run, me=PEOPLE[0], people=PEOPLE, plans=() if run.run else (PLAN,)),
    }


SCENES: Mapping[str, Callable[[int], Scene]] = {"calm": calm, "night": night, "bare": bare, "strange": strange}
