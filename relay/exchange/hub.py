"""What the parts of the desk (doubt, repeats) ask of the desk, so that they need not know it.

Owns the `Hub` protocol; desk.py fulfils it. The trap: every method here may change exchanges other than the one at hand,
because an answer frees a lane and the next message starts; so nothing of an entry is read again after such a call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from protocols.vocabulary import Answer, Refusal, Reply, Request
from relay.core.port import Permit
from relay.exchange.counters import Counters
from relay.exchange.lanes import Lanes
from relay.exchange.ports import LinkPort
from relay.exchange.register import Open, Register
from relay.exchange.saf import Saf
from relay.journal.records import StoredExchange


class Doubts(Protocol):
    """What a repeated message needs of doubt.py."""

    def adopt(self, entry: Open, request: Request) -> None: ...

    def tell_reversed(self, entry: Open, message: object, link: LinkPort) -> None: ...

    def asked_again(self, entry: Open, request: Request, message: object, link: LinkPort) -> None: ...

    def intend_late(self, stored: StoredExchange, reply: Reply, send: Callable[[], object]) -> None: ...


class Acknowledgements(Protocol):
    """What a repeated message needs of acknowledging.py."""

    def joins(self, entry: Open, message: object, link: LinkPort) -> bool: ...

    def answer_stored(self, stored: StoredExchange, message: object, link: LinkPort, reply: Reply) -> None: ...


class Hub(Protocol):
    @property
    def register(self) -> Register: ...

    @property
    def lanes(self) -> Lanes[Open]: ...

    @property
    def saf(self) -> Saf: ...

    @property
    def counters(self) -> Counters: ...

    @property
    def is_in_pair(self) -> bool: ...

    @property
    def doubt(self) -> Doubts: ...

    @property
    def acks(self) -> Acknowledgements: ...

    def known(self, entry: Open, answer: Answer) -> None: ...

    def answer(self, entry: Open, answer: Answer) -> None: ...

    def start_call(self, entry: Open, permit: Permit, now_ms: int) -> None: ...

    def send(self, entry: Open, reply: Reply, ending: str) -> None: ...

    def end_wait(self, entry: Open) -> None: ...

    def refuse_unrecorded(self, message: object, link: LinkPort, refusal: Refusal) -> None: ...
