"""Whose a line is, and how far two centers' sums are apart because both have touched a message."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from relay.core.contract import Amount, LedgerEntry
from relay.core.port import Superseded, Undone
from relay.exchange import evidence
from relay.journal.sides import Side
from relay.reconcile import centers as module
from relay.reconcile.centers import Centers, OfCenter, Told
from tests.support.reconcileplay import line, side

GROUP = ("ATM1", "withdrawal", "JPY")
TAKEN_OVER: dict[str, Any] = {"state": "settled", "verdict": "doubt", "outcome": evidence.pack(Superseded())}


def posted_by(center: str, **changes: Any) -> LedgerEntry:
    return line(1, center=center, **changes)


@pytest.mark.parametrize(
    ("center", "is_held", "is_left"),
    [
        ("osaka", False, True),
        ("osaka", True, False),
        ("tokyo", False, False),
        ("tokyo", True, False),
        ("", False, False),
        ("kyoto", False, False),
    ],
)
def test_a_line_is_left_to_the_other_center_only_under_its_name_and_not_held_here(
    center: str, is_held: bool, is_left: bool
) -> None:
    assert Centers("tokyo", "osaka").leaves(posted_by(center), side(1) if is_held else None) is is_left
    assert not Centers("tokyo").leaves(posted_by(center), None), "there is no other center"


def test_every_unknown_line_of_the_pair_is_left_by_exactly_one_of_the_two() -> None:
    tokyo, osaka = Centers("tokyo", "osaka"), Centers("osaka", "tokyo")
    for name in ("tokyo", "osaka"):
        assert [each.leaves(posted_by(name), None) for each in (tokyo, osaka)].count(True) == 1
    for name in ("", "kyoto"):
        assert not any(each.leaves(posted_by(name), None) for each in (tokyo, osaka)), "by somebody: by both"
    assert [tokyo.stranger(posted_by(name)) for name in ("", "tokyo", "osaka", "kyoto")] == ["", "", "", "kyoto"]


@pytest.mark.parametrize(
    ("entry", "held", "apart"),
    [
        (posted_by("tokyo"), side(1), 0),
        (posted_by("osaka"), None, 0),
        (posted_by("osaka"), side(1), -5_000),  # posted there, told here from a repeat
        (posted_by("osaka"), side(1, **TAKEN_OVER), 0),
        (posted_by("tokyo"), side(1, **TAKEN_OVER), 5_000),  # posted here, told there
        (posted_by("tokyo", state="reversed", standing=Amount("0", "JPY"), reversed_by="osaka"), side(1), -5_000),
        (posted_by("tokyo", state="reversed", standing=Amount("2000", "JPY"), reversed_by="osaka"), side(1), -3_000),
        (posted_by("tokyo", state="reversed", standing=Amount("0", "JPY"), reversed_by="tokyo"), side(1), 0),
        (
            posted_by("osaka", state="reversed", standing=Amount("0", "JPY"), reversed_by="tokyo"),
            side(1, reversal_outcome=evidence.pack(Undone("reversed", 0)), reversal_key="r1"),
            0,
        ),
        (posted_by("osaka"), side(1, message_class="advice", original_key="k0"), 0),  # a completion
    ],
)
def test_how_far_the_sums_are_apart(entry: LedgerEntry, held: Side | None, apart: int) -> None:
    centers = Centers("tokyo", "osaka")
    centers.count(entry, held)
    assert centers.apart.get(GROUP, 0) == apart
    alone = Centers("tokyo")
    alone.count(msgspec.structs.replace(entry, center="", reversed_by=""), held)
    assert alone.shown() is None


def test_counts_go_on_where_an_interrupted_run_ended() -> None:
    centers = Centers("tokyo", "osaka")
    centers.count(posted_by("osaka"), None)
    centers.count(posted_by("osaka"), side(1))
    assert centers.told() == Told(1, 1, ((*GROUP, -5_000),))
    again = Centers("tokyo", "osaka", msgspec.msgpack.decode(msgspec.msgpack.encode(centers.told()), type=Told))
    again.count(posted_by("osaka"), side(1))
    assert again.shown() == OfCenter("osaka", 1, 2)
    assert again.apart == {GROUP: -10_000}


def test_the_limit_of_groups_that_both_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "APART_COUNT_MAX", 2)
    centers = Centers("tokyo", "osaka")
    for terminal in ("A", "B", "C", "A"):
        centers.count(posted_by("osaka", terminal=terminal), side(1))
    assert {group[0]: minor for group, minor in centers.apart.items()} == {"A": -10_000, "B": -5_000}
