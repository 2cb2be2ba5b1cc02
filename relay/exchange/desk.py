"""The desk: one message in, one exchange opened; at its end one reply, or a duty that outlives the link.

Owns the way of a message from `open` to `reply`, on one screen each: the door (`open`), what is durable (`_taken`), the call
(`_start_call`, `_outcome`), the answer (`_answer`, `_intent_durable`). Doubt is in doubt.py, what is owed in saf.py, the
states in exchange.py. It must never know HTTP, SQL or a dialect's bytes. The traps: every refusal of a financial message
passes the journal too, because it may repeat one that was approved; and nothing is replied from memory that is not on disk.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from protocols.vocabulary import (
    TAKEN,
    Answer,
    Approved,
    Declined,
    DoubtPolicy,
    KeyConflict,
    MessageClass,
    NotProcessed,
    Outcome,
    Received,
    Refusal,
    Reply,
    Request,
    Unknown,
    Verdict,
)
from relay.clock import Clock, Timers
from relay.core.port import Core, Permit, Reversed, Undone
from relay.exchange import evidence
from relay.exchange.acknowledging import Acknowledging
from relay.exchange.counters import Counters
from relay.exchange.doubt import Doubt
from relay.exchange.elsewhere import AskOther, nobody_else
from relay.exchange.exchange import EVIDENCE_EVENT, IN_FLIGHT, Event, State
from relay.exchange.gate import REFUSAL_OF, Gate
from relay.exchange.limits import DeskLimits
from relay.exchange.ports import LinkPort, ListenerFacts
from relay.exchange.register import Open, Register, record_of
from relay.exchange.repeats import Elsewhere, Repeats
from relay.exchange.saf import Answer as SafAnswer
from relay.exchange.saf import Saf
from relay.exchange.traffic import Traffic
from relay.journal.acks import alone
from relay.journal.port import Existing, Journal, JournalFailed, JournalState, StepResult, TakeResult
from relay.journal.records import Intent, StoredState, without_secrets
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

log = get_log("desk")


class Desk:
    def __init__(
        self,
        journal: Journal,
        core: Core,
        permit: Callable[[], Permit | None],
        clock: Clock,
        timers: Timers,
        metrics: Metrics,
        chance: Random,
        center: str,
        limits: DeskLimits,
        is_sealed: Callable[[], bool] = bool,
    ) -> None:
        self._journal = journal
        self._core = core
        self._permit = permit
        self._clock = clock
        self._timers = timers
        self._limits = limits
        self.counters = Counters(metrics)
        self.register = Register(journal, clock, metrics, center)
        self.traffic = Traffic(limits, journal.fingerprint, metrics)
        self.target, self.lanes = self.traffic.target, self.traffic.lanes
        self.saf = Saf(self.register, core, permit, timers, chance, limits.saf, self._owed_settled)
        self.doubt = Doubt(self, core, permit, timers, limits.doubt, limits.call_timeout_ms, chance)
        self.repeats = Repeats(self)
        self.acks = Acknowledging(self, timers, alone(clock, metrics))
        self.place: Callable[[Open], None] = self.doubt.owed
        self.is_loose: Callable[[Open], bool] = lambda entry: False
        self.inflight = 0
        self.gate = Gate(permit, is_sealed)
        self.is_in_pair = False  # set by whoever has another center: a repeat that is new here may have been taken there
        self.ask_other: AskOther = nobody_else
        self._fenced = False
        self._pumping = False

    # ---- the door ----------------------------------------------------------------------------------------------------
    def open(self, message: object, link: LinkPort) -> None:
        """One message arrived on `link`. Its answer goes back by `link.reply`, now or later, or never (law 1)."""
        facts = link.listener
        wall_ms = self._clock.wall_ms()
        request = facts.dialect.to_request(message, Received(wall_ms, facts.name, facts.realm, facts.channel))
        if isinstance(request, Refusal):
            self.refuse_unrecorded(message, link, request)
        elif facts.terminals and request.terminal not in facts.terminals:
            self.refuse_unrecorded(message, link, Refusal.UNKNOWN_TERMINAL)
        elif self.is_in_pair and request.repeat and request.message_class is MessageClass.FINANCIAL:
            self.ask_other(request.key, partial(self._open, request, message, link, wall_ms))
        else:
            self._open(request, message, link, wall_ms, False)

    def _open(self, request: Request, message: object, link: LinkPort, wall_ms: int, is_reversed: bool) -> None:
        """`is_reversed`: the other center has acknowledged its reversal, and on that record this answer rests."""
        if self._fenced:
            return
        if is_reversed:
            self.counters.duplicate(link.listener.name, "reversed-elsewhere")
            self.refuse_unrecorded(message, link, Refusal.REVERSED)
            return
        facts = link.listener
        fingerprint = self._journal.fingerprint(request.fingerprint_text.reveal())
        entry = self.register.by_key.get(request.key)
        if entry is not None:
            self.repeats.join(entry, request, fingerprint, message, link)
        elif not self._may_record() or self.acks.refuses(request) or self.repeats.was_refused(request, facts):
            self.repeats.look_up_without_journal(request, fingerprint, message, link)
        else:
            self._record(request, fingerprint, message, link, wall_ms)

    def _record(self, request: Request, fingerprint: bytes, message: object, link: LinkPort, wall_ms: int) -> None:
        facts = link.listener
        journal = self._journal
        now_ms = self._clock.monotonic_ms()
        entry = Open(
            journal.next_exchange_id(), request, fingerprint, journal.incarnation, facts, message, link, now_ms, wall_ms
        )
        answer: Answer | None
        if request.message_class is MessageClass.FINANCIAL:
            entry.deadline_ms = now_ms + facts.reply_deadline_ms
            entry.may_be_elsewhere = self.is_in_pair and request.repeat
            answer = self._gate(entry, link, facts, now_ms)
            state = StoredState.RECORDED if answer is None or entry.may_be_elsewhere else StoredState.REFUSED
        else:
            entry.request = request = without_secrets(request)  # the same from the first delivery to the last
            answer = TAKEN
            state = StoredState.DELIVERING
        reply = None if answer is None or entry.may_be_elsewhere else facts.dialect.to_reply(message, answer, wall_ms)
        self.register.by_key[request.key] = entry
        intent = None if reply is None else Intent(reply.verdict, reply.code, reply.data)
        taken = record_of(entry, facts.name, state, intent, is_loose=self.is_loose(entry))
        journal.take(taken, partial(self._taken, entry, answer, reply))

    def _gate(self, entry: Open, link: LinkPort, facts: ListenerFacts, now_ms: int) -> Refusal | None:
        """Why a new financial message is refused before it is asked, or None."""
        if link.is_draining:
            return Refusal.DRAINING
        shut = self.gate.refusal(entry.request, facts.name, entry.recorded_ms)
        if shut is not None:
            return shut
        return Refusal.OVERLOADED if self.traffic.refuses(entry, facts, facts.reply_deadline_ms, now_ms) else None

    def _may_record(self) -> bool:
        journal = self._journal
        return journal.state is JournalState.WRITABLE and journal.waiting_count() < self._limits.journal_waiting_count_max

    # ---- durable -----------------------------------------------------------------------------------------------------
    def _taken(self, entry: Open, answer: Answer | None, reply: Reply | None, result: TakeResult) -> None:
        if isinstance(result, Existing):
            self.repeats.replace_by_stored(entry, result.exchange)
        elif isinstance(result, JournalFailed):
            self._not_taken(entry)
        elif reply is None:
            self.register.move(entry, Event.REQUEST_DURABLE)
            if result.reversed_by:  # its own reversal overtook it
                self.register.move(entry, Event.REFUSED_UNASKED)
                self.answer(entry, Refusal.REVERSED)
                return
            now_ms = self._clock.monotonic_ms()
            remaining_ms = max(1, entry.deadline_ms - now_ms)
            entry.deadline = self._timers.after(remaining_ms, partial(self.doubt.deadline_passed, entry))
            if isinstance(answer, Refusal):  # a "no" could deny what the other center was told
                self.doubt.begin(entry, answer.value, Event.ASKED_ELSEWHERE)
                return
            self.traffic.offer(entry, now_ms)
            self.pump(now_ms)
        elif answer is TAKEN:
            self.register.move(entry, Event.OWED_DURABLE)
            self.acks.taken(entry, reply)
            self.place(entry)
        else:
            self.register.move(entry, Event.REFUSED_AT_DOOR)
            self.counters.decided(entry.facts, answer)
            self.send(entry, reply, "refused")
            self.register.forget_if_closed(entry)

    def _not_taken(self, entry: Open) -> None:
        """The journal did not take it: nothing was asked, nothing is owed (law 6). It may repeat one that was taken before."""
        self.register.by_key.pop(entry.key, None)
        entry.cancel_timers()
        for message, link in entry.take_waiters():
            self.repeats.look_up_without_journal(entry.request, entry.fingerprint, message, link)

    # ---- the call ----------------------------------------------------------------------------------------------------
    def pump(self, now_ms: int) -> None:
        """Start calls while the core's target allows. Not re-entered: a call may end before it returns."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while self.inflight < self.target.target:
                entry = self.traffic.take_next(now_ms)
                if entry is None:
                    break
                entry.in_lane = True
                self._ask(entry, now_ms)
        finally:
            self._pumping = False

    def _ask(self, entry: Open, now_ms: int) -> None:
        permit = self._permit()
        if permit is not None and entry.deadline_ms - now_ms >= self._limits.lanes.margin_ms:
            self.register.move(entry, Event.CALL_STARTED)
            self.start_call(entry, permit, now_ms)
        elif entry.may_be_elsewhere:
            self.doubt.begin(entry, "not asked here", Event.ASKED_ELSEWHERE)
        else:
            self.register.move(entry, Event.REFUSED_UNASKED)
            self.answer(entry, Refusal.CORE_UNREACHABLE if permit is None else Refusal.OVERLOADED)

    def start_call(self, entry: Open, permit: Permit, now_ms: int) -> None:
        """POST it. The entry is ASKED already; doubt.py uses this too, for the same key in the same epoch."""
        self.inflight += 1
        self.traffic.started(entry)
        entry.serial += 1
        serial = entry.serial
        entry.epoch = permit.epoch
        entry.started_ms = now_ms
        timeout_ms = min(self._limits.call_timeout_ms, max(1, entry.deadline_ms - now_ms))
        call = self._core.submit(
            entry.request, self.register.attempt(entry), permit, timeout_ms, partial(self._outcome, entry, serial)
        )
        if entry.serial == serial and entry.state is State.ASKED:
            entry.call = call

    def _outcome(self, entry: Open, serial: int, outcome: Outcome) -> None:
        now_ms = self._clock.monotonic_ms()
        is_silent = isinstance(outcome, Unknown) or (isinstance(outcome, NotProcessed) and outcome.reason == "overloaded")
        self.traffic.ended(entry, is_silent, self.inflight, now_ms)
        self.inflight -= 1
        if entry.serial == serial:
            entry.serial += 1
            entry.call = None
            self._judge(entry, outcome)
        if self.lanes.waiting_count:
            self.pump(now_ms)

    def _judge(self, entry: Open, outcome: Outcome) -> None:
        if isinstance(outcome, (Approved, Declined)):
            self.known(entry, outcome)
        elif isinstance(outcome, Unknown) or (
            isinstance(outcome, NotProcessed) and (entry.attempts_unknown or entry.may_be_elsewhere)
        ):
            # "Not processed" speaks of this call only; an earlier one of the same key, or the other center's, may still come.
            self.doubt.begin(entry, outcome.why if isinstance(outcome, Unknown) else outcome.reason)
        elif isinstance(outcome, KeyConflict):
            log.error("the core holds this key with another body", exchange_id=entry.exchange_id, key=entry.key)
            self.known(entry, Refusal.KEY_CONFLICT)
        else:
            self.known(entry, REFUSAL_OF.get(outcome.reason, Refusal.CORE_UNREACHABLE))

    def known(self, entry: Open, answer: Answer) -> None:
        """The core's own word is here, by call or by inquiry."""
        if isinstance(answer, Approved) and not self._may_be_told(entry):
            self.doubt.give_up(entry, "approved, but the terminal's link is gone")
        else:
            self.register.move(entry, Event.OUTCOME_KNOWN)
            self.answer(entry, answer)

    def _may_be_told(self, entry: Open) -> bool:
        """An approval nobody can receive is better undone at once: no reply left, so the undo is allowed (law 1)."""
        if entry.request.doubt_policy is not DoubtPolicy.UNDO:
            return True
        if entry.facts is not None and entry.facts.dialect.answers_on_new_link:
            return True
        others = entry.others or ()
        return (entry.link is not None and entry.link.is_open) or any(link.is_open for _, link in others)

    # ---- the answer --------------------------------------------------------------------------------------------------
    def answer(self, entry: Open, answer: Answer) -> None:
        """The reply is decided: its intent on its way to disk (state ANSWERED)."""
        if entry.facts is None:
            raise RuntimeError("an exchange without a link has nobody to answer")
        self.counters.decided(entry.facts, answer)
        if answer is Refusal.OVERLOADED and not entry.epoch:  # never asked
            self.traffic.expired(entry, self._clock.monotonic_ms())
        reply = entry.facts.dialect.to_reply(entry.message, answer, self._clock.wall_ms())
        intent = Intent(reply.verdict, reply.code, reply.data)
        awaits = reply.verdict is Verdict.APPROVE and entry.request.needs_completion
        self.register.write(
            entry,
            Event.INTENT_DURABLE,
            partial(self._intent_durable, entry, reply, intent, awaits),
            stored=StoredState.AWAITING_COMPLETION if awaits else StoredState.ANSWERED,
            intent=intent,
            outcome=evidence.pack_part(entry.request, answer),
            history=entry.attempts_unknown > 0,
        )

    def _intent_durable(self, entry: Open, reply: Reply, intent: Intent, awaits: bool, result: StepResult) -> None:
        if result is not None:
            self.register.move(entry, Event.INTENT_FAILED)
            self.doubt.intent_failed(entry)
            return
        if not self.acks.may_leave(entry, partial(self._intent_durable, entry, reply, intent, awaits, None)):
            return
        self.register.move(entry, Event.INTENT_DURABLE_COMPLETION_AWAITED if awaits else Event.INTENT_DURABLE)
        entry.intent = intent
        if entry.withdrawn:
            entry.take_waiters()
        self.send(entry, reply, reply.verdict.value)
        self.end_wait(entry)
        if awaits and entry.withdrawn:
            self.register.move(entry, Event.WITHDRAWN)
            self.register.note(entry, Event.WITHDRAWN, detail="reversed by the terminal before the reply left")
        elif awaits:
            self.doubt.await_completion(entry, self._limits.completion_deadline_ms)
        self.register.forget_if_closed(entry)

    def send(self, entry: Open, reply: Reply, ending: str) -> None:
        """The intent is on disk: everybody who waits gets the reply."""
        waiters = entry.take_waiters()
        if entry.facts is not None:
            self.counters.ended(entry.facts.name, ending, self._clock.monotonic_ms() - entry.opened_ms)
        if len(waiters) > 1:  # a closed link would pass its reply to the terminal's new one, which has a waiter of its own
            waiters = [waiter for waiter in waiters if waiter[1].is_open] or waiters[-1:]
        for message, link in waiters:
            link.reply(message, reply)

    def end_wait(self, entry: Open) -> None:
        """The terminal has its reply (or will not get one): its deadline ends, its next message may go."""
        if entry.deadline is not None:
            entry.deadline.cancel()
            entry.deadline = None
        if entry.in_lane:
            entry.in_lane = False
            self.lanes.finish(entry.lane)
            if self.lanes.waiting_count:
                self.pump(self._clock.monotonic_ms())

    # ---- refused without a record ------------------------------------------------------------------------------------
    def refuse_unrecorded(self, message: object, link: LinkPort, refusal: Refusal) -> None:
        """Answer with the dialect's code; nothing was asked, nothing is on disk."""
        facts = link.listener
        self.counters.refused(facts.name, refusal)
        link.reply(message, facts.dialect.to_reply(message, refusal, self._clock.wall_ms()))

    # ---- afterwards --------------------------------------------------------------------------------------------------
    def _owed_settled(self, entry: Open, answer: SafAnswer) -> None:
        if self.acks.settled(entry):
            return
        if isinstance(answer, (Approved, Declined)):
            self.doubt.tell_waiters(entry, answer)
        else:
            self.doubt.tell_waiters(entry, Refusal.REVERSED if isinstance(answer, (Reversed, Undone)) else Refusal.IN_DOUBT)

    def evidence(self, key: str, verdict: str, standing_minor: int | None, detail: str = "") -> None:
        """What a terminal says about an exchange that awaits it, or that was listed for want of it. Else it is only counted."""
        entry, event = self.register.by_key.get(key), EVIDENCE_EVENT[verdict]
        if entry is None:
            self.doubt.late_evidence(key, event, standing_minor, detail, is_only_word=True)
        elif entry.state is State.AWAITING_COMPLETION:
            self.doubt.complete(entry, event, standing_minor, detail, is_only_word=True)
        else:
            self.counters.duplicate("", "evidence-unmatched")

    def link_closed(self, link: LinkPort) -> None:
        """Nothing to do: an answer finds the link closed when it is decided."""

    def join(self, elsewhere: Elsewhere) -> None:
        """There are other workers: what is owed is placed first, and what they have open is known from the journal."""
        self.place, self.is_loose, self.repeats.elsewhere = elsewhere.place, elsewhere.is_loose, elsewhere

    # ---- for the daemon ----------------------------------------------------------------------------------------------
    def drain(self) -> None:
        """From now on new financial messages are refused; those in flight go on."""
        self.gate.is_draining = True

    @property
    def inflight_count(self) -> int:
        """Exchanges somebody waits for."""
        return sum(1 for entry in self.register.by_key.values() if entry.state in IN_FLIGHT)

    def fence(self) -> None:
        """The journal failed: no further call, no further reply. The next incarnation resolves what is open (law 6)."""
        self._fenced = True
        self.acks.stop()
        self.saf.stop()
        for entry in list(self.register.by_key.values()):
            entry.cancel_timers()
            entry.cancel_call()
            entry.take_waiters()
