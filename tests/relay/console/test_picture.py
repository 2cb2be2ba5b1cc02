"""The status report as places and lines: what carries the bank, what is only well, and what nobody knows."""

from __future__ import annotations

from relay.console.picture import FAILING, GOOD, UNKNOWN, picture_of
from relay.control.announce import AnnounceReport
from relay.control.pair import PairPathRow, PairPeer, PairReport, PairSightRow
from relay.control.regions import RegionsReport, SiteRow
from relay.control.report import JournalReport, ListenerReport, RegionReport, StatusReport

SIGHTS = (
    PairSightRow(name="tokyo", ours="ok", peers="ok", is_active=True),
    PairSightRow(name="osaka", ours="ok", peers="failing"),
    PairSightRow(name="10.0.0.53", kind="name-server", ours="ok"),
)
PATHS = (PairPathRow(name="a", state="up"), PairPathRow(name="b", state="lost"))
PEER = PairPeer(age_ms=400, role="standby", epoch=7, region="tokyo", has_permit=True)


def status(pair: PairReport | None = None, role: str = "holding", **changes: object) -> StatusReport:
    said: dict[str, object] = {
        "state": "serving",
        "center": "tokyo-center",
        "region": RegionReport(region="tokyo", epoch=7, has_permit=True),
        "announce": AnnounceReport(adapter="bird", addresses=("198.18.0.10",), role=role),
        "listeners": (
            ListenerReport(name="atm", channel="atm", signed_on=5),
            ListenerReport(name="ndc", channel="atm", signed_on=2),
            ListenerReport(name="zrc", channel="zengin", signed_on=1),
        ),
        "pair": PairReport() if pair is None else pair,
        **changes,
    }
    return StatusReport(**said)  # type: ignore[arg-type]  # the members of a report


def paired(**changes: object) -> PairReport:
    said: dict[str, object] = {"peer": "osaka-center", "paths": PATHS, "sights": SIGHTS, "other": PEER, **changes}
    return PairReport(**said)  # type: ignore[arg-type]  # the members of a report


def test_both_centers_and_both_regions() -> None:
    picture = picture_of(status(paired()), RegionsReport())
    assert [(each.name, each.is_own, each.role, each.announces, each.state) for each in picture.centers] == [
        ("tokyo-center", True, "holding", True, GOOD),
        ("osaka-center", False, "standby", True, GOOD),
    ]
    assert [(each.name, each.is_active, each.state) for each in picture.regions] == [
        ("tokyo", True, GOOD),
        ("osaka", False, GOOD),
    ]
    assert [(line.center, line.region) for line in picture.lines if line.is_used] == [(0, 0)]
    assert next(line.state for line in picture.lines if (line.center, line.region) == (1, 1)) == FAILING
    assert picture.crossing is not None
    assert (picture.crossing.state, picture.crossing.paths_up, picture.crossing.is_used) == ("part", 1, False)
    assert [(each.channel, each.signed_on) for each in picture.terminals] == [("atm", 7), ("zengin", 1)]


def test_a_silent_peer_is_unknown_and_never_down() -> None:
    for age_ms in (None, 10_000):
        picture = picture_of(status(paired(other=PairPeer(age_ms=age_ms, role="holding", epoch=7))), RegionsReport())
        peer = picture.centers[1]
        assert (peer.state, peer.announces, peer.role, peer.epoch) == (UNKNOWN, None, "", 0)
        assert {line.state for line in picture.lines if line.center == 1} == {UNKNOWN}
        assert not any(line.is_used for line in picture.lines if line.center == 1)


def test_calls_that_go_through_the_peer_are_drawn_there() -> None:
    picture = picture_of(status(paired(way="through-peer")), RegionsReport())
    assert [(line.center, line.region) for line in picture.lines if line.is_used] == [(1, 0)]
    assert picture.crossing is not None
    assert picture.crossing.is_used


def test_no_permit_no_thick_line_and_a_sick_journal_is_a_sick_center() -> None:
    lost = status(region=RegionReport(region="tokyo", epoch=7), journal=JournalReport(state="failed"))
    picture = picture_of(lost, RegionsReport())
    assert not any(line.is_used for line in picture.lines)
    assert (picture.regions[0].state, picture.centers[0].state) == (FAILING, FAILING)


def test_one_center_alone_with_regions_from_the_shadow_probe() -> None:
    sites = (SiteRow(name="tokyo", result="good"), SiteRow(name="osaka", result="silent", said_epoch=6))
    picture = picture_of(status(announce=AnnounceReport()), RegionsReport(sites=sites))
    assert picture.crossing is None
    assert len(picture.centers) == 1
    assert (picture.centers[0].role, picture.centers[0].announces) == ("serving", None)
    assert [(each.name, each.state, each.epoch) for each in picture.regions] == [("tokyo", GOOD, 7), ("osaka", FAILING, 6)]


def test_nothing_is_known_yet() -> None:
    picture = picture_of(StatusReport(center="tokyo"), RegionsReport())
    assert (picture.regions, picture.lines) == ((), ())
    assert picture.centers[0].state == FAILING
