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

from collections import deque
from collections.abc import Callable
from functools import partial

import msgspec

from protocols.vocabulary import MessageClass, Received, Refusal, Request
from relay.clock import Clock
from relay.exchange.desk import Desk
from relay.exchange.ports import LinkPort
from relay.journal.chain import Chain
from relay.journal.port import JournalFailed

WORDS_KEPT_MAX = 4_096  # about exchanges that this center does not know; the oldest leave


class _Asked(msgspec.Struct, eq=False):
    """One message whose chain both journals are asked for."""

    request: Request
    message: object
    link: LinkPort
    adopted: Desk
    answers: dict[bool, Chain | JournalFailed] = {}  # of our own journal, and of the other


class _Word(msgspec.Struct, frozen=True):
    """What a terminal said about an exchange, once: a completion is not acknowledged, and not said again."""

    key: str
    verdict: str
    standing_minor: int | None
    detail: str

    def tell(self, desk: Desk) -> None:
        desk.evidence(self.key, self.verdict, self.standing_minor, self.detail)


class FrontDesk:
    """Fulfils relay.wire.ports.DeskPort. `is_awaited`: another center's journal is ours to have, and not open just now."""

    def __init__(self, own: Desk, clock: Clock) -> None:
        self._own = own
        self._clock = clock
        self.adopted: Desk | None = None
        self.is_awaited = False
        self._unmatched: deque[_Word] = deque(maxlen=WORDS_KEPT_MAX)

    def lead_to(self, adopted: Desk) -> None:
        """The other center's business is at work here: what terminals said of its exchanges before is told now."""
        self.adopted, self.is_awaited = adopted, False
        words = list(self._unmatched)
        self._unmatched.clear()
        for word in words:
            self._tell_adopted(adopted, word, lambda: None)

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
        elif other and (self.adopted is not None or self.is_awaited):  # that journal failed meanwhile: it is nothing new here
            self.open(asked.message, asked.link)
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
        word = _Word(key, verdict, standing_minor, detail)
        if key in own.register.by_key:
            word.tell(own)
        elif adopted is None:
            self._unmatched.append(word)
            word.tell(own)
        else:
            self._tell_adopted(adopted, word, partial(word.tell, own))

    def _tell_adopted(self, adopted: Desk, word: _Word, otherwise: Callable[[], None]) -> None:
        if word.key in adopted.register.by_key:
            word.tell(adopted)
            return

        def found(chain: Chain | JournalFailed) -> None:
            if isinstance(chain, JournalFailed):
                self._unmatched.append(word)  # told when it is at work again
                otherwise()
            elif not chain:
                otherwise()
            else:
                word.tell(adopted)

        adopted.register.journal.find_chain(word.key, found)

    def link_closed(self, link: LinkPort) -> None:
        self._own.link_closed(link)
