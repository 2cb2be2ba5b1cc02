"""A checklist is done when each of its lines is."""

from __future__ import annotations

from relay.failover.actions.manual import ManualAction
from relay.failover.actions.port import Scene, Sight
from relay.failover.deeds import ManualDeed
from relay.failover.events import Ticked

SCENE = Scene(run="r1", step="s", token="r1/s", old_epoch=7, epoch=8, from_region="tokyo", to_region="osaka", center="tokyo")


def ticked(*lines: int) -> Scene:
    ticks = tuple(Ticked(step="s", line=line, who="Sato", saw="it") for line in lines)
    return Scene(**{**{name: getattr(SCENE, name) for name in SCENE.__struct_fields__}, "ticks": ticks})


async def test_each_line_counts_once_and_in_any_order() -> None:
    action = ManualAction(ManualDeed(checklist=("one", "two", "three")))
    seen = [(await action.observe(ticked(*lines))).sight for lines in ((), (2,), (3, 3, 2), (3, 2, 1))]
    assert seen == [Sight.ABSENT, Sight.IN_PROGRESS, Sight.IN_PROGRESS, Sight.DONE]
    assert "line 1 is next: one" in (await action.observe(ticked(2))).detail
    assert await action.act(SCENE) == await action.compensate(SCENE)
