"""Two relay centers and one lease database on virtual time, from a seed: drifting clocks, stalls, lost and late answers, and
changes of the database's server.

Owns the world of the lease's simulation. True time is the heap's; each center has a clock that runs at its own rate and stands
for nobody, the database's jumps when its server changes, all within the bound that the settings promise. The keepers are the
real ones. It must never look into them but by `may_speak` and `state`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from protocols.dialect import LineRight
from relay.clock import Cancellable
from relay.lease.keeper import Heard, Keeper, Signed
from relay.lease.lease import Answer, Denied, Granted, Lease, Silent
from relay.lease.limits import LeaseLimits
from relay.telemetry.metrics import Metrics
from tests.support.virtualtime import VirtualTime

LIMITS = LeaseLimits(ttl_ms=15_000, renew_ms=3_000, request_timeout_ms=2_000, clock_drift_ms=1_000)
RATE_MAX = 0.02  # 2 %: 300 ms in a lease
SKEW_MS_MAX = 300  # of the database's clock, either way: 600 ms at a change of server; with two rates 900 ms in all
LOOK_MS = 50


class Database:
    """The one row, on a clock that jumps."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self.skew_ms = 0
        self.is_away = False
        self.token = 0
        self.center = ""
        self.expires_ms = 0
        self.tenures: list[tuple[int, str]] = []

    @property
    def now_ms(self) -> int:
        return self._time.monotonic_ms() + self.skew_ms

    def acquire(self, center: str, token_min: int) -> Answer:
        is_same, runs = self.center == center, self.expires_ms > self.now_ms
        if runs and not is_same:
            return Denied(self.center, 1, self.token, self.expires_ms - self.now_ms)
        token = max(self.token, token_min) if is_same and runs else max(self.token + 1, token_min)
        if token != self.token:
            self.tenures.append((token, center))
        self.token, self.center, self.expires_ms = token, center, self.now_ms + LIMITS.ttl_ms
        others = [each for each in self.tenures if each[0] < token and each[1] != center]
        other_token, other = others[-1] if others else (0, "")
        return Granted(LineRight(token, other_token, other))


class Center:
    """One relay center: its clock, its timers, its way to the database. Fulfils Timers, LeaseDoor and ExclusiveLine."""

    def __init__(self, name: str, time: VirtualTime, database: Database, random: Random, world: World) -> None:
        self.name = name
        self._time = time
        self._database = database
        self._random = random
        self._world = world
        self._rate = 1 + random.uniform(-RATE_MAX, RATE_MAX)
        self._offset_ms = random.randrange(10**9)
        self.stalled_until_ms = 0
        self.is_cut_off = False
        self.keeper = Keeper(
            "line",
            Lease(LIMITS),
            self,
            self,
            lambda keeper: None,
            boot_ms=self.boot_ms,
            timers=self,
            random=random,
            metrics=Metrics(),
        )

    def boot_ms(self) -> int:
        return self._offset_ms + int(self._time.monotonic_ms() * self._rate)

    @property
    def is_stalled(self) -> bool:
        return self._time.monotonic_ms() < self.stalled_until_ms

    def after(self, delay_ms: int, callback: Callable[[], None]) -> Cancellable:
        return self._time.after(int(delay_ms / self._rate) + 1, partial(self._awake, callback, self._world.life_of(self)))

    def _awake(self, callback: Callable[[], None], life: int) -> None:
        """Whatever comes to a process that stands still comes when it goes on."""
        if life != self._world.life_of(self):
            return
        if self.is_stalled:
            self._time.after(self.stalled_until_ms - self._time.monotonic_ms(), partial(self._awake, callback, life))
        else:
            callback()

    # ---- LeaseDoor ---------------------------------------------------------------------------------------------------
    def acquire(self, resource: str, token_min: int, signed: Signed, done: Heard) -> None:
        asked_ms = self.boot_ms()
        ways_ms = (1, 2, 5) if self._world.is_calm else (1, 2, 5, 10, 50, 100, 1_000, 4_000)
        way_ms, back_ms = self._random.choice(ways_ms), self._random.choice(ways_ms)
        fate = 1.0 if self._world.is_calm else self._random.random()

        def execute() -> None:
            if self._database.is_away or self.is_cut_off or fate < 0.1:
                answer: Answer = Silent("lost on the way there")
            else:
                answer = self._database.acquire(self.name, token_min)
                if fate < 0.2:
                    answer = Silent("lost on the way back")
            self._time.after(back_ms, partial(self._awake, partial(done, asked_ms, answer), self._world.life_of(self)))

        self._time.after(way_ms, execute)

    def release(self, resource: str, token: int, done: Callable[[bool], None]) -> None:
        if self._database.center == self.name and self._database.token == token and not self._database.is_away:
            self._database.expires_ms = min(self._database.expires_ms, self._database.now_ms)
        done(True)

    # ---- ExclusiveLine -----------------------------------------------------------------------------------------------
    def open(self) -> None:
        right = self.keeper.right
        assert right is not None
        self._world.opened.append((right.token, self.name))

    def shut(self, why: str) -> None:
        self._world.shut_count += 1


class World:
    """`speaking` is looked at every LOOK_MS of true time, and whenever a stall ends."""

    def __init__(self, seed: int, *, is_calm: bool = False) -> None:
        random = Random(seed)
        self.is_calm = is_calm
        self.random = random
        self.time = VirtualTime()
        self.database = Database(self.time)
        self.opened: list[tuple[int, str]] = []
        self.shut_count = 0
        self.spoken_ms = {"tokyo": 0, "osaka": 0}
        self.together: list[int] = []  # true times at which both spoke
        self._lives: dict[str, int] = {}
        self.centers = [Center(name, self.time, self.database, random, self) for name in ("tokyo", "osaka")]
        for center in self.centers:
            center.keeper.want("start")
        self._look()

    def life_of(self, center: Center) -> int:
        return self._lives.get(center.name, 0)

    def _look(self) -> None:
        self.look()
        self.time.after(LOOK_MS, self._look)

    def look(self) -> None:
        speaking = [each for each in self.centers if not each.is_stalled and each.keeper.may_speak()]
        for each in speaking:
            self.spoken_ms[each.name] += LOOK_MS
        if len(speaking) > 1:
            self.together.append(self.time.monotonic_ms())

    def trouble(self) -> None:
        """One thing that goes wrong, for a while."""
        random, center = self.random, self.random.choice(self.centers)
        for each in self.centers:
            self._people(each)
        what, for_ms = random.randrange(4), random.choice((500, 3_000, 11_000, 14_500, 16_000, 40_000))
        if what == 0:
            center.stalled_until_ms = self.time.monotonic_ms() + for_ms
            self.time.after(for_ms, self.look)
        elif what == 1:
            center.is_cut_off = True
            self.time.after(for_ms, partial(setattr, center, "is_cut_off", False))
        elif what == 2:
            self.database.is_away = True
            self.time.after(for_ms, partial(setattr, self.database, "is_away", False))
        else:
            self.database.skew_ms = random.randint(-SKEW_MS_MAX, SKEW_MS_MAX)  # another server writes now

    def _people(self, center: Center) -> None:
        """They take, by the database only; by hand nobody can promise anything. Or they arm a standby again."""
        keeper = center.keeper
        if center.is_stalled:
            return
        if keeper.lease.state.name == "FAULT":
            if self.random.random() < 0.5:
                keeper.take(Signed("A", "B", "drill"), "taken", keeper.release_count, lambda answer: None)
            else:
                keeper.want("standby")
        elif keeper.lease.state.name == "HELD" and self.random.random() < 0.05:
            keeper.release("drill")
        elif keeper.lease.state.name == "IDLE":
            keeper.want("again")

    def run(self, for_ms: int, trouble_ms: int) -> None:
        until_ms = self.time.monotonic_ms() + for_ms
        while self.time.monotonic_ms() < until_ms:
            self.time.run(self.random.randrange(1, 2 * trouble_ms))
            self.trouble()
