"""When the acknowledgement of an advice or reversal leaves: at once, when the other center has it, or when the core confirms.

Owns those that are taken and not acknowledged yet. What is needed is decided in relay/needs.py. It must never decide
what becomes of an exchange: it is DELIVERING from the moment that it is on this disk, acknowledged or not, and is driven to the
core all the same. The essay: three things may meet what a class needs, in any order. The standby has the record: `reached`. The
core confirms: the exchange is SETTLED before its terminal heard anything. Or what holds now falls back to this disk. Whoever
waits past the reply deadline hears nothing, which its dialect answers with a repeat; the repeat finds the exchange here and
waits with it, or finds it in the journal and gets what holds then.

The traps: the intent "taken" is on disk with the record, so it does not tell whether the terminal heard it; after a restart, or
from the journal, the same message again has to pass here before it is answered. And an advice that the core refused is on a
person's list, which is on this disk only: that is not `core`.
"""

from __future__ import annotations

from functools import partial

import msgspec

from protocols.vocabulary import MessageClass, Reply, Request
from relay.clock import Cancellable, Timers
from relay.exchange import evidence
from relay.exchange.exchange import State
from relay.exchange.hub import Hub
from relay.exchange.ports import LinkPort
from relay.exchange.register import Open
from relay.journal.acks import REFUSED, SILENT, Acks
from relay.journal.records import Intent, StoredExchange, StoredState
from relay.needs import AckClass, Need, class_of, is_met
from relay.telemetry.log import get_log

log = get_log("acks")

CONFIRMED = frozenset({"approved", "undone", "reversed"})  # evidence.py: the core has it
WAITERS_MAX = 8  # repeats of one message that wait for the same acknowledgement


class Held(msgspec.Struct, eq=False):
    """One that is taken and not acknowledged."""

    entry: Open
    reply: Reply
    ack_class: AckClass
    deadline: Cancellable | None = None


class Acknowledging:
    """`acks` is replaced by whoever has another center."""

    def __init__(self, desk: Hub, timers: Timers, acks: Acks) -> None:
        self._desk = desk
        self._timers = timers
        self._held: dict[str, Held] = {}
        self.use(acks)

    def use(self, acks: Acks) -> None:
        self.acks = acks
        acks.when_back(self._ask_for_all)

    @property
    def held_count(self) -> int:
        return len(self._held)

    # ---- a message comes in --------------------------------------------------------------------------------------------
    def refuses(self, request: Request) -> bool:
        """Nothing that its class needs can be met now: it is not taken. What it may repeat is still looked up."""
        if request.message_class is MessageClass.FINANCIAL:
            return False
        ack_class = _class_of(request)
        if self.acks.is_local(ack_class) or self.acks.now(ack_class) is not None:
            return False
        self.acks.told(ack_class, REFUSED)
        return True

    def taken(self, entry: Open, reply: Reply) -> None:
        """It is on this disk, with its intent."""
        self._hold(Held(entry, reply, _class_of(entry.request)))

    def _hold(self, held: Held) -> None:
        if self.acks.is_local(held.ack_class):
            self._say(held, Need.LOCAL)
            return
        self._held[held.entry.key] = held
        self._start_deadline(held)
        self._ask(held)

    def may_leave(self, entry: Open, again: partial[None]) -> bool:
        """Whether the decided reply of a financial message, whose intent is on this disk, may leave; else `again` is called
        when it may."""
        acks, ack_class = self.acks, AckClass.REQUEST
        if acks.is_local(ack_class) or entry.is_cleared:
            return True
        if acks.now(ack_class) is not Need.PEER:
            acks.told(ack_class, Need.LOCAL)
            return True

        def heard(is_there: bool) -> None:
            entry.is_cleared = True  # at the other center, or the class falls back to this disk
            acks.told(ack_class, Need.PEER if is_there else Need.LOCAL)
            again()

        acks.reached(heard)
        return False

    # ---- the same message again ------------------------------------------------------------------------------------------
    def joins(self, entry: Open, message: object, link: LinkPort) -> bool:
        """It is open here, and was not acknowledged in this life: it waits with those that wait. False where it was, or where
        it is none of ours."""
        is_ours = entry.request.message_class is not MessageClass.FINANCIAL and not entry.was_question
        if not is_ours or entry.is_acknowledged or entry.state is State.OFFERED:
            return False
        if self.acks.is_local(_class_of(entry.request)):
            return False
        held = self._held.get(entry.key)
        if held is None:  # a former life took it, and nobody knows what its terminal heard
            if entry.intent is None or entry.withdrawn:
                return False
            intent = entry.intent
            held = Held(entry, Reply(intent.verdict, intent.code, intent.data), _class_of(entry.request))
            entry.message, entry.link, entry.facts = message, link, link.listener
            self._hold(held)
        elif entry.link is None:
            entry.message, entry.link, entry.facts = message, link, link.listener
            self._start_deadline(held)
        elif len(entry.others or ()) < WAITERS_MAX:
            entry.others = [*(entry.others or ()), (message, link)]
        return True

    def answer_stored(self, stored: StoredExchange, message: object, link: LinkPort, reply: Reply) -> None:
        """It is not open here: `reply` goes when what is on disk may be acknowledged now, else never."""
        taken = stored.taken
        acks, ack_class = self.acks, class_of(taken.message_class, link.listener.channel, taken.kind)
        needs = acks.needs(ack_class)

        def heard(is_there: bool) -> None:
            if is_met(needs, acks.now(ack_class), at_peer=is_there, at_core=_is_confirmed(stored)):
                link.reply(message, reply)
            else:
                acks.told(ack_class, SILENT)

        if acks.is_local(ack_class) or taken.message_class is MessageClass.FINANCIAL:
            link.reply(message, reply)
        elif Need.PEER in needs:
            acks.reached(heard)
        else:
            heard(False)

    # ---- what meets a need -----------------------------------------------------------------------------------------------
    def _ask(self, held: Held) -> None:
        if Need.PEER in self.acks.needs(held.ack_class):
            self.acks.reached(partial(self._asked_peer, held))
        else:
            self._asked_peer(held, False)

    def _asked_peer(self, held: Held, is_there: bool) -> None:
        if self._held.get(held.entry.key) is not held:
            return
        if is_there:
            self._say(held, Need.PEER)
        elif self.acks.now(held.ack_class) is Need.LOCAL:
            self._say(held, Need.LOCAL)

    def _ask_for_all(self) -> None:
        for held in list(self._held.values()):
            self._ask(held)

    def settled(self, entry: Open) -> bool:
        """Its duty is over, on disk: whether it was ours to tell its terminal."""
        held = self._held.pop(entry.key, None)
        if held is None:
            return False
        self._end_deadline(held)
        if entry.state is State.SETTLED and Need.CORE in self.acks.needs(held.ack_class):
            self._say(held, Need.CORE)
        elif entry.take_waiters():  # a repeat finds it in the journal
            self.acks.told(held.ack_class, SILENT)
        return True

    def _say(self, held: Held, need: Need) -> None:
        entry, reply = held.entry, held.reply
        self._held.pop(entry.key, None)
        self._end_deadline(held)
        entry.is_acknowledged = True
        entry.intent = Intent(reply.verdict, reply.code, reply.data)
        self.acks.told(held.ack_class, need)
        self._desk.send(entry, reply, "taken")

    # ---- time ------------------------------------------------------------------------------------------------------------
    def _start_deadline(self, held: Held) -> None:
        self._end_deadline(held)
        facts = held.entry.facts
        if facts is not None:
            held.deadline = self._timers.after(facts.reply_deadline_ms, partial(self._too_late, held))

    def _end_deadline(self, held: Held) -> None:
        if held.deadline is not None:
            held.deadline.cancel()
            held.deadline = None

    def _too_late(self, held: Held) -> None:
        """Its terminal will repeat it. It stays held: only its waiters go."""
        held.deadline = None
        entry = held.entry
        entry.take_waiters()
        self.acks.told(held.ack_class, SILENT)
        log.warning("taken, and not acknowledged in time", exchange_id=entry.exchange_id, ack_class=held.ack_class.value)

    def stop(self) -> None:
        """The relay is fenced: nothing is said any more."""
        for held in self._held.values():
            self._end_deadline(held)
        self._held.clear()


def _class_of(request: Request) -> AckClass:
    return class_of(request.message_class, request.channel, request.kind)


def _is_confirmed(stored: StoredExchange) -> bool:
    """By the core, and not by a person."""
    if stored.state is not StoredState.SETTLED or stored.outcome is None:
        return False
    said = evidence.unpack(stored.outcome)
    return said.what in CONFIRMED or (said.what == "declined" and said.reason == "reversed")  # as in saf.py
