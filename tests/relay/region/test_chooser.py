"""What rounds of answers bring about, with regions that confirm late or never, and what a pin may and may not do."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.core.contract import RegionAnswer
from relay.region.book import Pin
from relay.region.chooser import Chooser, ChooserRules
from relay.region.record import RegionRecord
from relay.region.view import RegionWord
from relay.telemetry.metrics import Metrics
from tests.support.virtualtime import VirtualTime


def says(epoch: int, region: str = "tokyo", run: str = "r") -> RegionRecord:
    return RegionRecord(epoch, region, run)


NEXT = says(9, "osaka")


class World:
    """A ratchet that is durable at once, and regions that say what `words` has, when `answer` is called."""

    def __init__(self, epoch: int = 8, region: str = "tokyo", *, refuse: bool = False, pin: Pin | None = None) -> None:
        self.time = VirtualTime()
        self.metrics = Metrics()
        self.epoch, self.region = epoch, region
        self.names: list[RegionRecord] = []
        self.withheld = ""
        self.words: dict[str, RegionWord | None] = {}
        self.asked: list[tuple[str, Callable[[RegionWord | None], None]]] = []
        rules = ChooserRules(quorum=2, stale_after_ms=60_000, stale_refuse=refuse)
        self.chooser = Chooser(self, self.confirm, rules, clock=self.time, metrics=self.metrics, pin=pin)

    def named(self, record: RegionRecord) -> None:
        assert record.epoch >= self.epoch
        self.names.append(record)
        self.epoch, self.region = record.epoch, record.region

    def withhold(self, why: str) -> None:
        self.withheld = why

    def confirm(self, region: str, done: Callable[[RegionWord | None], None]) -> None:
        self.asked.append((region, done))

    def answer(self, region: str, epoch: int, name: str | None = None, state: str = "serving") -> None:
        asked, done = self.asked.pop(0)
        assert asked == region
        done(msgspec.convert({"region": name or region, "epoch": epoch, "state": state}, RegionAnswer))

    def round(self, *records: RegionRecord) -> None:
        heard: list[RegionRecord] = []
        for record in records:
            heard.append(record)
            self.chooser.heard(heard, is_over=False)
        self.chooser.heard(heard, is_over=True)

    def gauge(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(name)

    def pin(self, region: str, epoch: int, hours: int = 1) -> Pin:
        now_ms = self.time.wall_ms()
        return Pin(region, epoch, now_ms + hours * 3_600_000, "Sato", "Suzuki", "drill", now_ms)


def test_a_quorum_names_the_region_once_and_asks_nobody() -> None:
    w = World()
    w.chooser.heard([NEXT], is_over=False)
    assert w.names == []
    w.asked.clear()
    w.chooser.heard([NEXT, NEXT], is_over=False)
    assert (w.names, w.asked) == ([NEXT], [])
    w.round(NEXT, NEXT)
    assert w.names == [NEXT]


def test_one_server_and_the_region_itself_are_enough() -> None:
    w = World()
    w.round(NEXT, says(8))
    assert w.chooser.candidate == NEXT
    w.answer("osaka", 9)
    assert w.names == [NEXT]


@pytest.mark.parametrize(("epoch", "name"), [(8, None), (10, None), (9, "tokyo")])
def test_one_server_without_the_regions_own_word_moves_nothing(epoch: int, name: str | None) -> None:
    w = World()
    for _ in range(5):
        w.round(NEXT)
        w.answer("osaka", epoch, name)
    w.round(NEXT)
    w.asked.pop()[1](None)
    assert (w.names, w.chooser.candidate) == ([], NEXT)


def test_a_region_is_asked_once_at_a_time() -> None:
    w = World()
    w.round(NEXT)
    w.round(NEXT)
    assert len(w.asked) == 1


def test_a_standby_that_says_the_epoch_is_its_own_has_confirmed_it() -> None:
    w = World()
    w.round(NEXT)
    w.answer("osaka", 9, state="blocked")
    assert w.names == [NEXT]


def test_a_contradiction_that_comes_while_the_region_answers_stops_the_switch() -> None:
    w = World()
    w.chooser.heard([NEXT], is_over=False)
    w.chooser.heard([NEXT, says(9)], is_over=True)
    w.answer("osaka", 9)
    assert w.names == []
    assert w.gauge("relay_region_frozen") == 1


def test_two_truths_told_one_after_the_other_freeze() -> None:
    w = World()
    w.round(NEXT)
    w.answer("osaka", 8)
    w.round(says(9))
    assert w.gauge("relay_region_frozen") == 1
    w.round()  # silence is no news
    assert w.gauge("relay_region_frozen") == 1
    w.round(says(10, "osaka"), says(10, "osaka"))
    assert w.names == [says(10, "osaka")]
    assert w.gauge("relay_region_frozen") == 0


@pytest.mark.parametrize("both", [(NEXT, says(9)), (says(9), NEXT)])
def test_one_of_two_truths_that_is_told_no_more_does_not_make_the_other_one_true(both: tuple[RegionRecord, ...]) -> None:
    w = World()
    w.round(*both)
    w.round(NEXT, NEXT)
    w.round(says(8), says(8))
    w.round(NEXT, NEXT)
    assert (w.names, w.gauge("relay_region_frozen")) == ([], 1)


def test_who_runs_ahead_alone_takes_no_alarm_away() -> None:
    w = World()
    w.round(NEXT, says(9))
    w.round(NEXT, says(9), says(10))
    assert (w.names, w.gauge("relay_region_frozen")) == ([], 1)


def test_who_runs_ahead_alone_hides_no_contradiction_and_keeps_none_that_is_over() -> None:
    w = World()
    w.round(says(8, "osaka"), NEXT, says(10))
    assert (w.chooser.candidate, w.gauge("relay_region_frozen")) == (says(10), 1)
    w.round(NEXT, says(10))
    assert w.gauge("relay_region_frozen") == 1, "nobody says that it is over"
    w.round(says(8), NEXT, says(10))
    assert (w.chooser.candidate, w.gauge("relay_region_frozen")) == (says(10), 0)


def test_a_contradiction_that_stands_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    w = World()
    for _ in range(5):
        w.round(NEXT, says(9), says(8))
    assert caplog.text.count("frozen") == 1


@pytest.mark.parametrize("both", [(says(8), says(8, "osaka")), (says(8, "osaka"), says(8))])
def test_another_region_under_our_epoch_freezes_and_keeps_ours(both: tuple[RegionRecord, ...]) -> None:
    w = World()
    w.round(*both)
    assert (w.names, w.asked, w.gauge("relay_region_frozen")) == ([], [], 1)
    w.round(says(8), says(8))
    assert w.gauge("relay_region_frozen") == 0


# ---- stale ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("heard", [(), (says(7),), (says(9, "osaka"),)])
def test_without_a_confirmation_it_is_stale_after_a_while_and_serves_on(heard: tuple[RegionRecord, ...]) -> None:
    w = World()
    w.time.run(60_000)
    w.round(*heard)
    assert w.gauge("relay_region_stale") == 0
    w.time.run(1)
    w.round(*heard)
    assert (w.gauge("relay_region_stale"), w.withheld) == (1, "")
    assert w.gauge("relay_region_dns_unconfirmed_seconds") == 60.001
    w.round(says(8))
    assert w.gauge("relay_region_stale") == 0


def test_by_policy_a_stale_region_is_not_asked() -> None:
    w = World(refuse=True)
    w.time.run(60_001)
    w.round()
    assert w.withheld
    w.chooser.use_pin(w.pin("tokyo", 8))
    assert w.withheld == ""
    w.chooser.use_pin(None)
    assert w.withheld
    w.round(says(8))
    assert w.withheld == ""


# ---- pinned --------------------------------------------------------------------------------------------------------
def test_a_pinned_relay_is_moved_by_no_name_server_until_the_pin_ends() -> None:
    w = World()
    w.chooser.use_pin(w.pin("tokyo", 8))
    w.round(NEXT, NEXT)
    assert (w.names, w.gauge("relay_region_pinned")) == ([], 1)
    w.time.run(3_600_000)
    assert w.gauge("relay_region_pinned") == 0
    w.round(NEXT, NEXT)
    assert w.names == [NEXT]


@pytest.mark.parametrize("by_ms", [-7_200_000, 7_200_000])
def test_a_wall_clock_that_is_set_neither_ends_a_pin_nor_begins_it_anew(by_ms: int) -> None:
    w = World()
    w.chooser.use_pin(w.pin("tokyo", 8))
    w.time.jump_wall(by_ms)
    w.time.run(3_599_000)
    assert w.gauge("relay_region_pinned") == 1
    w.time.run(1_000)
    assert w.gauge("relay_region_pinned") == 0
    w.time.jump_wall(-7_200_000)
    assert w.gauge("relay_region_pinned") == 0


def test_a_pin_whose_epoch_is_over_holds_nothing() -> None:
    """It was being recorded while the name servers moved the relay."""
    w = World()
    pin = w.pin("tokyo", 8)
    w.round(NEXT, NEXT)
    w.chooser.use_pin(pin)
    assert w.gauge("relay_region_pinned") == 0
    w.round(says(10), says(10))
    assert w.names == [NEXT, says(10)]


def test_a_pin_to_a_higher_epoch_is_confirmed_by_its_region_first() -> None:
    w = World()
    w.chooser.use_pin(w.pin("osaka", 9))
    w.answer("osaka", 8)
    assert w.names == []
    w.round()
    w.answer("osaka", 9)
    assert w.names == [says(9, "osaka", "pin")]
    w.round(says(8), says(8))
    assert w.asked == []


def test_a_cold_start_without_name_servers_takes_a_pin() -> None:
    w = World(epoch=0, region="")
    w.round()
    assert w.names == []
    w.chooser.use_pin(w.pin("osaka", 9))
    w.answer("osaka", 9)
    assert w.names == [says(9, "osaka", "pin")]


def test_a_pin_gives_a_ratchet_without_a_region_its_region() -> None:
    w = World(epoch=8, region="")
    w.chooser.use_pin(w.pin("osaka", 8))
    w.answer("osaka", 8)
    assert (w.epoch, w.region) == (8, "osaka")


def test_a_candidate_asked_about_before_the_pin_is_not_taken_after_it() -> None:
    w = World()
    w.round(NEXT)
    w.chooser.use_pin(w.pin("tokyo", 8))
    w.answer("osaka", 9)
    assert w.names == []


def test_a_pin_that_is_taken_away_before_its_region_confirms_moves_nothing() -> None:
    w = World()
    w.chooser.use_pin(w.pin("osaka", 9))
    w.chooser.use_pin(None)
    w.answer("osaka", 9)
    assert w.names == []


@pytest.mark.parametrize(
    ("region", "epoch", "why"),
    [
        ("tokyo", 8, ""),
        ("osaka", 9, ""),
        ("tokyo", 9, ""),
        ("tokyo", 7, "epoch 7 is over: 8 is known, and no pin goes back"),
        ("osaka", 8, "epoch 8 is tokyo's, and no epoch has two regions"),
    ],
)
def test_what_a_pin_may_say(region: str, epoch: int, why: str) -> None:
    assert World().chooser.why_no_pin(region, epoch) == why


RECORDS = st.builds(says, st.integers(1, 5), st.sampled_from(["tokyo", "osaka"]))
STEPS = st.one_of(
    st.lists(RECORDS, max_size=3),
    st.tuples(st.sampled_from(["tokyo", "osaka"]), st.integers(1, 5)),
)


@given(st.lists(STEPS, max_size=40))
def test_whatever_is_said_no_epoch_has_two_regions_and_none_goes_back(
    steps: list[list[RegionRecord] | tuple[str, int]],
) -> None:
    w = World(epoch=1)
    regions = {1: "tokyo"}
    for step in steps:
        before = w.epoch
        if isinstance(step, list):
            w.round(*step)
        else:
            if w.chooser.why_no_pin(*step) == "":
                w.chooser.use_pin(w.pin(*step))
            if w.asked:
                asked, done = w.asked.pop(0)
                done(msgspec.convert({"region": asked, "epoch": step[1], "state": "serving"}, RegionAnswer))
            w.chooser.use_pin(None)
        assert w.epoch >= before
        assert regions.setdefault(w.epoch, w.region) == w.region
