"""予備閉局, 閉局 and the match of the day's figures; and the day stays unmatched until a person signs.

Owns the way from OPEN to CLOSED. It must never call a difference small. The traps: 閉局 waits for open telegrams, but not
for ever, and what is still unknown then is a difference; the figures of the center are compared before 閉局, while 照会 can
still be sent, and a comparison speaks only of what was counted by then; an answer that does not come is no answer, so the
line faults and asks at the next 開局; and a forced close compares nothing, so that the day is unmatched.

Source: 予備閉局 to 閉局 and its wait as in a sister system [S28]; counters exchanged at close [S28]; telegrams [P].
"""

from __future__ import annotations

import msgspec

from protocols.dialect import Action, Note, Tell, Timer
from protocols.zengin.session.inward import Receiving
from protocols.zengin.session.line import Line, Moment, State
from protocols.zengin.session.matching import differences, stated
from protocols.zengin.session.opening import CALENDAR, LOOK_MS_MAX
from protocols.zengin.session.outward import Sending
from protocols.zengin.telegram.message import NOTICE, REQUEST, RESPONSE, RESULT_OK, Control, Figures

CLOSE_WAIT, MATCH, PRE_CLOSE = "close-wait", "match", "pre-close"
LINES_MAX = 999
LOOK_AGAIN_MS = 1_000  # after a close, at the calendar
UNSEEN = "the center's figures were not seen"
MOVED = "telegrams were counted after the figures were compared"


class Closing:
    __slots__ = ("_compared", "_differences", "_line", "_lines", "_receiving", "_rematches_left", "_sending", "_waits")

    def __init__(self, line: Line, sending: Sending, receiving: Receiving) -> None:
        self._line = line
        self._sending = sending
        self._receiving = receiving
        self._waits = False  # for open telegrams, before the match
        self._lines: dict[int, Figures] = {}  # of the center, by their number
        self._differences: tuple[str, ...] = (UNSEEN,)
        self._compared: list[Figures] = []  # our own, as they were then
        self._rematches_left = 0

    # ---- 予備閉局 ----------------------------------------------------------------------------------------------------------
    def schedule(self, closes_ms: int, actions: list[Action]) -> None:
        """Set the timers of the window's end. A timer that fires early is set again by `look`."""
        line = self._line
        if line.rules.profile.session.closes == "window":
            before_ms = line.rules.profile.timers.pre_close_ms
            wait_ms = closes_ms - before_ms - line.rules.wall_ms()
            actions.append(Timer(PRE_CLOSE, max(1, min(LOOK_MS_MAX, wait_ms))))

    def look(self, closes_ms: int, now_ms: int, actions: list[Action]) -> None:
        """The pre-close timer fired: 予備閉局, and 閉局 when the window has ended."""
        line = self._line
        wall_ms = line.rules.wall_ms()
        if wall_ms >= closes_ms:
            self.close(now_ms, actions)
            return
        if wall_ms < closes_ms - line.rules.profile.timers.pre_close_ms:
            self.schedule(closes_ms, actions)
            return
        self.pre_close(now_ms, actions)
        actions.append(Timer(PRE_CLOSE, max(1, closes_ms - wall_ms)))

    def pre_close(self, now_ms: int, actions: list[Action], *, say: bool = True) -> None:
        line = self._line
        if line.state is not State.OPEN:
            return
        line.move(Moment.PRE_CLOSED, actions)
        if line.day.phase != "closing":  # after a reconnection in the middle of 閉局 the day does not go back
            line.keep_day(msgspec.structs.replace(line.day, phase="pre-close"), actions)
        actions.append(Note("pre-closed", line.day.day))
        if say:
            self._sending.say(line.rules.control("pre-close", NOTICE, line.day.day, Figures()), now_ms, actions)

    # ---- 閉局 ----------------------------------------------------------------------------------------------------------------
    def close(self, now_ms: int, actions: list[Action]) -> None:
        """Begin: no new telegrams, wait for the open ones, then match, then 閉局."""
        line = self._line
        if line.state not in (State.OPEN, State.PRE_CLOSE) or self._waits:
            return
        self.pre_close(now_ms, actions)
        self._waits = True
        self._rematches_left = line.rules.profile.session.rematch_count_max
        actions.append(Timer(CLOSE_WAIT, max(1, line.rules.profile.timers.close_wait_ms)))
        self.go_on(now_ms, actions)

    def go_on(self, now_ms: int, actions: list[Action]) -> None:
        """Something was settled: is there still anything to wait for?"""
        if self._waits and self._sending.is_settled and self._receiving.is_idle:
            actions.append(Timer(CLOSE_WAIT, None))
            self._match(now_ms, actions)

    def waited_enough(self, now_ms: int, actions: list[Action]) -> None:
        if self._waits:
            actions.append(Note("close-wait-over", "open telegrams are left"))
            self._match(now_ms, actions)

    def _match(self, now_ms: int, actions: list[Action]) -> None:
        line = self._line
        self._waits = False
        if line.state is State.PRE_CLOSE:
            line.move(Moment.CLOSING_BEGUN, actions)
            line.keep_day(msgspec.structs.replace(line.day, phase="closing"), actions)
        self._lines.clear()
        actions.append(Timer(MATCH, line.rules.profile.timers.match_wait_ms))
        self._say_lines(REQUEST, now_ms, actions)

    def _say_lines(self, process: str, now_ms: int, actions: list[Action]) -> None:
        for figures in self._line.figures():
            self._sending.say(self._line.rules.control("match", process, self._line.day.day, figures), now_ms, actions)

    # ---- control telegrams of the center -----------------------------------------------------------------------------------
    def arrived(self, telegram: Control, now_ms: int, actions: list[Action]) -> None:
        """Any control telegram but 開局."""
        name = self._line.rules.control_name.get(telegram.head.subject, "")
        is_request = telegram.head.process == REQUEST
        if name == "pre-close":
            self.pre_close(now_ms, actions, say=False)
        elif name == "match":
            self._matched(telegram.figures, is_request, now_ms, actions)
        elif name == "close" and is_request:
            self._closed_by_center(now_ms, actions)
        elif name == "close":
            self._closed(telegram.head.result, actions)
        elif name == "forced-close":
            self.force("the center closed by force", now_ms, actions, say=False)
        else:
            actions.append(Note("control-unknown", telegram.head.subject))

    def _matched(self, figures: Figures, is_request: bool, now_ms: int, actions: list[Action]) -> None:
        if not 1 <= figures.line <= figures.lines <= LINES_MAX:
            actions.append(Note("match-malformed", f"line {figures.line} of {figures.lines}"))
            return
        if figures.line == 1:
            self._lines.clear()
        self._lines[figures.line] = figures
        if len(self._lines) < figures.lines:
            return
        self._compared = self._line.figures()
        found = differences(self._compared, self._lines.values())
        self._differences = tuple(found)
        actions.append(Note("matched" if not found else "unmatched", "; ".join(found[:3])))
        if is_request:  # asked in the middle of the day: our figures, and no consequence
            self._say_lines(RESPONSE, now_ms, actions)
        elif self._line.state is State.CLOSING:
            actions.append(Timer(MATCH, None))
            actions.append(stated(self._line.day.day, self._compared, self._lines.values()))
            self._judge(now_ms, actions)

    def _judge(self, now_ms: int, actions: list[Action]) -> None:
        line = self._line
        if self._differences and self._rematches_left > 0 and self._enquire(now_ms, actions):
            self._rematches_left -= 1
            self._waits = True
            actions.append(Timer(CLOSE_WAIT, max(1, line.rules.profile.timers.close_wait_ms)))
            return
        actions.append(Timer(MATCH, line.rules.profile.timers.match_wait_ms))
        self._sending.say(line.rules.control("close", REQUEST, line.day.day, Figures()), now_ms, actions)

    def _enquire(self, now_ms: int, actions: list[Action]) -> bool:
        """照会 for everything that may explain the difference. False where nothing can be asked."""
        line = self._line
        left = line.rules.profile.session.enquiries_max
        unknown = self._sending.unknown()[:left]
        received = [figures.last for figures in self._lines.values() if figures.direction == line.rules.in_direction]
        missing = line.inward.missing(max(received, default=0))[: left - len(unknown)]
        self._sending.enquire(unknown, now_ms, actions)
        for receipt in missing:
            self._sending.say(line.rules.enquiry_by_receipt(line.day.day, receipt), now_ms, actions)
        return bool(unknown or missing)

    def _closed(self, result: str, actions: list[Action]) -> None:
        """閉局回答."""
        line = self._line
        if line.state is not State.CLOSING:
            actions.append(Note("out-of-turn", "an answer to no 閉局"))
            return
        actions.append(Timer(MATCH, None))
        if result != RESULT_OK:
            line.alarm("close-refused", f"結果コード {result}", actions)
            line.release("close-refused", actions, fault=True)
            return
        line.move(Moment.CLOSED, actions)
        self._end(self._standing(), actions)

    def _standing(self) -> tuple[str, ...]:
        """What the comparison found, as far as it still speaks of the day as it is now."""
        if self._differences != (UNSEEN,) and self._compared != self._line.figures():
            return (*self._differences, MOVED)
        return self._differences

    def _closed_by_center(self, now_ms: int, actions: list[Action]) -> None:
        """The center closes of its own: answered, and unmatched unless the figures were compared."""
        line = self._line
        self._sending.say(line.rules.control("close", RESPONSE, line.day.day, Figures()), now_ms, actions)
        if line.state in (State.OPEN, State.PRE_CLOSE):
            line.move(Moment.CLOSING_BEGUN, actions)
        if line.state is State.CLOSING:
            line.move(Moment.CLOSED, actions)
            self._end(self._standing(), actions)

    def force(self, why: str, now_ms: int, actions: list[Action], *, say: bool = True) -> None:
        """Close without agreement."""
        line = self._line
        if say and line.carries:
            self._sending.say(line.rules.control("forced-close", NOTICE, line.day.day, Figures()), now_ms, actions)
        if line.move(Moment.FORCED, actions):
            self._end((why,), actions)

    def _end(self, found: tuple[str, ...], actions: list[Action]) -> None:
        line = self._line
        self._waits = False
        self._differences = (UNSEEN,)
        for name in (CLOSE_WAIT, MATCH, PRE_CLOSE):
            actions.append(Timer(name, None))
        actions.append(Timer(CALENDAR, LOOK_AGAIN_MS))  # the next window may open on this very connection
        day = line.day.day

        def say(now_ms: int, actions: list[Action]) -> None:
            if found:
                line.alarm("closed-unmatched", f"{day}: {'; '.join(found[:3])}", actions)
            else:
                actions.append(Note("closed", day))
            actions.append(Note("signed-off", f"閉局 {day}"))

        line.keep_day(line.day.closed(found), actions, say)
        actions.append(Tell("session-down", {"line": line.rules.name, "business_date": line.day.day, "reason": "閉局"}))

    def unanswered(self, now_ms: int, actions: list[Action]) -> None:
        """Neither figures nor 閉局回答 in time."""
        if self._line.state is State.CLOSING:
            self._line.alarm("close-unanswered", self._line.day.day, actions)
            self._line.release("close-unanswered", actions, fault=True)
