"""Live sessions: rates are differences of two answers, the busiest come first, and the page fits its terminal."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from relay.cli.screen import Paint, width
from relay.cli.spans import fit
from relay.cli.topsessions import Row, fits, ordered, rates, sessions
from relay.cli.topsnap import Snapshot
from relay.cli.topwords import words_of
from relay.control.report import LinksReport
from relay.wire.roster import RosterEntry
from tests.support.toproom import session as entry

PLAIN = Paint(False)


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


def lines(snapshot: Snapshot, columns: int = 200, **said: str) -> list[str]:
    made = sessions(snapshot, words_of("en"), **said)  # type: ignore[arg-type]  # an order, a text
    return [fit(line, columns, PLAIN) for line in made]


def test_the_page_says_how_much_it_does_not_show() -> None:
    many = links(5_000, *(entry(str(n)) for n in range(50)), total=12_000)
    said = lines(Snapshot(links=many))
    assert said[0].startswith(" 12,000 links, 50 signed on, 0 in/s")
    assert said[-1] == " 11,950 more"
    assert len(said) == 1 + 1 + 50 + 1
    assert lines(Snapshot()) == []


def test_one_is_found_by_name_address_or_line() -> None:
    some = links(5_000, entry("ATM-1", 3), entry("ATM-2", 5, signed_on=False), entry("Branch-7"))
    assert [row[1:9].strip() for row in lines(Snapshot(links=some), find="atm-")[2:]] == ["ATM-1", "ATM-2"]
    assert fits(some.links[0], "10.0.0.1:atm-1")
    assert fits(some.links[0], "atm")  # the listener
    assert not fits(some.links[0], "atm-9")


@settings(deadline=None)
@given(st.text(max_size=30), st.integers(40, 120), st.integers(0, 60))
def test_every_line_fits(name: str, columns: int, count: int) -> None:
    report = links(1_000, *(entry(f"{name}{n}") for n in range(count)))
    assert all(width(line) <= columns for line in lines(Snapshot(links=report), columns))
