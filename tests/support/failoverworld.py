"""Two centers, two regions, people and one failover run on virtual time: what the orchestrator acts on, and how it can die.

Owns the world's truth (relays, database, zone), the faults of actions, the disk that loses what was not synced, and the
kill points. It must never know what the run will do next. The traps: promoting is not idempotent here (a second one fails
back, as a real one does); every effect is compared with the logs at the moment when it happens; and whoever is dead does
not write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random

from relay.core.zone import ZoneAnswer
from relay.core.zonechange import ChangeAnswer, ZoneChange
from relay.failover.actions.port import Action, ActionFailed, ActionRefused, Look, Scene, Sight
from relay.failover.actions.relay import CLASSES, RelayAction
from relay.failover.actions.rfc2136 import Rfc2136Action, ZoneDoors
from relay.failover.actions.route53 import Route53Action
from relay.failover.awsdeeds import Route53Deed
from relay.failover.bankday import BankClock
from relay.failover.chain import whole_part
from relay.failover.deeds import RelayDeed, Rfc2136Deed
from relay.failover.desk import Desk
from relay.failover.events import Intended
from relay.failover.evidence import CenterFacts, Evidence
from relay.failover.keeper import Keeper
from relay.failover.layaside import LayingAside
from relay.failover.peer import CopyAnswer, CopyAsk, Replica
from relay.failover.people import People, Person
from relay.failover.plan import Plan
from relay.failover.runner import Runner
from relay.region.record import RegionRecord, format_record
from tests.support.failoverdisk import Executioner, MemoryShelf
from tests.support.hostedzone import HostedZone
from tests.support.virtualtime import VirtualTime

ROOT = Path(__file__).resolve().parents[2]
KEY = bytes(range(32))
OLD_EPOCH = 7
PEOPLE = People(
    [
        Person(name="Abe", roles=("operations",), uids=(1,)),
        Person(name="Baba", roles=("operations", "business"), uids=(2,)),
        Person(name="Chiba", roles=("business",), uids=(3,)),
        Person(name="Doi", roles=("operations", "business"), uids=(4,)),
    ]
)
UIDS = {"Abe": 1, "Baba": 2, "Chiba": 3, "Doi": 4}


def sample_plan(name: str = "unplanned") -> str:
    return (ROOT / "config" / "failover" / f"{name}.toml").read_text(encoding="utf-8")


class Relay:
    def __init__(self) -> None:
        self.epoch, self.region, self.sealed = OLD_EPOCH, "tokyo", 0
        self.blocked: set[str] = set()
        self.is_reachable = True
        self.tail_ms = 0


class World:
    """The truth. `faults` is how often (in percent) an act or a look goes wrong; `lie` names a step that says "done" and
    did nothing."""

    def __init__(self, time: VirtualTime, chance: Random, faults: int = 0) -> None:
        self.time, self.chance, self.faults = time, chance, faults
        self.relays = {"tokyo": Relay(), "osaka": Relay()}
        self.flags: dict[str, tuple[bool, int]] = {}  # what a program made so, and when it is so
        self.promoted_ms: list[int] = []
        self.writer = "tokyo"
        self.record = RegionRecord(OLD_EPOCH, "tokyo", "before")
        self.servers = 2  # of the zone, that show the newest record
        self.hosted = self.record  # the same record in a zone of Route 53
        self.hosted_ms = 0  # when all its servers show it
        self.dead_cloud = ""  # how Route 53's control plane answers: refused, hangs
        self.violations: list[str] = []
        self.effects: list[str] = []
        self.lie = ""
        self.dead_dns = False
        self.is_effect_known: Callable[[str, bool], str] = lambda step, undo: ""

    # ---- every effect passes here ------------------------------------------------------------------------------------
    def effect(self, scene: Scene) -> None:
        self.effects.append(scene.token)
        wrong = self.is_effect_known(scene.step, scene.is_undo)
        if wrong:
            self.violations.append(f"{scene.token}: {wrong}")
        if scene.is_undo and self.promoted_ms:
            self.violations.append(f"{scene.token}: taken back after the promotion")

    def promote(self, scene: Scene) -> None:
        self.effect(scene)
        self.promoted_ms.append(self.time.wall_ms() + 4_000)
        self.writer = "osaka" if self.writer == "tokyo" else "tokyo"  # a second one fails back
        for name, relay in self.relays.items():
            if relay.sealed < OLD_EPOCH and relay.is_reachable:
                self.violations.append(f"promoted while {name} was not sealed")
        if len(self.promoted_ms) > 1:
            self.violations.append("promoted twice")

    def change_record(self, record: RegionRecord, scene_token: str) -> None:
        if not self.promoted_ms and self.lie != "promote":
            self.violations.append("the record moved before the promotion")
        self.record = record
        self.servers = 1
        self.time.after(1_500, self._all_servers)
        self._all_follow()

    def change_hosted(self, record: RegionRecord) -> None:
        if not self.promoted_ms and self.lie != "promote":
            self.violations.append("the hosted record moved before the promotion")
        if record.epoch <= self.hosted.epoch:
            self.violations.append("the hosted record was overwritten")
        self.hosted, self.hosted_ms = record, self.time.wall_ms() + 3_000
        self._all_follow()

    def is_hosted_everywhere(self) -> bool:
        return self.time.wall_ms() >= self.hosted_ms

    def _all_follow(self) -> None:
        for relay in self.relays.values():
            self.time.after(2_000, lambda relay=relay: self._follow(relay))  # type: ignore[misc]

    def _all_servers(self) -> None:
        self.servers = 2

    def _follow(self, relay: Relay) -> None:
        newest = max(self.record, self.hosted)  # one source suffices, with the region's own word
        if newest.epoch > relay.epoch and self.writer == newest.region:  # the region confirms it, or nobody follows
            relay.epoch, relay.region = newest.epoch, newest.region
            relay.tail_ms = self.time.wall_ms() + 3_000

    # ---- RelayDoor ---------------------------------------------------------------------------------------------------
    async def facts(self, center: str) -> CenterFacts:
        relay = self.relays[center]
        if not relay.is_reachable:
            return CenterFacts(center=center, trouble="nobody listens")
        may_speak = relay.sealed < relay.epoch
        tail_done = self.time.wall_ms() >= relay.tail_ms
        return CenterFacts(
            center=center,
            region=relay.region,
            epoch=relay.epoch,
            sealed_epoch=relay.sealed,
            blocked=tuple(sorted(relay.blocked)),
            may_speak=may_speak,
            tail_is_finished=tail_done,
            tail_left=0 if tail_done else 12,
            sessions=100,
        )

    async def standby(self, center: str, region: str) -> str:
        return ""

    async def say(self, center: str, verb: str, epoch: int, classes: tuple[str, ...], why: str) -> str:
        relay = self.relays[center]
        if not relay.is_reachable:
            raise ActionRefused("nobody listens")
        wanted = set(CLASSES) if "all" in classes else {"partner" if name == "zengin" else name for name in classes}
        match verb:
            case "seal":
                relay.sealed = epoch
            case "unseal":
                if self.promoted_ms or epoch != OLD_EPOCH:
                    self.violations.append(f"epoch {epoch} unsealed beside the one that the promotion began")
                relay.sealed = 0
            case "block":
                relay.blocked |= wanted
            case "release":
                if self.writer == "osaka" and self.time.wall_ms() < relay.tail_ms:
                    self.violations.append("released before the tail was replayed")
                if relay.region != self.writer:
                    self.violations.append(f"service of {relay.region} released while {self.writer} writes: two regions")
                relay.blocked -= wanted
        return "said"

    # ---- ZoneDoors ---------------------------------------------------------------------------------------------------
    def zone_doors(self, deed: Rfc2136Deed) -> ZoneDoors:
        async def look(server: str) -> ZoneAnswer:
            if self.dead_dns:
                return ZoneAnswer("silent")
            is_old = server != deed.servers[0] and self.servers < 2
            record = RegionRecord(OLD_EPOCH, "tokyo", "before") if is_old else self.record
            target = deed.alias_target if record.region == "osaka" else "tyo.core.example"
            return ZoneAnswer("", ((format_record(record, deed.record_name, KEY).encode(),),), target)

        async def change(change: ZoneChange) -> ChangeAnswer:
            if change.old_text != format_record(self.record, deed.record_name, KEY):
                return ChangeAnswer("not-as-expected")
            fields = dict(part.split("=", 1) for part in change.new_text.split(";"))
            self.change_record(RegionRecord(int(fields["epoch"]), fields["region"], fields["run"]), fields["run"])
            return ChangeAnswer("changed")

        return ZoneDoors(look, change)


class Program:
    """A step that the plan does by a program: here a flag, or the promotion."""

    def __init__(self, world: World, step: str, is_undo: bool) -> None:
        self._world, self._step, self._is_undo = world, step, is_undo

    async def observe(self, scene: Scene) -> Look:
        world, now_ms = self._world, self._world.time.wall_ms()
        if self._step == "promote":
            if not world.promoted_ms:
                return Look(Sight.ABSENT)
            return Look(Sight.DONE if now_ms >= world.promoted_ms[-1] else Sight.IN_PROGRESS)
        if self._step in ("copy-is-close", "synthetic-transaction", "database-could-take-over"):
            return Look(Sight.DONE)
        is_on, since_ms = world.flags.get(self._step, (False, 0))
        if is_on is not self._is_undo:
            return Look(Sight.DONE if now_ms >= since_ms else Sight.IN_PROGRESS)
        return Look(Sight.ABSENT)

    async def act(self, scene: Scene) -> str:
        if self._step == "promote":
            self._world.promote(scene)
        elif self._step == "move-the-record-by-hand":
            self._world.effect(scene)
            self._world.change_record(RegionRecord(scene.epoch, scene.to_region, scene.run), scene.token)
            self._world.flags[self._step] = (True, self._world.time.wall_ms() + 2_000)
        else:
            self._world.effect(scene)
            self._world.flags[self._step] = (not self._is_undo, self._world.time.wall_ms() + 2_000)
        return "asked"

    async def compensate(self, scene: Scene) -> str:
        return await self.act(scene)


class Faulty:
    """What stands between the orchestrator and an action: kill points, and what goes wrong out there."""

    def __init__(self, world: World, executioner: Executioner, action: Action, is_told: bool) -> None:
        self._world, self._executioner, self._action = world, executioner, action
        self._is_told = is_told  # the action tells the world of its effect itself

    async def observe(self, scene: Scene) -> Look:
        self._executioner.point()
        world = self._world
        if scene.step == world.lie:
            return Look(Sight.DONE, "so it says")
        if world.chance.randrange(100) < world.faults:
            match world.chance.randrange(3):
                case 0:
                    raise OSError("connection reset")
                case 1:
                    await asyncio.sleep(60)
                case _:
                    raise RuntimeError("a mistake in the plug-in")
        await asyncio.sleep(0.05)
        return await self._action.observe(scene)

    async def act(self, scene: Scene) -> str:
        return await self._do(scene, self._action.act)

    async def compensate(self, scene: Scene) -> str:
        return await self._do(scene, self._action.compensate)

    async def _do(self, scene: Scene, doing: Callable[[Scene], object]) -> str:
        self._executioner.point()
        world = self._world
        fault = world.chance.randrange(6) if world.chance.randrange(100) < world.faults else -1
        if fault == 0:
            raise ActionRefused("throttled")
        if fault == 1:
            await asyncio.sleep(10_000)  # it hangs, and nothing comes of it
        if fault == 2:
            raise ActionFailed("connection lost before the request")
        if fault == 3:  # it lands later, when nobody waits any more
            world.time.after(2_500, lambda: self._later(scene, doing))
            raise ActionFailed("timed out")
        if not self._is_told:
            world.effect(scene)
        await doing(scene)  # type: ignore[misc]
        self._executioner.point()
        if fault == 4:
            raise ActionFailed("the answer was lost")
        if fault == 5:
            await asyncio.sleep(10_000)  # done, and hangs
        return "asked"

    def _later(self, scene: Scene, doing: Callable[[Scene], object]) -> None:
        if not self._is_told:
            self._world.effect(scene)
        coroutine = doing(scene)
        try:
            coroutine.send(None)  # type: ignore[attr-defined]
        except StopIteration:
            return
        raise AssertionError("a late effect must not wait")


class WorldShop:
    """Fulfils Workshop: real relay and zone actions on the world's doors, programs by flag."""

    def __init__(self, world: World, plan: Callable[[], Plan], executioner: Executioner) -> None:
        self._world, self._plan, self._executioner = world, plan, executioner

    def action(self, step: str, is_undo: bool) -> Action:
        deed = self._plan().named(step).do
        action: Action
        if isinstance(deed, RelayDeed):
            action = RelayAction(deed, self._world)
        elif isinstance(deed, Rfc2136Deed):
            action = Rfc2136Action(deed, KEY, self._world.zone_doors(deed))
        elif isinstance(deed, Route53Deed):
            hosted = HostedZone(self._world, deed)
            action = Route53Action(deed, KEY, hosted, hosted.look, {})
        else:
            action = Program(self._world, step, is_undo)
        return Faulty(self._world, self._executioner, action, isinstance(action, Program))


class Wire:
    """The channel to the other center's replica; cut where `is_cut`."""

    exists = True

    def __init__(self) -> None:
        self.replica: Replica | None = None
        self.is_cut = False

    async def copy(self, ask: CopyAsk) -> CopyAnswer:
        await asyncio.sleep(0.01)
        if self.is_cut or self.replica is None:
            return CopyAnswer(kind="away", detail="cut")
        return self.replica.take(ask)


class Office:
    """One center's orchestrator, which can be killed and started again on its files."""

    def __init__(self, world: World, center: str, wire: Wire) -> None:
        self.world, self.center, self.wire = world, center, wire
        self.files: dict[str, bytearray] = {}
        self.register = bytearray()
        self.executioner = Executioner()
        self.pages: list[str] = []
        self.start()

    def start(self) -> None:
        self.executioner.is_dead = False
        shelf = MemoryShelf(self.executioner, self.files, register=self.register)
        self.keeper = Keeper(shelf, self.world.time, self.center)
        self.keeper.load()
        shop = WorldShop(self.world, lambda: self.keeper.run.known_plan, self.executioner)
        self.runner = Runner(
            self.keeper,
            self.wire,
            shop,
            self.gather,
            lambda text, how: self.pages.append(text),
            center=self.center,
            clock=self.world.time,
            day=BankClock(),
        )
        self.desk = Desk(self.runner, PEOPLE, self.wire, self.gather, self.world.time, self.center)
        self.replica = Replica(self.keeper, self.center)
        self.laying = LayingAside(
            self.keeper, PEOPLE, self.wire, self.desk.cosigning, self.world.time, lambda text, how: self.pages.append(text)
        )
        self.executioner.on_death = self.runner.stop

    async def gather(self) -> Evidence:
        self.executioner.point()
        run = self.keeper.run
        return Evidence(
            centers=tuple([await self.world.facts(name) for name in self.world.relays]),
            lag_ms=3_000,
            is_peer_away=run.is_peer_away,
            batch_checkpoint=run.said["batch-checkpoint"].text if "batch-checkpoint" in run.said else "",
        )

    def is_known(self, step: str, is_undo: bool) -> str:
        """Is the intent of an effect in the log of this center, and of the other one?"""
        for data in self.files.values():
            lines = [entry.event for entry in whole_part(bytes(data)).entries]
            if any(isinstance(one, Intended) and one.step == step and one.is_undo is is_undo for one in lines):
                return ""
        return "no intent in the log"
