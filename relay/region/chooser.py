"""Who is the active region by DNS: what each round of answers brings about, and what two people may decide instead.

Owns the way from a conclusion (agreement.py) to a name for the region (active.py): what has to be confirmed by the region
itself first, since when nobody confirms what is known, what is frozen, and the pin. It must never know DNS, and never a
health check: the region is asked for its epoch, and nothing else of it counts. The traps: answers come one by one, so the
first that suffices is acted on, and only the end of a round says what was not heard; while the region is asked to confirm,
others may contradict, and then its answer comes too late; and a pin is somebody's word like a name server's: it never lowers
the epoch, nor gives an epoch a second region, and its own region has to confirm a higher one, or a slip of the finger would
be the ratchet's for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import msgspec

from relay.clock import Clock
from relay.region.agreement import Conclusion, Known, Meaning, Told, conclude
from relay.region.book import Pin
from relay.region.record import RegionRecord
from relay.region.view import RegionWord
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

_log = get_log("region.chooser")
PIN_RUN = "pin"  # stands where the id of a failover run stands
_ONE_SERVER, _TWO_PEOPLE = "one name server and the region itself", "two people and the region itself"

Confirm = Callable[[str, Callable[[RegionWord | None], None]], None]


class Ratchet(Protocol):
    """What the chooser needs of the active region."""

    @property
    def epoch(self) -> int: ...

    @property
    def region(self) -> str: ...

    def named(self, record: RegionRecord) -> None: ...

    def withhold(self, why: str) -> None: ...


class ChooserRules(msgspec.Struct, frozen=True):
    """`quorum` servers are enough by themselves; `stale_refuse` takes the permit away after `stale_after_ms`."""

    quorum: int
    stale_after_ms: int = 60_000
    stale_refuse: bool = False


class Chooser:
    """Args: `confirm(region, done)` asks a region what it says of itself; None is silence."""

    def __init__(
        self, ratchet: Ratchet, confirm: Confirm, rules: ChooserRules, *, clock: Clock, metrics: Metrics, pin: Pin | None = None
    ) -> None:
        self._ratchet = ratchet
        self._confirm = confirm
        self._rules = rules
        self._clock = clock
        self._pin = pin
        self._pinned_until_ms = self._until_ms(pin)
        self._told = Told()
        self._confirming: tuple[RegionRecord, str] | None = None  # and who named it
        self._taken: RegionRecord | None = None
        self._confirmed_ms = clock.monotonic_ms()
        self._is_stale = False
        self.frozen: Conclusion | None = None
        self.candidate: RegionRecord | None = None  # named, and not confirmed by its region
        self._rounds = {meaning: metrics.region_dns_rounds.labels(meaning.value) for meaning in Meaning}
        metrics.region_frozen.set_function(lambda: int(self.frozen is not None))
        metrics.region_stale.set_function(lambda: int(self._is_stale))
        metrics.region_pinned.set_function(lambda: int(self.pin is not None))
        metrics.region_dns_unconfirmed_seconds.set_function(lambda: self.unconfirmed_ms / 1_000)

    # ---- what is -----------------------------------------------------------------------------------------------------
    @property
    def pin(self) -> Pin | None:
        """The pin that holds now. One that has run out is none, without anybody doing anything, or whose epoch is over."""
        pin = self._pin
        if pin is None or pin.epoch < self._ratchet.epoch:
            return None
        return pin if self._clock.monotonic_ms() < self._pinned_until_ms else None

    @property
    def pin_left_ms(self) -> int:
        """For how long the pin still holds."""
        return 0 if self.pin is None else self._pinned_until_ms - self._clock.monotonic_ms()

    @property
    def unconfirmed_ms(self) -> int:
        """Milliseconds since a name server last confirmed what is known."""
        return self._clock.monotonic_ms() - self._confirmed_ms

    @property
    def is_stale(self) -> bool:
        return self._is_stale

    def use_pin(self, pin: Pin | None) -> None:
        """It is durable. Takes hold at once."""
        self._pin = pin
        self._pinned_until_ms = self._until_ms(pin)
        self._hold()
        self._look_at_age()

    def _until_ms(self, pin: Pin | None) -> int:
        """Monotonic: on disk is the wall clock's time. One look is taken at that, or a step of it would end a pin, or begin it
        anew."""
        return 0 if pin is None else self._clock.monotonic_ms() + pin.until_ms - self._clock.wall_ms()

    def why_no_pin(self, region: str, epoch: int) -> str:
        """Why the relay cannot be held at `region` under `epoch`; "" where it can."""
        known = self._known()
        if epoch < known.epoch:
            return f"epoch {epoch} is over: {known.epoch} is known, and no pin goes back"
        if epoch == known.epoch and known.region not in ("", region):
            return f"epoch {epoch} is {known.region}'s, and no epoch has two regions"
        return ""

    # ---- what is heard -----------------------------------------------------------------------------------------------
    def heard(self, records: Sequence[RegionRecord], is_over: bool) -> None:
        """What the servers have said in this round so far; `is_over` when no more will come."""
        conclusion = conclude(self._known(), records, self._rules.quorum, self._told)
        self._told.remember(records, self._known())
        if conclusion.is_confirmed:
            self._confirmed_ms = self._clock.monotonic_ms()
        self._freeze(conclusion, records, is_over)
        record_to_take = conclusion.record
        if record_to_take is not None and self.pin is None:
            if conclusion.meaning is Meaning.RAISE:
                self._take(record_to_take, "a quorum of name servers")
            else:
                self._ask(record_to_take, _ONE_SERVER)
        if is_over:
            self._rounds[conclusion.meaning].inc()
            if conclusion.meaning is not Meaning.CANDIDATE:
                self.candidate = None
            self._hold()
            self._look_at_age()

    def _known(self) -> Known:
        return Known(self._ratchet.epoch, self._ratchet.region)

    def _freeze(self, conclusion: Conclusion, records: Sequence[RegionRecord], is_over: bool) -> None:
        while conclusion.meaning is Meaning.CANDIDATE and (ahead := conclusion.record) is not None:
            # Who runs ahead alone neither hides a contradiction below nor ends one.
            records = [record for record in records if record.epoch < ahead.epoch]
            conclusion = conclude(self._known(), records, self._rules.quorum, self._told)
        if conclusion.meaning is Meaning.FREEZE:
            # Answers come one by one: whether somebody confirms what is known differs within a round, and is no news.
            if self.frozen is None or (self.frozen.epoch, self.frozen.regions) != (conclusion.epoch, conclusion.regions):
                _log.error("two regions under one epoch: frozen", regions=conclusion.regions, epoch=conclusion.epoch)
            self.frozen = conclusion
        elif is_over and self.frozen is not None and conclusion.meaning not in (Meaning.NOTHING, Meaning.OLD):
            _log.info("no contradiction any more", epoch=self.frozen.epoch)
            self.frozen = None

    def _take(self, record: RegionRecord, by: str) -> None:
        if record != self._taken:
            self._taken = record
            _log.info("region named", region=record.region, epoch=record.epoch, run=record.run, by=by)
        self._ratchet.named(record)
        self._confirmed_ms = self._clock.monotonic_ms()

    def _ask(self, record: RegionRecord, by: str) -> None:
        self.candidate = record
        if self._confirming == (record, by):
            return
        self._confirming = record, by
        self._confirm(record.region, partial(self._answered, record, by))

    def _answered(self, record: RegionRecord, by: str, word: RegionWord | None) -> None:
        if self._confirming != (record, by):
            return  # somebody named another one since
        self._confirming = None
        if word is None or (word.region, word.epoch) != (record.region, record.epoch):
            return  # not yet, or never: the next round asks again
        pin = self.pin
        if by == _TWO_PEOPLE:
            is_wanted = pin is not None and (pin.region, pin.epoch) == (record.region, record.epoch)
        else:
            is_wanted = pin is None and (self.frozen is None or self.frozen.epoch < record.epoch)
        if is_wanted:
            self._take(record, by)

    # ---- what does not come ------------------------------------------------------------------------------------------
    def _hold(self) -> None:
        """The pin's own region is asked until it confirms what two people said."""
        pin, known = self.pin, self._known()
        if pin is not None and (pin.epoch > known.epoch or (pin.epoch == known.epoch and not known.region)):
            self._ask(RegionRecord(pin.epoch, pin.region, PIN_RUN), _TWO_PEOPLE)

    def _look_at_age(self) -> None:
        is_stale = self.unconfirmed_ms > self._rules.stale_after_ms
        if is_stale != self._is_stale:
            self._is_stale = is_stale
            if is_stale:
                _log.error("no name server confirms the region", region=self._ratchet.region)
            else:
                _log.info("the region is confirmed again", region=self._ratchet.region)
        is_refused = is_stale and self._rules.stale_refuse and self.pin is None
        self._ratchet.withhold("no name server has confirmed the region for long" if is_refused else "")
