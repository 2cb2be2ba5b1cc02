"""One configured region: its addresses, and what it says of itself, asked all the time whether it is the active one or not.

Owns the probing of one region beside the traffic: its name in DNS, a small client of its own, and the last answer. It must
never decide anything: what a standby says is shown (R11 of the failover facts), so that a certificate that ran out or a
password that was never copied is found on a Tuesday afternoon and not in a failover. Two things use it: whoever confirms an
epoch asks here (relay/region/chooser.py), and when the region becomes the active one, its addresses are known already. The
trap: this client has no connection and no address in common with the one that carries money, or a standby's bad day would
eject good addresses.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import msgspec

from relay.clock import Cancellable, Clock, Timers
from relay.core.contract import RegionAnswer
from relay.core.discovery import Discovery, DiscoveryRules, Resolve
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

_log = get_log("core.site")

Probe = Callable[[int, Callable[["Looked"], None]], Cancellable]


class Looked(msgspec.Struct, frozen=True):
    """What one probe brought. `why` says why there is no answer; `skew_ms` is that region's clock less ours."""

    said: RegionAnswer | None
    why: str = "silent"
    skew_ms: int | None = None


class SiteReport(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one region; `result` is good, other-region, or why there is no answer (silent, refused, certificate,
    tls, not-authorised, not-the-contract), empty before the first answer. `skew_ms`: its clock less ours, where it says so."""

    name: str
    address_name: str
    addresses: tuple[str, ...] = ()
    result: str = ""
    said_epoch: int = 0
    said_state: str = ""
    since_ms: int = 0  # for how long it has been so
    skew_ms: int | None = None


class Site:
    """Args: `probe(known_epoch, done)` asks this region; `use` is told its addresses for that; `on_addresses` hears its name
    when they have changed; `epoch` reads the ratchet."""

    def __init__(
        self,
        name: str,
        address_name: str,
        resolve: Resolve,
        probe: Probe,
        use: Callable[[tuple[str, ...]], None],
        on_addresses: Callable[[str], None],
        epoch: Callable[[], int],
        *,
        clock: Clock,
        timers: Timers,
        random: Random,
        metrics: Metrics,
        interval_ms: int,
        rules: DiscoveryRules | None = None,
        last_known: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.address_name = address_name
        self._probe = probe
        self._use = use
        self._on_addresses = on_addresses
        self._epoch = epoch
        self._clock = clock
        self._timers = timers
        self._random = random
        self._interval_ms = interval_ms
        self._counter = metrics.region_shadow
        self._good = metrics.region_shadow_good.labels(name)
        self._result = ""
        self._said: RegionAnswer | None = None
        self._skew_ms: int | None = None
        self._skew_seconds = metrics.region_clock_skew.labels(name)
        self._since_ms = clock.monotonic_ms()
        self._waiting: list[Callable[[RegionAnswer | None], None]] = []
        self._is_asking = False
        self._is_running = False
        self._timer: Cancellable | None = None
        self._discovery = Discovery(
            address_name,
            resolve,
            self._found,
            clock=clock,
            timers=timers,
            random=random,
            metrics=metrics,
            rules=rules,
            last_known=last_known,
        )

    @property
    def addresses(self) -> tuple[str, ...]:
        return self._discovery.addresses

    @property
    def answer_age_ms(self) -> int | None:
        """Of the DNS answer with its addresses."""
        return self._discovery.answer_age_ms

    def start(self) -> None:
        self._is_running = True
        self._discovery.start()
        self._ask()

    def stop(self) -> None:
        self._is_running = False
        self._discovery.stop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def confirm(self, done: Callable[[RegionAnswer | None], None]) -> None:
        """What the region says of itself, asked after this call; None is silence."""
        if not self._is_running:
            done(None)
            return
        self._waiting.append(done)
        if not self._is_asking:
            self._ask()  # else the answer under way is older than the question: the next one is for it

    def report(self) -> SiteReport:
        said = self._said
        return SiteReport(
            name=self.name,
            address_name=self.address_name,
            addresses=self.addresses,
            result=self._result,
            said_epoch=0 if said is None else said.epoch,
            said_state="" if said is None else said.state,
            since_ms=self._clock.monotonic_ms() - self._since_ms,
            skew_ms=self._skew_ms,
        )

    def _found(self, addresses: tuple[str, ...]) -> None:
        self._use(addresses)
        self._on_addresses(self.name)

    def _ask(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._is_asking = True
        waiting, self._waiting = self._waiting, []

        def heard(looked: Looked) -> None:
            self._is_asking = False
            if self._is_running:
                self._note(looked)
                self._again()
            for done in waiting:
                done(looked.said)

        self._probe(self._epoch(), heard)

    def _again(self) -> None:
        if self._waiting:
            self._timer = self._timers.after(1, self._ask)
        else:
            fifth = self._interval_ms // 5
            self._timer = self._timers.after(self._interval_ms + self._random.randint(-fifth, fifth), self._ask)

    def _note(self, looked: Looked) -> None:
        answer = looked.said
        result = looked.why if answer is None else "good" if answer.region == self.name else "other-region"
        self._counter.labels(self.name, result).inc()
        self._good.set(1 if result == "good" else 0)
        if result != self._result:
            tell = _log.info if result == "good" else _log.warning
            tell("region's answer changed", region=self.name, result=result, before=self._result or "none")
            self._since_ms = self._clock.monotonic_ms()
            self._result = result
        self._said = answer
        self._skew_ms = looked.skew_ms
        if looked.skew_ms is not None:
            self._skew_seconds.set(looked.skew_ms / 1_000)
