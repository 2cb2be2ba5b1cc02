"""A load: a room of terminals at a pace, troubles by plan, then quiet, then the conservation check.

Owns the order of these, against a stage of our own or against a relay that runs elsewhere. It must never print; it tells a
listener one `Moment` per second and sentences about troubles. The traps: the check waits until terminals and relay are both
quiet, because a reversal still under way is no loss; and the daemon's list is read before it is drained, for nobody answers
afterwards.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Protocol

import msgspec

from relay.bridge import spawn
from relay.clock import SystemClock
from relay.errors import RelayError
from relay.loopback import inspector
from relay.loopback.books import Books
from relay.loopback.customers import DEFAULT_MIX, Customers
from relay.loopback.deeds import AtmPolicy
from relay.loopback.faults import STORM
from relay.loopback.figures import LoadReport, load_report
from relay.loopback.fleet import Fleet, FleetSettings
from relay.loopback.ledgerclient import fetch_lines
from relay.loopback.report import LedgerLine, Listed, compare, lines_of
from relay.loopback.scenario import Step, Trouble
from relay.loopback.stage import HOST, Stage
from relay.loopback.tally import Tally

SIGN_ON_DEADLINE_S = 60.0
BACK_DEADLINE_S = 30.0  # after a kill: how long until all terminals are signed on again counts as trouble at most


class LoadSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`duration_s` None: until asked to stop. `rate_per_s` None: closed loop."""

    terminals: int = 500
    rate_per_s: float | None = 1_000.0
    duration_s: float | None = 60.0
    think_ms: float = 0.0
    mix: dict[str, float] = msgspec.field(default_factory=lambda: dict(DEFAULT_MIX))
    policy: AtmPolicy = AtmPolicy()
    quiet_s_max: float = 60.0
    framing: str = "ascii4"
    encoding: str = "ascii"
    seed: int = 1


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One second of a load; counts are of that second, `elapsed_s` since customers came in."""

    elapsed_s: float
    requests: int
    approved: int
    declined: int
    refused: int
    doubted: int
    timed_out: int
    reversals: int
    duplicates: int
    in_flight: int
    signed_on: int
    p50_ms: float
    p99_ms: float
    answered_total: int
    zones_up: int = 0
    troubles: tuple[str, ...] = ()


class Audience(Protocol):
    """Who watches a load."""

    def second(self, moment: Moment) -> None: ...

    def say(self, sentence: str) -> None: ...


class Silence:
    """Nobody watches."""

    def second(self, moment: Moment) -> None:
        pass

    def say(self, sentence: str) -> None:
        pass


class Load:
    """One run. Make it inside the running loop. With a `stage`, its daemon and core; else the relay at `target`."""

    def __init__(
        self,
        settings: LoadSettings,
        customers: Customers,
        audience: Audience,
        *,
        stage: Stage | None = None,
        target: tuple[str, int] = (HOST, 8583),
        control_path: str = "",
        ledger_url: str = "",
        steps: Iterable[Step] = (),
    ) -> None:
        host, port = (HOST, stage.listen_port) if stage is not None else target
        self.settings = settings
        self.audience = audience
        self.stage = stage
        self.tally = Tally()
        self.books = Books()
        self.steps = list(steps)
        self.fleet = Fleet(
            FleetSettings(
                host=host,
                port=port,
                terminals=settings.terminals,
                rate_per_s=settings.rate_per_s,
                think_ms=settings.think_ms,
                framing=settings.framing,
                encoding=settings.encoding,
                seed=settings.seed,
            ),
            settings.policy,
            customers,
            self.books,
            self.tally,
        )
        self.stopping = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._control_path = stage.control_path if stage is not None else control_path
        self._ledger_url = ledger_url
        self._began_s = self._loop.time()
        self._began_wall_ms = SystemClock().wall_ms()
        self._restarted = asyncio.Event()
        self._restarted.set()
        self._before: tuple[int, ...] = (0,) * 8
        self._reported_s = 0.0

    # ---- the order of things ---------------------------------------------------------------------------------------------
    async def run(self) -> LoadReport:
        """The whole load. Ends by itself after `duration_s`, or soon after `stopping` is set."""
        fleet, tally = self.fleet, self.tally
        fleet.start()
        await fleet.until(lambda: fleet.signed_on_count() == len(fleet.terminals) or self.stopping.is_set(), SIGN_ON_DEADLINE_S)
        if fleet.signed_on_count() < len(fleet.terminals) and not self.stopping.is_set():
            tally.violation(f"only {fleet.signed_on_count()} of {len(fleet.terminals)} terminals could sign on")
        self._began_s = self._loop.time()
        fleet.serve_customers()
        troubles = spawn("troubles of the load", self._troubles())
        try:
            await self._watch()
        finally:
            await self._restarted.wait()  # a daemon broken off while starting would be nobody's child
            troubles.cancel()
            await asyncio.wait([troubles])
        duration_s = self._loop.time() - self._began_s
        fleet.send_customers_home()
        self._end_troubles()
        quiet_began_s = self._loop.time()
        in_doubt = await self._quiet()
        quiet_s = self._loop.time() - quiet_began_s
        listed_count, listed = await self._listed()
        await fleet.stop()
        if self.stage is not None:
            code = await self.stage.drain_daemon()
            if code != 0:
                tally.violation(f"the relay drained with exit code {code}")
        conservation = compare(self.books, await self._lines(), listed, self._posted_twice())
        return load_report(
            tally,
            self.books,
            conservation,
            listed=listed_count,
            listed_reasons=Counter(item.why for item in listed),
            duration_s=duration_s,
            in_doubt=in_doubt,
            quiet_s=quiet_s,
            daemon_kills=0 if self.stage is None else self.stage.kills,
            faults=None if self.stage is None else {f.value: count for f, count in self.stage.faults.counts.items() if count},
        )

    async def _watch(self) -> None:
        duration_s = self.settings.duration_s
        second = 0
        while not self.stopping.is_set():
            second += 1
            until_s = self._began_s + (second if duration_s is None else min(second, duration_s))
            try:
                async with asyncio.timeout_at(until_s):
                    await self.stopping.wait()
            except TimeoutError:
                pass
            self.audience.second(self.moment())
            if duration_s is not None and self._loop.time() >= self._began_s + duration_s:
                return
            if self.stage is not None and self.stage.daemon_ended() is not None and self._restarted.is_set():
                self.tally.violation(f"the relay ended by itself with exit code {self.stage.daemon_ended()}")
                self.audience.say(f"the relay ended by itself:\n{self.stage.last_words()}")
                return

    async def _quiet(self) -> int:
        """Wait until nobody waits for anything any more; what is still in doubt when `quiet_s_max` is over."""
        deadline_s = self._loop.time() + self.settings.quiet_s_max
        in_doubt = 0
        while True:
            calm_core = self.stage is None or not self.stage.core.late_commits_waiting
            in_doubt = self.fleet.unsettled_count()
            if self._control_path:
                try:
                    in_doubt = max(in_doubt, (await inspector.status(self._control_path)).in_doubt)
                except inspector.NotThere:
                    in_doubt = max(in_doubt, 1)
            if (in_doubt == 0 and calm_core) or self._loop.time() >= deadline_s:
                return in_doubt
            await asyncio.sleep(0.1)

    async def _listed(self) -> tuple[int, list[Listed]]:
        if not self._control_path:
            return 0, []
        try:
            return await inspector.listed(self._control_path)
        except inspector.NotThere as error:
            self.tally.violation(f"the person's list cannot be read: {error}")
            return 0, []

    async def _lines(self) -> list[LedgerLine]:
        if self.stage is not None:
            return lines_of(self.stage.ledger.entries())
        if self._ledger_url:
            return await fetch_lines(self._ledger_url, self._began_wall_ms, SystemClock().wall_ms())
        return []

    def _posted_twice(self) -> list[str]:
        return [] if self.stage is None else self.stage.ledger.posted_twice()

    # ---- troubles --------------------------------------------------------------------------------------------------------
    async def _troubles(self) -> None:
        for step in self.steps:
            await asyncio.sleep(max(0.0, self._began_s + step.at_s - self._loop.time()))
            try:
                await self._trouble(step.what)
            except RelayError as error:
                self.tally.violation(error.problem)
                self.audience.say(error.problem)
                return

    async def _trouble(self, what: Trouble) -> None:
        stage = self.stage
        if stage is None:
            return
        now_ms = self.fleet.now_ms()
        match what:
            case Trouble.STORM_ON:
                self.audience.say(what.value)
                self.tally.open_window(now_ms, "storm")
                stage.faults.set_rates(STORM)
            case Trouble.STORM_OFF:
                self._end_storm()
                self.audience.say(what.value)
            case Trouble.ZONE_DOWN:
                up = stage.core.zones_up()
                if len(up) > 1:
                    self.audience.say(f"{what.value} ({up[-1]})")
                    # Only what was in flight on that address may fail: the window is this instant and its tail.
                    self.tally.open_window(now_ms, "zone")
                    stage.core.kill_zone(up[-1])
                    self.tally.close_window(now_ms, "zone")
            case Trouble.ZONE_UP:
                for zone in set(stage.core.zones) - set(stage.core.zones_up()):
                    self.audience.say(f"{what.value} ({zone})")
                    await stage.core.heal_zone(zone)
            case Trouble.DAEMON_KILL:
                self.audience.say(what.value)
                await self._kill(stage)

    async def _kill(self, stage: Stage) -> None:
        fleet = self.fleet
        self.tally.open_window(fleet.now_ms(), "kill")
        self._restarted.clear()
        killed_s = self._loop.time()
        try:
            await stage.kill_daemon()
            await stage.start_daemon()
        finally:
            self._restarted.set()
        await fleet.until(lambda: fleet.signed_on_count() == len(fleet.terminals), BACK_DEADLINE_S)
        self.tally.close_window(fleet.now_ms(), "kill")
        self.audience.say(
            f"the relay serves again, {fleet.signed_on_count()} terminals are back after {self._loop.time() - killed_s:.1f} s"
        )

    def _end_storm(self) -> None:
        if self.stage is not None and self.stage.faults.is_on:
            self.stage.faults.set_rates({})
            self.tally.close_window(self.fleet.now_ms(), "storm")

    def _end_troubles(self) -> None:
        self._end_storm()
        self.tally.close_window(self.fleet.now_ms(), "kill")

    # ---- one second ------------------------------------------------------------------------------------------------------
    def moment(self) -> Moment:
        """What happened since the last call."""
        t = self.tally
        now = (t.requests, t.approved, t.declined, t.refused, t.doubted, t.timed_out, t.reversals_sent, t.duplicate_replies)
        requests, approved, declined, refused, doubted, timed_out, reversals, duplicates = (
            after - before for after, before in zip(now, self._before, strict=True)
        )
        self._before = now
        recent = t.recent.percentiles()
        t.recent.clear()
        return Moment(
            elapsed_s=self._loop.time() - self._began_s,
            requests=requests,
            approved=approved,
            declined=declined,
            refused=refused,
            doubted=doubted,
            timed_out=timed_out,
            reversals=reversals,
            duplicates=duplicates,
            in_flight=self.fleet.unsettled_count(),
            signed_on=self.fleet.signed_on_count(),
            p50_ms=recent.p50,
            p99_ms=recent.p99,
            answered_total=t.answered,
            zones_up=0 if self.stage is None else len(self.stage.core.zones_up()),
            troubles=tuple(w.what for w in t.windows if w.end_ms == float("inf")),
        )
