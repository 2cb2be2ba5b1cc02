"""What cannot both be right: told after a while for epochs, at once for regions; a clock a day ahead is a figure and no
more.
"""

from __future__ import annotations

import msgspec

from relay.pair.beat import NAME_CHARS_MAX, Beat
from relay.pair.differing import DIFFERING_MS, Differing, skew_ms

BEAT = Beat(center="osaka", peer="tokyo", incarnation=1, life=1, sequence=1, epoch=8, region="tokyo")


def test_a_switch_that_reaches_one_first_is_no_difference() -> None:
    differing = Differing()
    assert differing.saw(9, "osaka", BEAT, 0) == ""
    assert differing.saw(9, "osaka", msgspec.structs.replace(BEAT, epoch=9, region="osaka"), DIFFERING_MS - 1) == ""
    assert differing.saw(9, "osaka", BEAT, DIFFERING_MS) == "", "it begins anew"


def test_epochs_that_differ_for_long_are_told_and_taken_back() -> None:
    differing = Differing()
    differing.saw(9, "osaka", BEAT, 0)
    assert differing.saw(9, "osaka", BEAT, DIFFERING_MS) == "we know epoch 9, and osaka knows 8 (tokyo)"
    assert differing.saw(9, "osaka", None, DIFFERING_MS + 1), "silence takes nothing back"
    assert differing.saw(8, "tokyo", BEAT, DIFFERING_MS + 2) == ""


def test_two_regions_under_one_epoch_are_told_at_once_and_an_unknown_one_is_none() -> None:
    assert Differing().saw(8, "osaka", BEAT, 0) == "under epoch 8 we know osaka, and osaka knows tokyo"
    assert Differing().saw(8, "", BEAT, 0) == ""


def test_a_name_that_was_cut_on_the_way_is_the_same_region() -> None:
    name = "r" * 255
    assert Differing().saw(8, name, msgspec.structs.replace(BEAT, region=name[:NAME_CHARS_MAX]), 0) == ""


def test_a_clock_a_day_ahead() -> None:
    assert skew_ms(msgspec.structs.replace(BEAT, wall_ms=86_400_000 + 5), 5) == 86_400_000
