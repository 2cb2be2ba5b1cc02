"""Which region may be asked now: the driver of the epoch ratchet and of the permit of law 5.

Owns the asking of GET /v1/region all the time, the order in which an epoch becomes durable and is shown, and who is told.
What an answer means is view.py's. It must never look at health: an unreachable region is still the active one, until somebody
with authority says otherwise; silence.py only tells them. The traps: the ratchet is durable *before* a permit shows the new
epoch; who is told of a new epoch (`on_epoch`) hears of it before its first permit, so that no call of the new epoch finds the
old region's addresses; a permit may be withheld (a seal, a stale record) without anything being forgotten; and where two
regions both say that they serve one epoch, the calls go to the same addresses as the questions did, so nobody is asked until
one of them has been silent for `CALM_MS`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from relay.clock import Cancellable, Clock, Timers
from relay.journal.port import StepResult
from relay.permit import Permit
from relay.region.record import RegionRecord
from relay.region.silence import Silence
from relay.region.view import RegionView, RegionWord, Verdict
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

_log = get_log("region")
LOOK_APART_MS = 100
BY_ITSELF = "core"  # the run of a claim that the region itself made
CALM_MS = 60_000  # so long nobody but the known region has answered, before it is asked again after two did

Probe = Callable[[int, Callable[[RegionWord | None], None]], Cancellable]
RaiseEpoch = Callable[[int, Callable[[StepResult], None]], None]
Begin = Callable[[RegionRecord, Callable[[StepResult], None]], None]


class ActiveRegion:
    """The driver: one probe at a time, `interval_ms` (jittered by a tenth) between them.

    Args: `epoch` is the durable ratchet at start; `probe(known_epoch, done)` asks the region, None is silence;
    `raise_epoch` makes a higher epoch durable; `on_change` is told the permit each time it appears, changes or goes;
    `addresses` says in words how the core's addresses are, for the log line about a silence. Where DNS names the region:
    `begin` makes an epoch and its region durable (None: the core itself is the source), `region` is whose `epoch` is, durable.
    `on_epoch` is told a new epoch and its region ("" where only the region itself will say) when they are durable. Where the
    core itself is the source, `keep` writes down whose epoch it is, so that a restart does not take the first answer's word.
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
        begin: Begin | None = None,
        region: str = "",
        on_epoch: Callable[[int, str], None] | None = None,
        keep: Begin | None = None,
    ) -> None:
        self._view = RegionView(epoch, region, follows_dns=begin is not None)
        self._begin = begin
        self._keep = keep
        self._kept = (epoch, region)
        self._second: RegionWord | None = None  # who else says that it serves the epoch
        self._calm_at_ms = 0
        self._on_epoch = on_epoch
        self._beginning: RegionRecord | None = None
        self._sealed_epoch = 0
        self._floor = 0
        self._withheld = ""
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
        if self._withheld:
            return self._withheld
        return f"epoch {self._sealed_epoch} is sealed" if self._view.epoch <= self._sealed_epoch else self._trouble

    @property
    def sealed_epoch(self) -> int:
        """Nobody is asked in this epoch, nor in a lower one; 0 where none is sealed."""
        return self._sealed_epoch

    @property
    def floor(self) -> int:
        """An answer from below it is evidence only: law 5, of an epoch that is sealed."""
        return self._floor

    @property
    def contradiction(self) -> tuple[str, ...]:
        """The two regions that both say that they serve the epoch; empty where there is one."""
        return () if self._second is None else (self._view.region, self._second.region)

    def seal(self, epoch: int, is_durable: bool = True) -> None:
        """From now on no permit for `epoch` or below; 0 takes a seal away. Until it is durable, what is under way may still be
        answered."""
        self._sealed_epoch = epoch
        self._floor = epoch + 1 if epoch and is_durable else 0
        self._show()

    def withhold(self, why: str) -> None:
        """No permit while `why` stands; "" gives it back."""
        self._withheld = why
        self._show()

    def named(self, record: RegionRecord) -> None:
        """Who has the authority names the active region: made durable, then the region itself is asked, then there is a
        permit. What is known already, or below the ratchet, changes nothing. Only where DNS is the source."""
        if self._begin is None:
            raise RuntimeError("the core itself is the source of the region")
        if self._beginning is not None or not self._view.named(record.epoch, record.region):
            return
        self._beginning = record
        self._trouble = f"epoch {record.epoch} of region {record.region} is being made durable"
        self._show()
        self._begin(record, partial(self._begun, record))

    def _begun(self, record: RegionRecord, failed: StepResult) -> None:
        self._beginning = None
        if failed is not None:
            self._not_durable(record.epoch, failed.why)
            return
        self._view.raised(record.epoch, record.region)
        self._second = None
        self._trouble = f"region {record.region} has not confirmed epoch {record.epoch} yet"
        self._epoch_gauge.set(record.epoch)
        _log.info("region epoch raised", epoch=record.epoch, region=record.region, run=record.run)
        self._tell_epoch()
        if self._asking is not None:
            self._asking.cancel()  # it asks whoever was active before
        self.look_now()

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
            if not self._is_running:
                return
            try:
                self._heard(word)
            except Exception:
                if self._timer is None:
                    self._again()  # no error of whoever is told makes this question the last
                raise

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
            self._compare(verdict, word)
        self._show()
        if verdict is Verdict.RAISE and word is not None:
            higher = word
            record = None if self._keep is None else _record_of(higher)
            if self._keep is not None and record is not None:
                self._kept = (higher.epoch, higher.region)
                self._keep(record, lambda failed: self._raised(higher, failed))
            else:
                self._raise_epoch(higher.epoch, lambda failed: self._raised(higher, failed))
            return
        if verdict in (Verdict.LOWER_EPOCH, Verdict.CONTRADICTION, Verdict.AHEAD) and word is not None:
            _log.warning(
                "region not believed", why=verdict.value, said=word.region, said_epoch=word.epoch, epoch=self._view.epoch
            )
        self._again()

    def _compare(self, verdict: Verdict, word: RegionWord) -> None:
        """Whether one region serves the epoch, or two do; and whose it is, for the disk."""
        now_ms = self._clock.monotonic_ms()
        if verdict is Verdict.CONTRADICTION and word.state == "serving":
            if self._second is None:
                _log.error(
                    "two regions serve one epoch: nobody is asked", epoch=word.epoch, regions=[self._view.region, word.region]
                )
            self._second, self._calm_at_ms = word, now_ms + CALM_MS
        elif verdict is Verdict.RAISE or (self._second is not None and now_ms >= self._calm_at_ms):
            self._second = None
        elif self._second is not None:
            self._trouble = self._in_words(Verdict.CONTRADICTION, self._second)
        if verdict is Verdict.SERVING and self._keep is not None and self._kept != (word.epoch, word.region):
            self._kept = (word.epoch, word.region)
            if (record := _record_of(word)) is not None:
                self._keep(record, self._was_kept)

    def _was_kept(self, failed: StepResult) -> None:
        if failed is not None:
            self._kept = (0, "")  # the next answer tries again

    def _raised(self, word: RegionWord, failed: StepResult) -> None:
        try:
            if failed is not None:
                self._not_durable(word.epoch, failed.why)
                return
            self._view.raised(word.epoch)
            self._tell_epoch()
            self._trouble = self._in_words(self._view.heard(word), word)
            self._epoch_gauge.set(word.epoch)
            _log.info("region epoch raised", epoch=word.epoch, region=word.region, state=word.state)
            self._show()
        finally:
            self._again()

    def _not_durable(self, epoch: int, why: str) -> None:
        """No permit until it is durable: whoever named it tries again."""
        self._raise_failures.inc()
        self._trouble = f"epoch {epoch} could not be made durable: {why}"
        _log.error("region epoch not durable", epoch=epoch, why=why)

    def _tell_epoch(self) -> None:
        if self._on_epoch is not None:
            self._on_epoch(self._view.epoch, self._view.region)

    def _in_words(self, verdict: Verdict, word: RegionWord) -> str:
        view = self._view
        match verdict:
            case Verdict.SUSPENDED:
                return f"region {word.region} is {word.state} (epoch {word.epoch})"
            case Verdict.RAISE:
                return f"epoch {word.epoch} of region {word.region} is being made durable"
            case Verdict.AHEAD:
                return f"{word.region} answers under epoch {word.epoch}, and DNS has named {view.epoch}"
            case Verdict.UNNAMED:
                return "no name server has said yet which region is active"
            case Verdict.LOWER_EPOCH:
                return f"old epoch: {word.region} answers under epoch {word.epoch}, and {view.heard_epoch} is known"
            case Verdict.CONTRADICTION:
                return f"contradiction: {word.region} answers under epoch {word.epoch}, which is {view.region}'s"
            case _:
                return ""

    def _show(self) -> None:
        permit = self._view.permit
        if permit is not None and (self._withheld or self._second is not None or permit.epoch <= self._sealed_epoch):
            permit = None
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


def _record_of(word: RegionWord) -> RegionRecord | None:
    """None for a name or an epoch that no record can say: it serves, and is not written down."""
    try:
        return RegionRecord(word.epoch, word.region, BY_ITSELF)
    except ValueError:
        return None
