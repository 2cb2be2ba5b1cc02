"""Which region may be asked now: the epoch ratchet and the permit of law 5.

Owns the decision what an answer of GET /v1/region means, and the driver that asks all the time. It must never look at
health: an unreachable region is still the active one, until somebody with authority says otherwise; silence.py only tells
them. The traps: the ratchet is durable *before* a permit shows the new epoch, and from hearing of the new epoch until then
there is no permit at all, for the old one is known to be over; an answer from below the ratchet is an old region talking,
and is counted, not believed; silence changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from random import Random
from typing import Protocol

from relay.clock import Cancellable, Clock, Timers
from relay.journal.port import StepResult
from relay.permit import Permit
from relay.region.silence import Silence
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

_log = get_log("region")
LOOK_APART_MS = 100


class RegionWord(Protocol):
    """What a region says of itself; the contract's RegionAnswer fulfils it."""

    @property
    def region(self) -> str: ...

    @property
    def epoch(self) -> int: ...

    @property
    def state(self) -> str:
        """serving | blocked | standby"""
        ...


Probe = Callable[[int, Callable[[RegionWord | None], None]], Cancellable]
RaiseEpoch = Callable[[int, Callable[[StepResult], None]], None]


class Verdict(Enum):
    """What became of one answer; also the metric label."""

    SERVING = "serving"
    SUSPENDED = "suspended"  # blocked or standby
    RAISE = "higher-epoch"  # make it durable, then hear the same word again
    LOWER_EPOCH = "lower-epoch"
    CONTRADICTION = "contradiction"  # another region under the epoch that we know
    SILENT = "silent"


class RegionView:
    """The pure part: the ratchet, and what is believed of the region that holds it."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch  # as durable
        self.heard_epoch = epoch  # the highest ever heard: what is below is over, durable or not
        self.region = ""
        self.permit: Permit | None = None

    def heard(self, word: RegionWord | None) -> Verdict:
        if word is None:
            return Verdict.SILENT
        if word.epoch < self.heard_epoch:
            return Verdict.LOWER_EPOCH
        if word.epoch > self.epoch:
            self.heard_epoch = word.epoch
            self.permit = None
            return Verdict.RAISE
        if self.region and word.region != self.region:
            return Verdict.CONTRADICTION
        self.region = word.region
        if word.state != "serving":
            self.permit = None
            return Verdict.SUSPENDED
        if self.permit is None:
            self.permit = Permit(self.epoch, word.region)
        return Verdict.SERVING

    def raised(self, epoch: int) -> None:
        """The higher epoch is durable. Raises ValueError for a step back."""
        if epoch < self.epoch:
            raise ValueError(f"the epoch never goes back: {self.epoch} -> {epoch}")
        if epoch > self.epoch:
            self.epoch = epoch
            self.heard_epoch = max(self.heard_epoch, epoch)
            self.region = ""
            self.permit = None


class ActiveRegion:
    """The driver: one probe at a time, `interval_ms` (jittered by a tenth) between them.

    Args: `epoch` is the durable ratchet at start; `probe(known_epoch, done)` asks the region, None is silence;
    `raise_epoch` makes a higher epoch durable; `on_change` is told the permit each time it appears, changes or goes;
    `addresses` says in words how the core's addresses are, for the log line about a silence.
    """

    def __init__(
        self,
        epoch: int,
        probe: Probe,
        raise_epoch: RaiseEpoch,
        *,
        clock: Clock,
        timers: Timers,
        random: Random,
        metrics: Metrics,
        interval_ms: int = 1_000,
        on_change: Callable[[Permit | None], None] | None = None,
        addresses: Callable[[], str] = str,
    ) -> None:
        self._view = RegionView(epoch)
        self._probe = probe
        self._raise_epoch = raise_epoch
        self._clock = clock
        self._timers = timers
        self._random = random
        self._interval_ms = interval_ms
        self._on_change = on_change
        self._shown: Permit | None = None
        self._silence = Silence(clock, addresses)
        self._asked_ms = 0
        self._trouble = ""
        self._timer: Cancellable | None = None
        self._asking: Cancellable | None = None
        self._is_running = False
        self._counters = {verdict: metrics.region_probes.labels(verdict.value) for verdict in Verdict}
        self._raise_failures = metrics.region_probes.labels("not-durable")
        self._epoch_gauge = metrics.region_epoch
        self._epoch_gauge.set(epoch)
        metrics.region_serving.set_function(lambda: 0 if self._shown is None else 1)
        metrics.region_silent_seconds.set_function(lambda: self._silence.ms / 1_000)

    def permit(self) -> Permit | None:
        """The right to speak now, asked for each call. None means SUSPENDED."""
        return self._shown

    @property
    def epoch(self) -> int:
        """The ratchet, as durable."""
        return self._view.epoch

    @property
    def region(self) -> str:
        return self._view.region

    @property
    def silent_ms(self) -> int:
        """Milliseconds since when nobody answers; 0 while somebody does."""
        return self._silence.ms

    @property
    def trouble(self) -> str:
        """What was wrong with the last answer, for an operator; empty when it serves, or when there was none yet."""
        return self._trouble

    def start(self) -> None:
        self._is_running = True
        self._ask()

    def stop(self) -> None:
        """No more probes; the last permit stays, so that a draining relay can still settle what it began."""
        self._is_running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._asking is not None:
            self._asking.cancel()

    def look_now(self) -> None:
        """Somebody was told "wrong region", or there are new addresses: do not wait for the next probe. In a
        flood of such answers, the region is asked no oftener than every `LOOK_APART_MS`."""
        if self._timer is not None:
            self._timer.cancel()
            wait_ms = self._asked_ms + LOOK_APART_MS - self._clock.monotonic_ms()
            if wait_ms > 0:
                self._timer = self._timers.after(wait_ms, self._ask)
            else:
                self._ask()

    def _ask(self) -> None:
        self._timer = None
        self._asked_ms = self._clock.monotonic_ms()
        answered = False

        def heard(word: RegionWord | None) -> None:
            nonlocal answered
            answered = True
            self._asking = None
            if self._is_running:
                self._heard(word)

        asking = self._probe(self._view.epoch, heard)
        if not answered:
            self._asking = asking

    def _heard(self, word: RegionWord | None) -> None:
        verdict = self._view.heard(word)
        self._counters[verdict].inc()
        if word is None:
            self._silence.unanswered(self._asked_ms)
        else:
            self._silence.answered()
            self._trouble = self._in_words(verdict, word)
        self._show()
        if verdict is Verdict.RAISE and word is not None:
            higher = word
            self._raise_epoch(higher.epoch, lambda failed: self._raised(higher, failed))
            return
        if verdict in (Verdict.LOWER_EPOCH, Verdict.CONTRADICTION) and word is not None:
            _log.warning(
                "region not believed", why=verdict.value, said=word.region, said_epoch=word.epoch, epoch=self._view.epoch
            )
        self._again()

    def _raised(self, word: RegionWord, failed: StepResult) -> None:
        if failed is not None:
            # No permit until it is durable: the next probe tries again.
            self._raise_failures.inc()
            self._trouble = f"epoch {word.epoch} could not be made durable: {failed.why}"
            _log.error("region epoch not durable", epoch=word.epoch, why=failed.why)
        else:
            self._view.raised(word.epoch)
            self._trouble = self._in_words(self._view.heard(word), word)
            self._epoch_gauge.set(word.epoch)
            _log.info("region epoch raised", epoch=word.epoch, region=word.region, state=word.state)
            self._show()
        self._again()

    def _in_words(self, verdict: Verdict, word: RegionWord) -> str:
        view = self._view
        match verdict:
            case Verdict.SUSPENDED:
                return f"region {word.region} is {word.state} (epoch {word.epoch})"
            case Verdict.RAISE:
                return f"epoch {word.epoch} of region {word.region} is being made durable"
            case Verdict.LOWER_EPOCH:
                return f"old epoch: {word.region} answers under epoch {word.epoch}, and {view.heard_epoch} is known"
            case Verdict.CONTRADICTION:
                return f"contradiction: {word.region} answers under epoch {word.epoch}, which is {view.region}'s"
            case _:
                return ""

    def _show(self) -> None:
        permit = self._view.permit
        if permit == self._shown:
            return
        self._shown = permit
        _log.info("permit changed", epoch=self._view.epoch, region=self._view.region, may_speak=permit is not None)
        if self._on_change is not None:
            self._on_change(permit)

    def _again(self) -> None:
        if not self._is_running:
            return
        tenth = self._interval_ms // 10
        delay_ms = max(1, self._interval_ms + self._random.randint(-tenth, tenth))
        self._timer = self._timers.after(delay_ms, self._ask)
