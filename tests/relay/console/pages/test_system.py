"""The relay itself on one page, and its deeds beside what they change."""

from __future__ import annotations

import re

import msgspec

from relay.console.identity import Role
from relay.console.pages.system import system
from relay.control.announce import AnnounceReport
from relay.control.drain import DrainReport, DrainRow
from relay.control.report import AddressReport, CoreReport, RegionReport, StatusReport
from relay.failover.cosign import LoneRow
from relay.standing import Standing
from tests.support.consoleroom import assert_page, frame, words_of

STATUS = StatusReport(
    state="serving",
    config_path="/etc/relay/<x>.toml",
    region=RegionReport(region="tokyo", epoch=7, blocked=("atm",), pinned="held <b>", sealed_epoch=6),
    announce=AnnounceReport(adapter="bird", addresses=("198.18.0.10",), role="holding", why="fit"),
    core=CoreReport(name="core", addresses=(AddressReport(address="10.0.0.1:443", health="ejected", failures=3),)),
    exchanges={"asked": 2, "held": 0},
)
DRAIN = DrainReport(
    stage="shedding", who="sato", why="<i>", left_ms=61_000, rows=(DrainRow(name="atm", is_drained=True, open=5, busy=1),)
)


def test_everything_is_there_and_escaped() -> None:
    made = system(frame("/system"), STATUS, DRAIN, 5_000)
    assert_page(made)
    said = words_of(made)
    for word in ("/etc/relay/<x>.toml", "held <b>", "sato: <i>", "set aside", "1 min 1 s", "out of service", "asked 2"):
        assert word in said
    assert "held 0" not in said
    deeds = set(re.findall(r"/deed/([a-z-]+)", made))
    assert deeds >= {"reload", "stop", "drain-start", "drain-abort", "region-block", "region-release", "announce-withdraw"}


def test_hours_of_service_are_told_where_there_are_some() -> None:
    assert "Hours of service" not in system(frame("/system"), STATUS, DRAIN, 5_000)
    rows = (
        Standing(name="atm", is_open=False, changes_ms=1, changes_at="2026-11-28 07:00"),
        Standing(name="<line>", is_line=True),
    )
    status = msgspec.structs.replace(STATUS, hours=rows)
    made = system(frame("/system"), status, DRAIN, 5_000)
    assert_page(made)
    assert "ATM closed until 2026-11-28 07:00" in words_of(made)
    assert "<line> open" in words_of(made)
    assert "時間外 2026-11-28 07:00 まで" in words_of(system(frame("/system", language="ja"), status, DRAIN, 5_000))


def test_what_one_of_two_has_signed_stands_above_everything() -> None:
    waits = LoneRow(what=("takeover", "osaka"), who="tanaka", second="sato", text="x", left_ms=1, place="console")
    made = system(frame("/system"), msgspec.structs.replace(STATUS, signatures=(waits,)), DRAIN, 5_000)
    assert_page(made)
    assert "/deed/takeover-begin?center=osaka&amp;second=tanaka" in made


def test_by_role_and_without_a_service_address() -> None:
    assert "/deed/" not in system(frame("/system", Role.VIEWER), STATUS, DRAIN, 5_000)
    assert "/deed/reload" not in system(frame("/system", Role.OPERATOR), STATUS, DRAIN, 5_000)
    made = system(frame("/system", language="ja"), StatusReport(), DrainReport(), 5_000)
    assert_page(made)
    assert "/deed/announce" not in made
