"""The business day of one link: 開局, 精査, 閉局, and what may be said in between.

Owns the state of session.py and the telegrams that move it. It must never take or answer a transaction. The traps: the day is
the terminal's, so a second link on the same day goes on with the same numbers; a day that was left open is told, and what it
left unproven is a person's; and 閉局 waits for the answers and the notes, never the other way round.
"""

from __future__ import annotations

from protocols.branch import codes
from protocols.branch.cash import COMPLETION, Cash
from protocols.branch.count import judge, stated
from protocols.branch.intake import Intake
from protocols.branch.keeper import Keeper
from protocols.branch.message import BranchMessage
from protocols.branch.notices import Notices
from protocols.branch.rules import LinkRules
from protocols.branch.session import TRANSITIONS, Moment, State
from protocols.dialect import Action, Identify, Note, Send, Tell, Timer
from protocols.machine import Unexpected, next_state
from protocols.vocabulary import Refusal

OPENING, COUNT = "opening", "count"


class Day:
    __slots__ = ("_cash", "_intake", "_keeper", "_notices", "_rules", "_told_up", "closing", "heard", "state")

    def __init__(self, rules: LinkRules, keeper: Keeper, intake: Intake, cash: Cash, notices: Notices) -> None:
        self._rules = rules
        self._keeper = keeper
        self._intake = intake
        self._cash = cash
        self._notices = notices
        self._told_up = False
        self.state = State.CONNECTED
        self.closing: BranchMessage | None = None  # 閉局要求 that waits for 精査
        self.heard: BranchMessage | None = None  # the 開局要求 of this link: whom our own telegrams go to

    def move(self, moment: Moment) -> None:
        try:
            self.state = next_state(TRANSITIONS, self.state, moment)
        except Unexpected:  # something of before the drain that came late: a drain has no way back
            if self.state is not State.DRAINING:
                raise

    @property
    def barred(self) -> str:
        """The word with which a new question of the open day is refused now, "" for none. Its number is used up."""
        return codes.BUSY if self.state is State.COUNTING else Refusal.DRAINING if self.state is State.DRAINING else ""

    def ended(self, reason: str, actions: list[Action]) -> None:
        """The link is gone."""
        if self._told_up:
            actions.append(Tell("session-down", {"terminal": self._keeper.terminal, "reason": reason}))
        self.move(Moment.LINK_CLOSED)

    def open(self, message: BranchMessage, actions: list[Action]) -> None:
        """開局要求: the terminal says who it is, which 営業日 it is, and what is in the till."""
        if self.state is State.DRAINING:
            self._refuse(message, Refusal.DRAINING, "開局", actions)
            return
        if not message.business_date.strip("0"):
            self._refuse(message, codes.DATE_WRONG, "開局 without 営業日", actions)
            return
        if message.business_date > self._rules.latest_date():
            self._refuse(message, codes.DATE_WRONG, f"営業日 {message.business_date} is too far ahead", actions)
            return
        if not self._keeper.terminal:
            self._keeper.take_over(message.terminal_name, actions)
            self._notices.take_over(message.terminal_name, self._keeper.variables, self._keeper.inherited, actions)
            actions.append(Identify(message.terminal_name))
        book = self._keeper.book
        if message.business_date < book.date:
            self._refuse(message, codes.DATE_WRONG, f"営業日 {message.business_date} after {book.date}", actions)
            return
        if message.business_date == book.date and book.is_closed and not message.approver:
            self._refuse(message, codes.DAY_CLOSED, "再開局 without 役席ID", actions)
            return
        self._cash.confirmed_by_number(message, actions)
        self._notices.named(message, actions)
        self.heard = message
        last = book.last if message.business_date == book.date else 0
        answer = self._rules.written(message.answered("0000", confirmed_serial=last))
        up: list[Action] = [Send(answer or b""), Note("signed-on", message.terminal_name), Timer(OPENING, None)]
        if message.business_date == book.date and any(entry.approved for entry in self._keeper.book.pending):
            up.append(Timer(COMPLETION, self._rules.session.completion_ms))
        if not self._told_up:
            self._told_up = True
            up.append(Tell("session-up", {"terminal": self._keeper.terminal, "business_date": message.business_date}))
        refusal = self._rules.refusal(message, Refusal.NO_JOURNAL, "the till book is not durable", last)
        if self.closing is not None:
            self.closing = None
            up.append(Timer(COUNT, None))
        self.move(Moment.OPENED)
        self._cash.open_day(message.business_date, message.number("opening_cash"), actions, up, [refusal])

    def close(self, message: BranchMessage, actions: list[Action]) -> None:
        """閉局要求: first 精査, then the day ends."""
        word = self.may_trade(message)
        if word == codes.DAY_CLOSED and message.business_date == self._keeper.book.date:  # its answer was lost
            answer = self._rules.written(message.answered("0000", confirmed_serial=self._keeper.book.last))
            self._keeper.after(actions, [Send(answer or b"")])
            return
        if not word and (self._intake.asked or self._intake.held_count):
            word = codes.BUSY
        if word:
            self._refuse(message, word, "閉局", actions)
            return
        self._cash.confirmed_by_number(message, actions)
        self.move(Moment.CLOSING_ASKED)
        self.closing = message
        if self._rules.session.count_before_close:
            self._keeper.after(actions, self._count_request(message))
        else:
            self._cash.leave_unproven(actions)
            self._end_day(self._keeper.book.cash, actions)

    def _count_request(self, heard: BranchMessage) -> list[Action]:
        data = self._rules.own(heard, "16")
        return [Send(data or b""), Timer(COUNT, self._rules.session.count_wait_ms)]

    def counted(self, message: BranchMessage, actions: list[Action]) -> None:
        """精査応答: what lies in the till."""
        if message.code != "0000" or self.state is State.CONNECTED:
            actions.append(Note("till-check-refused", message.code))
            return
        closing = self.closing
        if closing is None:  # asked for by an operator, in the middle of the day: told, and nothing is decided by it
            actions.append(Note("till-check", f"{message.number('cash') - self._keeper.book.cash:+} yen"))
            return
        actions.append(Timer(COUNT, None))
        told = {name: message.text(name) for name in ("cash", "in_count", "in_total", "out_count", "out_total")}
        book = self._keeper.book
        counted = {name: message.number(name) for name in told}
        sheet = stated(book, self._keeper.terminal, counted, judge(book, counted["cash"]))
        word = self._cash.count(message, bool(closing.approver), actions)
        if word:
            self.closing = None
            self.move(Moment.COUNT_FAILED)
            self._refuse(closing, word, "精査不一致", actions)
            return
        actions.append(sheet)  # before the book ends the day: the journal keeps their order, and 閉局回答 waits for the book
        actions.append(Tell("till-check", {"terminal": self._keeper.terminal, "business_date": self._keeper.book.date, **told}))
        self._end_day(message.number("cash"), actions)

    def _end_day(self, counted: int, actions: list[Action]) -> None:
        closing, self.closing = self.closing, None
        if closing is None:
            return
        self.move(Moment.DAY_ENDED)
        self._told_up = False
        last = self._keeper.book.last
        answer = self._rules.written(closing.answered("0000", confirmed_serial=last))
        down = {"terminal": self._keeper.terminal, "reason": "閉局", "business_date": self._keeper.book.date}
        refusal = self._rules.refusal(closing, Refusal.NO_JOURNAL, "the till book is not durable", last)
        then: list[Action] = [Send(answer or b""), Note("signed-off", self._keeper.terminal), Tell("session-down", down)]
        self._cash.end_day(counted, actions, then, [refusal])

    def may_trade(self, message: BranchMessage) -> str:
        """The word of a refusal where this link may not carry the telegram now, "" where it may."""
        if not self._keeper.terminal or self.state in (State.CONNECTED, State.DAY_CLOSED):
            return codes.DAY_CLOSED if self.state is State.DAY_CLOSED else Refusal.NOT_SIGNED_ON
        if message.terminal_name != self._keeper.terminal:
            return Refusal.UNKNOWN_TERMINAL
        if self._keeper.book.is_closed:
            return codes.DAY_CLOSED
        if message.business_date != self._keeper.book.date:
            return codes.DATE_WRONG
        return ""

    def count_missed(self, actions: list[Action]) -> None:
        """精査応答 did not come in time: the day goes on."""
        closing, self.closing = self.closing, None
        if closing is not None:
            self.move(Moment.COUNT_FAILED)
            self._refuse(closing, codes.COUNT_MISSING, "精査 unanswered", actions)

    def _refuse(self, message: BranchMessage, word: str, detail: str, actions: list[Action]) -> None:
        self._keeper.after(actions, [self._rules.refusal(message, word, detail, self._keeper.book.last)])
