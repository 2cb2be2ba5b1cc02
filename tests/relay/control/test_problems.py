"""What makes a relay less than healthy, one cause at a time."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.control.pair import PairPathRow, PairReport
from relay.control.problems import problems
from relay.control.report import (
    OWED_AGE_MS_MAX,
    SILENT_MS_MAX,
    AddressReport,
    CoreReport,
    ExclusiveReport,
    JournalReport,
    KeysReport,
    ListenerReport,
    OutboundReport,
    RegionReport,
    StatusReport,
)

WELL = StatusReport(
    state="serving",
    region=RegionReport(region="tokyo", epoch=3, has_permit=True),
    core=CoreReport(name="core", addresses=(AddressReport(address="10.0.0.1:443", health="healthy"),)),
    listeners=(ListenerReport(name="atm"),),
)
DEAD = CoreReport(name="core", addresses=(AddressReport(address="a", health="failing", failures=9),))


def told(report: StatusReport) -> list[str]:
    return [problem.text for problem in problems(report)]


def test_a_relay_that_serves_has_no_problem() -> None:
    assert told(WELL) == []
    assert told(msgspec.structs.replace(WELL, region=RegionReport(has_permit=True, silent_ms=SILENT_MS_MAX - 1))) == []
    assert told(msgspec.structs.replace(WELL, listed=9, owed=4, owed_oldest_ms=OWED_AGE_MS_MAX)) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"state": "fenced", "why": "fsync failed"}, "fenced: fsync failed"),
        ({"state": "draining"}, "draining"),
        ({"state": "starting"}, "starting"),
        ({"journal": JournalReport(state="failed")}, "the journal failed"),
        ({"journal": JournalReport(state="full", path="/j")}, "nothing can be written to /j"),
        ({"region": RegionReport(detail="region blocked")}, "may not be asked: region blocked"),
        ({"core": CoreReport(name="core", addresses=(AddressReport(address="a", health="ejected"),))}, "no address of core is"),
        ({"core": CoreReport()}, "no address of the core is known"),
        ({"region": RegionReport()}, "may not be asked: no region has answered yet"),
        ({"region": RegionReport(has_permit=True, silent_ms=SILENT_MS_MAX)}, "has not answered for 5 s"),
        ({"region": RegionReport(silent_ms=SILENT_MS_MAX)}, "has not answered for 5 s"),
        ({"region": RegionReport(silent_ms=SILENT_MS_MAX), "core": CoreReport()}, "no address of the core is known"),
        ({"region": RegionReport(has_permit=True, detail="contradiction: osaka")}, "not believed: contradiction: osaka"),
        ({"region": RegionReport(has_permit=True, silent_ms=60_000), "core": DEAD}, "has not answered for 60 s"),
        ({"core": DEAD}, "no address of core is healthy"),
        ({"listeners": (ListenerReport(name="atm", is_open=False),)}, "atm does not listen"),
        ({"listeners": (ListenerReport(name="sw", is_dialer=True, is_open=False),)}, "sw is not connected"),
        ({"outbound": OutboundReport(unknown=1)}, "1 outbound delivery unknown"),
        ({"outbound": OutboundReport(unknown=3)}, "3 outbound deliveries unknown"),
        ({"outbound": OutboundReport(reports_owed=2, reports_oldest_ms=OWED_AGE_MS_MAX + 60_000)}, "2 delivery reports owed"),
        ({"keys": KeysReport(why="a row does not decrypt")}, "still need an older key of the journal: a row does not"),
        ({"owed": 2, "owed_oldest_ms": OWED_AGE_MS_MAX + 60_000}, "2 owed to the core, the oldest for 11 minutes"),
    ],
)
def test_each_cause_is_one_problem(change: dict[str, object], says: str) -> None:
    [problem] = told(msgspec.structs.replace(WELL, **change))
    assert says in problem


def test_the_worst_comes_first() -> None:
    report = msgspec.structs.replace(WELL, state="fenced", journal=JournalReport(state="failed"), owed_oldest_ms=10**9, owed=1)
    assert [text.split(":")[0] for text in told(report)][:2] == ["fenced", "the journal failed"]
    silent = msgspec.structs.replace(
        WELL,
        region=msgspec.structs.replace(WELL.region, silent_ms=SILENT_MS_MAX),
        pair=PairReport(peer="osaka", finding="path-lost", paths=(PairPathRow(name="a", state="lost"),)),
    )
    assert ["not answered" in text for text in told(silent)] == [True, False], "no money before one path of two"


def test_every_runbook_entry_that_is_named_is_there() -> None:
    root = Path(__file__).resolve().parents[3]
    named = re.findall(r"runbook: (\w+)", (root / "relay" / "control" / "problems.py").read_text())
    headings = re.findall(r"^### (\w+)$", (root / "docs" / "runbook.md").read_text(), re.MULTILINE)
    assert named
    assert set(named) <= set(headings)


@given(st.sampled_from(["starting", "serving", "draining", "fenced"]), st.booleans(), st.integers(0, 10**10))
def test_a_report_survives_the_socket(state: str, has_permit: bool, age_ms: int) -> None:
    report = StatusReport(state=state, region=RegionReport(has_permit=has_permit), owed_oldest_ms=age_ms)  # type: ignore[arg-type]
    assert msgspec.json.decode(msgspec.json.encode(report), type=StatusReport) == report


def test_an_exclusive_line_that_nobody_may_take_by_himself_is_a_problem_and_a_standby_is_none() -> None:
    shut = ListenerReport(name="zengin-0101", is_dialer=True, is_open=False, channel="zengin")

    def told_of(line: ExclusiveReport) -> list[str]:
        line = msgspec.structs.replace(line, links=("zengin-0101",))
        return told(msgspec.structs.replace(WELL, exclusive=(line,), listeners=(shut,)))

    assert told_of(ExclusiveReport(line="zengin", state="seeking")) == []
    assert "in FAULT: no renewal" in told_of(ExclusiveReport(line="zengin", state="fault", why="no renewal"))[0]
    assert "people's word" in told_of(ExclusiveReport(line="zengin", state="by-hand", why="Sato"))[0]
    assert "is not wanted here" in told_of(ExclusiveReport(line="zengin", state="idle", why="released by Sato"))[0]
    assert "is not connected" in told_of(ExclusiveReport(line="zengin", state="held"))[0], "whoever has it wants it connected"


def test_drained_classes_are_one_problem_and_their_shut_listeners_none() -> None:
    shut = ListenerReport(name="atm", is_open=False, channel="atm")
    report = msgspec.structs.replace(WELL, listeners=(shut,), drained=("atm",))
    assert told(report) == ["drained by people: atm"]
    assert told(msgspec.structs.replace(report, drained=())) == ["atm does not listen ()"]
