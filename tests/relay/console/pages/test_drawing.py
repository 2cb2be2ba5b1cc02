"""The picture in its two shapes, and the same in words."""

from __future__ import annotations

import re

from relay.console.pages.drawing import drawing, in_words
from relay.console.picture import GOOD, UNKNOWN, CenterPlace, Crossing, Line, Picture, RegionPlace, Terminals
from relay.console.words import Words
from tests.support.consoleroom import tags_of, words_of

EN = Words("en")
OWN = CenterPlace(name="<b>tokyo", is_own=True, role="holding", state=GOOD, epoch=7, announces=True, sessions=12)
PEER = CenterPlace(name="osaka", is_own=False, role="", state=UNKNOWN, epoch=0, announces=None, age_ms=61_000)
REGIONS = (
    RegionPlace(name="ap-tokyo", is_active=True, epoch=7, state=GOOD),
    RegionPlace(name="ap-osaka", is_active=False, epoch=0, state="failing"),
)
LINES = tuple(Line(center=c, region=r, state=(GOOD, "failing")[r], is_used=(c, r) == (0, 0)) for c in (0, 1) for r in (0, 1))
BOTH = Picture(
    centers=(OWN, PEER),
    regions=REGIONS,
    lines=LINES,
    crossing=Crossing(state="part", paths_up=1, paths=2, is_used=False),
    terminals=(Terminals(channel="atm", signed_on=1_234),),
)
ALONE = Picture(centers=(OWN,), regions=REGIONS[:1], lines=LINES[:1], crossing=None, terminals=())


def test_both_shapes_show_every_place_and_what_carries_the_bank() -> None:
    made = drawing(BOTH, EN)
    tags_of(made)
    assert "<b>tokyo" not in made
    shapes = re.findall(r'<svg viewBox="0 0 \d+ \d+" class="(?:wide|narrow)".*?</svg>', made)
    assert len(shapes) == 2
    for shape in shapes:
        for name in ("&lt;b&gt;tokyo", "osaka", "ap-tokyo", "ap-osaka", "1,234", "last heard 1 min 1 s ago", "active region"):
            assert name in shape
        assert len(re.findall(r'class="way good used"', shape)) == 2, "from the terminals, and to the region"
        assert len(re.findall(r'class="way failing"', shape)) == 2


def test_one_center_is_drawn_flat() -> None:
    assert 'viewBox="0 60 960 180"' in drawing(ALONE, EN)


def test_in_words() -> None:
    said = in_words(BOTH, EN)
    assert "Relay center osaka: not known, not known." in said
    assert "<b>tokyo → ap-tokyo: reachable, carries the bank." in said
    assert "<b>tokyo → ap-osaka: failing." in said
    assert "carries the bank" in words_of(drawing(ALONE, EN))


def test_nothing_is_known() -> None:
    tags_of(drawing(Picture(centers=(OWN,), regions=(), lines=(), crossing=None, terminals=()), Words("ja")))


def test_a_long_name_ends_before_the_dot() -> None:
    endless = "ap-northeast-" + "1" * 60
    named = RegionPlace(name=endless, is_active=True, epoch=7, state=GOOD)
    made = drawing(Picture(centers=(OWN,), regions=(named,), lines=(), crossing=None, terminals=()), EN)
    assert f"<title>{endless}</title>" in made
    assert f">{endless}</text>" not in made
    assert "textLength" in made
