"""The simulation's engine: the same port on dictionaries, with a disk that can be full, fail to sync, or lose power.

Owns `MemoryJournal`, one incarnation on a `MemoryDisk` (memory_disk.py), which survives a crash. It must never read a clock,
touch a file or draw chance; time comes from the timers given. The trap it exists for: between "given" and "durable" there is
time, records given in it wait for the next group, and a crash in it takes the group whole or leaves it whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from relay.clock import Cancellable, Clock, Timers
from relay.errors import JournalUnusable
from relay.journal.age import Age
from relay.journal.answers import Outcomes, run_callbacks
from relay.journal.apply import stepped, taken
from relay.journal.chain import Chain, is_signed
from relay.journal.crypt import JournalKeys
from relay.journal.generation import LINK_NAME as GENERATION
from relay.journal.generation import read_generation, relay_epoch
from relay.journal.items import (
    DAY_MS,
    FRESH,
    IDS_PER_INCARNATION,
    PROBE_INTERVAL_MS,
    EpochItem,
    FindItem,
    Item,
    OutboundFindItem,
    OutboundStepItem,
    OutboundTakeItem,
    PruneItem,
    RekeyItem,
    StepItem,
    TakeItem,
    VariableItem,
)
from relay.journal.memory_disk import MemoryDisk
from relay.journal.outbound import OutboundState, OutboundStep, OutboundTaken, StoredOutbound
from relay.journal.port import Existing, Fresh, JournalFailed, JournalState, OutboundTakeResult, StepResult, TakeResult
from relay.journal.records import LISTED_STATES, OPEN_STATES, HistoryLine, Step, StoredExchange, Taken
from relay.journal.shared import Share, ShareItem
from relay.journal.shared_memory import TAKEN_OVER, MemoryShares

SYNC_MS: Final = 1  # how long one group takes to become durable


class MemoryJournal(MemoryShares):
    """See relay/journal/port.py for what each method promises."""

    def __init__(
        self,
        disk: MemoryDisk,
        timers: Timers,
        clock: Clock,
        *,
        key: bytes = b"\0" * 32,
        group_count_max: int = 1_000,
        sync_ms: int = SYNC_MS,
        duplicate_window_days: int = 35,
        body_window_days: int = 7,
        on_failed: Callable[[str], None] | None = None,
        share: Share | None = None,
    ) -> None:
        """Begins the next incarnation on `disk`, of the worker that `share` says. Raises JournalUnusable while another one is
        open, or the disk is full."""
        if disk.in_use:
            raise JournalUnusable("The journal is in use by another relay.", "Stop that relay first.")
        if disk.is_full:
            raise JournalUnusable("The journal cannot be opened: the disk is full.", "Free space on its disk and start again.")
        disk.in_use = share is None
        disk.incarnation += 1
        disk.sharing.begin(share, disk.incarnation, clock.monotonic_ms())
        self._share = share
        self.disk = disk
        self._timers = timers
        self._clock = clock
        self._key = key
        self._keys = JournalKeys(key)
        self._group_count_max = group_count_max
        self._sync_ms = sync_ms
        self._duplicate_window_ms = duplicate_window_days * DAY_MS
        self._body_window_ms = body_window_days * DAY_MS
        self._on_failed = on_failed
        self._state = JournalState.WRITABLE
        self._why = ""
        self._incarnation = disk.incarnation
        self._next_id = self._incarnation * IDS_PER_INCARNATION
        self._age = Age(clock, self._incarnation)
        self._epoch_given = disk.region_epoch
        self._given: list[Item] = []
        self._in_flight: list[Item] = []
        self._timer: Cancellable | None = None
        self._gone = False  # closed or crashed
        self._crashed = False
        self._waiting = 0

    # ---- facts -----------------------------------------------------------------------------------------------------

    @property
    def state(self) -> JournalState:
        return self._state

    @property
    def incarnation(self) -> int:
        return self._incarnation

    @property
    def relay_epoch(self) -> int:
        """With what this life speaks to the core."""
        return relay_epoch(read_generation(self.variables(GENERATION)).number, self._incarnation)

    @property
    def epoch(self) -> int:
        return self.disk.region_epoch

    def next_exchange_id(self) -> int:
        self._next_id += 1
        return self._next_id

    def waiting_count(self) -> int:
        return self._waiting

    def fingerprint(self, text: str) -> bytes:
        return self._keys.fingerprint(text)

    def variables(self, link_name: str) -> Mapping[str, bytes]:
        return MappingProxyType(self.disk.link_variables.setdefault(link_name, {}))

    # ---- giving records --------------------------------------------------------------------------------------------

    def take(self, record: Taken, done: Callable[[TakeResult], None]) -> None:
        self._give(TakeItem(record, done))

    def step(self, record: Step, done: Callable[[StepResult], None]) -> None:
        self._give(StepItem(record, done))

    def find(self, key: str, done: Callable[[StoredExchange | JournalFailed | None], None]) -> None:
        self._give(FindItem(key, done))

    def find_chain(self, key: str, done: Callable[[Chain | JournalFailed], None]) -> None:
        self._give(FindItem(key, done, is_chain=True))

    def store_variable(self, link_name: str, name: str, value: bytes | None, done: Callable[[StepResult], None]) -> None:
        self._give(VariableItem(link_name, name, value, done))

    def raise_epoch(self, epoch: int, done: Callable[[StepResult], None]) -> None:
        if epoch < self._epoch_given:
            raise ValueError(f"the region epoch never goes back: {epoch} after {self._epoch_given}")

        def raised(result: StepResult) -> None:
            if result is not None and self._epoch_given == epoch:
                self._epoch_given = self.disk.region_epoch
            done(result)

        self._epoch_given = epoch
        self._give(EpochItem(epoch, raised))

    def prune(self, done: Callable[[int | JournalFailed], None]) -> None:
        self._give(self._age.forgetting(self._duplicate_window_ms, self._body_window_ms, done))

    def rekey(self, done: Callable[[int | JournalFailed], None]) -> None:
        self._give(RekeyItem(done))

    # ---- messages that the core started ----------------------------------------------------------------------------

    def take_outbound(self, record: OutboundTaken, done: Callable[[OutboundTakeResult], None]) -> None:
        self._give(OutboundTakeItem(record, done))

    def step_outbound(self, record: OutboundStep, done: Callable[[StepResult], None]) -> None:
        self._give(OutboundStepItem(record, done))

    def find_outbound(self, key: str, done: Callable[[StoredOutbound | JournalFailed | None], None]) -> None:
        self._give(OutboundFindItem(key, done))

    def open_outbound(self) -> Iterable[StoredOutbound]:
        return self.disk.outbound.all_open()

    def newest_outbound(self, states: Sequence[OutboundState], count_max: int) -> Iterable[StoredOutbound]:
        return self.disk.outbound.newest(states, count_max)

    # ---- reading ---------------------------------------------------------------------------------------------------

    def open_exchanges(self) -> Iterable[StoredExchange]:
        open_ones = [stored for _, stored in sorted(self.disk.exchanges.items()) if stored.state in OPEN_STATES]
        if self._share is not None:
            open_ones = self.disk.sharing.ours(self._share, open_ones)
        return [self.disk.with_reversal(stored) for stored in open_ones]

    def listed(self) -> Iterable[StoredExchange]:
        return [stored for _, stored in sorted(self.disk.exchanges.items()) if stored.state in LISTED_STATES]

    def history(self, exchange_id: int) -> Iterable[HistoryLine]:
        return [line for line in self.disk.lines if line.exchange_id == exchange_id]

    def reasons(self, exchange_ids: Sequence[int]) -> Mapping[int, str]:
        wanted = frozenset(exchange_ids)
        return {line.exchange_id: line.detail for line in self.disk.lines if line.exchange_id in wanted and line.detail}

    # ---- ends ------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Everything given becomes durable now; the answers come in a call of their own, as from any engine."""
        if self._gone:
            return
        self._stop_timer()
        outcomes: Outcomes = []
        for group in (self._in_flight, self._given):
            if group:
                outcomes += self._commit(group)
        self._leave()
        self._answer_later(outcomes)

    def crash(self, *, keep_in_flight: bool = False) -> None:
        """The process or the power dies: nobody is answered again; the group being synced is on the disk, or is not."""
        self._stop_timer()
        if keep_in_flight and self._state is JournalState.WRITABLE and not self.disk.is_full and self._may_write():
            for item in self._in_flight:
                self._apply(item)
        self._crashed = True
        self._leave()

    def survivor(self, *, on_failed: Callable[[str], None] | None = None) -> MemoryJournal:
        """The next incarnation on the same disk, after `crash()` or `close()`."""
        return MemoryJournal(
            self.disk,
            self._timers,
            self._clock,
            key=self._key,
            group_count_max=self._group_count_max,
            sync_ms=self._sync_ms,
            duplicate_window_days=self._duplicate_window_ms // DAY_MS,
            body_window_days=self._body_window_ms // DAY_MS,
            on_failed=self._on_failed if on_failed is None else on_failed,
        )

    # ---- groups ----------------------------------------------------------------------------------------------------

    def _give(self, item: Item) -> None:
        self._waiting += 1
        if self._gone:
            self._answer_later([(item.done, JournalFailed("the journal is closed"))])
            return
        self._given.append(item)
        if self._timer is None:
            self._timer = self._timers.after(0, self._begin_group)

    def _begin_group(self) -> None:
        self._in_flight = self._given[: self._group_count_max]
        del self._given[: self._group_count_max]
        self._timer = self._timers.after(self._sync_ms, self._end_group)

    def _end_group(self) -> None:
        self._timer = None
        outcomes = self._commit(self._in_flight)
        self._in_flight = []
        if self._given:
            self._begin_group()
        self._answer(outcomes)

    def _commit(self, group: list[Item]) -> Outcomes:
        was_writable = self._state is JournalState.WRITABLE
        if was_writable and not self._may_write():
            self._turn(JournalState.FAILED, TAKEN_OVER)
            return [(item.done, JournalFailed(TAKEN_OVER)) for item in group]
        if was_writable and any(not isinstance(item, FindItem | OutboundFindItem) for item in group):
            if self.disk.is_full:
                self._turn(JournalState.FULL, "the disk is full")
            elif self.disk.sync_fails:
                if self.disk.keeps_failed_sync:
                    for item in group:
                        self._apply(item)
                self._turn(JournalState.FAILED, "the sync failed")
        if self._state is JournalState.FAILED:
            return [(item.done, JournalFailed(self._why, certain=not was_writable)) for item in group]
        if self._state is JournalState.FULL:
            failed = JournalFailed(self._why)
            reads = FindItem | OutboundFindItem
            return [(item.done, self._apply(item) if isinstance(item, reads) else failed) for item in group]
        return [(item.done, self._apply(item)) for item in group]

    def _apply(self, item: Item) -> object:
        disk = self.disk
        if isinstance(item, TakeItem):
            record = item.record
            holder = disk.ids.get(record.key)
            if holder is not None:
                return Existing(self.disk.with_reversal(disk.exchanges[holder]))
            disk.ids[record.key] = record.exchange_id
            fresh = disk.exchanges[record.exchange_id] = taken(record)
            disk.sharing.took(record)
            if record.original_key:
                disk.reversal_ids.setdefault(record.original_key, []).append(record.exchange_id)
            reversed_by = self.disk.with_reversal(fresh).reversed_by
            return Fresh(reversed_by) if reversed_by else FRESH
        if isinstance(item, StepItem):
            step = item.record
            stored = disk.exchanges.get(step.exchange_id)
            if stored is None:
                return JournalFailed("the record cannot be stored: no such exchange")
            why = "" if self._share is None else disk.sharing.why_not(self._share, step, disk)
            if why:
                return JournalFailed(why)
            disk.exchanges[step.exchange_id] = stepped(stored, step)
            if step.history:
                disk.lines.append(HistoryLine(step.exchange_id, step.at_ms, step.event, step.state, step.detail))
                if is_signed(step.event):
                    disk.signed.setdefault(step.exchange_id, []).append((len(disk.lines), disk.lines[-1]))
        elif isinstance(item, VariableItem):
            known = disk.link_variables.setdefault(item.link_name, {})
            if item.value is None:
                known.pop(item.name, None)
            else:
                known[item.name] = item.value
        elif isinstance(item, EpochItem):
            disk.region_epoch = max(disk.region_epoch, item.epoch)
        elif isinstance(item, FindItem):
            if item.is_chain:
                return disk.chain(item.key)
            holder = disk.ids.get(item.key)
            return None if holder is None else self.disk.with_reversal(disk.exchanges[holder])
        elif isinstance(item, OutboundTakeItem | OutboundStepItem | OutboundFindItem):
            return disk.outbound.apply(item)
        elif isinstance(item, PruneItem):
            return disk.prune(item)
        elif isinstance(item, RekeyItem):
            return 0  # nothing is sealed here
        elif isinstance(item, ShareItem) and self._share is not None:
            return disk.sharing.serve(self._share, self._incarnation, item, disk, self._clock.monotonic_ms())
        return None

    # ---- answers and trouble ---------------------------------------------------------------------------------------

    def _answer(self, outcomes: Outcomes) -> None:
        if not self._crashed:
            self._waiting -= len(outcomes)
            run_callbacks(outcomes, self._answer_again)

    def _answer_again(self, outcomes: Outcomes) -> None:
        self._waiting += len(outcomes)
        self._answer_later(outcomes)

    def _answer_later(self, outcomes: Outcomes) -> None:
        if outcomes:
            self._timers.after(0, lambda: self._answer(outcomes))

    def _turn(self, state: JournalState, why: str) -> None:
        self._state, self._why = state, why
        if state is JournalState.FULL:
            self._timers.after(PROBE_INTERVAL_MS, self._probe)
        elif self._on_failed is not None:
            self._on_failed(why)

    def _probe(self) -> None:
        if self._gone or self._state is not JournalState.FULL:
            return
        if self.disk.is_full:
            self._timers.after(PROBE_INTERVAL_MS, self._probe)
        else:
            self._state, self._why = JournalState.WRITABLE, ""

    def _may_write(self) -> bool:
        return self.disk.sharing.may_write(self._share, self._incarnation, self._clock.monotonic_ms())

    def _leave(self) -> None:
        self._gone = True
        self._in_flight, self._given = [], []
        self.disk.in_use = False

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
