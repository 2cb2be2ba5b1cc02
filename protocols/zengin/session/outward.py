"""The sending half of a line: a telegram gets its numbers, becomes durable, leaves once, and waits for its logical ACK.

Owns the offer in hand, the line's own telegrams that wait, and the wait for each ACK (t3). It must never read a telegram
from the center. The traps: numbers are given and stored in one write before the first byte, and never given again, so a
crash costs a number and never a double; no ACK in time means *unknown*, which is asked about (照会) and never sent again by
itself; and an id that is offered again or asked about after a crash is answered from the stored state, where "never left"
needs more than that it is not found there: that nothing of its time can have been forgotten.

Source: one outstanding information message per LCN and direction, t3 and the NAK rule [S2][S3]; 照会 by itself [P].
"""

from __future__ import annotations

from collections import deque

import msgspec

from protocols.dialect import Action, Delivery, Note, OutboundOffered, OutboundQuestioned, Send, Timer
from protocols.errors import LocalMisuse
from protocols.zengin.session.line import Line, State
from protocols.zengin.session.message import DeliveryMessage, Information
from protocols.zengin.session.state import Intent
from protocols.zengin.session.stores import Then, nothing
from protocols.zengin.telegram.message import CONTROL, ENQUIRY, Business, Control, Head, Telegram, code_of
from protocols.zengin.telegram.outbound import make

ACK = "ack-"  # and the LCN
HOLD = "hold"
HOLD_MS_MAX = 60_000  # an offer in hand goes back after so long, well before whoever offered it gives it up
OWN_COUNT_MAX = 1_000  # telegrams of the line's own that wait


class _Said(msgspec.Struct, frozen=True):
    """One of the line's own that waits for its LCN. `then` runs when it has left."""

    telegram: Telegram
    lcn: int
    then: Then


class Sending:
    __slots__ = ("_acked", "_enquired", "_giving", "_line", "_offered", "_own")

    def __init__(self, line: Line) -> None:
        self._line = line
        self._offered: OutboundOffered | None = None
        self._own: deque[_Said] = deque()
        self._giving: set[int] = set()  # LCNs whose next message is being stored
        self._acked: dict[int, int] = {}  # LCN -> number of the last ACK that was matched
        self._enquired: set[tuple[str, int]] = set()  # (取組日, 発信通番) asked about on this link

    @property
    def is_idle(self) -> bool:
        return not self._giving and not any(intent.state == "sent" for intent in self._line.outward.open)

    @property
    def is_settled(self) -> bool:
        """Nothing waits, and of nothing of today the fate is unknown."""
        outward = self._line.outward
        return not self._own and self.is_idle and not any(i.date == outward.day and i.id for i in outward.open)

    def begin(self) -> None:
        """A new 開局 on this connection: what the line itself wanted to say before it is of another time."""
        self._own.clear()
        self._enquired.clear()

    # ---- what is to be sent --------------------------------------------------------------------------------------------
    def offer(self, event: OutboundOffered, now_ms: int, actions: list[Action]) -> None:
        """The head of the core's queue for this line."""
        outward = self._line.outward
        known = next((i for i in outward.open if i.id == event.id), None)
        ended = next((e for e in outward.ended if e.id == event.id), None)
        unknown_count = sum(1 for i in outward.open if i.id and i.state == "unknown" and i.date == outward.day)
        if known is not None:
            detail = "offered again; it may have left"
            actions.append(Delivery(event.id, known.state, detail))
        elif ended is not None:
            actions.append(Delivery(event.id, ended.state, ended.detail))
        elif self._offered is not None and self._offered.id != event.id:
            actions.append(Delivery(event.id, "deferred", "another one is being sent"))
        elif self._line.state is not State.OPEN or self._line.draining:
            actions.append(Delivery(event.id, "deferred", f"the line is {self._line.state.name}"))
        elif unknown_count >= self._line.rules.profile.session.unknown_count_max:
            actions.append(Note("unknown-limit", str(unknown_count)))
            actions.append(Delivery(event.id, "deferred", f"{unknown_count} telegrams of unknown delivery"))
        else:
            self._offered = event
            self.pump(now_ms, actions)
            if self._offered is not None:
                actions.append(Timer(HOLD, min(HOLD_MS_MAX, self._line.rules.profile.timers.ack_wait_ms * 2)))

    def question(self, event: OutboundQuestioned, actions: list[Action]) -> None:
        """The relay died with a message in its hand: was it ever given a number here?"""
        outward = self._line.outward
        ended = next((e for e in outward.ended if e.id == event.id), None)
        if ended is not None:
            actions.append(Delivery(event.id, ended.state, ended.detail))
        elif outward.never_began(event.id, event.order):
            actions.append(Delivery(event.id, "unsent", "the relay ended before it was given a number; it waits again"))
        else:
            actions.append(Delivery(event.id, "unknown", "the relay ended before its logical ACK"))

    def say(self, telegram: Telegram, now_ms: int, actions: list[Action], lcn: int | None = None, then: Then = nothing) -> None:
        """A telegram of the line's own, sent as soon as its LCN is free; `lcn` where it is not that of its kind. `then` runs
        when it has left."""
        if len(self._own) >= OWN_COUNT_MAX:
            actions.append(Note("own-telegrams-limit", code_of(telegram)))
            return
        self._own.append(_Said(telegram, self._lcn(telegram) if lcn is None else lcn, then))
        self.pump(now_ms, actions)

    def is_to_say(self, telegram: Telegram) -> bool:
        """Does this very telegram wait for its LCN?"""
        return any(said.telegram == telegram for said in self._own)

    def enquire(self, intents: list[Intent], now_ms: int, actions: list[Action]) -> None:
        """照会 for telegrams of unknown delivery, once per link each, and behind the telegram on its own LCN: on another
        one the center might answer "not here" before it has read the telegram itself."""
        for intent in intents:
            about = (intent.date, intent.serial)
            if intent.id and intent.serial and about not in self._enquired:
                self._enquired.add(about)
                enquiry = self._line.rules.enquiry(self._line.outward.day, intent.serial, intent.date)
                is_in_use = intent.lcn in self._line.rules.profile.line.lcns  # the settings may be others by now
                self.say(enquiry, now_ms, actions, intent.lcn if is_in_use else None)

    def pump(self, now_ms: int, actions: list[Action]) -> None:
        """Start whatever may start now: the line's own first."""
        line = self._line
        if line.released or not (line.carries or line.state is State.CLOSED):
            return
        for _ in range(len(self._own)):  # round once: what has to wait keeps its order, and no LCN waits for another
            said = self._own.popleft()
            if not line.carries and not isinstance(said.telegram, Control):
                continue  # after 閉局 only what belongs to it
            if self._is_free(said.lcn):
                self._start("", said.telegram, said.lcn, now_ms, actions, said.then)
            else:
                self._own.append(said)
        offered = self._offered
        if offered is None:
            return
        if line.state is not State.OPEN or line.draining:
            self._offered = None
            actions.append(Delivery(offered.id, "deferred", f"the line is {line.state.name}"))
            return
        self._start_offered(offered, now_ms, actions)

    def _start_offered(self, offered: OutboundOffered, now_ms: int, actions: list[Action]) -> None:
        rules = self._line.rules
        try:
            telegram = make(offered.kind, offered.body, self._line.outward.day, rules.sender, rules.gate.reference)
        except LocalMisuse as problem:
            self._offered = None
            self._fail(offered.id, str(problem), actions)
            return
        lcn = self._lcn(telegram)
        if self._is_free(lcn):
            self._offered = None
            self._start(offered.id, telegram, lcn, now_ms, actions, order=offered.order)

    def _fail(self, id: str, why: str, actions: list[Action]) -> None:
        actions.append(Note("outward-refused", why))
        if id:
            actions.append(Delivery(id, "failed", why))

    def _lcn(self, telegram: Telegram) -> int:
        return self._line.rules.lcn_for(code_of(telegram), telegram.head.subject)

    def _is_free(self, lcn: int) -> bool:
        """One outstanding message per LCN and direction."""
        return lcn not in self._giving and not any(i.lcn == lcn and i.state == "sent" for i in self._line.outward.open)

    # ---- leaving -------------------------------------------------------------------------------------------------------
    def _start(
        self,
        id: str,
        telegram: Telegram,
        lcn: int,
        now_ms: int,
        actions: list[Action],
        then: Then = nothing,
        order: int = 0,
    ) -> None:
        line, rules = self._line, self._line.rules
        outward = line.outward
        if line.is_superseded:
            self._fail(id, f"a later holder of the line has given numbers under token {outward.token}", actions)
            return
        serial = 0
        if not isinstance(telegram, Control):
            serial = max(outward.serial, rules.profile.telegram.serial_first - 1) + 1
            if serial > rules.profile.telegram.serial_last:
                self._fail(id, "the 発信通番 of this line are used up for the day", actions)
                return
        sequence = rules.codec.after(outward.sequences.get(lcn, 0))
        head = msgspec.structs.replace(telegram.head, serial=serial, sent_at=rules.sent_at())
        try:
            written = rules.telegrams.encode(_with_head(telegram, head))
            data = rules.codec.encode(Information(rules.path(lcn), sequence, written))
        except LocalMisuse as problem:
            self._fail(id, str(problem), actions)
            return
        intent = Intent(
            id=id,
            order=order,
            telegram=code_of(telegram),
            subject=head.subject,
            lcn=lcn,
            sequence=sequence,
            date=outward.day,
            serial=serial,
            amount=0 if isinstance(telegram, Control) else telegram.details.amount,
        )
        self._giving.add(lcn)

        def go(now_ms: int, actions: list[Action]) -> None:
            self._giving.discard(lcn)
            if id:
                actions.append(Delivery(id, "sent"))
            actions.append(Send(data))
            actions.append(Timer(f"{ACK}{lcn}", rules.profile.timers.ack_wait_ms))
            then(now_ms, actions)

        line.keep_outward(outward.begun(intent), actions, go)

    # ---- what became of it -----------------------------------------------------------------------------------------------
    def delivered(self, message: DeliveryMessage, now_ms: int, actions: list[Action]) -> None:
        """A logical ACK or NAK."""
        line = self._line
        lcn, sequence = message.path.lcn, message.sequence
        intent = line.outward.find(lcn, sequence)
        if intent is None or (lcn in self._giving and line.outward.sequences.get(lcn) == sequence):
            if message.is_ack and self._acked.get(lcn) == sequence:
                actions.append(Note("ack-repeated", f"LCN {lcn:02} {sequence}"))
            else:
                line.alarm("ack-unmatched", f"LCN {lcn:02} {sequence}", actions)
                line.release("ack-unmatched", actions)
            return
        if intent.state == "sent":  # a late word about an older one does not end the wait for what is under way now
            actions.append(Timer(f"{ACK}{lcn}", None))
        if message.is_ack:
            self._acked[lcn] = sequence
            self._settle(intent, "acknowledged", "", actions)
        else:
            line.alarm("nak-received", f"LCN {lcn:02} {sequence}", actions)
            self._settle(intent, "failed", "the center answered with a logical NAK", actions, release="nak-received")
        self.pump(now_ms, actions)

    def ack_missed(self, lcn: int, now_ms: int, actions: list[Action]) -> None:
        """t3 fired."""
        late = tuple(i for i in self._line.outward.open if i.lcn == lcn and i.state == "sent")
        if lcn in self._giving:
            return
        self.doubt(late, "no logical ACK in time", now_ms, actions)
        if self._line.state in (State.OPEN, State.PRE_CLOSE):
            self.enquire(list(late), now_ms, actions)
        self.pump(now_ms, actions)

    def doubt(self, intents: tuple[Intent, ...], why: str, now_ms: int, actions: list[Action]) -> None:
        """Their delivery is unknown from now on. Control telegrams carry no money: those are given up."""
        line = self._line
        for intent in intents:
            if intent.telegram == CONTROL:
                self._settle(intent, "failed", why, actions)
        doubted = tuple(i for i in intents if i.telegram != CONTROL)
        if not doubted:
            return

        def tell(now_ms: int, actions: list[Action]) -> None:
            for intent in doubted:
                line.alarm("delivery-unknown", f"発信通番 {intent.serial} of {intent.date}: {why}", actions)
                if intent.id:
                    actions.append(Delivery(intent.id, "unknown", why))

        line.keep_outward(line.outward.doubted(doubted), actions, tell)

    def agreed(self, lcn: int, received: int, actions: list[Action]) -> None:
        """At 開局 the center named the last number that it really received: up to there everything has arrived, whatever
        became of its ACK. What it did not name now is never again proven by a number, because later ones go past it."""
        line, ahead = self._line, self._line.rules.codec.ahead
        open_here = [i for i in line.outward.open if (i.lcn, i.date, i.denied) == (lcn, line.outward.day, False)]
        for intent in open_here:
            if ahead(intent.sequence, received) <= 0:
                self._settle(intent, "acknowledged", "named as received at 開局", actions)
            elif not intent.id:  # an enquiry of ours that never arrived; it will be made again
                self._settle(intent, "failed", "not named at 開局", actions)
        unnamed = tuple(i for i in open_here if i.id and ahead(i.sequence, received) > 0)
        if unnamed:
            line.keep_outward(line.outward.denied(unnamed), actions)

    def go_on_after_another(self, lcn: int, received: int, actions: list[Action]) -> None:
        """At 開局 the center named a number that another relay center gave. It proves nothing about ours, now or later: what is
        open stays unknown and is asked about by its 発信通番, which no other center has."""
        line = self._line
        here = [i for i in line.outward.open if (i.lcn, i.date) == (lcn, line.outward.day)]
        for intent in here:
            if not intent.id:
                self._settle(intent, "failed", "the line was another relay center's meanwhile", actions)
        ours = tuple(i for i in here if i.id)
        last = line.outward.sequences.get(lcn, 0)
        following = received if line.rules.codec.ahead(received, last) > 0 else last
        line.keep_outward(line.outward.denied(ours).going_on_after(lcn, following), actions)

    def answered(self, head: Head, now_ms: int, actions: list[Action]) -> None:
        """回答: the result code says what became of one of ours. Only the center's own word counts, not that of another
        bank."""
        telegram = self._line.rules.profile.telegram
        if head.from_bank != telegram.center_bank:
            return
        about = (head.original_date, head.original_serial)
        found = next((i for i in self._line.outward.open if (i.date, i.serial) == about and i.state == "unknown"), None)
        if found is None:
            return
        if head.result == telegram.result_processed:
            self._settle(found, "acknowledged", "回答: processed", actions)
        elif head.result == telegram.result_not_received:
            self._settle(found, "failed", "回答: the center does not hold it", actions)
        else:
            self._line.alarm("enquiry-undecided", f"発信通番 {found.serial}: 結果コード {head.result}", actions)

    def _settle(self, intent: Intent, state: str, detail: str, actions: list[Action], release: str = "") -> None:
        """Close it. `release` gives the line back afterwards: which number comes next is agreed on at the next 開局."""
        counts = state == "acknowledged" and intent.telegram != CONTROL

        def tell(now_ms: int, actions: list[Action]) -> None:
            if intent.id:
                actions.append(Delivery(intent.id, state, detail))
            if release:
                self._line.release(release, actions)

        self._line.keep_outward(self._line.outward.settled(intent, state, detail, counts=counts), actions, tell)

    def tell_again(self, actions: list[Action]) -> None:
        """How deliveries ended lately, once more: whoever was to hear it may have died between the disk and the word."""
        actions += [Delivery(ended.id, ended.state, ended.detail) for ended in self._line.outward.ended]

    def give_back(self, why: str, actions: list[Action]) -> None:
        """What is only in hand has not left, and goes back: the connection is gone, or its turn does not come."""
        offered, self._offered = self._offered, None
        if offered is not None:
            actions.append(Delivery(offered.id, "deferred", why))

    def unknown(self) -> list[Intent]:
        """Of today or before: to be asked about once the line is open."""
        return [i for i in self._line.outward.open if i.state == "unknown" and i.telegram != ENQUIRY]


def _with_head(telegram: Telegram, head: Head) -> Telegram:
    if isinstance(telegram, Control):
        return Control(head, telegram.figures)
    business: Business = telegram
    return type(business)(head, business.details)
