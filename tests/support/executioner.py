"""Who kills the relay, when: a plan of deaths at random and at every named point, and what was seen of each.

Owns the plan and its carrying out on a mortal stage under load: each life must serve (an approval that its far end has heard)
before it dies, unless it is to die while it starts. It must never know a dialect or an engine's inside. The traps: what a start
takes up is what the life before left half done, and at times it left nothing, so a point is tried in a few lives; one that is
not passed in any of them is killed from outside and reported as missed, never counted; and the load must not take a planned
death for an end of the relay, so the stage is not whole from the first death to the last start.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from relay.errors import RelayError
from relay.loopback.faults import Fault
from relay.loopback.scenario import Step
from relay.loopback.troublemaker import Troublemaker
from relay.loopback.troupe import Troupe, until
from tests.support.deathpoints import POINTS
from tests.support.mortalstage import MortalStage

RANDOM = "at random, serving"
RANDOM_START = "at random, starting"
LIVES = 3  # in which a point is tried
# A point that is not passed in this time is missed; some wait for the fifth doubt of a slow machine, and a start is over soon.
POINT_S = {"serving": 60.0, "starting": 10.0, "ending": 60.0}
SERVES_S = 90.0  # from READY=1 until the first approval
ALL_SERVE_S = 120.0  # after the last death: until each dialect has approved something again
# Shares of requests that make doubt, so that there is always something to inquire, repeat and reverse.
TROUBLED = {Fault.HANG: 0.002, Fault.DROP_AFTER_COMMIT: 0.01, Fault.LATE_COMMIT: 0.01, Fault.PROXY_503: 0.01, Fault.SLOW: 0.01}


class Death(msgspec.Struct, frozen=True):
    """`at` is a point's name, RANDOM or RANDOM_START. `nth` visit of the point, or milliseconds after it served or began."""

    at: str
    nth: int


class Seen(msgspec.Struct):
    """What a run saw. Milliseconds from the start of the process."""

    deaths: Counter[str] = msgspec.field(default_factory=Counter)
    missed: Counter[str] = msgspec.field(default_factory=Counter)
    ready_ms: list[float] = []
    served_ms: list[float] = []


def plan(kills: int, names: Sequence[str], seed: int) -> list[Death]:
    """`kills` deaths: each name at least once where there is room, two at random for three at points in the rest."""
    chance = random.Random(seed)
    named = list(names)
    chance.shuffle(named)
    chosen = named[:kills]
    while len(chosen) < kills:
        place = len(chosen) - len(named)
        chosen.append((RANDOM, named[place % len(named)], RANDOM_START, named[(place * 7 + 3) % len(named)], RANDOM)[place % 5])
    chance.shuffle(chosen)
    return [Death(at, chance.randint(1, POINTS[at].spread if at in POINTS else 1_000)) for at in chosen]


class Executioner(Troublemaker):
    """Make it inside the running loop. `done` is called after the last death, when everybody was served again."""

    def __init__(
        self,
        stage: MortalStage,
        troupes: Sequence[Troupe],
        say: Callable[[str], None],
        deaths: Sequence[Death],
        done: Callable[[], None],
    ) -> None:
        super().__init__(stage, troupes, say)
        self.seen = Seen()
        self._mortal = stage
        self._deaths = deaths
        self._done = done

    async def follow(self, steps: Sequence[Step], began_s: float) -> None:
        """`steps` are not used: the plan of deaths is."""
        self.is_whole.clear()
        self._open("kill")
        stage = self._mortal
        try:
            stage.faults.set_rates(TROUBLED)
            await self._serves(began_s)
            await stage.kill_daemon()  # the one that the stage itself started
            for number, death in enumerate(self._deaths, 1):
                self._say(f"{number}/{len(self._deaths)} {death.at} ({death.nth})")
                for _ in range(LIVES):
                    if await self._one(death):
                        self.seen.deaths[death.at] += 1
                        break
                else:
                    self.seen.missed[death.at] += 1
            await stage.start_daemon()
            self.seen.ready_ms.append(1_000 * (stage.ready_s - stage.spawned_s))
            await self._serves(stage.spawned_s)
            stage.faults.set_rates({})
            await self._everybody_is_served()
        except RelayError as error:
            self._troupes[0].tally.violation(error.problem)
            self._say(error.problem)
        finally:
            self.is_whole.set()
            self._done()

    async def _one(self, death: Death) -> bool:
        """One life. Whether it died as planned; it is dead in any case."""
        stage = self._mortal
        if death.at == RANDOM_START:
            await stage.spawn()
            await asyncio.sleep(death.nth / 1_000)
            await stage.kill_daemon()
            return True
        point = POINTS.get(death.at)
        if point is not None and point.needs_new_key:
            stage.new_key()
        if not await stage.live_once(death.at if point is not None else "", death.nth):
            return True
        self.seen.ready_ms.append(1_000 * (stage.ready_s - stage.spawned_s))
        if point is None or point.phase != "starting":
            await self._serves(stage.spawned_s)
        if point is None:
            await asyncio.sleep(death.nth / 1_000)
            await stage.kill_daemon()
            return True
        if point.phase == "ending":
            stage.ask_to_end()
        else:
            stage.make_mortal()
        if await stage.died(POINT_S[point.phase]):
            return True
        await stage.kill_daemon()
        return False

    async def _serves(self, spawned_s: float) -> None:
        """Until a far end has heard one more approval."""
        loop = asyncio.get_running_loop()
        before = self._approved()
        if not await until(lambda: self._approved() > before, SERVES_S, 0.002):
            raise RelayError(f"the relay was ready, and approved nothing in {SERVES_S:.0f} s.\n{self._mortal.last_words()}")
        self.seen.served_ms.append(1_000 * (loop.time() - spawned_s))

    def _approved(self) -> int:
        return sum(troupe.tally.approved for troupe in self._troupes)

    async def _everybody_is_served(self) -> None:
        before = {troupe.name: troupe.tally.approved for troupe in self._troupes}

        def waiting() -> list[str]:
            return [troupe.name for troupe in self._troupes if troupe.tally.approved <= before[troupe.name]]

        if not await until(lambda: not waiting(), ALL_SERVE_S):
            raise RelayError(f"after the last death nothing was approved for {', '.join(waiting())}")
