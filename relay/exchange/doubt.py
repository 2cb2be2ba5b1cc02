"""Doubt: asked, no answer known. From the first silence to the deadline, and what is owed afterwards.

Owns the inquiries before the reply deadline, the decision at the deadline (with the reply intent "doubt" in the same record),
withdrawal by the terminal's own reversal, completions, and messages that come again after a restart. It must never know a
wire. The traps: "not found" ends nothing, it only allows the same key to be asked once more in the same epoch before the
deadline; and after the deadline an outcome is never replied where the terminal was told "doubt".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

import msgspec

from protocols.vocabulary import (
    Answer,
    Approved,
    Declined,
    DoubtPolicy,
    MessageClass,
    Refusal,
    Reply,
    Request,
    Verdict,
)
from relay.clock import Timers
from relay.core.port import Core, Finding, NotFound, Permit, Reversed
from relay.core.retry import backoff_ms
from relay.exchange.byhand import ByHand
from relay.exchange.exchange import DEADLINE_EVENT, Event, State
from relay.exchange.hub import Hub
from relay.exchange.ports import LinkPort
from relay.exchange.register import Open, deliver_stored, rebuild
from relay.exchange.turns import Turns
from relay.journal.port import JournalFailed, StepResult
from relay.journal.records import Intent, Step, StoredExchange, StoredState, without_secrets
from relay.telemetry.log import get_log

log = get_log("doubt")

WITHDRAWABLE = frozenset({State.RECORDED, State.ASKED, State.IN_DOUBT, State.REPEATING, State.HELD, State.AWAITING_COMPLETION})


class DoubtLimits(msgspec.Struct, frozen=True):
    inquiry_first_ms: int = 500
    inquiry_max_ms: int = 4_000
    inquiry_inflight_count_max: int = 32  # before the deadline, at once; who is owed something is bounded in saf.py
    resubmit_count_max: int = 3  # the same key again, same epoch, before the deadline


class Doubt:
    def __init__(
        self,
        desk: Hub,
        core: Core,
        permit: Callable[[], Permit | None],
        timers: Timers,
        limits: DoubtLimits,
        call_timeout_ms: int,
        chance: Random,
    ) -> None:
        self._desk = desk
        self._core = core
        self._permit = permit
        self._timers = timers
        self._limits = limits
        self._call_timeout_ms = call_timeout_ms
        self._chance = chance
        self.turns = Turns(limits.inquiry_inflight_count_max)
        self.by_hand = ByHand(desk.register, desk.saf, timers)

    # ---- before the deadline -----------------------------------------------------------------------------------------
    def begin(self, entry: Open, why: str, event: Event = Event.OUTCOME_UNKNOWN) -> None:
        """The call ended without the core's own word; or none can be made here, and the other center may have made one."""
        entry.attempts_unknown += 1
        self._desk.register.move(entry, event)
        self._inquire_later(entry)

    def _inquire_later(self, entry: Open) -> None:
        limits = self._limits
        entry.tries += 1
        delay_ms = backoff_ms(entry.tries, limits.inquiry_first_ms, limits.inquiry_max_ms, self._chance)
        entry.retry = self._timers.after(delay_ms, partial(self._inquire, entry))

    def _inquire(self, entry: Open) -> None:
        entry.retry = None
        if entry.state is not State.IN_DOUBT or self.turns.has_to_wait(partial(self._inquire, entry)):
            return
        permit = self._permit()
        if permit is None:
            self._inquire_later(entry)
            return
        entry.serial += 1
        serial = entry.serial
        remaining_ms = max(1, entry.deadline_ms - self._desk.register.clock.monotonic_ms())
        call = self._core.inquire(
            entry.key,
            self._desk.register.attempt(entry),
            permit,
            min(self._call_timeout_ms, remaining_ms),
            self.turns.take(partial(self._found, entry, serial)),
        )
        if entry.serial == serial:
            entry.call = call

    def _found(self, entry: Open, serial: int, finding: Finding) -> None:
        if entry.serial != serial:
            return
        entry.serial += 1
        entry.call = None
        if isinstance(finding, (Approved, Declined)):
            self._desk.known(entry, finding)
        elif isinstance(finding, Reversed):
            self._desk.known(entry, Declined(reason="reversed"))
        elif isinstance(finding, NotFound) and self._may_ask_again(entry):
            self._ask_again(entry)
        else:
            self._inquire_later(entry)

    def _may_ask_again(self, entry: Open) -> bool:
        permit = self._permit()
        return entry.resubmits < self._limits.resubmit_count_max and permit is not None and permit.epoch == entry.epoch

    def _ask_again(self, entry: Open) -> None:
        permit = self._permit()
        if permit is None:
            return
        entry.resubmits += 1
        self._desk.register.move(entry, Event.CALL_REPEATED)
        self._desk.start_call(entry, permit, self._desk.register.clock.monotonic_ms())

    # ---- at the deadline ---------------------------------------------------------------------------------------------
    def deadline_passed(self, entry: Open) -> None:
        """The terminal waited long enough: never approved after this (law 3)."""
        entry.deadline = None
        if entry.state is State.RECORDED and entry.may_be_elsewhere:
            self._desk.lanes.withdraw(entry)
            self._desk.register.move(entry, Event.ASKED_ELSEWHERE)
            self.give_up(entry, "reply deadline passed before it was asked here")
        elif entry.state is State.RECORDED:
            self._desk.lanes.withdraw(entry)
            self._desk.register.move(entry, Event.REFUSED_UNASKED)
            self._desk.answer(entry, Refusal.OVERLOADED)
        elif entry.state in (State.ASKED, State.IN_DOUBT):
            self.give_up(entry, "reply deadline passed")
        elif entry.link is not None and entry.state is not State.ANSWERED:
            self._reply_doubt(entry)

    def give_up(self, entry: Open, why: str) -> None:
        """End the wait in doubt: intent and what we owe in one record, then the reply, then the duty."""
        facts = entry.facts
        if facts is None:
            return
        entry.cancel_call()
        if entry.retry is not None:
            entry.retry.cancel()
            entry.retry = None
        event = DEADLINE_EVENT[entry.request.doubt_policy]
        if not self._desk.register.move(entry, event):
            return
        entry.tries = 0
        reply = self._doubt_reply(entry.message, facts.dialect.to_reply)
        self._desk.register.write(
            entry,
            event,
            partial(self._given_up, entry, reply),
            intent=Intent(reply.verdict, reply.code, reply.data),
            standing_minor=0 if entry.request.doubt_policy is DoubtPolicy.UNDO else None,
            tries=0,
            detail=why,
        )

    def intent_failed(self, entry: Open) -> None:
        """The reply could not be recorded, so none left. Before the deadline the core is asked again; after it, we give up."""
        if entry.deadline is None:
            self.give_up(entry, "the reply could not be recorded before the deadline")
        else:
            self._inquire_later(entry)

    def _given_up(self, entry: Open, reply: Reply, result: StepResult) -> None:
        # Where the journal failed nothing is replied; the duty is the same, for the disk still says "no reply left".
        if result is None:
            entry.intent = Intent(reply.verdict, reply.code, reply.data)
            self._desk.send(entry, reply, "doubt")
        else:
            entry.take_waiters()
        self._desk.end_wait(entry)
        if entry.state in (State.UNDOING, State.REPEATING, State.HELD):
            self._desk.saf.owe(entry)

    def _doubt_reply(self, message: object, to_reply: Callable[[object, Answer, int], Reply]) -> Reply:
        reply = to_reply(message, Refusal.IN_DOUBT, self._desk.register.clock.wall_ms())
        return reply if reply.verdict is Verdict.DOUBT else msgspec.structs.replace(reply, verdict=Verdict.DOUBT)

    # ---- the terminal's own reversal ---------------------------------------------------------------------------------
    def withdraw(self, entry: Open, by: int) -> None:
        """The terminal reversed `entry` itself, and that is durable as exchange `by`: it owes nothing and its waiters get no
        reply any more; who asks again is told that it is reversed."""
        if entry.state is State.OFFERED:
            return  # given to the journal after its reversal, which the journal will say when it is taken
        entry.withdrawn = True
        if entry.state not in WITHDRAWABLE:
            return
        entry.cancel_call()
        if entry.state is State.RECORDED:
            self._desk.lanes.withdraw(entry)
        elif entry.state in (State.REPEATING, State.HELD):
            self._desk.saf.withdraw(entry)
        entry.take_waiters()
        self._desk.register.move(entry, Event.WITHDRAWN)
        self._desk.register.note(entry, Event.WITHDRAWN, detail=f"by the terminal's reversal, exchange {by}")
        self._desk.end_wait(entry)
        self._desk.register.forget_if_closed(entry)

    def owed(self, entry: Open) -> None:
        """An advice or reversal is durable: what it changes for its original, then its own way to the core."""
        original = self._desk.register.by_key.get(entry.request.original_key or "")
        if original is not None and original is not entry:
            if entry.request.message_class is MessageClass.REVERSAL and entry.standing_minor == 0:
                self.withdraw(original, by=entry.exchange_id)
            elif original.state is State.AWAITING_COMPLETION:
                self.complete(original, Event.EVIDENCE_CONFIRMED, None)
        elif original is None and entry.request.message_class is MessageClass.ADVICE and entry.request.original_key:
            self.late_evidence(entry.request.original_key, Event.EVIDENCE_CONFIRMED, None)
        self.by_hand.owe(entry)

    # ---- completions -------------------------------------------------------------------------------------------------
    def await_completion(self, entry: Open, deadline_ms: int) -> None:
        entry.deadline = self._timers.after(deadline_ms, partial(self.complete, entry, Event.EVIDENCE_MISSING, None))

    def complete(
        self, entry: Open, event: Event, standing_minor: int | None, detail: str = "", *, is_only_word: bool = False
    ) -> None:
        """Evidence about an exchange that awaits its completion, or the end of the wait for it. `detail`: what was said;
        `is_only_word`: no message of the terminal's tells the core the same."""
        amount = entry.request.amount
        if event is Event.EVIDENCE_PART and amount is not None and (standing_minor or 0) >= amount.minor:
            # A dialect that has forgotten the amount says "part" of what was paid: the whole is no part, more proves nothing.
            is_whole = standing_minor == amount.minor
            event, standing_minor = (Event.EVIDENCE_CONFIRMED if is_whole else Event.EVIDENCE_MISSING), None
        if event is Event.EVIDENCE_CONFIRMED and is_only_word and 0 < entry.epoch < self._desk.register.journal.epoch:
            # Nobody asked the new region for what still waited when its epoch began, and it may never have heard of it.
            event = Event.EVIDENCE_CONFIRMED_ANEW
        if entry.state not in (State.AWAITING_COMPLETION, State.UNPROVEN) or not self._desk.register.move(entry, event):
            return
        entry.cancel_timers()
        entry.standing_minor = standing_minor or 0
        self._record_completion(entry, event, detail)

    def _record_completion(self, entry: Open, event: Event, detail: str) -> None:
        entry.retry = None
        self._desk.register.write(
            entry,
            event,
            partial(self._completed, entry, event, detail),
            standing_minor=entry.standing_minor if entry.state in (State.PART_UNDONE, State.UNDONE) else None,
            detail=detail,
        )

    def late_evidence(
        self, key: str, event: Event, standing_minor: int | None, detail: str = "", *, is_only_word: bool = False
    ) -> None:
        """Evidence about an exchange that is not open: one that went to the person's list without it is closed by it, and what
        proves nothing is kept for the person."""
        register = self._desk.register

        def found(stored: StoredExchange | JournalFailed | None) -> None:
            if (
                isinstance(stored, StoredExchange)
                and stored.state is StoredState.UNPROVEN
                and stored.taken.request
                and key not in register.by_key
                and key not in register.resolving
            ):
                entry = register.by_key[key] = rebuild(stored, register.clock.monotonic_ms())
                self.complete(entry, event, standing_minor, detail, is_only_word=is_only_word)
            else:
                self._desk.counters.duplicate("", "evidence-unmatched")

        register.journal.find(key, found)

    def _completed(self, entry: Open, event: Event, detail: str, result: StepResult) -> None:
        if result is not None:  # a full disk: evidence comes once, so it is kept here until it can be written
            record = partial(self._record_completion, entry, event, detail)
            entry.retry = self._timers.after(self._limits.inquiry_max_ms, record)
            return
        if entry.state is State.DELIVERING:
            entry.request = msgspec.structs.replace(without_secrets(entry.request), repeat=True)
            deliver_stored(entry)
        if entry.state in (State.DELIVERING, State.PART_UNDONE, State.UNDONE):
            self.by_hand.owe(entry)
        self._desk.register.forget_if_closed(entry)

    # ---- the same message again, after a restart ---------------------------------------------------------------------
    def asked_again(self, entry: Open, request: Request, message: object, link: LinkPort) -> None:
        """A recovered exchange of which no reply is known, and its terminal is back. An undo is under way: doubt, at once. A
        repeat or hold: the terminal waits with us until its deadline, and a repeat has its secrets again."""
        entry.message, entry.link, entry.facts = message, link, link.listener
        entry.opened_ms = self._desk.register.clock.monotonic_ms()
        if entry.request.doubt_policy is DoubtPolicy.UNDO and entry.state is not State.HELD:
            self._reply_doubt(entry)
            return
        entry.deadline = self._timers.after(link.listener.reply_deadline_ms, partial(self.deadline_passed, entry))
        self.adopt(entry, request)

    def adopt(self, entry: Open, request: Request) -> None:
        """A recovered repeat has lost its secrets; its terminal just sent them again, so it may be posted again."""
        if entry.state is State.REPEATING and not entry.has_body:
            entry.request = request
            entry.has_body = True
            self._desk.saf.hurry(entry)

    def tell_reversed(self, entry: Open, message: object, link: LinkPort) -> None:
        """The terminal reversed it, and asks again: declined, whatever was decided before."""
        if entry.state is State.ANSWERED:  # an intent is on its way to disk; a second one must not overtake it
            self._desk.refuse_unrecorded(message, link, Refusal.IN_PROGRESS)
            return
        register = self._desk.register
        reply = link.listener.dialect.to_reply(message, Refusal.REVERSED, register.clock.wall_ms())
        if entry.intent is not None:
            link.reply(message, reply)
            return
        intent = Intent(reply.verdict, reply.code, reply.data)

        def durable(result: StepResult) -> None:
            if result is None:
                entry.intent = intent
                link.reply(message, reply)

        register.write(entry, Event.INTENT_DURABLE, durable, intent=intent)

    def _reply_doubt(self, entry: Open) -> None:
        if entry.facts is None:
            return
        reply = self._doubt_reply(entry.message, entry.facts.dialect.to_reply)
        self._intend(entry, reply, "doubt")

    def tell_waiters(self, entry: Open, answer: Answer) -> None:
        """A recovered exchange is settled while its terminal waits, inside its deadline, and was told nothing."""
        if entry.link is None or entry.facts is None or entry.intent is not None or entry.withdrawn:
            return
        if isinstance(answer, Approved) and (entry.request.needs_completion or entry.state is State.LISTED):
            # Closed: nobody would wait for the completion, or list it when none comes. Listed: a person decides now, and takes
            # it for one whose terminal heard no approval.
            answer = Refusal.IN_DOUBT
        reply = entry.facts.dialect.to_reply(entry.message, answer, self._desk.register.clock.wall_ms())
        self._intend(entry, reply, reply.verdict.value, answer)

    def _intend(self, entry: Open, reply: Reply, ending: str, answer: Answer | None = None) -> None:
        """`answer`: counted among the refusals where it is one, once it is told."""
        intent = Intent(reply.verdict, reply.code, reply.data)

        def durable(result: StepResult) -> None:
            if result is None and entry.intent is None:
                entry.intent = intent
                self._desk.counters.decided(entry.facts, answer)
                self._desk.send(entry, reply, ending)

        self._desk.register.write(entry, Event.INTENT_DURABLE, durable, intent=intent)

    def intend_late(self, stored: StoredExchange, reply: Reply, send: Callable[[], object]) -> None:
        """A closed exchange that never had an intent gets one now; then, and only then, `send`."""
        register = self._desk.register

        def durable(result: StepResult) -> None:
            if result is None:
                send()

        register.journal.step(
            Step(
                exchange_id=stored.taken.exchange_id,
                event=Event.INTENT_DURABLE.name,
                state=stored.state,
                at_ms=register.clock.wall_ms(),
                intent=Intent(reply.verdict, reply.code, reply.data),
                detail="the same message again, after the exchange was closed",
            ),
            durable,
        )
