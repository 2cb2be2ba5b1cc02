"""What every engine with a writer of its own has on the loop's thread: waiting records, answers, views, the state as told.

Owns the half of the `Journal` port that no disk and no server changes. It must never know an engine; one gives it a way to hand
groups to its writer and, back from there, `_answer`. Records wait here while a group is with the writer: one hand-over per
group costs a wake-up and a change of the interpreter lock, one per record cost as much as the rest of the relay. The trap: an
answer may come after the close, and every record given is answered exactly once all the same.
"""

from __future__ import annotations

import atexit
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

import msgspec

from relay.clock import Clock
from relay.journal.age import Age
from relay.journal.answers import Outcomes, run_callbacks
from relay.journal.archive.record import ArchiveRecord, Released
from relay.journal.audit import Reveal
from relay.journal.chain import Chain
from relay.journal.generation import LINK_NAME as GENERATION
from relay.journal.generation import read_generation, relay_epoch
from relay.journal.items import (
    DAY_MS,
    IDS_PER_INCARNATION,
    ArchivedItem,
    EpochItem,
    FindItem,
    Item,
    OutboundFindItem,
    OutboundStepItem,
    OutboundTakeItem,
    RekeyItem,
    ReleaseItem,
    RevealItem,
    StepItem,
    TakeItem,
    VariableItem,
    WalkItem,
)
from relay.journal.keyring import KeyRing
from relay.journal.outbound import OutboundStep, OutboundTaken, StoredOutbound
from relay.journal.port import JournalFailed, JournalState, OutboundTakeResult, RekeyProgress, StepResult, TakeResult
from relay.journal.records import Step, StoredExchange, Taken
from relay.settings import JournalSettings
from relay.telemetry.metrics import Metrics


class Opened(msgspec.Struct, kw_only=True):
    """What a journal knew of itself when it was opened, its new incarnation begun."""

    incarnation: int
    epoch: int
    floor: int  # no exchange below it is recorded and nothing else
    recorded_ids: set[int]  # those that are
    variables: dict[str, dict[str, bytes]]
    relay_epoch: int = 0  # of all workers of a relay, where there are several


class JournalFace(ABC):
    """See relay/journal/port.py for what each method promises. `_hand`, `_why_failed` and `close` are the engine's."""

    def __init__(
        self,
        opened: Opened,
        keys: KeyRing,
        settings: JournalSettings,
        *,
        call_soon_threadsafe: Callable[[Callable[[], None]], object],
        clock: Clock,
        metrics: Metrics,
        on_failed: Callable[[str], None] | None,
    ) -> None:
        self._keys = keys
        self._rekeying: RekeyItem | None = None
        self._settings = settings
        self._call_soon = call_soon_threadsafe
        self._clock = clock
        self._metrics = metrics
        self._on_failed = on_failed
        self._waiting = 0
        self._given: list[Item] = []  # not yet with the writer
        self._is_handing = False  # a group is with the writer, or its hand-over stands in the loop's queue
        self.answered_count = 0  # records answered since the start, durable or failed: a sign of life
        self._closed = False
        self._state = JournalState.WRITABLE
        self._incarnation = opened.incarnation
        self.generation = read_generation(opened.variables.get(GENERATION, {}))
        self._life = opened.relay_epoch or opened.incarnation
        self._next_id = self._incarnation * IDS_PER_INCARNATION
        self._age = Age(clock, self._incarnation)
        self._epoch = self._epoch_given = opened.epoch
        self._variables = opened.variables
        self._put: Callable[[Item], object] = self._give
        metrics.journal_writable.set(1)

    # ---- the engine's own ------------------------------------------------------------------------------------------

    @abstractmethod
    def _hand(self, items: list[Item]) -> None:
        """Give the writer a group. Its outcomes come back to `_answer`, on the loop."""

    @abstractmethod
    def _why_failed(self) -> str:
        """Said to whoever is told that the journal failed."""

    @abstractmethod
    def close(self) -> None:
        """As in the port."""

    # ---- facts -----------------------------------------------------------------------------------------------------

    @property
    def state(self) -> JournalState:
        return self._state

    @property
    def incarnation(self) -> int:
        return self._incarnation

    @property
    def relay_epoch(self) -> int:
        """What the core fences a relay that was replaced by."""
        return relay_epoch(self.generation.number, self._life)

    @property
    def epoch(self) -> int:
        return self._epoch

    def next_exchange_id(self) -> int:
        """Incarnation and count in one number, so nothing has to be reserved: an id never recorded is never given again."""
        self._next_id += 1
        return self._next_id

    def waiting_count(self) -> int:
        return self._waiting

    def fingerprint(self, text: str) -> bytes:
        return self._keys.fingerprint(text)

    def variables(self, link_name: str) -> Mapping[str, bytes]:
        return MappingProxyType(self._variables.setdefault(link_name, {}))

    # ---- giving records --------------------------------------------------------------------------------------------

    def take(self, record: Taken, done: Callable[[TakeResult], None]) -> None:
        self._waiting += 1
        self._put(TakeItem(record, done))

    def step(self, record: Step, done: Callable[[StepResult], None]) -> None:
        self._waiting += 1
        self._put(StepItem(record, done))

    def find(self, key: str, done: Callable[[StoredExchange | JournalFailed | None], None]) -> None:
        self._waiting += 1
        self._put(FindItem(key, done))

    def find_chain(self, key: str, done: Callable[[Chain | JournalFailed], None]) -> None:
        self._waiting += 1
        self._put(FindItem(key, done, is_chain=True))

    def store_variable(self, link_name: str, name: str, value: bytes | None, done: Callable[[StepResult], None]) -> None:
        def stored(result: StepResult) -> None:
            if result is None:
                known = self._variables.setdefault(link_name, {})
                if value is None:
                    known.pop(name, None)
                else:
                    known[name] = value
            done(result)

        self._waiting += 1
        self._put(VariableItem(link_name, name, value, stored))

    def raise_epoch(self, epoch: int, done: Callable[[StepResult], None]) -> None:
        if epoch < self._epoch_given:
            raise ValueError(f"the region epoch never goes back: {epoch} after {self._epoch_given}")

        def raised(result: StepResult) -> None:
            if result is None:
                self._epoch = max(self._epoch, epoch)
            elif self._epoch_given == epoch:
                self._epoch_given = self._epoch
            done(result)

        self._epoch_given = epoch
        self._waiting += 1
        self._put(EpochItem(epoch, raised))

    def prune(self, done: Callable[[int | JournalFailed], None]) -> None:
        """Forget what is old, in slices between the groups; `done` gets how many exchanges were deleted or blanked.

        Called about once an hour. Keys go after `duplicate_window_days`, bodies after `body_window_days`; what is open or
        on the person's list stays. Where archives are kept, bodies wait for theirs, and keys for their bodies.
        """
        keys_ms = self._settings.duplicate_window_days * DAY_MS
        bodies_ms = self._settings.body_window_days * DAY_MS
        archives = self._settings.archive_directory is not None
        self._walk(self._age.forgetting(keys_ms, bodies_ms, done, only_archived=archives))

    def rekey(self, done: Callable[[int | JournalFailed], None]) -> None:
        """Seal anew with the current key what an older one sealed, in slices between the groups; `done` gets how many rows.

        Once it is through, the older keys are needed no more. Nothing to do where no older key is needed.
        """
        item = self._rekeying = RekeyItem(partial(self._rekeyed, done))
        self._walk(item)

    def _rekeyed(self, done: Callable[[int | JournalFailed], None], result: int | JournalFailed) -> None:
        self._rekeying = None
        done(result)

    def rekey_progress(self) -> RekeyProgress:
        """Of the walk under way."""
        item = self._rekeying
        if item is None:
            return RekeyProgress()
        return RekeyProgress(is_walking=True, rekeyed_count=item.rekeyed_count, left_count=item.left_count)

    @property
    def key_id(self) -> str:
        """Of the key that writes."""
        return self._keys.key_id

    def change_key(self, proposed: KeyRing, done: Callable[[StepResult], None]) -> None:
        """Write with the current key of `proposed` from the moment that the journal names it, durably. JournalFailed where it
        lacks a key that a row may name; then, and where the journal fails, everything stays as it was."""

        def changed(result: int | JournalFailed) -> None:
            done(result if isinstance(result, JournalFailed) else None)

        self._keys.propose(proposed)
        self._walk(RekeyItem(changed, changes_key=True))

    def record_reveal(self, record: Reveal, done: Callable[[StepResult], None]) -> None:
        self._waiting += 1
        self._put(RevealItem(record, done))

    def note_archive(self, record: ArchiveRecord, done: Callable[[int | JournalFailed], None]) -> None:
        """See relay/journal/archive/hand.py, as for `release`."""
        self._walk(ArchivedItem(record, done))

    def release(
        self, file_name: str, rows: Sequence[Released], is_last: bool, done: Callable[[int | JournalFailed], None]
    ) -> None:
        self._walk(ReleaseItem(file_name, rows, is_last, done))

    def _walk(self, item: WalkItem) -> None:
        self._waiting += 1
        if self._closed:
            self._refuse_closed(item)
        else:  # past the groups: it is served in slices between them, and no group may wait for all of them
            self._hand([item])

    # ---- messages that the core started ----------------------------------------------------------------------------

    def take_outbound(self, record: OutboundTaken, done: Callable[[OutboundTakeResult], None]) -> None:
        self._waiting += 1
        self._put(OutboundTakeItem(record, done))

    def step_outbound(self, record: OutboundStep, done: Callable[[StepResult], None]) -> None:
        self._waiting += 1
        self._put(OutboundStepItem(record, done))

    def find_outbound(self, key: str, done: Callable[[StoredOutbound | JournalFailed | None], None]) -> None:
        self._waiting += 1
        self._put(OutboundFindItem(key, done))

    # ---- groups and answers ----------------------------------------------------------------------------------------

    def _give(self, item: Item) -> None:
        self._given.append(item)
        if not self._is_handing:
            self._is_handing = True
            self._call_soon(self._hand_over)  # once the loop has read everything that came with this one

    def _hand_over(self) -> None:
        given = self._given
        if len(given) > self._settings.group_count_max:
            self._given = given[self._settings.group_count_max :]
            del given[self._settings.group_count_max :]
        else:
            self._given = []
        self._is_handing = bool(given)
        if given:
            self._hand(given)

    def _refuse_closed(self, item: Item) -> None:
        self._call_soon(partial(self._answer, [(item.done, JournalFailed("the journal is closed"))], self._state))

    def _answer(self, outcomes: Outcomes, state: JournalState) -> None:
        """On the loop: everything that one group decided, in the order given."""
        self._waiting -= len(outcomes)
        self.answered_count += len(outcomes)
        self._metrics.journal_waiting.set(self._waiting)
        if not self._closed:
            self._hand_over()
        if state is not self._state:
            self._turn(state)
        run_callbacks(outcomes, self._answer_later)

    def _answer_later(self, outcomes: Outcomes) -> None:
        self._waiting += len(outcomes)
        self._call_soon(partial(self._answer, outcomes, self._state))

    def _turn(self, state: JournalState) -> None:
        if self._state is JournalState.FAILED:
            return
        self._state = state
        self._metrics.journal_writable.set(1 if state is JournalState.WRITABLE else 0)
        if state is JournalState.FAILED:
            atexit.register(self.close)  # in this order even where nobody closes: the interpreter's own would fold the log
            if self._on_failed is not None:
                self._on_failed(self._why_failed())
