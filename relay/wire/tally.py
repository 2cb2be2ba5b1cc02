"""Two counts that a link keeps about its far end. Pure.

Owns `AskWindow`, how many messages the far end has sent that we still owe an answer, and `CommandTally`, whether a
re-sent command makes transaction replies unsafe (law 4). They must never know a dialect. The trap of the first: an exchange
in doubt is never answered, so a message counts for two reply deadlines at most, or a link would choke on old debts.
"""

from __future__ import annotations


class AskWindow:
    """Messages taken to the desk and not yet answered, each forgotten between one and two `window_ms` after it came."""

    __slots__ = ("_earlier", "_since_ms", "_these")

    def __init__(self, now_ms: int) -> None:
        self._since_ms = now_ms
        self._these = 0
        self._earlier = 0

    def asked(self, now_ms: int, window_ms: int) -> int:
        """One more; returns how many are owed."""
        self._turn(now_ms, window_ms)
        self._these += 1
        return self._these + self._earlier

    def answered(self) -> None:
        if self._earlier:
            self._earlier -= 1
        elif self._these:
            self._these -= 1

    def owed(self, now_ms: int, window_ms: int) -> int:
        self._turn(now_ms, window_ms)
        return self._these + self._earlier

    def _turn(self, now_ms: int, window_ms: int) -> None:
        age_ms = now_ms - self._since_ms
        if age_ms < window_ms:
            return
        is_next = age_ms < 2 * window_ms
        self._earlier = self._these if is_next else 0
        self._these = 0
        self._since_ms = self._since_ms + window_ms if is_next else now_ms


class CommandTally:
    """Commands against their answers. A name sent again before its answer came makes the order of answers ambiguous:
    until as many answers as commands came in, `may_reply` is False and no transaction reply may be sent."""

    __slots__ = ("_is_resent", "_waiting", "answered_count", "sent_count")

    def __init__(self) -> None:
        self._waiting: dict[str, int] = {}
        self._is_resent = False
        self.sent_count = 0
        self.answered_count = 0

    def sent(self, name: str) -> None:
        self.sent_count += 1
        waiting = self._waiting.get(name, 0)
        self._is_resent = self._is_resent or waiting > 0
        self._waiting[name] = waiting + 1

    def answered(self, name: str) -> None:
        waiting = self._waiting.get(name, 0)
        if waiting == 0:
            return  # an answer that nobody asked for proves nothing
        self.answered_count += 1
        if waiting == 1:
            del self._waiting[name]
        else:
            self._waiting[name] = waiting - 1
        if not self._waiting:
            self._is_resent = False

    @property
    def may_reply(self) -> bool:
        return not self._is_resent
