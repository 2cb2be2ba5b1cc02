"""The first line answers the first question; problems are the relay's own words; the tiles count."""

from __future__ import annotations

import msgspec

from relay.console.pages.overview import overview
from relay.console.ring import Point
from relay.control.regions import RegionsReport
from relay.control.report import AddressReport, CoreReport, ListenerReport, RegionReport, StatusReport
from relay.failover.cosign import LoneRow
from tests.support.consoleroom import assert_page, frame, words_of

WELL = StatusReport(
    state="serving",
    center="tokyo",
    region=RegionReport(region="tokyo", epoch=7, has_permit=True),
    listeners=(ListenerReport(name="atm", dialect="iso8583", channel="atm", links=3, signed_on=2, expected=5),),
    core=CoreReport(name="core", addresses=(AddressReport(address="10.0.0.1:443", health="healthy"),)),
)
POINTS = tuple(Point(at_ms=5_000 * n, per_s={"approve": 10.0 + n, "refused": 1.0}, p99_ms=12.0) for n in range(4))


def test_all_is_well() -> None:
    made = overview(frame(), WELL, RegionsReport(), POINTS, 2_000)
    assert_page(made)
    said = words_of(made)
    assert "Serving, and all is well" in said
    assert "region tokyo, epoch 7" in said
    assert "Messages 14 /s" in said
    assert "2 / 5" in said
    assert 'class="problems"' not in made


def test_what_waits_for_a_person_is_not_well() -> None:
    said = words_of(overview(frame(), msgspec.structs.replace(WELL, listed=3), RegionsReport(), POINTS, 2_000))
    assert "Serving; 3 wait for a person" in said
    assert "all is well" not in said


def test_what_one_of_two_has_signed_is_seen_by_whoever_opens_the_console() -> None:
    waits = LoneRow(what=("takeover", "osaka"), who="tanaka", second="sato", text="x", left_ms=1, place="console")
    made = overview(frame(), msgspec.structs.replace(WELL, signatures=(waits,)), RegionsReport(), POINTS, 2_000)
    assert_page(made)
    at = made.index("/deed/takeover-begin?center=osaka&amp;second=tanaka")
    assert made.index("<figure") < at < made.index('class="tile')


def test_what_is_wrong_stands_on_top_in_the_relays_words() -> None:
    fenced = StatusReport(state="fenced", why="disk <gone>", listed=3, exchanges={"in_doubt": 4, "asked": 9})
    made = overview(frame(language="ja"), fenced, RegionsReport(), (), 2_000)
    assert_page(made)
    assert "fenced: disk &lt;gone&gt;" in made
    assert made.index("fenced: disk") < made.index("<figure")
    assert "遮断" in words_of(made)
    assert "結果不明 4" in words_of(made)
    assert "要確認 3" in words_of(made)
