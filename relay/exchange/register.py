"""The open exchanges in memory, and the two ways in which one changes: a move in the table, a step in the journal.

Owns `Open` (one exchange while it is open) and `Register`. It must never decide where an exchange goes. The trap: memory moves
first and the disk follows, so whatever becomes visible waits for `write`'s callback, and a failed write means that it never
becomes visible in this incarnation (law 1, law 6).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from protocols.machine import Unexpected
from protocols.vocabulary import MessageClass, Request
from relay.clock import Cancellable, Clock
from relay.core.port import Attempt
from relay.exchange.exchange import REBUILT, STORED, TERMINAL, TRANSITIONS, Event, State
from relay.exchange.ports import LinkPort, ListenerFacts
from relay.journal.port import Journal, JournalFailed, StepResult
from relay.journal.records import Intent, Step, StoredExchange, StoredState, Taken, pack_request, unpack_request
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

log = get_log("exchange")

NO_CURRENCY = "XXX"  # ISO 4217: no currency involved; a balance inquiry in doubt is undone like everything else

Waiter = tuple[object, LinkPort]  # the dialect's message, and the link that wants its answer


class Open(msgspec.Struct, eq=False):
    """One open exchange. Mutable; only the exchange floor touches it. A Struct, because thirty assignments in Python cost more
    than the rest of its opening."""

    exchange_id: int
    request: Request
    fingerprint: bytes
    incarnation: int
    facts: ListenerFacts | None
    message: object
    link: LinkPort | None
    opened_ms: int  # monotonic
    recorded_ms: int  # wall
    others: list[Waiter] | None = None
    state: State = State.OFFERED
    intent: Intent | None = None
    epoch: int = 0
    deadline_ms: int = 0  # monotonic; 0 when nobody waits
    deadline: Cancellable | None = None
    call: Cancellable | None = None
    retry: Cancellable | None = None
    serial: int = 0  # raised with each call: a late callback of an older one is evidence only
    attempts_unknown: int = 0
    resubmits: int = 0
    tries: int = 0
    why: str = ""  # what the last try to settle what it owes came to
    given: str = ""  # why a person gets it, until that is on disk: whatever is written first takes it along
    owed_since_ms: int = 0  # wall; what is owed expires so long after this
    in_lane: bool = False  # its terminal's lane is busy with it
    withdrawn: bool = False  # the terminal reversed it: no reply any more
    was_question: bool = False  # and is delivered as an advice now
    may_be_elsewhere: bool = False  # the other center of the pair may have asked it already
    is_loose: bool = False  # the journal has it down as not placed yet (siblings.py)
    is_acknowledged: bool = False  # an advice or reversal, in this life (acknowledging.py)
    is_cleared: bool = False  # its reply need not wait for the other center any more
    has_body: bool = True  # False after a restart: the secrets are gone, the request is never posted again
    # How it waits for the core (traffic.py).
    group: str = ""  # its hot lane, or "" with everybody else
    branch: str = ""
    accounts: tuple[str, ...] = ()  # keyed hashes
    offered_ms: int = 0  # monotonic, when it began to wait
    # What follows from the request.
    key: str = ""
    lane: str = ""
    chain: str = ""
    currency: str = NO_CURRENCY
    standing_minor: int = 0
    started_ms: int = 0  # monotonic, of the call in flight

    def __post_init__(self) -> None:
        request = self.request
        self.key = request.key
        self.lane = request.terminal
        self.chain = request.original_key or request.key
        if request.amount is not None:
            self.currency = request.amount.currency
        self.standing_minor = request.standing_minor or 0
        self.started_ms = self.opened_ms
        self.owed_since_ms = self.recorded_ms

    def cancel_timers(self) -> None:
        for handle in (self.deadline, self.retry):
            if handle is not None:
                handle.cancel()
        self.deadline = self.retry = None

    def end_wait(self) -> None:
        """Its answer is decided: the deadline has no say any more."""
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None

    def cancel_call(self) -> None:
        self.serial += 1
        call, self.call = self.call, None
        if call is not None:
            call.cancel()

    def take_waiters(self) -> list[Waiter]:
        """Everybody who wants this answer, each once."""
        waiters = [] if self.link is None else [(self.message, self.link)]
        if self.others is not None:
            waiters += self.others
        self.link = None
        self.others = None
        return waiters


def record_of(entry: Open, listener: str, state: StoredState, intent: Intent | None, *, is_loose: bool) -> Taken:
    """The record with which `entry` becomes durable, in `state`, and with the reply's intent where it is decided already."""
    request, amount = entry.request, entry.request.amount
    return Taken(
        exchange_id=entry.exchange_id,
        key=request.key,
        listener=listener,
        realm=request.realm,
        terminal=request.terminal,
        message_class=request.message_class,
        kind=request.kind,
        policy=request.doubt_policy,
        fingerprint=entry.fingerprint,
        state=state,
        recorded_ms=entry.recorded_ms,
        request=pack_request(request),
        pan=None if request.card is None else request.card.pan,
        amount_minor=None if amount is None else amount.minor,
        currency="" if amount is None else amount.currency,
        business_date=request.business_date or "",
        original_key=request.original_key or "",
        incarnation=entry.incarnation,
        intent=intent,
        is_loose=is_loose,
    )


def rebuild(stored: StoredExchange, now_ms: int) -> Open:
    """The stored exchange as an open one, without link, body or deadline; `now_ms` is monotonic."""
    taken = stored.taken
    request = unpack_request(taken.key, taken.request, taken.pan)
    entry = Open(taken.exchange_id, request, taken.fingerprint, taken.incarnation, None, None, None, now_ms, taken.recorded_ms)
    entry.state = REBUILT[stored.state]
    entry.intent = stored.intent
    entry.tries = stored.tries
    entry.epoch = stored.epoch
    if stored.standing_minor is not None:
        entry.standing_minor = stored.standing_minor
    entry.withdrawn = bool(stored.reversed_by)
    # An advice is stored to be delivered, without its secrets; a question is not posted again once those are gone.
    entry.has_body = False
    # A former life may have sent it, and died before it wrote that down.
    entry.request = msgspec.structs.replace(request, repeat=True)
    if entry.state is State.DELIVERING:
        deliver_stored(entry)
    return entry


def deliver_stored(entry: Open) -> None:
    """It is owed to the core as it is stored. What was a question once, and answered, is told as what happened: an advice."""
    entry.has_body = True
    if entry.request.message_class is MessageClass.FINANCIAL:
        entry.was_question = True
        entry.request = msgspec.structs.replace(entry.request, message_class=MessageClass.ADVICE)


class Register:
    def __init__(self, journal: Journal, clock: Clock, metrics: Metrics, center: str) -> None:
        self.journal = journal
        self.clock = clock
        self.center = center
        self.by_key: dict[str, Open] = {}
        self.resolving: set[str] = set()  # keys whose decision by a person is on its way to disk
        self.deciding: set[str] = set()  # chains of which a person is taking one off the list, from the first look on
        self._unexpected = metrics.unexpected

    def attempt(self, entry: Open) -> Attempt:
        return Attempt(self.center, entry.incarnation, entry.exchange_id)

    def move(self, entry: Open, event: Event) -> bool:
        """Take the table's row. False, counted and logged, when there is none: a bug of ours, and nothing moved."""
        after = TRANSITIONS.get((entry.state, event))
        if after is None:
            self._unexpected.inc()
            log.error("exchange table has no row", problem=str(Unexpected(entry.state, event)), exchange_id=entry.exchange_id)
            return False
        entry.state = after
        return True

    def write(
        self,
        entry: Open,
        event: Event,
        done: Callable[[StepResult], None],
        *,
        stored: StoredState | None = None,
        intent: Intent | None = None,
        outcome: bytes | None = None,
        standing_minor: int | None = None,
        tries: int | None = None,
        detail: str = "",
        history: bool = True,
    ) -> None:
        """Make the state that the entry has now (or `stored`) durable, together with whatever else is given.

        `entry.intent` is not set here: it is a promise only once it is on disk.
        """
        self.journal.step(
            Step(
                exchange_id=entry.exchange_id,
                event=event.name,
                state=STORED[entry.state] if stored is None else stored,
                at_ms=self.clock.wall_ms(),
                intent=intent,
                outcome=outcome,
                standing_minor=standing_minor,
                tries=tries,
                epoch=entry.epoch or None,
                detail=detail or entry.given,
                history=history,
            ),
            done,
        )

    def note(self, entry: Open, event: Event, *, detail: str = "", tries: int | None = None, history: bool = True) -> None:
        """A step that nothing waits for: a count of tries, a remark for people."""
        self.write(entry, event, _log_failure, tries=tries, detail=detail, history=history)

    def forget_if_closed(self, entry: Open) -> None:
        """Drop an exchange that has nothing more to come; a person's line leaves memory too, the journal keeps it."""
        if entry.state in TERMINAL or entry.state in (State.LISTED, State.UNPROVEN):
            entry.cancel_timers()
            if self.by_key.get(entry.key) is entry:
                del self.by_key[entry.key]

    def count_open(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for entry in self.by_key.values():
            name = entry.state.name.lower()
            counts[name] = counts.get(name, 0) + 1
        return counts


def _log_failure(result: StepResult) -> None:
    if isinstance(result, JournalFailed):
        log.warning("a journal note was not written", why=result.why)
