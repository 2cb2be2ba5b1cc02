"""What the child gives its journal, and the same again for whoever checks what was left of it.

Owns a fixed sequence of records, from a seed, over two incarnations. The trap: the records are given in order and become
durable in order, so whatever a cut leaves must be exactly the first K of them, K at least as many as were answered.
"""

from __future__ import annotations

import random
from typing import TypeAlias

import msgspec

from protocols.vocabulary import DoubtPolicy, MessageClass, Pan, Verdict
from relay.journal import apply
from relay.journal.items import IDS_PER_INCARNATION
from relay.journal.outbound import (
    OutboundState,
    OutboundStep,
    OutboundTaken,
    StoredOutbound,
    outbound_stepped,
    outbound_taken,
)
from relay.journal.records import HistoryLine, Intent, Step, StoredExchange, StoredState, Taken

KEY = bytes(range(32))
ITEMS_PER_LIFE = (90, 60)


class Variable(msgspec.Struct, frozen=True):
    name: str
    value: bytes


class Epoch(msgspec.Struct, frozen=True):
    epoch: int


Item: TypeAlias = Taken | Step | Variable | Epoch | OutboundTaken | OutboundStep
_NEXT = {
    StoredState.RECORDED: (StoredState.ANSWERED, StoredState.UNDOING, StoredState.HELD),
    StoredState.UNDOING: (StoredState.UNDOING, StoredState.DONE),
    StoredState.HELD: (StoredState.LISTED, StoredState.DONE),
    StoredState.DELIVERING: (StoredState.DONE, StoredState.DELIVERING),
}


def lives(seed: int = 7) -> list[list[Item]]:
    """The items of each incarnation, in the order given."""
    chance = random.Random(seed)
    states: dict[int, StoredState] = {}
    outbound: list[int] = []
    result: list[list[Item]] = []
    epoch = 0
    for incarnation, count in enumerate(ITEMS_PER_LIFE, start=1):
        items: list[Item] = []
        next_id = incarnation * IDS_PER_INCARNATION
        for number in range(count):
            dice = chance.random()
            movable = [exchange_id for exchange_id, state in states.items() if state in _NEXT]
            if dice < 0.08:
                items.append(Variable(chance.choice(("serial", "stan")), chance.randbytes(chance.randrange(1, 9))))
            elif dice < 0.12:
                epoch += 1
                items.append(Epoch(epoch))
            elif dice < 0.18:
                next_id += 1
                outbound.append(next_id)
                items.append(_outbound(chance, next_id))
            elif dice < 0.28 and outbound:
                items.append(_outbound_step(chance, chance.choice(outbound), number))
            elif dice < 0.6 and movable:
                exchange_id = chance.choice(movable)
                states[exchange_id] = state = chance.choice(_NEXT[states[exchange_id]])
                items.append(_step(chance, exchange_id, state, number))
            else:
                next_id += 1
                advice = chance.random() < 0.3
                states[next_id] = state = StoredState.DELIVERING if advice else StoredState.RECORDED
                items.append(_taken(chance, next_id, state, incarnation))
        result.append(items)
    return result


def _taken(chance: random.Random, exchange_id: int, state: StoredState, incarnation: int) -> Taken:
    advice = state is StoredState.DELIVERING
    return Taken(
        exchange_id=exchange_id,
        key=f"bank|iso8583|{chance.randrange(1 << 40):010x}",
        listener="atm",
        realm="bank",
        terminal="ATM00001",
        message_class=MessageClass.ADVICE if advice else MessageClass.FINANCIAL,
        kind="withdrawal",
        policy=DoubtPolicy.REPEAT if advice else DoubtPolicy.UNDO,
        fingerprint=chance.randbytes(16),
        state=state,
        recorded_ms=1,
        request=chance.randbytes(chance.choice((40, 300, 6_000))),  # the last one does not fit in a page
        pan=Pan("4539578763621486"),
        amount_minor=100,
        currency="JPY",
        incarnation=incarnation,
        intent=Intent(Verdict.APPROVE, "00", b"") if advice else None,
    )


def _outbound(chance: random.Random, outbound_id: int) -> OutboundTaken:
    return OutboundTaken(
        outbound_id=outbound_id,
        key=f"core-{chance.randrange(1 << 40):010x}",
        listener="switch",
        line="",
        kind="cutover",
        body=chance.randbytes(chance.choice((2, 200, 6_000))),
        fingerprint=chance.randbytes(16),
        recorded_ms=1,
    )


def _outbound_step(chance: random.Random, outbound_id: int, number: int) -> OutboundStep:
    state = chance.choice(list(OutboundState))
    return OutboundStep(outbound_id=outbound_id, at_ms=number, state=state, detail=f"step {number}")


def _step(chance: random.Random, exchange_id: int, state: StoredState, number: int) -> Step:
    answered = state is StoredState.ANSWERED
    return Step(
        exchange_id=exchange_id,
        event="answered" if answered else "moved",
        state=state,
        at_ms=number,
        intent=Intent(Verdict.APPROVE, "00", chance.randbytes(60)) if answered else None,
        tries=None if answered else number,
        history=not answered,
    )


class Model:
    """What a journal holds after the items given so far."""

    def __init__(self) -> None:
        self.exchanges: dict[int, StoredExchange] = {}
        self.lines: list[HistoryLine] = []
        self.outbound: dict[int, StoredOutbound] = {}
        self.variables: dict[str, bytes] = {}
        self.epoch = 0

    def give(self, item: Item) -> None:
        if isinstance(item, Taken):
            self.exchanges[item.exchange_id] = apply.taken(item)
        elif isinstance(item, Step):
            self.exchanges[item.exchange_id] = apply.stepped(self.exchanges[item.exchange_id], item)
            if item.history:
                self.lines.append(HistoryLine(item.exchange_id, item.at_ms, item.event, item.state, item.detail))
        elif isinstance(item, OutboundTaken):
            self.outbound[item.outbound_id] = outbound_taken(item)
        elif isinstance(item, OutboundStep):
            self.outbound[item.outbound_id] = outbound_stepped(self.outbound[item.outbound_id], item)
        elif isinstance(item, Variable):
            self.variables[item.name] = item.value
        else:
            self.epoch = item.epoch
