"""Where DNS names the region: durable first, then who has to know, then the region's own word, then the permit."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import msgspec
import pytest

from relay.core.contract import RegionAnswer
from relay.journal.port import JournalFailed, StepResult
from relay.permit import Permit
from relay.region.active import ActiveRegion
from relay.region.record import RegionRecord
from relay.region.view import RegionWord
from relay.telemetry.metrics import Metrics
from tests.support.virtualtime import VirtualTime

NEXT = RegionRecord(9, "osaka", "run-9")


def word(epoch: int, region: str = "tokyo", state: str = "serving") -> RegionAnswer:
    return msgspec.convert({"region": region, "epoch": epoch, "state": state}, RegionAnswer)


class World:
    """Two regions, of which the addressed one answers at once; a journal that answers when the test says so."""

    def __init__(self, epoch: int = 8, region: str = "tokyo", addressed: str = "tokyo") -> None:
        self.time = VirtualTime()
        self.says: dict[str, RegionWord | None] = {"tokyo": word(8), "osaka": None}
        self.addressed = addressed
        self.story: list[str] = []
        self.begun: list[tuple[RegionRecord, Callable[[StepResult], None]]] = []
        self.hanging: list[Callable[[RegionWord | None], None]] = []
        self.hangs = False
        self.region = ActiveRegion(
            epoch,
            self.probe,
            lambda epoch, done: pytest.fail("the region itself may not raise the epoch"),
            clock=self.time,
            timers=self.time,
            random=Random(1),
            metrics=Metrics(),
            on_change=lambda permit: self.story.append(f"permit {permit.epoch}" if permit else "no permit"),
            begin=lambda record, done: self.begun.append((record, done)),
            region=region,
            on_epoch=self.moved,
        )
        self.region.start()

    def moved(self, epoch: int, region: str) -> None:
        self.story.append(f"moved to {region}")
        self.addressed = region

    def probe(self, known_epoch: int, done: Callable[[RegionWord | None], None]) -> World:
        self.story.append(f"ask {self.addressed}")
        if self.hangs:
            self.hanging.append(done)
        else:
            done(self.says[self.addressed])
        return self

    def cancel(self) -> None:
        self.story.append("cancelled")
        for done in self.hanging:
            done(None)
        self.hanging.clear()

    def durable(self, failed: StepResult = None) -> None:
        self.begun.pop(0)[1](failed)


def test_a_switch_in_its_order() -> None:
    w = World()
    w.time.run(500)
    w.says["osaka"] = word(9, "osaka")
    w.story.clear()
    w.region.named(NEXT)
    assert w.story == ["no permit"]
    w.durable()
    assert w.story == ["no permit", "moved to osaka", "ask osaka", "permit 9"]
    assert w.region.permit() == Permit(9, "osaka")


def test_no_permit_until_the_new_region_confirms() -> None:
    w = World()
    w.region.named(NEXT)
    w.durable()
    w.time.run(5_000)
    assert w.region.permit() is None
    assert w.region.trouble == "region osaka has not confirmed epoch 9 yet"
    w.says["osaka"] = word(9, "osaka", "blocked")
    w.time.run(1_200)
    assert w.region.permit() is None
    w.says["osaka"] = word(9, "osaka")
    w.time.run(1_200)
    assert w.region.permit() == Permit(9, "osaka")


def test_the_question_to_the_old_region_is_not_waited_for() -> None:
    w = World()
    w.hangs = True
    w.time.run(1_200)
    w.says["osaka"] = word(9, "osaka")
    w.region.named(NEXT)
    w.story.clear()
    w.hangs = False
    w.durable()
    w.time.run(150)
    assert w.story == ["moved to osaka", "cancelled", "ask osaka", "permit 9"]


def test_what_is_not_durable_is_named_again_by_whoever_named_it() -> None:
    w = World()
    w.region.named(NEXT)
    w.region.named(NEXT)
    assert len(w.begun) == 1
    w.durable(JournalFailed("the disk is full"))
    assert (w.region.epoch, w.region.permit()) == (8, None)
    assert w.region.trouble == "epoch 9 could not be made durable: the disk is full"
    w.region.named(RegionRecord(9, "tokyo", "x"))
    assert w.begun == []
    w.region.named(NEXT)
    w.durable()
    assert (w.region.epoch, w.region.region) == (9, "osaka")


@pytest.mark.parametrize(
    "record", [RegionRecord(8, "tokyo", "x"), RegionRecord(8, "osaka", "x"), RegionRecord(7, "osaka", "x")]
)
def test_what_is_known_or_over_is_not_written(record: RegionRecord) -> None:
    w = World()
    w.region.named(record)
    assert (w.begun, w.region.permit()) == ([], Permit(8, "tokyo"))


def test_a_cold_start_refuses_until_somebody_names_the_region() -> None:
    w = World(epoch=0, region="", addressed="osaka")
    w.says["osaka"] = word(9, "osaka")
    w.time.run(10_000)
    assert w.region.permit() is None
    w.region.named(NEXT)
    w.durable()
    w.time.run(150)
    assert w.region.permit() == Permit(9, "osaka")


# ---- sealed, withheld ----------------------------------------------------------------------
def test_a_sealed_epoch_has_no_permit_and_a_higher_one_has() -> None:
    w = World()
    w.region.seal(8)
    assert w.region.permit() is None
    assert w.region.trouble == "epoch 8 is sealed"
    w.time.run(5_000)
    assert w.region.permit() is None
    w.says["osaka"] = word(9, "osaka")
    w.region.named(NEXT)
    w.durable()
    w.time.run(150)
    assert w.region.permit() == Permit(9, "osaka")


def test_a_seal_that_is_taken_away_gives_the_same_epoch_back() -> None:
    w = World()
    w.region.seal(8)
    w.region.seal(0)
    assert w.region.permit() == Permit(8, "tokyo")
    assert w.region.trouble == ""


def test_what_is_withheld_comes_back_as_it_was() -> None:
    w = World()
    w.region.withhold("the record is stale")
    assert (w.region.permit(), w.region.trouble) == (None, "the record is stale")
    w.region.withhold("")
    assert (w.region.permit(), w.region.trouble) == (Permit(8, "tokyo"), "")


def test_where_the_core_is_the_source_nobody_else_names_it() -> None:
    time = VirtualTime()
    region = ActiveRegion(
        8, lambda _, done: time, lambda _, done: None, clock=time, timers=time, random=Random(1), metrics=Metrics()
    )
    with pytest.raises(RuntimeError, match="source"):
        region.named(NEXT)
