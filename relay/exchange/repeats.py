"""The same message again: joined while it is open, answered from the journal when it is closed, refused when it differs.

Owns law 2 on the way in. It must never ask the core. The trap: the fingerprint decides before anything is said; the same key
with another amount, account or kind gets no answer from the journal, is alarmed, and is never reversed.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Protocol

from protocols.vocabulary import MessageClass, Refusal, Reply, Request
from relay.exchange import evidence
from relay.exchange.exchange import IN_FLIGHT
from relay.exchange.hub import Hub
from relay.exchange.ports import LinkPort, ListenerFacts
from relay.exchange.refused import RefusedKeys
from relay.exchange.register import Open
from relay.journal.port import JournalFailed
from relay.journal.records import StoredExchange
from relay.telemetry.log import get_log

log = get_log("repeats")

WAITERS_MAX = 8  # repeats of one message that wait for the same answer


class Elsewhere(Protocol):
    """The other workers, where there are some; siblings.py fulfils it."""

    @property
    def is_sure(self) -> bool:
        """Nobody can have taken over what is open here."""
        ...

    def is_loose(self, entry: Open) -> bool:
        """Nothing of its key is open here, so it has to be placed."""
        ...

    def place(self, entry: Open) -> None: ...

    def waits(self, request: Request, fingerprint: bytes, stored: StoredExchange, message: object, link: LinkPort) -> bool: ...


class Repeats:
    def __init__(self, desk: Hub) -> None:
        self._desk = desk
        self._refused = RefusedKeys()
        self._looked_up: Counter[str] = Counter()  # keys that are just being looked up, because nothing could be recorded
        self.elsewhere: Elsewhere | None = None

    def join(self, entry: Open, request: Request, fingerprint: bytes, message: object, link: LinkPort) -> None:
        """It is open here: wait with it, or get the intent that is on disk."""
        name = link.listener.name
        if request.repeat and self._desk.is_in_pair and entry.link is not link:
            entry.may_be_elsewhere = True  # its terminal was on another link since, perhaps the other center's
        if self.elsewhere is not None and not self.elsewhere.is_sure:
            return  # another worker may have said something else by now; silence is asked again
        if entry.fingerprint != fingerprint:
            self._refuse_conflict(entry.exchange_id, entry.key, request.terminal, message, link)
        elif entry.withdrawn:
            self._desk.counters.duplicate(name, "reversed")
            self._desk.doubt.tell_reversed(entry, message, link)
        elif self._desk.acks.joins(entry, message, link):
            self._desk.counters.duplicate(name, "joined")
        elif entry.intent is not None:
            self._desk.doubt.adopt(entry, request)
            self._desk.counters.duplicate(name, "answered")
            link.reply(message, Reply(entry.intent.verdict, entry.intent.code, entry.intent.data))
        elif entry.link is None and entry.state not in IN_FLIGHT:
            self._desk.counters.duplicate(name, "recovered")
            self._desk.doubt.asked_again(entry, request, message, link)
        elif entry.link is None:
            entry.message, entry.link, entry.facts = message, link, link.listener
        elif len(entry.others or ()) < WAITERS_MAX:
            self._desk.counters.duplicate(name, "joined")
            entry.others = [*(entry.others or ()), (message, link)]
        else:
            self._desk.refuse_unrecorded(message, link, Refusal.IN_PROGRESS)

    def replace_by_stored(self, entry: Open, stored: StoredExchange) -> None:
        """The key was taken before and is closed: everybody who came for it is answered from the journal."""
        self._desk.register.by_key.pop(entry.key, None)
        elsewhere = self.elsewhere
        for message, link in entry.take_waiters():
            if elsewhere is None or not elsewhere.waits(entry.request, entry.fingerprint, stored, message, link):
                self.answer_stored(stored, entry.fingerprint, message, link)

    def answer_stored(self, stored: StoredExchange, fingerprint: bytes, message: object, link: LinkPort) -> None:
        facts = link.listener
        if stored.taken.fingerprint != fingerprint:
            self._refuse_conflict(stored.taken.exchange_id, stored.taken.key, stored.taken.terminal, message, link)
            return
        self._desk.counters.duplicate(facts.name, "journal")
        answer = evidence.answer_again(stored)
        if answer is None and stored.intent is not None:
            reply = Reply(stored.intent.verdict, stored.intent.code, stored.intent.data)
            self._desk.acks.answer_stored(stored, message, link, reply)
        elif answer is not None:
            reply = facts.dialect.to_reply(message, answer, self._desk.register.clock.wall_ms())
            if stored.intent is not None:  # reversed since: the reversal's own record is what this rests on
                link.reply(message, reply)
                return
            self._desk.doubt.intend_late(stored, reply, lambda: link.reply(message, reply))

    def was_refused(self, request: Request, facts: ListenerFacts) -> bool:
        """A copy of it was refused while the journal could not be written, and its terminal may have heard that."""
        refused = self._refused
        if request.key in self._looked_up:
            return True  # a process that stood still finds several copies at once
        if not len(refused) or not _is_ended_by_refusal(request, facts):
            return False
        return refused.holds(request.key, self._desk.register.clock.monotonic_ms())

    def look_up_without_journal(self, request: Request, fingerprint: bytes, message: object, link: LinkPort) -> None:
        """The journal cannot take a new record. A repeat is still answered from it; where it cannot even be read, or knows
        nothing while there is another center, a message that says it is a repeat gets silence, because a refusal might deny an
        approval. The key is remembered during the look, too: a copy that comes meanwhile, when the journal can be written
        again, must not be approved."""
        self._looked_up[request.key] += 1
        self._desk.register.journal.find(request.key, partial(self._found, request, fingerprint, message, link))

    def _found(
        self,
        request: Request,
        fingerprint: bytes,
        message: object,
        link: LinkPort,
        found: StoredExchange | JournalFailed | None,
    ) -> None:
        self._looked_up[request.key] -= 1
        if not self._looked_up[request.key]:
            del self._looked_up[request.key]
        is_financial = request.message_class is MessageClass.FINANCIAL
        if isinstance(found, StoredExchange) and found.intent is not None:
            self.answer_stored(found, fingerprint, message, link)
        elif request.repeat and (isinstance(found, JournalFailed) or (self._desk.is_in_pair and is_financial)):
            self._desk.counters.duplicate(link.listener.name, "in-silence")
        elif not isinstance(found, StoredExchange):
            if _is_ended_by_refusal(request, link.listener):
                self._refused.add(request.key, self._desk.register.clock.monotonic_ms())
            self._desk.refuse_unrecorded(message, link, Refusal.NO_JOURNAL)

    def _refuse_conflict(self, exchange_id: int, key: str, terminal: str, message: object, link: LinkPort) -> None:
        log.error(
            "same key with another amount, account or kind",
            exchange_id=exchange_id,
            listener=link.listener.name,
            terminal=terminal,
            key=key,
        )
        self._desk.refuse_unrecorded(message, link, Refusal.KEY_CONFLICT)


def _is_ended_by_refusal(request: Request, facts: ListenerFacts) -> bool:
    return request.message_class is MessageClass.FINANCIAL and facts.dialect.refusal_ends_message
