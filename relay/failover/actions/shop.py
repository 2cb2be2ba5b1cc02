"""Makes the action of a step out of its deed: the one place that knows all kinds and their doors.

Owns the match. It must never act. The trap: the undo of a step is either a deed of its own, of which `act` is called, or
the kind's own opposite (`compensate`); whoever runs the step must not care, so the first is turned into the second here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Protocol

import msgspec

from relay.clock import Clock
from relay.core.zone import ZoneAnswer
from relay.failover.actions.aws import AwsCall
from relay.failover.actions.bird import Ask, BirdAction
from relay.failover.actions.command import CommandAction
from relay.failover.actions.ecs import EcsAction
from relay.failover.actions.elbv2 import Elbv2Action
from relay.failover.actions.manual import ManualAction
from relay.failover.actions.port import Action, Look, Scene
from relay.failover.actions.rds import RdsAction
from relay.failover.actions.relay import RelayAction, RelayDoor
from relay.failover.actions.rfc2136 import Rfc2136Action, ZoneDoors
from relay.failover.actions.route53 import Route53Action
from relay.failover.actions.webhook import WebCall, WebhookAction
from relay.failover.awsdeeds import EcsDeed, Elbv2Deed, RdsDeed, Route53Deed
from relay.failover.deeds import BirdDeed, CommandDeed, Deed, ManualDeed, RelayDeed, Rfc2136Deed
from relay.failover.plan import Plan


class Undoing:
    """A deed that takes another one back: its `act` is the other's `compensate`, its `observe` looks for itself."""

    def __init__(self, action: Action) -> None:
        self._action = action

    async def observe(self, scene: Scene) -> Look:
        return await self._action.observe(_forward(scene))

    async def act(self, scene: Scene) -> str:
        return await self._action.act(_forward(scene))

    async def compensate(self, scene: Scene) -> str:
        return await self._action.act(_forward(scene))


def _forward(scene: Scene) -> Scene:
    return msgspec.structs.replace(scene, is_undo=False)


class AwsDoors(Protocol):
    """What the actions of AWS need: the call, what one name server shows, and the ids of changes that this process made."""

    @property
    def call(self) -> AwsCall: ...
    @property
    def look(self) -> Callable[[Route53Deed], Callable[[str], Awaitable[ZoneAnswer]]]: ...
    @property
    def changes(self) -> MutableMapping[str, str]: ...


class Shop:
    """Args: `secret` gives a credential's bytes, `mac_key` the 32 bytes of one that signs records. `plan` is the run's
    own."""

    def __init__(
        self,
        plan: Callable[[], Plan],
        *,
        relays: RelayDoor,
        zone_doors: Callable[[Rfc2136Deed], ZoneDoors],
        bird: Callable[[str], Ask],
        web: WebCall,
        secret: Callable[[str], bytes],
        mac_key: Callable[[str], bytes],
        environment: Mapping[str, str],
        clock: Clock,
        aws: AwsDoors,
    ) -> None:
        self._plan = plan
        self._relays = relays
        self._zone_doors = zone_doors
        self._bird = bird
        self._web = web
        self._secret = secret
        self._mac_key = mac_key
        self._environment = environment
        self._clock = clock
        self._aws = aws

    def action(self, step: str, is_undo: bool) -> Action:
        """Fulfils Workshop. Raises KeyError for a step that is not in the plan, ConfigurationError for a credential that is
        missing."""
        found = self._plan().named(step)
        if is_undo and found.undo is not None:
            return Undoing(self.make(found.undo))
        return self.make(found.do)

    def make(self, deed: Deed) -> Action:
        match deed:
            case RelayDeed():
                return RelayAction(deed, self._relays)
            case ManualDeed():
                return ManualAction(deed)
            case CommandDeed():
                return CommandAction(deed, self._environment)
            case Rfc2136Deed():
                return Rfc2136Action(deed, self._mac_key(deed.mac), self._zone_doors(deed))
            case BirdDeed():
                return BirdAction(deed, self._bird(deed.socket))
            case Route53Deed():
                aws = self._aws
                return Route53Action(deed, self._mac_key(deed.mac), aws.call, aws.look(deed), aws.changes)
            case RdsDeed():
                return RdsAction(deed, self._aws.call)
            case Elbv2Deed():
                return Elbv2Action(deed, self._aws.call)
            case EcsDeed():
                return EcsAction(deed, self._aws.call)
            case _:
                return WebhookAction(deed, self._secret(deed.secret), self._web, self._clock)
