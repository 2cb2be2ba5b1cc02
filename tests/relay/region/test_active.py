"""The ratchet and the permit: what each answer means, in which order things become durable, and what silence changes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import msgspec
import pytest

from relay.core.contract import RegionAnswer
from relay.journal.port import JournalFailed, StepResult
from relay.permit import Permit
from relay.region.active import BY_ITSELF, CALM_MS, ActiveRegion, Begin
from relay.region.record import RegionRecord
from relay.region.view import RegionWord
from relay.telemetry.metrics import Metrics
from tests.support.virtualtime import VirtualTime


def word(epoch: int, state: str = "serving", region: str = "tokyo") -> RegionAnswer:
    return msgspec.convert({"region": region, "epoch": epoch, "state": state}, RegionAnswer)


class World:
    """A region and a journal that answer when the test says so, in virtual time."""

    def __init__(self, epoch: int = 8, says: RegionWord | None = None, keep: Begin | None = None) -> None:
        self.time = VirtualTime()
        self.metrics = Metrics()
        self.says = says
        self.hangs = False
        self.probes: list[int] = []
        self.waiting: list[Callable[[RegionWord | None], None]] = []
        self.raises: list[tuple[int, Callable[[StepResult], None]]] = []
        self.permits: list[Permit | None] = []
        self.cancelled = 0
        self.region = ActiveRegion(
            epoch,
            self.probe,
            lambda epoch, done: self.raises.append((epoch, done)),
            clock=self.time,
            timers=self.time,
            random=Random(1),
            metrics=self.metrics,
            interval_ms=1_000,
            on_change=self.permits.append,
            keep=keep,
        )

    def probe(self, known_epoch: int, done: Callable[[RegionWord | None], None]) -> World:
        self.probes.append(known_epoch)
        if self.hangs:
            self.waiting.append(done)
        else:
            done(self.says)  # possibly before the probe returns: the port allows it
        return self

    def cancel(self) -> None:
        self.cancelled += 1
        for done in self.waiting:
            done(None)
        self.waiting.clear()

    def durable(self, failed: StepResult = None) -> int:
        epoch, done = self.raises.pop(0)
        done(failed)
        return epoch

    def count(self, result: str) -> float:
        return self.metrics.registry.get_sample_value("relay_region_probes_total", {"result": result}) or 0

    def gauge(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(name)


def test_no_permit_before_the_region_was_heard() -> None:
    w = World()
    assert w.region.permit() is None
    assert w.gauge("relay_region_serving") == 0


def test_serving_at_the_known_epoch_is_a_permit() -> None:
    w = World(says=word(8))
    w.region.start()
    assert w.region.permit() == Permit(8, "tokyo")
    assert w.permits == [Permit(8, "tokyo")]
    assert w.region.permit() is w.region.permit()
    assert w.gauge("relay_region_serving") == 1
    assert w.gauge("relay_region_epoch") == 8


@pytest.mark.parametrize("state", ["blocked", "standby"])
def test_a_region_that_does_not_serve_is_no_permit_and_comes_back(state: str) -> None:
    w = World(says=word(8))
    w.region.start()
    w.says = word(8, state)
    w.time.run(1_200)
    assert w.region.permit() is None
    w.says = word(8)
    w.time.run(1_200)
    assert w.permits == [Permit(8, "tokyo"), None, Permit(8, "tokyo")]
    assert w.count("suspended") >= 1


def test_silence_changes_nothing() -> None:
    w = World(says=word(8))
    w.region.start()
    w.says = None
    w.time.run(3_600_000)
    assert w.region.permit() == Permit(8, "tokyo")
    assert w.count("silent") > 3_000


def test_silence_after_a_block_stays_blocked() -> None:
    w = World(says=word(8, "blocked"))
    w.region.start()
    w.says = None
    w.time.run(10_000)
    assert w.region.permit() is None


def test_an_old_region_is_counted_and_not_believed() -> None:
    w = World(says=word(8))
    w.region.start()
    w.says = word(7, "blocked", "osaka")
    w.time.run(5_000)
    assert w.region.permit() == Permit(8, "tokyo")
    assert w.count("lower-epoch") >= 4


def test_another_region_under_the_same_epoch_is_counted_and_not_believed() -> None:
    w = World(says=word(8))
    w.region.start()
    w.says = word(8, "blocked", "osaka")
    w.time.run(5_000)
    assert w.region.permit() == Permit(8, "tokyo")
    assert w.count("contradiction") >= 4


def test_two_regions_that_serve_one_epoch_end_the_permit_until_one_alone_has_answered_for_a_minute() -> None:
    """The calls go to the same addresses as the questions: whoever answers next would be posted to (law 5)."""
    w = World(says=word(8))
    w.region.start()
    w.says = word(8, region="osaka")
    w.time.run(1_200)
    assert w.region.permit() is None
    assert w.region.contradiction == ("tokyo", "osaka")
    assert "osaka" in w.region.trouble
    w.says = word(8)
    w.time.run(30_000)
    assert w.region.permit() is None, "the next answer may be the other one's again"
    assert "osaka" in w.region.trouble
    w.says = word(8, region="osaka")
    w.time.run(1_200)
    w.says = word(8)
    w.time.run(CALM_MS - 3_000)
    assert w.region.permit() is None
    w.time.run(6_000)
    assert w.region.permit() == Permit(8, "tokyo")
    assert w.region.contradiction == ()


def test_a_higher_epoch_ends_a_contradiction() -> None:
    w = World(says=word(8))
    w.region.start()
    w.says = word(8, region="osaka")
    w.time.run(1_200)
    w.says = word(9, region="osaka")
    w.time.run(1_200)
    w.durable()
    w.time.run(1_200)
    assert w.region.permit() == Permit(9, "osaka")


def test_whose_epoch_it_is_is_written_down_once_and_tried_again() -> None:
    kept: list[tuple[RegionRecord, Callable[[StepResult], None]]] = []
    w = World(says=word(8), keep=lambda record, done: kept.append((record, done)))
    w.region.start()
    w.time.run(5_000)
    assert [record for record, _ in kept] == [RegionRecord(8, "tokyo", BY_ITSELF)]
    kept[0][1](JournalFailed("disk is full"))
    w.time.run(1_200)
    assert len(kept) == 2
    kept[1][1](None)
    w.time.run(5_000)
    assert len(kept) == 2


def test_a_name_that_no_record_can_say_is_not_written_down_and_serves() -> None:
    kept: list[RegionRecord] = []
    w = World(says=word(8, region="Tokyo #1"), keep=lambda record, done: kept.append(record))
    w.region.start()
    w.time.run(2_000)
    assert w.region.permit() == Permit(8, "Tokyo #1")
    assert kept == []


# ---- the ratchet -----------------------------------------------------------------------------------------------------------


def test_a_higher_epoch_is_durable_before_the_permit_shows_it() -> None:
    w = World(says=word(8))
    w.region.start()
    w.says = word(9, region="osaka")
    w.time.run(1_200)
    assert w.region.permit() is None  # the old one is known to be over, the new one is not durable
    assert w.region.epoch == 8
    w.time.run(60_000)
    assert len(w.raises) == 1  # one thing at a time, however long the journal takes
    assert w.durable() == 9
    assert w.region.permit() == Permit(9, "osaka")
    assert (w.region.epoch, w.region.region) == (9, "osaka")
    assert w.gauge("relay_region_epoch") == 9
    w.time.run(2_000)
    assert w.probes[-1] == 9


def test_at_the_first_start_the_epoch_comes_from_the_region() -> None:
    w = World(epoch=0, says=word(8))
    w.region.start()
    assert w.region.permit() is None
    w.durable()
    assert w.permits == [Permit(8, "tokyo")]


def test_a_higher_epoch_that_does_not_serve_raises_the_ratchet_without_a_permit() -> None:
    w = World(says=word(8))
    w.region.start()
    w.says = word(9, "blocked", "osaka")
    w.time.run(1_200)
    w.durable()
    assert w.region.epoch == 9
    assert w.region.permit() is None
    w.says = word(8)  # the old region still believes in itself
    w.time.run(10_000)
    assert w.region.permit() is None


def test_an_epoch_that_cannot_be_made_durable_is_no_permit_and_is_tried_again() -> None:
    w = World(says=word(8))
    w.region.start()
    w.says = word(9)
    w.time.run(1_200)
    w.durable(JournalFailed("the disk is full"))
    assert w.region.permit() is None
    assert w.region.epoch == 8
    assert w.count("not-durable") == 1
    w.says = word(8)  # the old epoch is over, durable or not: it never comes back
    w.time.run(1_200)
    assert w.region.permit() is None
    w.says = word(9)
    w.time.run(1_200)
    assert w.durable() == 9
    assert w.region.permit() == Permit(9, "tokyo")


# ---- the driver ------------------------------------------------------------------------------------------------------------


def test_it_probes_all_the_time_with_jitter() -> None:
    w = World(says=word(8))
    w.region.start()
    w.time.run(100_000)
    assert 90 <= len(w.probes) - 1 <= 111


def test_one_probe_at_a_time() -> None:
    w = World()
    w.hangs = True
    w.region.start()
    w.time.run(60_000)
    assert len(w.probes) == 1
    w.waiting.pop()(word(8))
    assert w.region.permit() == Permit(8, "tokyo")
    w.time.run(1_200)
    assert len(w.probes) == 2


def test_look_now_does_not_wait_and_does_not_pile_up() -> None:
    w = World(says=word(8))
    w.region.start()
    w.time.run(500)
    w.says = word(8, "blocked")
    w.region.look_now()
    assert w.region.permit() is None
    w.hangs = True
    w.time.run(100)
    w.region.look_now()
    w.region.look_now()
    w.region.look_now()
    assert len(w.probes) == 3


def test_a_flood_of_wrong_region_answers_asks_ten_times_a_second_at_most() -> None:
    w = World(says=word(8))
    w.region.start()
    for _ in range(10_000):
        w.time.run(1)
        w.region.look_now()
        w.region.look_now()
    assert 90 <= len(w.probes) <= 101


def test_stop_keeps_the_permit_and_asks_no_more() -> None:
    w = World(says=word(8))
    w.region.start()
    w.hangs = True
    w.time.run(1_200)
    w.region.stop()
    assert w.cancelled == 1
    w.time.run(60_000)
    assert len(w.probes) == 2
    assert w.region.permit() == Permit(8, "tokyo")


# ---- what a person is told --------------------------------------------------------------------------------------------------


def test_silence_is_measured_and_ends_with_any_answer() -> None:
    w = World(says=word(8))
    w.region.start()
    w.time.run(30_000)
    assert (w.region.silent_ms, w.gauge("relay_region_silent_seconds")) == (0, 0)
    w.says = None
    w.time.run(30_000)
    assert 28_000 < w.region.silent_ms <= 30_000
    assert w.gauge("relay_region_silent_seconds") == w.region.silent_ms / 1_000
    w.says = word(7)  # not believed, but somebody is there
    w.time.run(1_200)
    assert w.region.silent_ms == 0


def test_why_the_core_may_not_be_asked_is_told_apart() -> None:
    w = World(says=None)
    w.region.start()
    assert w.region.trouble == ""
    told = []
    for said in (word(8), word(8, "blocked"), word(7), word(8, region="osaka"), word(9, region="osaka")):
        w.says = said
        w.time.run(1_200)
        told.append(w.region.trouble)
    w.durable(JournalFailed("the disk is full"))
    told.append(w.region.trouble)
    assert told == [
        "",
        "region tokyo is blocked (epoch 8)",
        "old epoch: tokyo answers under epoch 7, and 8 is known",
        "contradiction: osaka answers under epoch 8, which is tokyo's",
        "epoch 9 of region osaka is being made durable",
        "epoch 9 could not be made durable: the disk is full",
    ]
    w.time.run(1_200)
    w.durable()
    assert w.region.trouble == ""


def test_a_silent_region_is_still_said_to_be_blocked() -> None:
    w = World(says=word(8, "blocked"))
    w.region.start()
    w.says = None
    w.time.run(10_000)
    assert w.region.trouble == "region tokyo is blocked (epoch 8)"


def test_an_error_of_whoever_is_told_does_not_make_a_question_the_last() -> None:
    w = World(says=word(8))
    w.region.start()

    def told(permit: Permit | None) -> None:
        raise RuntimeError("our own bug")

    w.region._on_change = told
    w.says = word(8, "blocked")
    with pytest.raises(RuntimeError):
        w.time.run(1_200)
    asked = len(w.probes)
    w.time.run(3_000)
    assert len(w.probes) > asked
    w.says = word(9)
    w.time.run(1_200)
    with pytest.raises(RuntimeError):
        w.durable()
    asked = len(w.probes)
    w.time.run(3_000)
    assert len(w.probes) > asked
