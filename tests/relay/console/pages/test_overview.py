"""The first line answers the first question; problems are the relay's own words; the tiles count."""

from __future__ import annotations

from relay.console.pages.overview import overview
from relay.console.ring import Point
from relay.control.regions import RegionsReport
from relay.control.report import AddressReport, CoreReport, ListenerReport, RegionReport, StatusReport
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


def test_what_is_wrong_stands_on_top_in_the_relays_words() -> None:
    fenced = StatusReport(state="fenced", why="disk <gone>", listed=3, exchanges={"in_doubt": 4, "asked": 9})
    made = overview(frame(language="ja"), fenced, RegionsReport(), (), 2_000)
    assert_page(made)
    assert "fenced: disk &lt;gone&gt;" in made
    assert made.index("fenced: disk") < made.index("<figure")
    assert "遮断" in words_of(made)
    assert "結果不明 4" in words_of(made)
    assert "要確認 3" in words_of(made)
