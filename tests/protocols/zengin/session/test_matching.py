"""Figures of both sides side by side: what agrees says nothing, what differs says where."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from protocols.totals import weigh
from protocols.zengin.session.matching import differences, lines_of, said_of, stated, totals_of
from protocols.zengin.session.state import Total
from protocols.zengin.telegram.message import Figures

TOTALS = st.dictionaries(st.sampled_from(["1000", "1100", "9100"]), st.builds(Total, *[st.integers(1, 9)] * 4), max_size=3)


@given(TOTALS, TOTALS)
def test_lines_carry_the_totals_and_agree_with_themselves(ours: dict[str, Total], theirs: dict[str, Total]) -> None:
    lines = lines_of({"1": ours, "2": theirs})
    assert totals_of(lines) == {("1", s): t for s, t in ours.items()} | {("2", s): t for s, t in theirs.items()}
    assert [line.line for line in lines] == list(range(1, len(lines) + 1))
    assert {line.lines for line in lines} == {len(lines)}
    assert differences(lines, reversed(lines)) == []


def test_no_traffic_is_one_line() -> None:
    (line,) = lines_of({"1": {}, "2": {"1000": Total()}})
    assert (line.direction, line.line, line.lines) == ("0", 1, 1)
    assert totals_of([line]) == {}


def test_each_difference_is_a_sentence() -> None:
    ours = lines_of({"1": {"1000": Total(3, 900, 1, 3)}})
    theirs = lines_of({"1": {"1000": Total(2, 600, 1, 2)}, "2": {"1100": Total(1, 5, 7, 7)}})
    assert differences(ours, theirs) == [
        "host to RC, 種目 1000: 3 over 900 yen (1-3) here, 2 over 600 yen (1-2) at the center",
        "RC to host, 種目 1100: 0 over 0 yen (0-0) here, 1 over 5 yen (7-7) at the center",
    ]


def test_our_figures_alone_are_said_for_whoever_compares_by_hand() -> None:
    lines = [Figures(direction="1", matched_subject="1000", count=2, total=30, first=4, last=5, line=1, lines=1)]
    assert said_of(lines) == ["host to RC, 種目 1000: 2 over 30 yen (4-5) here"]
    assert said_of([Figures(line=1, lines=1)]) == []


def test_the_centers_figures_as_totals_stand_beside_our_own_count() -> None:
    ours = lines_of({"1": {"1000": Total(3, 900, 1, 3)}})
    theirs = lines_of({"1": {"1000": Total(2, 600, 1, 2)}, "2": {"1100": Total(1, 5, 7, 7)}})
    sheet = stated("20261124", ours, theirs)
    assert (sheet.party, sheet.business_date, sheet.closes) == ("", "2026-11-24", False)
    rows = weigh(sheet.lines, lambda kinds: None)
    assert [(row.name, row.count, row.minor, row.own_count, row.own_minor, row.agrees) for row in rows] == [
        ("仕向 1000", 2, 600, 3, 900, False),
        ("被仕向 1100", 1, 5, 0, 0, False),
    ]
    assert all(row.agrees for row in weigh(stated("20261124", ours, ours).lines, lambda kinds: None))
