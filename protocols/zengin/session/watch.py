"""The connection watch, both ways: we say that we are there, and notice when the far end is not.

Owns two timers. It must never know a session: a line is watched from the first moment to the last. The trap: timers are not
restarted for each message, they look at the time when they fire; so a busy line costs nothing.

Source: control messages, header only [S1][S5]; the times are ours [P].
"""

from __future__ import annotations

from protocols.dialect import Action, Send, Timer
from protocols.spread import spread_ms
from protocols.zengin.session.line import Line
from protocols.zengin.session.message import Watch as WatchMessage

SEND, SILENCE = "watch-send", "watch-silence"


class Watch:
    __slots__ = ("_heard_ms", "_line", "_send_ms")

    def __init__(self, line: Line) -> None:
        self._line = line
        self._heard_ms = 0
        self._send_ms = 0

    def opened(self, link_id: str, now_ms: int, actions: list[Action]) -> None:
        timers = self._line.rules.profile.timers
        self._heard_ms = now_ms
        self._send_ms = spread_ms(timers.watch_send_ms, link_id)
        if self._send_ms:
            actions.append(Timer(SEND, self._send_ms))
        if timers.watch_silence_ms:
            actions.append(Timer(SILENCE, timers.watch_silence_ms))

    def heard(self, now_ms: int) -> None:
        """Any whole message counts as a sign of life."""
        self._heard_ms = now_ms

    def send(self, actions: list[Action]) -> None:
        rules = self._line.rules
        actions.append(Send(rules.codec.encode(WatchMessage())))
        actions.append(Timer(SEND, self._send_ms))

    def silence(self, now_ms: int, actions: list[Action]) -> None:
        limit = self._line.rules.profile.timers.watch_silence_ms
        quiet_ms = now_ms - self._heard_ms
        if quiet_ms < limit:
            actions.append(Timer(SILENCE, limit - quiet_ms))
            return
        self._line.alarm("line-silent", f"nothing heard for {quiet_ms} ms", actions)
        self._line.release("line-silent", actions)
