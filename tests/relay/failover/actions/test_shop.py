"""Every kind of deed gets its action, and an undo with words of its own is acted, not compensated."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from random import Random

import pytest

from relay.announce.birdtalk import BirdAnswer
from relay.core.zone import ZoneAnswer
from relay.errors import ConfigurationError
from relay.failover.actions.aws import Answer, AwsService
from relay.failover.actions.bird import BirdAction
from relay.failover.actions.command import CommandAction
from relay.failover.actions.ecs import EcsAction
from relay.failover.actions.elbv2 import Elbv2Action
from relay.failover.actions.manual import ManualAction
from relay.failover.actions.port import ActionRefused, Scene
from relay.failover.actions.rds import RdsAction
from relay.failover.actions.relay import RelayAction
from relay.failover.actions.rfc2136 import Rfc2136Action
from relay.failover.actions.route53 import Route53Action
from relay.failover.actions.shop import Shop, Undoing
from relay.failover.actions.webhook import WebAnswer, WebhookAction
from relay.failover.awsdeeds import Route53Deed
from relay.failover.deeds import BirdDeed, WebhookDeed
from relay.failover.plan import Plan, parse_plan
from tests.support.failoverworld import KEY, World, sample_plan
from tests.support.virtualtime import VirtualTime

PLAN = parse_plan(sample_plan())
SCENE = Scene(run="r1", step="s", token="r1/s", old_epoch=7, epoch=8, from_region="tokyo", to_region="osaka", center="tokyo")


class Doors:
    """No AWS behind it: an action is made of it and not asked."""

    changes: dict[str, str] = {}

    async def call(
        self, service: AwsService, region: str, operation: str, asked: Mapping[str, object], kind: type[Answer]
    ) -> Answer:
        raise ActionRefused("nobody is there")

    def look(self, deed: Route53Deed) -> Callable[[str], Awaitable[ZoneAnswer]]:
        async def silent(server: str) -> ZoneAnswer:
            return ZoneAnswer("silent")

        return silent


def shop() -> Shop:
    world = World(VirtualTime(), Random(1))

    async def ask(commands: object) -> list[BirdAnswer]:
        return []

    async def web(method: str, url: str, headers: dict[str, str], body: bytes, timeout_ms: int) -> WebAnswer:
        return WebAnswer(0)

    def secret(name: str) -> bytes:
        if name == "none":
            raise ConfigurationError("there is no credential none.")
        return b"x"

    def plan() -> Plan:
        return PLAN

    return Shop(
        plan,
        relays=world,
        zone_doors=world.zone_doors,
        bird=lambda socket: ask,
        web=web,
        secret=secret,
        mac_key=lambda name: KEY,
        environment={},
        clock=VirtualTime(),
        aws=Doors(),
    )


def test_each_kind_has_its_action() -> None:
    made = shop()
    assert isinstance(made.action("seal-tokyo", False), RelayAction)
    assert isinstance(made.action("promote", False), CommandAction)
    assert isinstance(made.action("move-the-record", False), Rfc2136Action)
    assert isinstance(made.action("move-the-record-by-hand", False), ManualAction)
    kinds = {Route53Action, RdsAction, Elbv2Action, EcsAction}
    assert kinds <= {type(made.make(step.do)) for step in parse_plan(sample_plan("unplanned-aws")).step}
    assert isinstance(made.make(BirdDeed(socket="/s", protocol="svc", wanted="enabled")), BirdAction)
    hook = WebhookDeed(url="https://x.example/", secret="hook", verb="open")
    assert isinstance(made.make(hook), WebhookAction)
    with pytest.raises(ConfigurationError):
        made.make(WebhookDeed(url="https://x.example/", secret="none", verb="open"))
    with pytest.raises(KeyError):
        made.action("nothing", False)


def test_an_undo_is_the_deed_of_the_plan_or_the_opposite_of_the_kind() -> None:
    assert isinstance(shop().action("stop-the-copy", True), Undoing)
    assert isinstance(shop().action("seal-tokyo", True), RelayAction)


async def test_an_undo_of_its_own_looks_and_acts_forward() -> None:
    class Recording(ManualAction):
        def __init__(self) -> None:
            self.seen: list[tuple[str, bool]] = []

        async def act(self, scene: Scene) -> str:
            self.seen.append(("act", scene.is_undo))
            return ""

        async def observe(self, scene: Scene) -> object:  # type: ignore[override]
            self.seen.append(("observe", scene.is_undo))
            return None

    recording = Recording()
    undo = Scene(**{**{name: getattr(SCENE, name) for name in SCENE.__struct_fields__}, "is_undo": True})
    undoing = Undoing(recording)
    await undoing.observe(undo)
    await undoing.compensate(undo)
    await undoing.act(undo)
    assert recording.seen == [("observe", False), ("act", False), ("act", False)]
