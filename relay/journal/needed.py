"""A journal's variables and outbound marks, told only when they are durable where their class demands.

Owns the two faces that stand between the journal and the wire: a link's variables (class `serial`) and the mark "may have been
sent" of a message that the core started (class `outward`), and its cancelling. It must never know a dialect or a line. The
traps: whoever gets `None` here goes on and says something to the far end, or to the core that it will never be sent, so it
comes last: a copy that lacks either would have it sent by whoever takes over; and a mark that would have to wait for a standby
that is away is not written at all, because on this disk it would stand as "may have been sent" for what never left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, Protocol

from relay.journal.acks import REFUSED, Acks
from relay.journal.outbound import OutboundState, OutboundStep, OutboundTaken, StoredOutbound
from relay.journal.port import JournalFailed, JournalState, OutboundJournal, OutboundTakeResult, StepResult
from relay.needs import AckClass, Need

NOT_THERE = JournalFailed("the other center's copy does not have it, and its class does not do without")


_TOLD_ON: Final = frozenset({OutboundState.SENT, OutboundState.CANCELLED})


class _Variables(Protocol):
    """What of a journal is needed for variables."""

    def store_variable(self, link_name: str, name: str, value: bytes | None, done: Callable[[StepResult], None]) -> None: ...

    def variables(self, link_name: str) -> Mapping[str, bytes]: ...


def tell_when_met(acks: Acks, ack_class: AckClass, done: Callable[[StepResult], None], result: StepResult) -> None:
    """`result` is the journal's word about a record of `ack_class`: hand it to `done` when what the class needs is met."""
    if result is not None:
        done(result)
        return
    need = acks.now(ack_class)
    if need is Need.PEER:
        acks.reached(partial(_asked_peer, acks, ack_class, done))
    else:
        _tell(acks, ack_class, done, need)


def _asked_peer(acks: Acks, ack_class: AckClass, done: Callable[[StepResult], None], is_there: bool) -> None:
    _tell(acks, ack_class, done, Need.PEER if is_there else acks.now(ack_class))


def _tell(acks: Acks, ack_class: AckClass, done: Callable[[StepResult], None], need: Need | None) -> None:
    acks.told(ack_class, REFUSED if need is None else need)
    done(NOT_THERE if need is None else None)


class NeededVariables:
    """relay/wire/ports.py calls it VariableStore."""

    def __init__(self, journal: _Variables, acks: Acks) -> None:
        self._journal = journal
        self._acks = acks

    def store_variable(self, link_name: str, name: str, value: bytes | None, done: Callable[[StepResult], None]) -> None:
        if self._acks.is_local(AckClass.SERIAL):
            self._journal.store_variable(link_name, name, value, done)
        else:
            told = partial(tell_when_met, self._acks, AckClass.SERIAL, done)
            self._journal.store_variable(link_name, name, value, told)

    def variables(self, link_name: str) -> Mapping[str, bytes]:
        return self._journal.variables(link_name)


class NeededOutbound:
    """An OutboundJournal (relay/journal/port.py)."""

    def __init__(self, journal: OutboundJournal, acks: Acks) -> None:
        self._journal = journal
        self._acks = acks

    @property
    def state(self) -> JournalState:
        return self._journal.state

    def next_exchange_id(self) -> int:
        return self._journal.next_exchange_id()

    def waiting_count(self) -> int:
        return self._journal.waiting_count()

    def fingerprint(self, text: str) -> bytes:
        return self._journal.fingerprint(text)

    def take_outbound(self, record: OutboundTaken, done: Callable[[OutboundTakeResult], None]) -> None:
        self._journal.take_outbound(record, done)

    def step_outbound(self, record: OutboundStep, done: Callable[[StepResult], None]) -> None:
        acks = self._acks
        if record.state not in _TOLD_ON or acks.is_local(AckClass.OUTWARD):
            self._journal.step_outbound(record, done)
        elif acks.now(AckClass.OUTWARD) is None:
            acks.told(AckClass.OUTWARD, REFUSED)
            done(NOT_THERE)
        else:
            self._journal.step_outbound(record, partial(tell_when_met, acks, AckClass.OUTWARD, done))

    def find_outbound(self, key: str, done: Callable[[StoredOutbound | JournalFailed | None], None]) -> None:
        self._journal.find_outbound(key, done)

    def open_outbound(self) -> Sequence[StoredOutbound]:
        return tuple(self._journal.open_outbound())

    def newest_outbound(self, states: Sequence[OutboundState], count_max: int) -> Sequence[StoredOutbound]:
        return tuple(self._journal.newest_outbound(states, count_max))
