"""The desk where this center has another center's journal beside its own: each message goes to the one that knows its
chain.

Owns that choice. It must never answer, ask the core, nor write; the two desks do, each with its own journal and names, and
nothing goes from one to the other. A chain is an original and every message that names it: what one center was told of it
binds the rest. This center's own journal comes first, for what it said was said last. The traps: the same message again
that the other center took must not be taken as new here, so no key is new before both journals were asked; and where the
other's cannot be read, a message that says it is a repeat gets silence, because whatever was said here could contradict
what was said there.
"""

from __future__ import annotations

from functools import partial

import msgspec

from protocols.vocabulary import MessageClass, Received, Refusal, Request
from relay.clock import Clock
from relay.exchange.desk import Desk
from relay.exchange.ports import LinkPort
from relay.journal.chain import Chain
from relay.journal.port import JournalFailed


class _Asked(msgspec.Struct, eq=False):
    """One message whose chain both journals are asked for."""

    request: Request
    message: object
    link: LinkPort
    adopted: Desk
    answers: dict[bool, Chain | JournalFailed] = {}  # of our own journal, and of the other


class FrontDesk:
    """Fulfils relay.wire.ports.DeskPort. `is_awaited`: another center's journal is ours to have, and not open just now."""

    def __init__(self, own: Desk, clock: Clock) -> None:
        self._own = own
        self._clock = clock
        self.adopted: Desk | None = None
        self.is_awaited = False

    # ---- the door ----------------------------------------------------------------------------------------------------
    def open(self, message: object, link: LinkPort) -> None:
        adopted = self.adopted
        if adopted is None and not self.is_awaited:
            self._own.open(message, link)
            return
        facts = link.listener
        received = Received(self._clock.wall_ms(), facts.name, facts.realm, facts.channel)
        request = facts.dialect.to_request(message, received)
        if isinstance(request, Refusal) or self._has_open(self._own, request):
            self._own.open(message, link)
        elif adopted is None:
            self._without_other(request, message, link)
        else:  # also what the other has open: its terminal may have been answered here since, and that binds
            asked = _Asked(request, message, link, adopted)
            chain = request.original_key or request.key
            self._own.register.journal.find_chain(chain, partial(self._found, asked, True))
            adopted.register.journal.find_chain(chain, partial(self._found, asked, False))

    @staticmethod
    def _has_open(desk: Desk, request: Request) -> bool:
        open_here = desk.register.by_key
        return request.key in open_here or (request.original_key or request.key) in open_here

    def _found(self, asked: _Asked, is_own: bool, chain: Chain | JournalFailed) -> None:
        asked.answers[is_own] = chain
        if len(asked.answers) < 2:
            return
        own, other = asked.answers[True], asked.answers[False]
        if isinstance(own, JournalFailed) or own:
            self._own.open(asked.message, asked.link)
        elif isinstance(other, JournalFailed):
            self._without_other(asked.request, asked.message, asked.link)
        elif other and self.adopted is asked.adopted:
            asked.adopted.open(asked.message, asked.link)
        else:
            self._own.open(asked.message, asked.link)

    def _without_other(self, request: Request, message: object, link: LinkPort) -> None:
        if request.repeat and request.message_class is MessageClass.FINANCIAL:
            self._own.counters.duplicate(link.listener.name, "elsewhere")  # in silence: its terminal asks again
        else:
            self._own.open(message, link)

    # ---- what dialogues say beside -----------------------------------------------------------------------------------
    def evidence(self, key: str, verdict: str, standing_minor: int | None, detail: str = "") -> None:
        """To whoever has the exchange; where none has it open, the other journal may have it on the person's list."""
        own, adopted = self._own, self.adopted
        if adopted is None or key in own.register.by_key:
            own.evidence(key, verdict, standing_minor, detail)
        elif key in adopted.register.by_key:
            adopted.evidence(key, verdict, standing_minor, detail)
        else:

            def found(chain: Chain | JournalFailed) -> None:
                desk = own if isinstance(chain, JournalFailed) or not chain else adopted
                desk.evidence(key, verdict, standing_minor, detail)

            adopted.register.journal.find_chain(key, found)

    def link_closed(self, link: LinkPort) -> None:
        self._own.link_closed(link)
