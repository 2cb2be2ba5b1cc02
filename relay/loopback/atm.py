"""The mind of one fake ATM: what happened in, what to do out. Pure; the fleet and the simulation both drive it.

Owns the session (sign-on, echo, reconnect), the one act at a time, repeats, and the reversal that follows a silence; checks
every reply against what it asked, and writes the books when notes move. It must never know a socket or a clock. The traps:
notes go out only on an approval in time, and the books say so at that instant; cash put in is in the books *before* the
question goes out, and comes back only on an explicit no; "in progress" and "I do not know" are neither yes nor no; and a
deposit about which nobody said a word may be on no disk at all, so the ATM asks about it until it has one, while it serves on.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from enum import Enum

from protocols.iso8583.message import IsoMessage
from relay.loopback import slips
from relay.loopback.atmtotals import DayCount, StatedTotals
from relay.loopback.books import Act, Books, Fate
from relay.loopback.customers import Order
from relay.loopback.deeds import AtmPolicy, Connect, Deed, HangUp, Ready, Say, Wake
from relay.loopback.tally import Tally

APPROVED = frozenset({"00", "10"})
IN_PROGRESS, IN_DOUBT = "09", "68"
REVERSAL_TAKEN = frozenset({"00", "25"})  # accepted; or there is nothing to reverse
LINK_TIMERS = ("sign-on", "echo", "reversal", "wordless")
TRACE_MAX = 999_999
WORDLESS_MAX = 8  # deposits that wait for a word; with so many it takes no customer
REMEMBERED_ACTS = 32  # concluded acts whose late or double replies are still recognised


class AtmState(Enum):
    OFFLINE = "offline"
    SIGNING_ON = "signing-on"
    READY = "ready"
    STOPPED = "stopped"


class _Asked:
    """One act under way or lately concluded."""

    __slots__ = ("act", "approval", "code", "deadline_ms", "message", "order", "repeats", "tries")

    def __init__(self, act: Act, order: Order, message: IsoMessage, deadline_ms: float, repeats: bool) -> None:
        self.act = act
        self.order = order
        self.message = message
        self.deadline_ms = deadline_ms
        self.repeats = repeats
        self.tries = 1
        self.code = ""  # DE 39 once answered
        self.approval = ""


class AtmMind:
    """`wall_offset_ms` added to `now_ms` is UTC epoch milliseconds. `first_trace` is this terminal's first number today."""

    def __init__(
        self,
        terminal: str,
        books: Books,
        tally: Tally,
        policy: AtmPolicy,
        chance: random.Random,
        wall_offset_ms: float,
        first_trace: int = 1,
        calendar: slips.Calendar | None = None,
    ) -> None:
        self.terminal = terminal
        self.state = AtmState.OFFLINE
        self._books = books
        self._tally = tally
        self._policy = policy
        self._chance = chance
        self._wall_offset_ms = wall_offset_ms
        self._trace = (first_trace - 1) % TRACE_MAX
        self._calendar = slips.Calendar(policy.utc_offset_minutes, policy.day_offset_minutes) if calendar is None else calendar
        self._current: _Asked | None = None
        self._reversal: IsoMessage | None = None  # owed; while there is one, no customer is served
        self._reversed: _Asked | None = None
        self._recent: deque[_Asked] = deque(maxlen=REMEMBERED_ACTS)
        self._wordless: dict[str, _Asked] = {}  # trace -> deposit that was given up without a word
        self._network: dict[str, IsoMessage] = {}
        self._failures = 0
        self._heard_ms = 0.0
        self._count = DayCount(policy.totals_off_minor)
        self._totals = StatedTotals(terminal, self._count, policy, tally)

    @property
    def is_free(self) -> bool:
        is_owing = self._reversal is not None or len(self._wordless) >= WORDLESS_MAX
        return self.state is AtmState.READY and self._current is None and not is_owing

    @property
    def is_settled(self) -> bool:
        """Nothing is asked, neither a reversal nor the day's totals are owed, and every deposit has its word."""
        return self._current is None and self._reversal is None and not self._totals.is_owed and not self._wordless

    # ---- the link --------------------------------------------------------------------------------------------------------
    def link_opened(self, now_ms: float) -> Sequence[Deed]:
        self._tally.links_opened += 1
        self.state = AtmState.SIGNING_ON
        self._network.clear()
        return [self._manage(slips.SIGN_ON, now_ms), Wake("sign-on", self._policy.sign_on_timeout_ms)]

    def link_failed(self, now_ms: float) -> Sequence[Deed]:
        """A connection attempt came to nothing."""
        self._tally.links_failed += 1
        return self._back_off()

    def link_closed(self, now_ms: float) -> Sequence[Deed]:
        if self.state is AtmState.STOPPED:
            return []
        self._tally.links_lost += 1
        self.state = AtmState.OFFLINE
        return [*(Wake(name, None) for name in LINK_TIMERS), *self._back_off()]

    def stop(self, now_ms: float) -> Sequence[Deed]:
        """Sign off and hang up."""
        was_ready = self.state is AtmState.READY
        self.state = AtmState.STOPPED
        deeds: list[Deed] = [Wake(name, None) for name in ("reply", "repeat", *LINK_TIMERS)]
        if was_ready:
            deeds.append(self._manage(slips.SIGN_OFF, now_ms))
        return [*deeds, HangUp("stopped")]

    def _back_off(self) -> Sequence[Deed]:
        if self.state is AtmState.STOPPED:
            return []
        ceiling = min(self._policy.reconnect_first_ms * 2**self._failures, self._policy.reconnect_max_ms)
        self._failures = min(self._failures + 1, 16)
        return [Connect(ceiling * (0.5 + self._chance.random() / 2))]

    # ---- customers -------------------------------------------------------------------------------------------------------
    def begin(self, order: Order, now_ms: float) -> Sequence[Deed]:
        """Serve a customer. Raises ValueError when the terminal is not free."""
        if not self.is_free:
            raise ValueError(f"terminal {self.terminal} is not free")
        trace = self._next_trace()
        account = order.card.pan.reveal()
        act = self._books.begin(self.terminal, trace, order.kind, account, order.amount_minor)
        if order.kind == "deposit":
            act.taken = order.amount_minor  # the notes are in before the question goes out
        pin_block = self._chance.randbytes(8)
        message = slips.request(self.terminal, trace, order, self._stamps(now_ms), pin_block)
        policy = self._policy
        repeats = self._chance.random() < policy.repeat_share
        self._current = _Asked(act, order, message, now_ms + policy.reply_timeout_ms, repeats)
        self._tally.requests += 1
        deeds: list[Deed] = [Say(message), Wake("reply", policy.reply_timeout_ms)]
        if repeats and policy.repeat_after_ms < policy.reply_timeout_ms:
            deeds.append(Wake("repeat", policy.repeat_after_ms))
        return deeds

    def state_totals(self, now_ms: float) -> Sequence[Deed]:
        """The end of the day: say what was counted, until that is answered."""
        if not self._totals.is_owed:
            self._totals.make(self._next_trace(), self._stamps(now_ms))
        return self._totals.say() if self.state is AtmState.READY else []

    # ---- timers ----------------------------------------------------------------------------------------------------------
    def timer_fired(self, name: str, now_ms: float) -> Sequence[Deed]:
        match name:
            case "sign-on":
                return [HangUp("no answer to the sign-on")] if self.state is AtmState.SIGNING_ON else []
            case "echo":
                return self._echo(now_ms)
            case "repeat":
                return self._repeat(now_ms) if self._current is not None and self.state is AtmState.READY else []
            case "reply":
                return self._out_of_time(now_ms)
            case "reversal":
                return self._repeat_reversal(now_ms)
            case "wordless":
                return self._ask_for_a_word(now_ms)
            case "totals" if self.state is AtmState.READY:
                return self._totals.repeat(self._stamps(now_ms))
        return []

    def _echo(self, now_ms: float) -> Sequence[Deed]:
        if self.state is not AtmState.READY:
            return []
        if self._network:
            return [HangUp("no answer to an echo")]
        silent_ms = now_ms - self._heard_ms
        if silent_ms < self._policy.echo_after_ms:
            return [Wake("echo", self._policy.echo_after_ms - silent_ms)]
        return [self._manage(slips.ECHO, now_ms), Wake("echo", self._policy.echo_after_ms)]

    def _repeat(self, now_ms: float) -> Sequence[Deed]:
        asked = self._current
        if asked is None:
            return []
        self._tally.repeats_sent += 1
        return [Say(slips.repeated(asked.message, self._stamps(now_ms)))]

    def _out_of_time(self, now_ms: float) -> Sequence[Deed]:
        asked = self._current
        if asked is None:
            return []
        if asked.order.kind == "deposit":
            if asked.tries < self._policy.deposit_tries_max:
                asked.tries += 1
                asked.deadline_ms = now_ms + self._policy.reply_timeout_ms
                deeds = list(self._repeat(now_ms)) if self.state is AtmState.READY else []
                return [*deeds, Wake("reply", self._policy.reply_timeout_ms)]
            self._tally.gave_up(asked.order.due_ms, now_ms)
            self._tally.unresolved_deposits += 1
            self._wordless[asked.act.trace] = asked
            return [*self._conclude(asked, Fate.UNRESOLVED), Wake("wordless", self._policy.reversal_repeat_ms)]
        self._tally.gave_up(asked.order.due_ms, now_ms)
        return self._owe_reversal(asked, now_ms)

    def _ask_for_a_word(self, now_ms: float) -> Sequence[Deed]:
        """The same messages again, whoever is served meanwhile: the key is theirs, so a word is all that they can get."""
        if not self._wordless or self.state is not AtmState.READY:
            return []
        self._tally.repeats_sent += len(self._wordless)
        again = [Say(slips.repeated(asked.message, self._stamps(now_ms))) for asked in self._wordless.values()]
        return [*again, Wake("wordless", self._policy.reversal_repeat_ms)]

    def _word(self, asked: _Asked, reply: IsoMessage, code: str) -> Sequence[Deed]:
        """The late word about a deposit: booked, or the branch gives the notes back, or the host itself will find out."""
        wrong = slips.mismatch(asked.message, reply)
        if wrong:
            self._tally.violation(f"{self.terminal}: {wrong}")
            return []
        was_free = self.is_free
        self._recent.append(self._wordless.pop(asked.act.trace))  # the word may come twice
        asked.code = code
        self._tally.late_replies += 1
        if code != IN_DOUBT:
            asked.act.fate = Fate.ANSWERED
            asked.act.returned = 0 if code in APPROVED else asked.act.amount
        self._count.did("deposit", asked.act.taken, not asked.act.returned)
        return [] if was_free or not self.is_free else [Ready()]

    # ---- reversals -------------------------------------------------------------------------------------------------------
    def _owe_reversal(self, asked: _Asked, now_ms: float) -> Sequence[Deed]:
        asked.act.fate = Fate.REVERSAL_OWED
        self._recent.append(asked)
        self._current, self._reversed = None, asked
        self._reversal = slips.reversal(asked.message, self._next_trace(), self._stamps(now_ms), asked.approval)
        self._tally.reversals_sent += 1
        deeds: list[Deed] = [Wake("reply", None), Wake("repeat", None)]
        if self.state is AtmState.READY:
            deeds += [Say(self._reversal), Wake("reversal", self._policy.reversal_repeat_ms)]
        return deeds

    def _repeat_reversal(self, now_ms: float) -> Sequence[Deed]:
        if self._reversal is None or self.state is not AtmState.READY:
            return []
        self._reversal = slips.repeated(self._reversal, self._stamps(now_ms))
        self._tally.repeats_sent += 1
        return [Say(self._reversal), Wake("reversal", self._policy.reversal_repeat_ms)]

    # ---- messages --------------------------------------------------------------------------------------------------------
    def received(self, message: IsoMessage, now_ms: float) -> Sequence[Deed]:
        self._heard_ms = now_ms
        mti = message.mti
        if mti == "0210":
            return self._answered(message, now_ms)
        if mti == "0430":
            return self._reversal_answered(message, now_ms)
        if mti == "0810":
            return self._managed(message, now_ms)
        if mti == "0510":
            return self._totals.answered(message)
        if mti[1] == "8" and message.is_request:
            self._books.tell(self.terminal, f"{_text(message, 70)}/{_text(message, 15)}")
            return [Say(slips.network_answer(message))]
        self._tally.violation(f"{self.terminal}: a message of type {mti}, which nobody asked for")
        return []

    def _answered(self, reply: IsoMessage, now_ms: float) -> Sequence[Deed]:
        asked = self._current
        trace = _text(reply, 11)
        if asked is None or asked.message.fields[11] != trace:
            return self._late(reply, trace)
        wrong = slips.mismatch(asked.message, reply)
        if wrong:
            self._tally.violation(f"{self.terminal}: {wrong}")
            return []
        code = _text(reply, 39)
        if code == IN_PROGRESS:
            return []  # neither yes nor no: the silence goes on
        asked.code = code
        asked.approval = _text(reply, 38)
        self._tally.ended(code, asked.order.due_ms, now_ms)
        act, kind, amount = asked.act, asked.order.kind, asked.order.amount_minor
        if code in APPROVED:
            self._count.did(kind, amount if code == "00" else int(_text(reply, 4)))
            if kind in ("withdrawal", "purchase"):
                act.paid = amount if code == "00" else int(_text(reply, 4))  # 10: less than was asked
            if kind == "withdrawal" and self._chance.random() < self._policy.not_taken_share:
                act.retracted = act.paid
                self._tally.not_taken += 1
                return self._owe_reversal(asked, now_ms)
        elif kind == "deposit":
            if code == IN_DOUBT:
                self._tally.unresolved_deposits += 1
                self._count.did("deposit", amount)
                return self._conclude(asked, Fate.UNRESOLVED)
            act.returned = amount
        return self._conclude(asked, Fate.ANSWERED)

    def _late(self, reply: IsoMessage, trace: str) -> Sequence[Deed]:
        """A 0210 for nothing that waits: the second copy of an answer, one after the timeout, or nobody's."""
        code = _text(reply, 39)
        wordless = self._wordless.get(trace)
        if wordless is not None:
            return [] if code == IN_PROGRESS else self._word(wordless, reply, code)
        for asked in self._recent:
            if asked.message.fields[11] != trace:
                continue
            if not asked.code:
                self._tally.late_replies += 1
                self._tally.late_approvals += code in APPROVED
            elif asked.code == code or code == IN_PROGRESS or asked.act.fate is not Fate.ANSWERED:
                self._tally.duplicate_replies += 1
            else:
                self._tally.violation(f"{self.terminal}: trace {trace} was answered {asked.code}, then {code}")
            return []
        self._tally.violation(f"{self.terminal}: a reply to trace {trace}, which nobody asked with")
        return []

    def _reversal_answered(self, reply: IsoMessage, now_ms: float) -> Sequence[Deed]:
        owed, asked = self._reversal, self._reversed
        if owed is None or asked is None or owed.fields[11] != reply.fields.get(11):
            self._tally.duplicate_replies += 1  # the second answer to a repeated reversal
            return []
        wrong = slips.mismatch(owed, reply)
        if wrong:
            self._tally.violation(f"{self.terminal}: {wrong}")
            return []
        if _text(reply, 39) not in REVERSAL_TAKEN:
            return []  # not taken over: the timer repeats it
        self._tally.reversals_acknowledged += 1
        asked.act.fate = Fate.REVERSED
        if asked.act.paid:
            self._count.took_back(asked.act.paid)
        self._reversal = self._reversed = None
        return [Wake("reversal", None), Ready()]

    def _managed(self, reply: IsoMessage, now_ms: float) -> Sequence[Deed]:
        asked = self._network.pop(_text(reply, 11), None)
        if asked is None:
            self._tally.violation(f"{self.terminal}: an 0810 that nobody asked for")
            return []
        wrong = slips.mismatch(asked, reply)
        if wrong:
            self._tally.violation(f"{self.terminal}: {wrong}")
            return []
        if asked.fields[70] != slips.SIGN_ON or self.state is not AtmState.SIGNING_ON:
            return []
        code = _text(reply, 39)
        if code != "00":
            return [HangUp(f"the sign-on was refused with {code}")]
        return self._signed_on(now_ms)

    def _signed_on(self, now_ms: float) -> Sequence[Deed]:
        self.state = AtmState.READY
        self._failures = 0
        self._tally.signed_on += 1
        timers = [Wake("sign-on", None), Wake("echo", self._policy.echo_after_ms or None)]
        deeds: list[Deed] = [*timers, *self._ask_for_a_word(now_ms), *self._totals.say()]
        if self._reversal is not None:
            return [*deeds, *self._repeat_reversal(now_ms)]
        if self._current is not None:
            # The link broke while we waited: ask again, or let the timeout decide.
            return [*deeds, *(self._repeat(now_ms) if self._current.repeats else ())]
        return [*deeds, Ready()]

    # ---- small parts -----------------------------------------------------------------------------------------------------
    def _conclude(self, asked: _Asked, fate: Fate) -> Sequence[Deed]:
        asked.act.fate = fate
        self._recent.append(asked)
        self._current = None
        deeds: list[Deed] = [Wake("reply", None), Wake("repeat", None)]
        return [*deeds, Ready()] if self.state is AtmState.READY else deeds

    def _manage(self, code: str, now_ms: float) -> Say:
        trace = self._next_trace()
        message = slips.network(self.terminal, trace, self._stamps(now_ms), code)
        self._network[trace] = message
        return Say(message)

    def _next_trace(self) -> str:
        self._trace = self._trace % TRACE_MAX + 1
        return f"{self._trace:06d}"

    def _stamps(self, now_ms: float) -> slips.Stamps:
        return self._calendar.stamps(now_ms + self._wall_offset_ms)


def _text(message: IsoMessage, number: int) -> str:
    value = message.fields.get(number, "")
    return value if isinstance(value, str) else value.hex()
