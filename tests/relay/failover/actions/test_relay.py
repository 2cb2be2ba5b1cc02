"""What a relay's facts mean for each word that is said to it."""

from __future__ import annotations

import msgspec
import pytest

from relay.failover.actions.port import ActionRefused, Scene, Sight
from relay.failover.actions.relay import CLASSES, RelayAction, look_at
from relay.failover.deeds import RelayDeed, RelayVerb
from relay.failover.evidence import CenterFacts

SCENE = Scene(run="r1", step="s", token="r1/s", old_epoch=7, epoch=8, from_region="tokyo", to_region="osaka", center="tokyo")
UNDO = msgspec.structs.replace(SCENE, is_undo=True)
BEFORE = CenterFacts(center="tokyo", region="tokyo", epoch=7, may_speak=True)
SHUT = msgspec.structs.replace(BEFORE, sealed_epoch=7, blocked=CLASSES, may_speak=False)
AFTER = CenterFacts(center="tokyo", region="osaka", epoch=8, sealed_epoch=7, may_speak=True)
replace = msgspec.structs.replace


@pytest.mark.parametrize(
    ("verb", "classes", "scene", "facts", "sight"),
    [
        ("block", ("all",), SCENE, BEFORE, Sight.ABSENT),
        ("block", ("all",), SCENE, replace(BEFORE, blocked=("atm",)), Sight.ABSENT),
        ("block", ("all",), SCENE, SHUT, Sight.DONE),
        ("block", ("zengin",), SCENE, replace(BEFORE, blocked=("partner",)), Sight.DONE),
        ("block", ("all",), UNDO, SHUT, Sight.ABSENT),
        ("block", ("all",), UNDO, BEFORE, Sight.DONE),
        ("seal", (), SCENE, BEFORE, Sight.ABSENT),
        ("seal", (), SCENE, SHUT, Sight.DONE),
        ("seal", (), UNDO, SHUT, Sight.ABSENT),
        ("seal", (), UNDO, BEFORE, Sight.DONE),
        ("new-epoch", (), SCENE, SHUT, Sight.ABSENT),
        ("new-epoch", (), SCENE, AFTER, Sight.DONE),
        ("new-epoch", (), SCENE, replace(AFTER, epoch=9), Sight.FAILED),
        ("new-epoch", (), SCENE, replace(AFTER, region="nagoya"), Sight.FAILED),
        ("new-epoch", (), SCENE, replace(AFTER, region=""), Sight.ABSENT),
        ("tail", (), SCENE, replace(BEFORE, tail_is_finished=True), Sight.ABSENT),  # of the old epoch
        ("tail", (), SCENE, replace(AFTER, tail_is_finished=False, tail_left=3), Sight.ABSENT),
        ("tail", (), SCENE, AFTER, Sight.DONE),
        ("release", ("atm",), SCENE, replace(AFTER, blocked=("atm",)), Sight.ABSENT),
        ("release", ("atm",), SCENE, replace(AFTER, blocked=("branch",)), Sight.DONE),
        ("serving", (), SCENE, AFTER, Sight.DONE),
        ("serving", (), SCENE, replace(AFTER, may_speak=False), Sight.ABSENT),
        ("serving", (), SCENE, replace(AFTER, blocked=("atm",)), Sight.ABSENT),
    ],
)
def test_facts_mean_one_thing(
    verb: RelayVerb, classes: tuple[str, ...], scene: Scene, facts: CenterFacts, sight: Sight
) -> None:
    deed = RelayDeed(verb=verb, center="tokyo", classes=classes)  # type: ignore[arg-type]
    assert look_at(facts, deed, scene).sight is sight


class Door:
    def __init__(self, facts: CenterFacts) -> None:
        self.told: list[tuple[str, str, int]] = []
        self._facts = facts

    async def facts(self, center: str) -> CenterFacts:
        return self._facts

    async def standby(self, center: str, region: str) -> str:
        return "silent" if region == "osaka" else ""

    async def say(self, center: str, verb: str, epoch: int, classes: tuple[str, ...], why: str) -> str:
        self.told.append((center, verb, epoch))
        return "said"


async def test_a_relay_that_cannot_be_asked_has_neither_sealed_nor_not_sealed() -> None:
    action = RelayAction(RelayDeed(verb="seal", center="tokyo"), Door(CenterFacts(center="tokyo", trouble="nobody listens")))
    assert (await action.observe(SCENE)).sight is Sight.UNKNOWN


async def test_each_word_has_its_opposite_or_none() -> None:
    door = Door(BEFORE)
    for verb in ("seal", "block"):
        action = RelayAction(RelayDeed(verb=verb, center="tokyo", classes=("all",)), door)  # type: ignore[arg-type]
        await action.act(SCENE)
        await action.compensate(UNDO)
    assert [verb for _, verb, _ in door.told] == ["seal", "unseal", "block", "release"]
    assert {epoch for _, _, epoch in door.told} == {7}
    for verb in ("release", "tail"):
        with pytest.raises(ActionRefused):
            await RelayAction(RelayDeed(verb=verb, center="tokyo"), door).compensate(UNDO)  # type: ignore[arg-type]
    with pytest.raises(ActionRefused):
        await RelayAction(RelayDeed(verb="serving", center="tokyo"), door).act(SCENE)


async def test_the_standby_is_asked_about_by_name() -> None:
    look = await RelayAction(RelayDeed(verb="standby", center="tokyo"), Door(BEFORE)).observe(SCENE)
    assert (look.sight, look.detail) == (Sight.ABSENT, "silent")
