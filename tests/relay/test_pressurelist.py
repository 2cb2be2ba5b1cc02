"""The report of a real desk under a storm: what an operator would see, and nothing that belongs to a card."""

from __future__ import annotations

import msgspec

from protocols.vocabulary import Approved
from relay.control.pressure import PressureReport
from relay.exchange.hotspots import HotLimits
from relay.exchange.lanes import LaneLimits
from relay.exchange.limits import DeskLimits
from relay.pressurelist import HOTTEST_COUNT, pressure_report
from tests.support.deskworld import DeskWorld, Message


def world_in_a_storm() -> DeskWorld:
    limits = DeskLimits(hot=HotLimits(branch_per_s_min=20.0), lanes=LaneLimits(queue_count_max=100))
    world = DeskWorld(limits)
    world.facts = msgspec.structs.replace(world.facts, branch_name_chars=2)
    link = world.link()
    for number in range(200):
        world.say(link, Message(trace=str(number), terminal=f"B7{number:03}"))
        if number % 20 == 0:
            for other in ("B1", "B2", "B3"):
                world.say(link, Message(trace=str(number), terminal=f"{other}{number:03}"))
        if number == 50:
            world.core.calls[0].reply(Approved())
        world.time.run(5)
    return world


def report_of(world: DeskWorld) -> PressureReport:
    time = world.time
    return pressure_report(world.desk, world.journal, time.monotonic_ms(), time.wall_ms(), 100, 20_000)


def test_a_storm_is_told_with_its_branch_its_rates_and_an_example() -> None:
    report = report_of(world_in_a_storm())
    (lane,) = report.lanes
    assert (lane.scope, lane.who) == ("branch", "B7")
    assert lane.per_s > lane.enters_per_s > lane.leaves_per_s > lane.usual_per_s
    assert lane.example_key.startswith("B7")
    assert lane.waiting > 0
    other, hot = report.waits
    assert (other.lane, hot.lane) == ("other", "hot")
    assert hot.waiting == lane.waiting
    assert other.inflight + hot.inflight == 64, "all that the core may be asked"
    assert report.queue == other.waiting + hot.waiting
    assert any(row.lane == "hot" and row.why == "queue-full" for row in report.refused)
    assert [row.who for row in report.hottest if row.is_hot] == ["B7"]
    assert len([row for row in report.hottest if row.scope == "terminal"]) == HOTTEST_COUNT


def test_no_card_is_in_it() -> None:
    text = msgspec.json.encode(report_of(world_in_a_storm())).decode()
    assert "4111" not in text
    assert msgspec.json.decode(text, type=PressureReport).target == 64


def test_a_quiet_desk_has_a_report_too() -> None:
    report = report_of(DeskWorld())
    assert (report.lanes, report.hottest, report.refused, report.target_moves) == ((), (), (), ())
    assert report.waits[0].p99_ms is None
