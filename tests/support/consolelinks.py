"""Links as the roster holds them, without a wire: for whoever walks many of them."""

from __future__ import annotations

from typing import cast

from protocols.dialect import Dialect
from relay.exchange.ports import ListenerFacts
from relay.wire.roster import RosterEntry


class Line:
    def __init__(
        self, terminal: str, listener: str, *, peer: str = "", signed_on: bool = True, channel: str = "atm", since_ms: int = 0
    ) -> None:
        self.since_ms = since_ms
        self.terminal = terminal
        self.peer = peer or f"192.0.2.1:{id(self) % 60_000}"
        self.is_signed_on = signed_on
        self.listener = _facts(listener, channel)

    def entry(self) -> RosterEntry:
        return RosterEntry(
            terminal=self.terminal,
            listener=self.listener.name,
            peer=self.peer,
            since_ms=self.since_ms,
            signed_on=self.is_signed_on,
            messages_in=1,
            messages_out=2,
        )


_FACTS: dict[tuple[str, str], ListenerFacts] = {}


def _facts(listener: str, channel: str) -> ListenerFacts:
    key = (listener, channel)
    if key not in _FACTS:
        _FACTS[key] = ListenerFacts(
            name=listener, realm="bank", channel=channel, reply_deadline_ms=1_000, dialect=cast(Dialect, None)
        )
    return _FACTS[key]


def lines(count: int) -> list[Line]:
    """On listener atm, T00000 and on, in no order of names."""
    return [
        Line(f"T{number * 7_919 % count:05}", "atm", peer=f"10.1.{number // 250}.{number % 250}:9") for number in range(count)
    ]
