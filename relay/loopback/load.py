"""A load: troupes of fake peers at a pace, troubles by plan, then quiet, then the conservation check over all of them.

Owns the order of these, against a stage of our own or against a relay that runs elsewhere. It must never print, nor know a
dialect: a troupe is driven by its port (relay/loopback/troupe.py). The traps: the check waits until peers, relay and ledger
are all quiet, because a reversal still under way is no loss; and the daemon's list is read before it is drained, for
nobody answers afterwards.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from relay.bridge import spawn
from relay.clock import SystemClock
from relay.loopback import inspector
from relay.loopback.customers import DEFAULT_MIX
from relay.loopback.days import date_at
from relay.loopback.deeds import AtmPolicy
from relay.loopback.deliveries import Outcome, Poster
from relay.loopback.figures import LoadReport, load_report
from relay.loopback.ledgerclient import fetch_lines
from relay.loopback.moments import Moment, Watch
from relay.loopback.outboundclient import OutboundClient
from relay.loopback.reckoning import reckon
from relay.loopback.report import LedgerLine, Listed, lines_of
from relay.loopback.scenario import Step
from relay.loopback.stage import Stage
from relay.loopback.troublemaker import Troublemaker
from relay.loopback.troupe import HOST, Troupe, until

SIGN_ON_DEADLINE_S = 120.0
CORE_PATIENCE_S = 5.0  # of the fake core with its own posts
LOOK_S = 0.1
STILL_LOOKS = 5  # looks in a row in which the ledger must not have grown: a file's records come one after the other


class LoadSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`duration_s` None: until asked to stop. `rate_per_s` None: closed loop. `dialects`: shares; empty: the default ones.
    `mix` is of what customers want at ISO 8583 ATMs. `moment_s` is how often a listener is told."""

    terminals: int = 500
    rate_per_s: float | None = 1_000.0
    duration_s: float | None = 60.0
    think_ms: float = 0.0
    dialects: dict[str, float] = {}
    mix: dict[str, float] = msgspec.field(default_factory=lambda: dict(DEFAULT_MIX))
    policy: AtmPolicy = AtmPolicy()
    outbound_per_s: float = 2.0
    quiet_s_max: float = 60.0
    moment_s: float = 1.0
    framing: str = "ascii4"
    encoding: str = "ascii"
    seed: int = 1


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
    """One run. Make it inside the running loop. With a `stage`, its daemon and core; else the troupes' own target."""

    def __init__(
        self,
        settings: LoadSettings,
        troupes: Sequence[Troupe],
        audience: Audience,
        *,
        stage: Stage | None = None,
        control_path: str = "",
        ledger_url: str = "",
        steps: Iterable[Step] = (),
    ) -> None:
        self.settings = settings
        self.troupes = troupes
        self.audience = audience
        self.stage = stage
        self.stopping = asyncio.Event()
        self._steps = list(steps)
        self._loop = asyncio.get_running_loop()
        self._control_path = stage.control_path if stage is not None else control_path
        self._ledger_url = ledger_url
        self._began_s = self._loop.time()
        self._began_wall_ms = SystemClock().wall_ms()
        self._poster: Poster | None = None
        self._troublemaker: Troublemaker | None = None
        if stage is not None:
            client = OutboundClient(HOST, stage.outbound_port, timeout_s=CORE_PATIENCE_S)
            self._poster = Poster(client, troupes, settings.outbound_per_s)
            self._troublemaker = Troublemaker(stage, troupes, audience.say)
        self._watcher = Watch(troupes, self._told)

    # ---- the order of things ---------------------------------------------------------------------------------------------
    async def run(self) -> LoadReport:
        """The whole load. Ends by itself after `duration_s`, or soon after `stopping` is set."""
        try:
            return await self._run()
        finally:
            if self._poster is not None:
                await self._poster.stop()

    async def _run(self) -> LoadReport:
        await self._sign_on()
        self._began_s = self._loop.time()
        for troupe in self.troupes:
            troupe.open_doors()
        if self._poster is not None:
            self._poster.start()
        await self._with_troubles()
        duration_s = self._loop.time() - self._began_s
        for troupe in self.troupes:
            troupe.close_doors()
        if self._troublemaker is not None:
            self._troublemaker.end()
        if self._poster is not None:
            self._poster.stop_posting()
        quiet_began_s = self._loop.time()
        await asyncio.gather(*(troupe.evening() for troupe in self.troupes))
        in_doubt = await self._quiet(quiet_began_s + self.settings.quiet_s_max)
        quiet_s = self._loop.time() - quiet_began_s
        listed_count, listed = await self._listed()
        reconciled = await self._reconciled()
        for troupe in self.troupes:
            await troupe.stop()
        if self.stage is not None:
            code = await self.stage.drain_daemon()
            if code != 0:
                self._violation(f"the relay drained with exit code {code}")
        poster = self._poster
        outcomes = [Outcome({}) if poster is None else poster.outcome(troupe) for troupe in self.troupes]
        reckoning = reckon(self.troupes, await self._lines(), listed, self._posted_twice(), outcomes)
        return load_report(
            self.troupes,
            reckoning,
            listed=listed_count,
            listed_reasons=Counter(item.why for item in listed),
            duration_s=duration_s,
            in_doubt=in_doubt,
            quiet_s=quiet_s,
            daemon_kills=0 if self.stage is None else self.stage.kills,
            faults=None if self.stage is None else {f.value: count for f, count in self.stage.faults.counts.items() if count},
            reconciled=reconciled,
        )

    async def _sign_on(self) -> None:
        for troupe in self.troupes:
            troupe.start()
        await until(lambda: not self._missing() or self.stopping.is_set(), SIGN_ON_DEADLINE_S)
        if not self.stopping.is_set():
            for troupe in self._missing():
                present, expected = troupe.present_count(), troupe.peer_count()
                troupe.tally.violation(f"only {present} of {expected} {troupe.name} {troupe.peers} could sign on")

    def _missing(self) -> list[Troupe]:
        return [troupe for troupe in self.troupes if troupe.present_count() < troupe.peer_count()]

    async def _with_troubles(self) -> None:
        maker = self._troublemaker
        if maker is None:
            await self._watch()
            return
        troubles = spawn("troubles of the load", maker.follow(self._steps, self._began_s))
        try:
            await self._watch()
        finally:
            await maker.is_whole.wait()
            troubles.cancel()
            await asyncio.wait([troubles])

    async def _watch(self) -> None:
        duration_s, moment_s = self.settings.duration_s, self.settings.moment_s
        number = 0
        while not self.stopping.is_set():
            number += 1
            until_s = self._began_s + (number * moment_s if duration_s is None else min(number * moment_s, duration_s))
            try:
                async with asyncio.timeout_at(until_s):
                    await self.stopping.wait()
            except TimeoutError:
                pass
            self.audience.second(self.moment())
            if duration_s is not None and self._loop.time() >= self._began_s + duration_s:
                return
            if self._has_ended():
                return

    def _has_ended(self) -> bool:
        """The relay ended by itself, and nobody is starting it."""
        stage, maker = self.stage, self._troublemaker
        if stage is None or maker is None or stage.daemon_ended() is None or not maker.is_whole.is_set():
            return False
        self._violation(f"the relay ended by itself with exit code {stage.daemon_ended()}")
        self.audience.say(f"the relay ended by itself:\n{stage.last_words()}")
        return True

    async def _quiet(self, deadline_s: float) -> int:
        """Wait until nobody waits for anything any more; what is still in doubt at `deadline_s`."""
        still, size = 0, -1
        while True:
            in_doubt = await self._in_doubt()
            now_size = 0 if self.stage is None else self.stage.ledger.size
            still = still + 1 if not in_doubt and now_size == size else 0
            size = now_size
            if still >= (STILL_LOOKS if self.stage is not None else 1) or self._loop.time() >= deadline_s:
                return in_doubt
            await asyncio.sleep(LOOK_S)

    async def _in_doubt(self) -> int:
        in_doubt = sum(troupe.unsettled_count() for troupe in self.troupes)
        if self._poster is not None:
            await self._poster.look()
            in_doubt = max(in_doubt, self._poster.open_count())
        if self._control_path:
            try:
                status = await inspector.status(self._control_path)
                # Elsewhere, others' terminals may take their time over their completions.
                in_doubt = max(in_doubt, status.in_doubt if self.stage is None else status.unended)
            except inspector.NotThere:
                in_doubt = max(in_doubt, 1)
        if self.stage is not None and self.stage.core.late_commits_waiting:
            in_doubt = max(in_doubt, 1)
        return in_doubt

    async def _listed(self) -> tuple[int, list[Listed]]:
        if not self._control_path:
            return 0, []
        try:
            return await inspector.listed(self._control_path)
        except inspector.NotThere as error:
            self._violation(f"the person's list cannot be read: {error}")
            return 0, []

    async def _reconciled(self) -> dict[str, int]:
        """The sweep of the day, where the daemon is ours; {} where it makes none."""
        if self.stage is None:
            return {}
        try:
            today = date_at(SystemClock().wall_ms(), self.stage.settings.day_offset_minutes)
            return await inspector.reconciled(self._control_path, today)
        except inspector.NotThere:
            return {}

    async def _lines(self) -> list[LedgerLine]:
        if self.stage is not None:
            return lines_of(self.stage.ledger.entries())
        if self._ledger_url:
            return await fetch_lines(self._ledger_url, self._began_wall_ms, SystemClock().wall_ms())
        return []

    def _posted_twice(self) -> list[str]:
        return [] if self.stage is None else self.stage.ledger.posted_twice()

    # ---- small parts -----------------------------------------------------------------------------------------------------
    def _violation(self, what: str) -> None:
        self.troupes[0].tally.violation(what)

    def _told(self, name: str) -> int:
        return 0 if self._poster is None else self._poster.states(name)["acknowledged"]

    def moment(self) -> Moment:
        """What happened since the last call."""
        zones_up = 0 if self.stage is None else len(self.stage.core.zones_up())
        return self._watcher.look(self._loop.time() - self._began_s, zones_up)
