"""The relay's own requests on one link: what waits for an answer, and which answer belongs to it.

Owns the traces we use, the requests that wait, the count of echoes missed in a row. It must never know the session's state. The
trap: an answer is matched by trace and network code, and one that matches nothing is not dropped in silence: the reason is
what an operator needs when a far end echoes fields wrongly.
"""

from __future__ import annotations

import msgspec

from protocols.errors import ProtocolError
from protocols.iso8583.message import IsoMessage
from protocols.iso8583.rules import TRACE_MAX, LinkRules


class Waiting(msgspec.Struct, frozen=True):
    """A request of ours that waits for its answer."""

    name: str
    trace: str
    code: str
    sent_ms: int
    is_idle_echo: bool
    outbound: str = ""  # the id of the core's message that it carries


class Asking:
    __slots__ = ("_misses", "_rules", "_trace", "_waiting")

    def __init__(self, rules: LinkRules) -> None:
        self._rules = rules
        self._waiting: dict[str, Waiting] = {}
        self._trace = 0
        self._misses = 0

    @property
    def is_waiting(self) -> bool:
        return bool(self._waiting)

    @property
    def is_full(self) -> bool:
        return len(self._waiting) >= self._rules.session.commands_waiting_max

    def outbound(self) -> list[str]:
        """Messages of the core that wait for their answer, in the order sent."""
        return [waiting.outbound for waiting in self._waiting.values() if waiting.outbound]

    def request(
        self,
        name: str,
        data: bytes,
        now_ms: int,
        peer_header: bytes,
        *,
        is_idle_echo: bool = False,
        outbound: str = "",
    ) -> tuple[str, bytes] | None:
        """Write a request and wait for its answer: its trace and its bytes. None where it cannot be written, or as many as
        allowed wait already. `peer_header` is that of the last frame received, b"" for none."""
        rules = self._rules
        if self.is_full:
            return None
        self._trace = self._trace % TRACE_MAX + 1
        try:
            message = rules.command(name, self._trace, data)
            if peer_header:
                message = IsoMessage(message.mti, message.fields, rules.responder.header_for(peer_header))
            written = rules.speaker.write(message)
        except ProtocolError:
            return None
        trace = str(message.fields[11])
        self._waiting[trace] = Waiting(name, trace, str(message.fields[rules.network_element]), now_ms, is_idle_echo, outbound)
        return trace, written

    def match(self, answer: IsoMessage) -> Waiting | str:
        """The request that `answer` belongs to, which waits no longer; or why there is none."""
        if answer.mti[1] != "8":
            return "this link asks nothing of that class"
        trace = answer.fields.get(11)
        if not isinstance(trace, str):
            return "DE 11 is missing"
        waiting = self._waiting.get(trace)
        if waiting is None:
            return f"nothing waits for trace {trace:.12}"
        if answer.fields.get(self._rules.network_element, waiting.code) != waiting.code:
            return f"trace {trace:.12} waits for another network code"
        del self._waiting[trace]
        if waiting.is_idle_echo:
            self._misses = 0  # even a refused echo shows that somebody is there
        return waiting

    def give_up(self, trace: str) -> Waiting | None:
        """No answer came in time: the request waits no longer."""
        return self._waiting.pop(trace, None)

    def missed_echo(self, heard_ms: int) -> int | None:
        """Give up the idle echo: how many were missed in a row by now, 0 where something else was heard since, None where no
        echo waits."""
        for trace, waiting in self._waiting.items():
            if waiting.is_idle_echo:
                del self._waiting[trace]
                self._misses = 0 if heard_ms > waiting.sent_ms else self._misses + 1
                return self._misses
        return None
