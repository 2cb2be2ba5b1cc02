"""開局: both sides state their last numbers on every LCN, and only then does the line carry telegrams.

Owns the exchange, whoever begins it, and why it is refused. It must never move money. The traps: 開局 travels with sequence
number 0, outside the count, because the numbers are what is being agreed on [P]; the first 開局 of a business date starts
the numbers anew, any other continues them, also that of a later window of the same date, and an earlier day that was never
closed goes to a person; a center that names a number we never gave, or has forgotten one that we hold, is not argued with:
FAULT; a number is stated as received only if its message was really taken, never because it was skipped; and before anything
is said, the reference tables must have passed the gate, once for all LCNs, which for large ones takes many turns of the loop:
whatever allowed 開局 before the check is asked again behind it.

Source: states and exchange of last numbers [P]; the center may be in either state after a timeout [S28].
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from protocols.dialect import Action, Note, Send, Tell, Timer
from protocols.zengin.session.calendar import Window
from protocols.zengin.session.checking import Checking, Judged
from protocols.zengin.session.inward import Receiving
from protocols.zengin.session.line import Line, Moment, State
from protocols.zengin.session.matching import said_of
from protocols.zengin.session.message import Information
from protocols.zengin.session.outward import Sending
from protocols.zengin.session.state import Day
from protocols.zengin.telegram.message import REQUEST, RESPONSE, RESULT_OK, Control, Figures

OPENING, CALENDAR = "opening", "calendar"
LOOK_MS_MAX = 3_600_000  # the calendar is looked at this often at least
UNCLOSED = "never closed, no figures were compared"
# Result codes of 開局回答 [P].
NOT_READY, NOT_OPEN_NOW, OTHER_DATE, CLOSED_ALREADY = "0901", "0902", "0903", "0910"


class Opening:
    __slots__ = ("_agreed", "_began", "_line", "_on_open", "_receiving", "_sending", "checking", "window")

    def __init__(
        self, line: Line, sending: Sending, receiving: Receiving, on_open: Callable[[int, list[Action]], None]
    ) -> None:
        self._line = line
        self._sending = sending
        self._receiving = receiving
        self._on_open = on_open
        self._agreed: set[int] = set()  # LCNs whose numbers are agreed on
        self._began = False
        self.checking = Checking(line)
        self.window: Window | None = None

    # ---- we begin ------------------------------------------------------------------------------------------------------
    def look(self, now_ms: int, actions: list[Action], *, by_hand: bool = False) -> None:
        """Is it time? `by_hand`: a person says so, in a window or not at all."""

        def judged(why: str, now_ms: int, actions: list[Action]) -> None:
            window = self._may_begin(by_hand, actions)
            why = self._unsigned() or why
            if window is not None and why:
                self._refuse(why, actions)
            elif window is not None:
                self._begin(window, now_ms, actions)

        if self._may_begin(by_hand, actions) is not None:
            self._judge("by hand" if by_hand else "look", judged, now_ms, actions)

    def _may_begin(self, by_hand: bool, actions: list[Action]) -> Window | None:
        """The window in which we may begin now. None: not now, and when to look again is arranged."""
        line = self._line
        wall_ms = line.rules.wall_ms()
        window = line.rules.calendar.at(wall_ms)
        if not self._is_shut:
            return None
        self._end_unclosed(window, actions)
        if window is None:
            following = line.rules.calendar.next_after(wall_ms)
            wait_ms = LOOK_MS_MAX if following is None else min(LOOK_MS_MAX, following.opens_ms - wall_ms)
            actions.append(Timer(CALENDAR, max(1, wait_ms)))
            if by_hand:
                actions.append(Note("opening-refused", "outside the hours of this line"))
            return None
        if line.draining or (not by_hand and (self._is_over(window) or line.rules.profile.session.opens != "we")):
            actions.append(Timer(CALENDAR, max(1, min(LOOK_MS_MAX, window.closes_ms - wall_ms))))
            return None
        return window

    def _end_unclosed(self, window: Window | None, actions: list[Action]) -> None:
        """An earlier day whose end this line did not see (it was down, or 閉局 failed) is a person's: with our figures, which
        the next day will not have any more."""
        line, day = self._line, self._line.day
        if day.phase in ("new", "closed") or (window is not None and window.business_date == day.day):
            return
        found = (UNCLOSED, *said_of(line.figures()))

        def say(now_ms: int, actions: list[Action]) -> None:
            line.alarm("closed-unmatched", f"{day.day}: {'; '.join(found)}", actions)

        line.keep_day(day.closed(found), actions, say)

    def _is_over(self, window: Window) -> bool:
        """Was the day closed in this very window? In More Time a later window may be of the same business date."""
        day = self._line.day
        return day.day == window.business_date and day.phase == "closed" and day.window_ms in (0, window.closes_ms)

    # ---- the gate ------------------------------------------------------------------------------------------------------
    def _judge(self, who: str, judged: Judged, now_ms: int, actions: list[Action]) -> None:
        """Tell `judged` what the tables say against 開局: at once, or when large ones are read back. They are not asked where
        a day keeps the line shut."""
        if self._unsigned():
            judged("", now_ms, actions)
        else:
            self.checking.ask(who, judged, now_ms, actions)

    def _unsigned(self) -> str:
        line = self._line
        if line.rules.profile.session.unmatched_blocks_opening and line.day.unsigned:
            return f"the day {line.day.unsigned[0].day} is unmatched and unsigned"
        return ""

    def use_tables(self, previous: bool, now_ms: int, actions: list[Action]) -> None:
        """One command to the version before, or back. It is durable: a restart stays with it. A version that is refused is not
        changed to: the line stays with the one that it has."""

        def switched(why: str, now_ms: int, actions: list[Action]) -> None:
            if why:
                actions.append(Note("tables-refused", why))
            else:
                self._line.keep_day(msgspec.structs.replace(self._line.day, use_previous_tables=previous), actions, say)

        def say(now_ms: int, actions: list[Action]) -> None:
            actions.append(Note("tables-in-use", "previous" if previous else "current"))

        self.checking.switch(previous, switched, now_ms, actions)

    def _refuse(self, why: str, actions: list[Action]) -> None:
        self._line.alarm("opening-refused", why, actions)
        actions.append(Timer(CALENDAR, self._line.rules.profile.timers.open_retry_ms))

    def _begin(self, window: Window, now_ms: int, actions: list[Action]) -> None:
        if not self._line.move(Moment.OPENING_SENT, actions):
            return
        self._agreed.clear()
        self._sending.begin()
        self._began = True
        self._adopt_day(window, actions)
        actions.append(Timer(OPENING, self._line.rules.profile.timers.open_wait_ms))

        def ask(now_ms: int, actions: list[Action]) -> None:
            for lcn in self._line.rules.profile.line.lcns:
                self._state_numbers(lcn, REQUEST, RESULT_OK, actions)

        self._line.keep_day(self._line.day, actions, ask)  # the numbers before it are durable then, too

    def _adopt_day(self, window: Window, actions: list[Action]) -> None:
        """Numbers and totals start anew with the first 開局 of a business date."""
        line = self._line
        self.window = window
        day = window.business_date
        if line.day.day != day or line.outward.day != day or line.inward.day != day:
            line.keep_outward(line.outward.new_day(day), actions)
            line.keep_inward(line.inward.new_day(day), actions)
            fresh = Day(
                day=day,
                unsigned=line.day.unsigned,
                signed=line.day.signed,
                use_previous_tables=line.day.use_previous_tables,
            )
            line.keep_day(fresh, actions)
        line.day = msgspec.structs.replace(line.day, window_ms=window.closes_ms)  # stored with what follows

    def _state_numbers(self, lcn: int, process: str, result: str, actions: list[Action]) -> None:
        line, rules = self._line, self._line.rules
        figures = Figures(last_sent=line.outward.sequences.get(lcn, 0), last_received=line.inward.lcn(lcn).last)
        date = line.day.day or "00000000"
        body = rules.telegrams.encode(rules.control("open", process, date, figures, result))
        actions.append(Send(rules.codec.encode(Information(rules.path(lcn), 0, body))))

    # ---- what comes with sequence 0 ----------------------------------------------------------------------------------------
    def arrived(self, lcn: int, telegram: Control, now_ms: int, actions: list[Action]) -> None:
        """開局 or 開局回答 of one LCN. Its logical ACK has been sent."""
        if telegram.head.process == REQUEST:
            self._asked(lcn, telegram, now_ms, actions)
        elif self._line.state is not State.OPENING or not self._began:
            actions.append(Note("out-of-turn", "an answer to no 開局"))
        elif telegram.head.date != self._line.day.day:  # its numbers would be those of another day
            self._line.move(Moment.OPENING_REFUSED, actions)
            actions.append(Timer(OPENING, None))
            self._refuse(f"the center answers for {telegram.head.date}", actions)
        elif telegram.head.result == RESULT_OK:
            self._agree(lcn, telegram.figures, now_ms, actions)
        elif telegram.head.result == CLOSED_ALREADY and self._line.day.phase == "closing":
            self._closed_already(actions)
        else:
            self._line.move(Moment.OPENING_REFUSED, actions)
            actions.append(Timer(OPENING, None))
            self._refuse(f"by the center: 結果コード {telegram.head.result}", actions)

    def _closed_already(self, actions: list[Action]) -> None:
        """Our 閉局 was lost or its answer was; the center says that it is done. Its figures were not compared."""
        line = self._line
        actions.append(Timer(OPENING, None))
        line.move(Moment.FORCED, actions)
        line.keep_day(line.day.closed(("closed at the center; its figures were not seen",)), actions)
        line.alarm("closed-unmatched", f"{line.day.day}: the center says that it is closed", actions)

    def _asked(self, lcn: int, telegram: Control, now_ms: int, actions: list[Action]) -> None:
        """The center begins. Refused outside the hours, with broken tables, or for another date; else our numbers answer."""
        result = self._result(telegram, actions)
        if result != RESULT_OK or not self._is_shut:
            self._answer(lcn, telegram, result, actions)
            return

        def judged(why: str, now_ms: int, actions: list[Action]) -> None:
            result = self._result(telegram, actions)
            why = self._unsigned() or why
            if why and result == RESULT_OK and self._is_shut:
                self._line.alarm("opening-refused", why, actions)
                result = NOT_READY
            self._answer(lcn, telegram, result, actions)

        self._judge(f"asked on {lcn:02}", judged, now_ms, actions)

    @property
    def _is_shut(self) -> bool:
        """Not opening yet, on any LCN: the tables are judged with the first, and not again."""
        return self._line.state in (State.LINK_UP, State.CLOSED)

    def _result(self, telegram: Control, actions: list[Action]) -> str:
        """結果コード for a 開局 of the center, less what the tables say."""
        line = self._line
        window = line.rules.calendar.at(line.rules.wall_ms())
        if not line.carries:
            self._end_unclosed(window, actions)
        if window is None or line.draining:
            return NOT_OPEN_NOW
        if telegram.head.date != window.business_date:
            return OTHER_DATE
        return CLOSED_ALREADY if self._is_over(window) else RESULT_OK

    def _answer(self, lcn: int, telegram: Control, result: str, actions: list[Action]) -> None:
        line = self._line
        window = line.rules.calendar.at(line.rules.wall_ms())
        if result != RESULT_OK or window is None:
            self._state_numbers(lcn, RESPONSE, result, actions)
            return
        if line.carries:  # opened already: the same numbers once more
            self._state_numbers(lcn, RESPONSE, RESULT_OK, actions)
            return
        if line.state is not State.OPENING:
            self._agreed.clear()
            self._sending.begin()
            self._began = False
        if not line.move(Moment.OPENING_SENT, actions):
            return
        self._adopt_day(window, actions)
        actions.append(Timer(OPENING, line.rules.profile.timers.open_wait_ms))

        def answer(now_ms: int, actions: list[Action]) -> None:
            self._state_numbers(lcn, RESPONSE, RESULT_OK, actions)
            if not self._began:
                self._agree(lcn, telegram.figures, now_ms, actions)

        line.keep_day(line.day, actions, answer)

    # ---- agreement -------------------------------------------------------------------------------------------------------
    def _agree(self, lcn: int, figures: Figures, now_ms: int, actions: list[Action]) -> None:
        line, codec = self._line, self._line.rules.codec
        given, taken = line.outward.sequences.get(lcn, 0), line.inward.lcn(lcn).last
        is_ours = codec.ahead(figures.last_received, given) <= 0
        if not is_ours and line.had_other_holder and line.right is not None:
            detail = f"LCN {lcn:02}: given here {given}, the center received up to {figures.last_received}"
            line.alarm("numbers-of-other-center", f"{detail}, from {line.right.other}", actions)
            is_ours = True
        if not is_ours or codec.ahead(figures.last_sent, taken) < 0:
            detail = f"LCN {lcn:02}: here {given}/{taken}, center {figures.last_received}/{figures.last_sent}"
            line.alarm("opening-fault", f"the numbers contradict each other, {detail}", actions)
            line.release("opening-fault", actions, fault=True)
            return
        if line.had_other_holder:
            self._sending.go_on_after_another(lcn, figures.last_received, actions)
        else:
            self._sending.agreed(lcn, figures.last_received, actions)
        if codec.ahead(figures.last_sent, taken) > 0:
            line.alarm("opening-gap", f"LCN {lcn:02}: taken {taken}, the center sent up to {figures.last_sent}", actions)
        self._receiving.agreed(lcn, figures.last_sent)
        self._agreed.add(lcn)
        if self._agreed.issuperset(line.rules.profile.line.lcns):
            self._opened(now_ms, actions)

    def _opened(self, now_ms: int, actions: list[Action]) -> None:
        line = self._line
        if not line.move(Moment.OPENED, actions):
            return
        actions.append(Timer(OPENING, None))
        if line.right is not None and line.right.token != line.outward.token:  # after all LCNs: a crash before it asks anew
            line.keep_outward(msgspec.structs.replace(line.outward, token=line.right.token), actions)
        phase = line.day.phase
        if phase in ("new", "closed"):
            line.keep_day(msgspec.structs.replace(line.day, phase="open"), actions)
        actions.append(Note("signed-on", f"開局 {line.day.day}"))
        actions.append(Tell("session-up", {"line": line.rules.name, "business_date": line.day.day}))
        self._on_open(now_ms, actions)

    def overdue(self, now_ms: int, actions: list[Action]) -> None:
        """No answer, or not on every LCN. What the center believes is asked anew after the next connection."""
        if self._line.state is State.OPENING:
            self._line.alarm("opening-unanswered", f"LCNs answered: {len(self._agreed)}", actions)
            self._line.release("opening-unanswered", actions, fault=True)
