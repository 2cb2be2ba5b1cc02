"""Store and forward: what is owed to the core, driven until it confirms, in order per key chain.

Owns the chains (original, completion, reversal of one key) and their retries with jittered back-off. What an answer means for a
duty is a table, `CONCLUSIONS`; a combination that is not in it is tried again, until its time is over and a person gets it. It
must never know a link: whoever waits for an outcome is told by `on_settled`. The traps: a chain waits only for its own head,
and what is tried again never takes the last places for calls, so neither a refused message nor a thousand slow ones block
another key; a silent core counts as a try; and a request whose secrets are gone (after a restart) is inquired, never posted
again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from random import Random

import msgspec

from protocols.vocabulary import Approved, Declined, DoubtPolicy, KeyConflict, MessageClass, NotProcessed, Outcome, Unknown
from relay.clock import Timers
from relay.core.port import Core, Finding, Ground, NotFound, Permit, Reversed, Superseded, Undone, UndoOutcome
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
    (State.HELD, Superseded): Event.DELIVERED,  # adopted, and its terminal has asked the other center since
    (State.REPEATING, Superseded): Event.DELIVERED,
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
        (State.UNDOING, "contested"),  # the other attempt's relay may say yet that it told nobody
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
    valid_ms: int = 259_200_000  # from its recording (or a person's retry); then a person gets it

    @property
    def again_count_max(self) -> int:
        """Of the calls at once, the most for what was tried before: the rest is for what is new."""
        return max(1, self.inflight_count_max - max(1, self.inflight_count_max // 4))

    @property
    def again_count_min(self) -> int:
        """Of the calls at once, those that what was tried before gets before anything new."""
        return self.inflight_count_max // 4


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
        self._due: deque[Open] = deque()  # never tried in this life
        self._due_again: deque[Open] = deque()
        self._inflight = 0
        self._inflight_again = 0
        self._stopped = False
        self.looked_at_count = 0  # durable and owed, while byhand.py reads what a person decided about their chains
        self.holds: Callable[[Open], bool] = lambda entry: False  # who asks an original's fate first (relay/tails.py)

    @property
    def owed_count(self) -> int:
        return self.looked_at_count + sum(len(chain) for chain in self._chains.values())

    def oldest_since_ms(self) -> int | None:
        """Wall time since which the oldest message is owed: its recording, or when a person or reconciliation reopened it."""
        return min((entry.owed_since_ms for chain in self._chains.values() for entry in chain), default=None)

    def entries(self) -> Iterator[Open]:
        """Everything that is owed, chain by chain in their order."""
        return (entry for chain in self._chains.values() for entry in chain)

    def is_head(self, entry: Open) -> bool:
        """Whether it is its chain's turn: what waits behind another one of its key is not tried."""
        chain = self._chains.get(entry.chain)
        return chain is not None and chain[0] is entry

    def is_owed(self, entry: Open) -> bool:
        return entry in self._chains.get(entry.chain, ())

    def has_chain(self, chain: str) -> bool:
        """Whether anything of one key is owed here."""
        return chain in self._chains

    def owe(self, entry: Open) -> None:
        """From now on `entry` is driven until the core confirms or a person takes it."""
        chain = self._chains.setdefault(entry.chain, deque())
        if chain and entry.key == entry.chain != chain[0].key:  # the original was reopened behind what follows it
            head = chain[0]
            chain.appendleft(entry)
            head.cancel_call()
            if head.retry is not None:
                head.retry.cancel()
                head.retry = None
        else:
            chain.append(entry)
        if chain[0] is entry:
            self._make_due(entry)

    def withdraw(self, entry: Open) -> None:
        """Stop driving `entry`: something else has taken its place."""
        entry.cancel_call()
        self._leave(entry)

    def give(self, entry: Open, why: str) -> None:
        """A person gets `entry`, owed or about to be, instead of the core; of one chain the last first, so that none is tried
        on the way. A call that is under way counts for nothing."""
        self.withdraw(entry)
        if self._register.move(entry, Event.GIVEN_TO_PERSON):
            _log_given(entry, "a person decided about its chain")
            self._record(entry, None, Event.GIVEN_TO_PERSON, why)

    def hurry(self, entry: Open) -> None:
        """Try now instead of at the end of the back-off: its secrets are here again, or a person wants it."""
        if entry.retry is not None:
            entry.retry.cancel()
            self._make_due(entry)

    def stop(self) -> None:
        """No further call: the relay is ending or fenced. What is owed stays on disk."""
        self._stopped = True

    # ---- one try -----------------------------------------------------------------------------------------------------
    def _make_due(self, entry: Open) -> None:
        entry.retry = None
        (self._due_again if entry.tries else self._due).append(entry)
        self._pump()

    def _next_due(self) -> tuple[Open, bool] | None:
        """Whose turn it is, and whether it is tried again. Neither the new nor the old can take all places."""
        limits = self._limits
        if self._stopped or self._inflight >= limits.inflight_count_max:
            return None
        again_max = limits.again_count_min if self._due else limits.again_count_max
        if self._due_again and self._inflight_again < again_max:
            return self._due_again.popleft(), True
        return (self._due.popleft(), False) if self._due else None

    def _pump(self) -> None:
        while (due := self._next_due()) is not None:
            entry, is_again = due
            if not self.is_head(entry) or entry.call is not None or entry.retry is not None:
                continue  # withdrawn meanwhile, or it stands here twice
            permit = self._permit()
            if permit is not None and self.holds(entry):
                self._retry_later(entry)
            elif permit is not None:
                self._try(entry, permit, is_again)
            elif not self._expire(entry, "the core could not be asked", None):
                self._retry_later(entry)

    def _try(self, entry: Open, permit: Permit, is_again: bool) -> None:
        self._inflight += 1
        self._inflight_again += is_again
        entry.serial += 1
        entry.epoch = permit.epoch
        done = partial(self._answered, entry, entry.serial, is_again)
        attempt = self._register.attempt(entry)
        timeout_ms = self._limits.call_timeout_ms
        serial = entry.serial
        request = entry.request
        if entry.state in (State.UNDOING, State.PART_UNDONE, State.UNDONE):
            # What is UNDOING told nobody an approval, in no life (law 1). The core cannot see that by itself.
            ground = Ground.UNTOLD if entry.state is State.UNDOING else Ground.EVIDENCE
            call = self._core.undo(entry.key, entry.standing_minor, entry.currency, attempt, ground, permit, timeout_ms, done)
        elif request.message_class is MessageClass.REVERSAL:
            key = request.original_key or request.key
            ground = Ground.TERMINAL
            call = self._core.undo(key, entry.standing_minor, entry.currency, attempt, ground, permit, timeout_ms, done)
        elif entry.state is State.HELD or not entry.has_body:
            call = self._core.inquire(entry.key, attempt, permit, timeout_ms, done)
        else:
            if entry.tries and not request.repeat:
                request = entry.request = msgspec.structs.replace(request, repeat=True)
            call = self._core.submit(request, attempt, permit, timeout_ms, done)
        if entry.serial == serial:
            entry.call = call

    def _answered(self, entry: Open, serial: int, is_again: bool, answer: Answer) -> None:
        self._inflight -= 1
        self._inflight_again -= is_again
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
        why = entry.why = _reason(answer)
        if (entry.state, kind) == (State.DELIVERING, Reversed) and _is_undone_elsewhere(entry):
            event = Event.GIVEN_TO_PERSON
        if event is None and (entry.state, why) in STUBBORN and entry.tries >= self._limits.head_tries_max:
            event = Event.GIVEN_TO_PERSON
        if event is None and self._expire(entry, why, answer):
            return
        if event is None:
            # One line in the history, for the first try; the count goes on in the exchange's own row.
            detail = why if entry.tries == 1 else ""
            self._register.note(entry, Event.OUTCOME_UNKNOWN, detail=detail, tries=entry.tries, history=entry.tries == 1)
            self._retry_later(entry)
            return
        is_held = (entry.state, kind) == (State.HELD, Approved) and not entry.request.needs_completion
        if is_held and _is_told_nothing(entry):
            event = Event.DELIVERED  # after a restart, its terminal waits here and hears that it was booked
            entry.end_wait()  # decided: at its deadline it must not hear "in doubt" beside this
        if not self._register.move(entry, event):
            return
        if event is Event.GIVEN_TO_PERSON:
            _log_given(entry, why)
        self._record(entry, answer, event, why)

    def _expire(self, entry: Open, why: str, answer: Answer | None) -> bool:
        """It is owed for too long: a person gets it, with the last reason, and its chain goes on. False where it is not."""
        if self._register.clock.wall_ms() - entry.owed_since_ms < self._limits.valid_ms:
            return False
        if self._register.move(entry, Event.GIVEN_TO_PERSON):
            reason = f"expired: {why}"
            _log_given(entry, reason)
            self._record(entry, answer, Event.GIVEN_TO_PERSON, reason)
        return True

    def _record(self, entry: Open, answer: Answer | None, event: Event, why: str) -> None:
        entry.given = why if event is Event.GIVEN_TO_PERSON else ""
        self._register.write(
            entry,
            event,
            partial(self._settled, entry, answer, event, why),
            outcome=None if answer is None else evidence.pack(answer),
            tries=entry.tries,
        )

    def _settled(self, entry: Open, answer: Answer | None, event: Event, why: str, result: StepResult) -> None:
        self._leave(entry)
        if result is None:
            entry.given = ""
            self._on_settled(entry, Unknown(why=why) if answer is None else answer)
            self._register.forget_if_closed(entry)
        elif not self._stopped and _is_held(entry, answer):
            entry.state = State.HELD  # as it is on the disk: whoever waited hears nothing, and it is looked at anew
            entry.take_waiters()
            self._timers.after(self._limits.retry_max_ms, partial(self._hold_again, entry))
        elif not self._stopped:
            # A full disk: on it the duty is still open, and memory must not forget what nobody has written down.
            self._timers.after(self._limits.retry_max_ms, partial(self._record, entry, answer, event, why))

    def _hold_again(self, entry: Open) -> None:
        if entry.state is State.HELD and not self._stopped and not self.is_owed(entry):
            self.owe(entry)

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


def _log_given(entry: Open, why: str) -> None:
    log.warning("exchange given to a person", exchange_id=entry.exchange_id, kind=entry.request.kind, why=why)


def _is_undone_elsewhere(entry: Open) -> bool:
    """Told approved, and not reversed here by its terminal: another center did it, perhaps by itself, and found nothing."""
    return entry.was_question and not entry.withdrawn and entry.request.doubt_policy is DoubtPolicy.UNDO


def _is_held(entry: Open, answer: Answer | None) -> bool:
    """Settled because its terminal was to hear the approval; nobody is to be told it later than that."""
    is_question = entry.request.message_class is MessageClass.FINANCIAL and entry.request.doubt_policy is not DoubtPolicy.REPEAT
    return is_question and entry.state is State.SETTLED and isinstance(answer, Approved)


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
