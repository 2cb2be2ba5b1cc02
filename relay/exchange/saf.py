"""Store and forward: what is owed to the core, driven until it confirms, in order per key chain.

Owns the chains (original, completion, reversal of one key) and their retries with jittered back-off. What an answer means for a
duty is a table, `CONCLUSIONS`; a combination that is not in it is tried again. It must never know a link: whoever waits for
an outcome is told by `on_settled`. The traps: a chain waits only for its own head, so one refused message never blocks another
key; a silent core counts as a try; and a request whose secrets are gone (after a restart) is inquired, never posted again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from random import Random

import msgspec

from protocols.vocabulary import Approved, Declined, KeyConflict, MessageClass, NotProcessed, Outcome
from relay.clock import Timers
from relay.core.port import Core, Finding, NotFound, Permit, Reversed, Superseded, Undone, UndoOutcome
from relay.exchange import evidence
from relay.exchange.exchange import Event, State
from relay.exchange.register import Open, Register
from relay.journal.port import StepResult
from relay.telemetry.log import get_log

log = get_log("saf")

Answer = Outcome | Finding | UndoOutcome

# (state, what the core said) -> event. `Declined` with reason "reversed" is looked up as Reversed.
CONCLUSIONS: dict[tuple[State, type], Event] = {
    (State.UNDOING, Undone): Event.UNDO_ACKNOWLEDGED,
    (State.UNDOING, Superseded): Event.SUPERSEDED,
    (State.PART_UNDONE, Undone): Event.UNDO_ACKNOWLEDGED,
    (State.UNDONE, Undone): Event.UNDO_ACKNOWLEDGED,
    (State.DELIVERING, Undone): Event.UNDO_ACKNOWLEDGED,
    (State.DELIVERING, Approved): Event.DELIVERED,
    (State.DELIVERING, Reversed): Event.DELIVERED,  # a reversal of it came first, and stands
    (State.DELIVERING, Declined): Event.GIVEN_TO_PERSON,
    (State.DELIVERING, KeyConflict): Event.GIVEN_TO_PERSON,
    (State.REPEATING, Approved): Event.DELIVERED,
    (State.REPEATING, Reversed): Event.DELIVERED,
    (State.REPEATING, Declined): Event.GIVEN_TO_PERSON,  # value was taken at the terminal, the core did not book it
    (State.REPEATING, KeyConflict): Event.GIVEN_TO_PERSON,
    (State.HELD, Declined): Event.DELIVERED,
    (State.HELD, Reversed): Event.DELIVERED,
    (State.HELD, Approved): Event.GIVEN_TO_PERSON,  # booked, and the terminal was told doubt
}
# Answers that will not change by themselves: after `head_tries_max` of them the head goes to a person and frees its chain.
STUBBORN: frozenset[tuple[State, str]] = frozenset(
    {
        (State.REPEATING, "not-found"),
        (State.HELD, "not-found"),
        (State.UNDOING, "invalid"),
        (State.PART_UNDONE, "invalid"),
        (State.UNDONE, "invalid"),
        (State.DELIVERING, "invalid"),
        (State.REPEATING, "invalid"),
        (State.DELIVERING, "superseded"),
        (State.PART_UNDONE, "superseded"),
        (State.UNDONE, "superseded"),
        (State.UNDOING, "key-conflict"),
        (State.PART_UNDONE, "key-conflict"),
        (State.UNDONE, "key-conflict"),
        (State.DELIVERING, "key-conflict"),
    }
)


class SafLimits(msgspec.Struct, frozen=True):
    inflight_count_max: int = 64  # owed calls at once
    call_timeout_ms: int = 4_000
    retry_first_ms: int = 500
    retry_max_ms: int = 30_000
    head_tries_max: int = 20


class Saf:
    def __init__(
        self,
        register: Register,
        core: Core,
        permit: Callable[[], Permit | None],
        timers: Timers,
        chance: Random,
        limits: SafLimits,
        on_settled: Callable[[Open, Answer], None],
    ) -> None:
        self._register = register
        self._core = core
        self._permit = permit
        self._timers = timers
        self._chance = chance
        self._limits = limits
        self._on_settled = on_settled
        self._chains: dict[str, deque[Open]] = {}
        self._due: deque[Open] = deque()
        self._inflight = 0
        self._stopped = False

    @property
    def owed_count(self) -> int:
        return sum(len(chain) for chain in self._chains.values())

    def oldest_recorded_ms(self) -> int | None:
        """Wall time at which the oldest owed message was recorded."""
        return min((entry.recorded_ms for chain in self._chains.values() for entry in chain), default=None)

    def owe(self, entry: Open) -> None:
        """From now on `entry` is driven until the core confirms or a person takes it."""
        chain = self._chains.setdefault(entry.chain, deque())
        chain.append(entry)
        if len(chain) == 1:
            self._make_due(entry)

    def withdraw(self, entry: Open) -> None:
        """Stop driving `entry`: something else has taken its place."""
        entry.cancel_call()
        self._leave(entry)

    def hurry(self, entry: Open) -> None:
        """Try now instead of at the end of the back-off: its secrets are here again."""
        if entry.retry is not None:
            entry.retry.cancel()
            self._make_due(entry)

    def stop(self) -> None:
        """No further call: the relay is ending or fenced. What is owed stays on disk."""
        self._stopped = True

    # ---- one try -----------------------------------------------------------------------------------------------------
    def _make_due(self, entry: Open) -> None:
        entry.retry = None
        self._due.append(entry)
        self._pump()

    def _pump(self) -> None:
        while self._due and self._inflight < self._limits.inflight_count_max and not self._stopped:
            entry = self._due.popleft()
            chain = self._chains.get(entry.chain)
            if chain is None or chain[0] is not entry:
                continue  # withdrawn meanwhile
            permit = self._permit()
            if permit is None:
                self._retry_later(entry)
            else:
                self._try(entry, permit)

    def _try(self, entry: Open, permit: Permit) -> None:
        self._inflight += 1
        entry.serial += 1
        entry.epoch = permit.epoch
        done = partial(self._answered, entry, entry.serial)
        attempt = self._register.attempt(entry)
        timeout_ms = self._limits.call_timeout_ms
        serial = entry.serial
        request = entry.request
        if entry.state in (State.UNDOING, State.PART_UNDONE, State.UNDONE):
            call = self._core.undo(entry.key, entry.standing_minor, entry.currency, attempt, True, permit, timeout_ms, done)
        elif request.message_class is MessageClass.REVERSAL:
            key = request.original_key or request.key
            call = self._core.undo(key, entry.standing_minor, entry.currency, attempt, False, permit, timeout_ms, done)
        elif entry.state is State.HELD or not entry.has_body:
            call = self._core.inquire(entry.key, attempt, permit, timeout_ms, done)
        else:
            if entry.tries and not request.repeat:
                request = entry.request = msgspec.structs.replace(request, repeat=True)
            call = self._core.submit(request, attempt, permit, timeout_ms, done)
        if entry.serial == serial:
            entry.call = call

    def _answered(self, entry: Open, serial: int, answer: Answer) -> None:
        self._inflight -= 1
        if entry.serial == serial:
            entry.serial += 1
            entry.call = None
            self._judge(entry, answer)
        self._pump()

    def _judge(self, entry: Open, answer: Answer) -> None:
        entry.tries += 1
        kind: type = type(answer)
        if isinstance(answer, Declined) and answer.reason == "reversed":
            kind = Reversed
        event = CONCLUSIONS.get((entry.state, kind))
        why = _reason(answer)
        if event is None and (entry.state, why) in STUBBORN and entry.tries >= self._limits.head_tries_max:
            event = Event.GIVEN_TO_PERSON
        if event is None:
            # One line in the history, for the first try; the count goes on in the exchange's own row.
            detail = why if entry.tries == 1 else ""
            self._register.note(entry, Event.OUTCOME_UNKNOWN, detail=detail, tries=entry.tries, history=entry.tries == 1)
            self._retry_later(entry)
            return
        if (entry.state, kind) == (State.HELD, Approved) and _is_told_nothing(entry):
            event = Event.DELIVERED  # after a restart, its terminal waits here and hears that it was booked
        if not self._register.move(entry, event):
            return
        if event is Event.GIVEN_TO_PERSON:
            log.warning("exchange given to a person", exchange_id=entry.exchange_id, kind=entry.request.kind, why=why)
        self._record(entry, answer, event, why)

    def _record(self, entry: Open, answer: Answer, event: Event, why: str) -> None:
        self._register.write(
            entry,
            event,
            partial(self._settled, entry, answer, event, why),
            outcome=evidence.pack(answer),
            tries=entry.tries,
            detail=why if event is Event.GIVEN_TO_PERSON else "",
        )

    def _settled(self, entry: Open, answer: Answer, event: Event, why: str, result: StepResult) -> None:
        self._leave(entry)
        if result is None:
            self._on_settled(entry, answer)
            self._register.forget_if_closed(entry)
        elif not self._stopped:
            # A full disk: on it the duty is still open, and memory must not forget what nobody has written down.
            self._timers.after(self._limits.retry_max_ms, partial(self._record, entry, answer, event, why))

    def _leave(self, entry: Open) -> None:
        if entry.retry is not None:
            entry.retry.cancel()
            entry.retry = None
        chain = self._chains.get(entry.chain)
        if chain is None or entry not in chain:
            return
        was_head = chain[0] is entry
        chain.remove(entry)
        if not chain:
            del self._chains[entry.chain]
        elif was_head:
            self._make_due(chain[0])

    def _retry_later(self, entry: Open) -> None:
        limits = self._limits
        ceiling_ms = min(limits.retry_max_ms, limits.retry_first_ms << min(entry.tries, 16))
        delay_ms = max(1, int(ceiling_ms * (0.5 + 0.5 * self._chance.random())))
        entry.retry = self._timers.after(delay_ms, partial(self._make_due, entry))


def _is_told_nothing(entry: Open) -> bool:
    return entry.intent is None and not entry.withdrawn and entry.link is not None and entry.link.is_open


def _reason(answer: Answer) -> str:
    if isinstance(answer, NotProcessed):
        return answer.reason
    if isinstance(answer, NotFound):
        return "not-found"
    if isinstance(answer, Superseded):
        return "superseded"
    if isinstance(answer, Declined):
        return f"declined: {answer.reason}"
    if isinstance(answer, KeyConflict):
        return "the core holds this key with another body"
    if isinstance(answer, Approved):
        return "approved"
    if isinstance(answer, (Undone, Reversed)):
        return "reversed"
    return answer.why
