"""One server's word about the record, judged for a run; test_rfc2136.py and test_route53.py have many servers' words."""

from __future__ import annotations

import asyncio

import pytest

from relay.core.zone import ZoneAnswer
from relay.failover.actions.port import ActionRefused, Sight
from relay.failover.actions.regionzone import RecordWanted, record_of
from relay.region.record import RegionRecord, format_record
from tests.support.awsworld import MAC_KEY, SCENE

NAME, TARGET = "_active.core.example", "osa.core.example"
WANTED = RecordWanted(NAME, TARGET, MAC_KEY)


def shown(record: RegionRecord, target: str = TARGET) -> ZoneAnswer:
    return ZoneAnswer("", ((format_record(record, NAME, MAC_KEY).encode(),),), target)


@pytest.mark.parametrize(
    ("answer", "sight"),
    [
        (shown(RegionRecord(7, "tokyo", "run-0")), Sight.ABSENT),
        (shown(RegionRecord(8, "osaka", "run-1")), Sight.DONE),
        (shown(RegionRecord(8, "osaka", "run-1"), "OSA.core.example."), Sight.DONE),
        (shown(RegionRecord(8, "osaka", "run-1"), "tyo.core.example"), Sight.FAILED),
        (shown(RegionRecord(8, "osaka", "another")), Sight.FAILED),
        (shown(RegionRecord(9, "osaka", "run-1")), Sight.FAILED),
        (ZoneAnswer("silent"), Sight.UNKNOWN),
        (ZoneAnswer("", ((b"v=1",),)), Sight.UNKNOWN),
    ],
)
def test_one_word_means_one_thing(answer: ZoneAnswer, sight: Sight) -> None:
    assert WANTED.judge(answer, SCENE).sight is sight


async def test_servers_are_asked_together_so_that_dead_ones_cost_the_time_of_one() -> None:
    asked, all_asked = [], asyncio.Event()

    async def look(server: str) -> ZoneAnswer:
        asked.append(server)
        if len(asked) == 3:
            all_asked.set()
        await asyncio.wait_for(all_asked.wait(), 10)
        return shown(record_of(SCENE))

    assert (await WANTED.look_at_all("abc", look, SCENE)).sight is Sight.DONE


def test_only_the_epoch_that_ends_is_swapped_and_each_try_writes_the_same() -> None:
    old = shown(RegionRecord(7, "tokyo", "run-0"))
    assert WANTED.old_text(old, SCENE) == old.texts[0][0].decode()
    for found in (shown(RegionRecord(6, "tokyo", "run-0")), shown(record_of(SCENE)), ZoneAnswer("silent"), ZoneAnswer("")):
        with pytest.raises(ActionRefused):
            WANTED.old_text(found, SCENE)
    assert WANTED.new_text(SCENE) == WANTED.new_text(SCENE) == format_record(record_of(SCENE), NAME, MAC_KEY)
