"""The record by compare-and-swap: what servers show, what is written, and whose hand is never overwritten."""

from __future__ import annotations

import msgspec
import pytest

from relay.core.zone import ZoneAnswer
from relay.core.zonechange import ChangeAnswer, Swapped, ZoneChange
from relay.failover.actions.port import ActionFailed, ActionRefused, Scene, Sight
from relay.failover.actions.rfc2136 import Rfc2136Action, ZoneDoors
from relay.failover.deeds import Rfc2136Deed
from relay.failover.plan import parse_plan
from relay.region.record import RegionRecord, format_record
from tests.support.failoverworld import KEY, sample_plan

SCENE = Scene(run="r1", step="s", token="r1/s", old_epoch=7, epoch=8, from_region="tokyo", to_region="osaka", center="tokyo")
DEED = parse_plan(sample_plan()).named("move-the-record").do
assert isinstance(DEED, Rfc2136Deed)
OLD, NEW = RegionRecord(7, "tokyo", "r0"), RegionRecord(8, "osaka", "r1")


def shown(record: RegionRecord, target: str = "osa.core.example.", key: bytes = KEY) -> ZoneAnswer:
    assert isinstance(DEED, Rfc2136Deed)
    return ZoneAnswer("", ((format_record(record, DEED.record_name, key).encode(),),), target)


class Zone:
    def __init__(self, *answers: ZoneAnswer, result: Swapped = "changed") -> None:
        assert isinstance(DEED, Rfc2136Deed)
        self.answers = dict(zip(DEED.servers, answers, strict=True))
        self.result: Swapped = result
        self.changes: list[ZoneChange] = []

    def action(self) -> Rfc2136Action:
        async def look(server: str) -> ZoneAnswer:
            return self.answers[server]

        async def change(asked: ZoneChange) -> ChangeAnswer:
            self.changes.append(asked)
            return ChangeAnswer(self.result, "so")

        assert isinstance(DEED, Rfc2136Deed)
        return Rfc2136Action(DEED, KEY, ZoneDoors(look, change))


SILENT = ZoneAnswer("silent")


@pytest.mark.parametrize(
    ("first", "second", "sight"),
    [
        (shown(OLD), shown(OLD), Sight.ABSENT),
        (shown(NEW), shown(OLD), Sight.IN_PROGRESS),
        (shown(NEW), shown(NEW), Sight.DONE),
        (shown(NEW), SILENT, Sight.IN_PROGRESS),
        (shown(OLD), SILENT, Sight.ABSENT),  # the primary says that it is not there
        (SILENT, shown(OLD), Sight.UNKNOWN),  # and a secondary cannot
        (SILENT, SILENT, Sight.UNKNOWN),
        (SILENT, shown(NEW), Sight.IN_PROGRESS),
        (shown(RegionRecord(9, "osaka", "r2")), shown(OLD), Sight.FAILED),
        (shown(RegionRecord(8, "tokyo", "r1")), shown(OLD), Sight.FAILED),
        (shown(RegionRecord(8, "osaka", "r2")), shown(OLD), Sight.FAILED),  # another run's
        (shown(NEW, "tyo.core.example."), shown(NEW), Sight.FAILED),
        (shown(NEW, key=bytes(32)), shown(OLD), Sight.UNKNOWN),  # a foreign MAC says nothing
        (ZoneAnswer("", (), ""), shown(OLD), Sight.UNKNOWN),
    ],
)
async def test_what_the_servers_show_means_one_thing(first: ZoneAnswer, second: ZoneAnswer, sight: Sight) -> None:
    assert (await Zone(first, second).action().observe(SCENE)).sight is sight


async def test_it_is_compared_with_the_very_text_and_written_the_same_each_time() -> None:
    zone = Zone(shown(OLD, "tyo.core.example."), shown(OLD))
    await zone.action().act(SCENE)
    await zone.action().act(SCENE)
    first, second = zone.changes
    assert first == second
    assert isinstance(DEED, Rfc2136Deed)
    assert first.old_text == format_record(OLD, DEED.record_name, KEY)
    assert first.new_text == format_record(NEW, DEED.record_name, KEY)
    assert (first.target, first.ttl_s) == ("osa.core.example", 5)


@pytest.mark.parametrize("found", [shown(RegionRecord(9, "osaka", "r2")), shown(NEW), SILENT, shown(OLD, key=bytes(32))])
async def test_nothing_is_written_over_what_is_not_the_old_record(found: ZoneAnswer) -> None:
    zone = Zone(found, shown(OLD))
    with pytest.raises(ActionRefused):
        await zone.action().act(SCENE)
    assert zone.changes == []


@pytest.mark.parametrize(
    ("result", "kind"), [("refused", ActionRefused), ("not-as-expected", ActionRefused), ("unclear", ActionFailed)]
)
async def test_an_answer_that_is_unclear_is_no_refusal(result: Swapped, kind: type[ActionFailed]) -> None:
    with pytest.raises(ActionFailed) as caught:
        await Zone(shown(OLD), shown(OLD), result=result).action().act(SCENE)
    assert type(caught.value) is kind


async def test_an_epoch_never_goes_back() -> None:
    with pytest.raises(ActionRefused, match="never goes back"):
        await Zone(shown(NEW), shown(NEW)).action().compensate(msgspec.structs.replace(SCENE, is_undo=True))
