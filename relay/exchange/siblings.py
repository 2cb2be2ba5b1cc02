"""The other workers of this relay, as the exchange floor meets them in the journal: repeats of what they have under way, what
is said about their exchanges, and what becomes ours when one of them is gone.

Owns the beat (lease, take-over, what came), the waiters of repeats, and the placing of advices and reversals. It must never
write a step of an exchange itself, nor know how many processes there are (relay/supervisor.py does). The traps: an advice or
reversal is not delivered here while a worker elsewhere has its original open, or one key has two deliverers; so each is
placed first, and what follows of the same key is placed behind it. What the journal has down as loose stays loose for everybody
until it is placed, whatever is open here by then. What came is read again, after every record given before, because memory may
have closed what the beat still saw open. A worker that is not sure of its lease says nothing from memory: whoever took over may
have said something else. And who could not write for a while finds everybody else's lease lapsed too, with its own.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import msgspec

from protocols.vocabulary import MessageClass, Refusal, Request
from relay.clock import Cancellable, Timers
from relay.exchange.desk import Desk
from relay.exchange.handover import Repeat, is_sure, live_count, may_take_over, next_look_ms, repeat_of
from relay.exchange.ports import LinkPort
from relay.exchange.recovery import take_up
from relay.exchange.register import Open, rebuild
from relay.exchange.repeats import WAITERS_MAX
from relay.journal.port import JournalFailed
from relay.journal.records import StoredExchange
from relay.journal.shared import Beat, Share, SharedJournal, Sibling
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

log = get_log("siblings")

BEATS_PER_LEASE: Final = 6
BEAT_MS_MAX: Final = 500  # what another worker hands over is looked for so often, however long the lease is
LOOK_FIRST_MS: Final = 50  # a repeat that waits for another worker's exchange looks at the journal so soon, then less often
LOOK_MAX_MS: Final = 400
PLACE_RETRY_MS: Final = 500


class Waiting(msgspec.Struct, eq=False):
    """A repeat whose exchange is under way at another worker."""

    request: Request
    fingerprint: bytes
    message: object
    link: LinkPort
    until_ms: int  # monotonic
    looks: int = 0


class Siblings:
    def __init__(
        self,
        desk: Desk,
        journal: SharedJournal,
        share: Share,
        timers: Timers,
        metrics: Metrics,
        completion_deadline_ms: int,
        on_epoch: Callable[[int], None] = lambda epoch: None,
    ) -> None:
        self._desk = desk
        self._register = desk.register
        self._journal = journal
        self._share = share
        self._timers = timers
        self._metrics = metrics
        self._completion_deadline_ms = completion_deadline_ms
        self._on_epoch = on_epoch
        self._interval_ms = max(1, min(BEAT_MS_MAX, share.lease_ms // BEATS_PER_LEASE))
        self._renewed_ms = -share.lease_ms  # not sure before the first beat
        self._sure_since_ms = 0
        self._is_beating = False
        self._came: set[int] = set()  # ours by the journal, not taken up yet
        self._is_fetching = False
        self._waiting: Counter[str] = Counter()
        self._placing: dict[str, deque[Open]] = {}  # by chain, in the order of their coming
        self._timer: Cancellable | None = None
        self._is_stopped = False
        self.siblings: tuple[Sibling, ...] = ()
        desk.join(self)

    # ---- the lease -----------------------------------------------------------------------------------------------------
    @property
    def worker(self) -> int:
        return self._share.worker

    @property
    def is_sure(self) -> bool:
        return is_sure(self._register.clock.monotonic_ms(), self._renewed_ms, self._share.lease_ms)

    @property
    def live_count(self) -> int:
        return live_count(self.siblings)

    def start(self) -> None:
        self._beat()

    def stop(self) -> None:
        """No further beat: what is ours stays so until the lease has lapsed, or this worker comes back."""
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self) -> None:
        self._timer = None
        if self._is_stopped:
            return
        self._timer = self._timers.after(self._interval_ms, self._beat)
        if not self._is_beating:  # a slow journal: one at a time
            self._is_beating = True
            self._journal.beat(partial(self._heard, self._register.clock.monotonic_ms()))

    def _heard(self, asked_ms: int, beat: Beat | JournalFailed) -> None:
        self._is_beating = False
        if isinstance(beat, JournalFailed) or self._is_stopped:
            return
        if not self.is_sure:
            self._sure_since_ms = asked_ms
        self._renewed_ms = asked_ms
        self.siblings = beat.siblings
        self._metrics.workers_live.set(self.live_count)
        self._on_epoch(beat.epoch)
        self._came.update(beat.came_ids)
        self._fetch()
        for sibling in beat.siblings:
            if may_take_over(self.worker, sibling, asked_ms - self._sure_since_ms, self._share.lease_ms):
                self._journal.take_over(sibling, partial(self._taken_over, sibling))

    # ---- what became ours ------------------------------------------------------------------------------------------------
    def _taken_over(self, sibling: Sibling, result: bool | JournalFailed) -> None:
        if result is True:
            self._metrics.worker_takeovers.inc()
            log.warning("a worker was taken over", worker=sibling.worker, incarnation=sibling.incarnation, by=self.worker)
            if not self._is_beating and not self._is_stopped:
                if self._timer is not None:
                    self._timer.cancel()
                self._beat()

    def _fetch(self) -> None:
        known = {entry.exchange_id for entry in self._register.by_key.values()}
        self._came -= known
        if self._came and not self._is_fetching:
            self._is_fetching = True
            asked = sorted(self._came)
            self._journal.fetch(asked, partial(self._fetched, asked))

    def _fetched(self, asked: Sequence[int], found: Sequence[StoredExchange] | JournalFailed) -> None:
        self._is_fetching = False
        if isinstance(found, JournalFailed) or self._is_stopped:
            return  # the next beat asks again
        register = self._register
        taken_keys = register.by_key.keys() | register.resolving
        busy = {stored.taken.exchange_id for stored in found if stored.taken.key in taken_keys}
        self._came.difference_update(set(asked) - busy)  # who has the key just now hears from the journal that it is taken
        entries = []
        for stored in found:
            if stored.taken.exchange_id not in busy:
                entry = register.by_key[stored.taken.key] = rebuild(stored, register.clock.monotonic_ms())
                entries.append((entry, stored))
        if entries:
            log.info("exchanges came from another worker", count=len(entries))
        for entry, stored in entries:
            if register.by_key.get(entry.key) is not entry:
                continue  # one of those before it has ended it
            take_up(self._desk, entry, stored, self._completion_deadline_ms)

    # ---- repeats -----------------------------------------------------------------------------------------------------------
    def waits(self, request: Request, fingerprint: bytes, stored: StoredExchange, message: object, link: LinkPort) -> bool:
        """Whether a repeat of `stored` waits for another worker's last word. It is answered from the journal then, or never:
        what that worker tells at its own deadline is durable before ours has passed."""
        if repeat_of(stored, fingerprint) is Repeat.ANSWERED:
            return False
        name = link.listener.name
        if self._waiting[request.key] >= WAITERS_MAX:
            self._desk.refuse_unrecorded(message, link, Refusal.IN_PROGRESS)
            return True
        self._desk.counters.duplicate(name, "elsewhere")
        self._waiting[request.key] += 1
        until_ms = self._register.clock.monotonic_ms() + link.listener.reply_deadline_ms
        self._look_later(Waiting(request, fingerprint, message, link, until_ms))
        return True

    def _look_later(self, waiting: Waiting) -> None:
        delay_ms = next_look_ms(waiting.looks, LOOK_FIRST_MS, LOOK_MAX_MS)
        waiting.looks += 1
        self._timers.after(delay_ms, partial(self._look, waiting))

    def _look(self, waiting: Waiting) -> None:
        if self._is_stopped or self._register.clock.monotonic_ms() >= waiting.until_ms or not waiting.link.is_open:
            self._done_waiting(waiting.request.key)  # in silence: its terminal asks again
        else:
            self._register.journal.find(waiting.request.key, partial(self._looked, waiting))

    def _looked(self, waiting: Waiting, found: StoredExchange | JournalFailed | None) -> None:
        request = waiting.request
        entry = self._register.by_key.get(request.key)
        if entry is not None:  # it came here meanwhile
            self._done_waiting(request.key)
            self._desk.repeats.join(entry, request, waiting.fingerprint, waiting.message, waiting.link)
        elif not isinstance(found, StoredExchange) or repeat_of(found, waiting.fingerprint) is Repeat.WAITS:
            self._look_later(waiting)
        else:
            self._done_waiting(request.key)
            self._desk.repeats.answer_stored(found, waiting.fingerprint, waiting.message, waiting.link)

    def _done_waiting(self, key: str) -> None:
        self._waiting[key] -= 1
        if self._waiting[key] <= 0:
            del self._waiting[key]

    # ---- advices and reversals -----------------------------------------------------------------------------------------------
    def is_loose(self, entry: Open) -> bool:
        """Whether an advice or reversal has to be placed: nothing of its key is open here, or that is being placed itself. It
        is taken as that, and stays it until it is placed."""
        if entry.request.message_class is not MessageClass.FINANCIAL:
            original = self._register.by_key.get(entry.request.original_key or "")
            is_here = (original is not None and original is not entry) or self._desk.saf.has_chain(entry.chain)
            entry.is_loose = entry.is_loose or entry.chain in self._placing or not is_here
        return entry.is_loose

    def place(self, entry: Open) -> None:
        """An advice or reversal is durable: it goes to the worker that has its original open. Here, where that is ours."""
        chain = self._placing.get(entry.chain)
        if chain is not None:
            chain.append(entry)
        elif self.is_loose(entry):
            self._placing[entry.chain] = deque([entry])
            self._place_next(entry.chain)
        else:
            self._desk.doubt.owed(entry)

    def _place_next(self, chain: str) -> None:
        waiting = self._placing[chain]
        if not waiting:
            del self._placing[chain]
        elif not self._is_stopped:
            entry = waiting[0]
            self._journal.hand_over(entry.exchange_id, chain, partial(self._placed, entry))

    def _placed(self, entry: Open, result: int | JournalFailed) -> None:
        if isinstance(result, JournalFailed):
            self._timers.after(PLACE_RETRY_MS, partial(self._place_next, entry.chain))
            return
        entry.is_loose = False
        self._placing[entry.chain].popleft()
        if result == self.worker:
            self._desk.doubt.owed(entry)
        else:
            self._metrics.worker_handovers.inc()
            log.info("an exchange is another worker's", exchange_id=entry.exchange_id, worker=result)
            if self._register.by_key.get(entry.key) is entry:
                del self._register.by_key[entry.key]
        self._place_next(entry.chain)
