"""Live sessions: rates are differences of two answers, the busiest come first, and the page fits its terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.cli.screen import Paint, width
from relay.cli.top import Row, ordered, rates, show
from relay.control.commands import LinksArgs
from relay.control.report import LinksReport, StatusReport
from relay.main import main
from relay.wire.roster import RosterEntry
from tests.support.controlroom import answering

PLAIN = Paint(False)


def entry(
    terminal: str, came: int = 0, went: int = 0, *, since_ms: int = 0, peer: str = "", signed_on: bool = True
) -> RosterEntry:
    return RosterEntry(
        terminal=terminal,
        listener="atm",
        peer=f"10.0.0.1:{terminal}",
        since_ms=since_ms,
        signed_on=True,
        messages_in=came,
        messages_out=went,
    )


def links(at_ms: int, *entries: RosterEntry, total: int | None = None) -> LinksReport:
    return LinksReport(at_ms=at_ms, total=len(entries) if total is None else total, links=entries)


def test_rates_are_what_happened_since_the_last_look() -> None:
    before = links(10_000, entry("1", 100, 90), entry("2", 5, 5))
    after = links(12_000, entry("1", 110, 100), entry("2", 5, 5), entry("3", 7, 7))
    assert rates(before, after) == [
        Row(after.links[0], 5.0, 5.0),
        Row(after.links[1], 0.0, 0.0),
        Row(after.links[2]),  # new: nothing to compare with
    ]


def test_the_first_look_has_no_rates() -> None:
    assert rates(None, links(10_000, entry("1", 100))) == [Row(entry("1", 100))]


def test_a_reconnected_terminal_is_not_compared_with_its_old_link() -> None:
    before, after = links(10_000, entry("1", 100, since_ms=1)), links(11_000, entry("1", 3, since_ms=2))
    assert rates(before, after)[0].in_per_s == 0.0


def test_a_clock_that_stood_still_divides_by_nothing() -> None:
    same = links(10_000, entry("1", 1))
    assert rates(same, same)[0].in_per_s == 0.0


def test_orders() -> None:
    rows = [Row(entry("b", since_ms=1), 1.0), Row(entry("a", since_ms=2), 1.0), Row(entry("c", since_ms=3), 9.0)]
    assert [row.entry.terminal for row in ordered(rows, "rate")] == ["c", "a", "b"]
    assert [row.entry.terminal for row in ordered(rows, "terminal")] == ["a", "b", "c"]
    assert [row.entry.terminal for row in ordered(rows, "age")] == ["c", "a", "b"]


def test_the_page_says_how_much_it_does_not_show() -> None:
    many = links(5_000, *(entry(str(n)) for n in range(50)), total=12_000)
    lines = show(StatusReport(state="serving"), many, rates(None, many), 80, 20, PLAIN)
    assert lines[0].startswith("SERVING  12,000 links, 50 signed on")
    assert lines[-1].startswith("and 11,9")
    assert len(lines) < 20


@given(st.text(max_size=30), st.integers(40, 120), st.integers(5, 50), st.integers(0, 60))
def test_every_line_fits(name: str, columns: int, lines_max: int, count: int) -> None:
    report = links(1_000, *(entry(f"{name}{n}") for n in range(count)))
    body = show(StatusReport(), report, rates(None, report), columns, lines_max, PLAIN)[1:]
    assert all(width(line) <= columns for line in body)
    assert len(body) <= max(lines_max, 8)


def test_the_command_looks_and_stops(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.cli.top.REFRESH_S", 0.0)
    answers = {"status": StatusReport(state="serving"), "links": links(1_000, entry("ATM1", 3))}
    with answering(tmp_path, answers) as daemon:
        assert main(["top", "--socket", daemon.path, "--rounds", "2", "--listener", "atm"]) == 0
        assert capsys.readouterr().out.count("ATM1") == 2 * 2  # terminal and peer
        assert LinksArgs(listener="atm", count_max=2_000) in daemon.asked
        assert main(["top", "--socket", daemon.path, "--rounds", "1", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["links"][0]["terminal"] == "ATM1"
    assert main(["top", "--socket", daemon.path]) == 1
