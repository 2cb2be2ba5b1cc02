"""A protocol of BIRD, enabled and disabled, and what its answers mean."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from relay.announce.birddoor import BirdTrouble
from relay.announce.birdtalk import BirdAnswer
from relay.failover.actions.bird import BirdAction
from relay.failover.actions.port import ActionFailed, ActionRefused, Scene, Sight
from relay.failover.deeds import BirdDeed

SCENE = Scene(run="r1", step="s", token="r1/s", old_epoch=7, epoch=8, from_region="tokyo", to_region="osaka", center="tokyo")
DEED = BirdDeed(socket="/run/bird.ctl", protocol="svc", wanted="disabled")


class Bird:
    def __init__(self, state: str = "up") -> None:
        self.state, self.said, self.is_gone = state, [], False
        self.said: list[str]

    async def ask(self, commands: Sequence[str]) -> list[BirdAnswer]:
        if self.is_gone:
            raise BirdTrouble("gone", "nobody there")
        self.said += commands
        if commands[0].startswith("show"):
            row = f"svc        Direct     ---        {self.state}     2026-11-24    "
            return [BirdAnswer(0, ((1002, row),) if self.state else ())]
        if self.state == "locked":
            return [BirdAnswer(8003, ((8003, "access denied"),))]
        self.state = "down" if commands[0].startswith("disable") else "up"
        return [BirdAnswer(9, ((9, "svc: disabled"),))]


async def test_there_and_back() -> None:
    bird = Bird()
    action = BirdAction(DEED, bird.ask)
    undo = msgspec.structs.replace(SCENE, is_undo=True)
    assert (await action.observe(SCENE)).sight is Sight.ABSENT
    assert (await action.observe(undo)).sight is Sight.DONE
    await action.act(SCENE)
    assert (await action.observe(SCENE)).sight is Sight.DONE
    await action.compensate(undo)
    assert (await action.observe(undo)).sight is Sight.DONE
    assert [word for word in bird.said if not word.startswith("show")] == ["disable svc", "enable svc"]


async def test_a_no_and_a_silence_are_told_apart() -> None:
    bird = Bird("locked")
    with pytest.raises(ActionRefused, match="access denied"):
        await BirdAction(DEED, bird.ask).act(SCENE)
    bird.is_gone = True
    with pytest.raises(ActionFailed, match="nobody there"):
        await BirdAction(DEED, bird.ask).act(SCENE)
    assert (await BirdAction(DEED, bird.ask).observe(SCENE)).sight is Sight.UNKNOWN
    assert (await BirdAction(DEED, Bird("").ask).observe(SCENE)).sight is Sight.FAILED
