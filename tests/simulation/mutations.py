"""Broken relays and broken cores, each in one way that an honest mistake could take: the simulation must notice them all.

Owns the table `MUTATIONS`: a name, the law that it breaks, how it is put in, and in which rooms it shows. It must never be
imported by the relay. The trap: a mutation that changes nothing proves nothing, so each was seen to change a history; and one
that is caught by an accident of another check is worth less than one that is caught by its own, so each names a word of the
violation that it must end in.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from unittest import mock

import msgspec

from protocols.branch import intake as branch_intake
from protocols.branch import translate as branch_translate
from protocols.iso8583.dialect import Iso8583Dialect
from protocols.iso8583.message import IsoMessage
from protocols.ndc import transaction as ndc_transaction
from protocols.ndc.commanding import Commands
from protocols.ndc.evidence import CONFIRMED, Finding
from protocols.vocabulary import Approved, DoubtPolicy, Received, Refusal, Request
from protocols.zengin.session.state import Intent as ZrcIntent
from protocols.zengin.session.state import Outward
from relay.core.client import CoreClient
from relay.core.port import NotFound
from relay.exchange import byhand, people
from relay.exchange.desk import Desk
from relay.exchange.doubt import Doubt
from relay.exchange.exchange import Event, State
from relay.exchange.register import Open
from relay.exchange.saf import Saf
from relay.journal.items import EpochItem
from relay.journal.memory import MemoryJournal
from relay.journal.memory_disk import MemoryDisk
from relay.journal.outbound import OutboundState
from relay.journal.port import StepResult
from relay.journal.records import Step, StoredExchange, StoredState
from relay.loopback.entries import Entry
from relay.loopback.ledger import Ledger
from relay.outbound.desk import Outbound
from relay.outbound.lines import Message
from relay.outbound.register import Register as OutboundRegister
from relay.outbound.reports import Reports
from relay.outbound.states import State as OutboundPlace
from relay.wire.tally import CommandTally
from tests.simulation.banks import DELAYED, HOLDING, PLAIN, Bank
from tests.simulation.world import World

Put = Callable[[object, str, object], None]  # setattr that is taken back afterwards


class Mutation(msgspec.Struct, frozen=True):
    """`caught_by`: a word of the violation. `rooms` and `bank`: where it shows; `first` to `seeds`: the histories, from
    the one on that notices it (docs/reliability.md), because those before it only cost time."""

    name: str
    law: str
    apply: Callable[[Put], None]
    rooms: tuple[str, ...] = ("atm",)
    seeds: int = 20
    caught_by: str = ""
    bank: Bank = PLAIN
    first: int = 1


# ---- law 1 ---------------------------------------------------------------------------------------------------------------
def _reply_before_intent(put: Put) -> None:
    whole = Desk.answer

    def hasty(self: Desk, entry: Open, answer: Any) -> None:
        if isinstance(answer, Approved) and entry.link is not None and entry.facts is not None:
            reply = entry.facts.dialect.to_reply(entry.message, answer, self.register.clock.wall_ms())
            entry.link.reply(entry.message, reply)
            entry.link = None
        whole(self, entry, answer)

    put(Desk, "answer", hasty)


def _durable_before_it_is(put: Put) -> None:
    whole = MemoryJournal.step

    def step(self: MemoryJournal, record: Step, done: Callable[[StepResult], None]) -> None:
        self._timers.after(0, partial(done, None))
        whole(self, record, lambda result: None)

    put(MemoryJournal, "step", step)


def _synchronous_off(put: Put) -> None:
    """A commit is called durable, and the power takes the last quarter of a second of them all the same."""
    lost_ms = 250
    commit, crash = MemoryJournal._commit, MemoryJournal.crash
    copies: list[tuple[int, tuple[Any, ...]]] = []

    def committed(self: MemoryJournal, group: Any) -> Any:
        disk = self.disk
        ids = {key: list(each) for key, each in disk.reversal_ids.items()}
        copies.append((self._clock.monotonic_ms(), (dict(disk.exchanges), dict(disk.ids), ids)))
        del copies[:-400]
        return commit(self, group)

    def crashed(self: MemoryJournal, *, keep_in_flight: bool = False) -> None:
        crash(self, keep_in_flight=keep_in_flight)
        since_ms = self._clock.monotonic_ms() - lost_ms
        kept = next((each for at_ms, each in copies if at_ms >= since_ms), None)
        if kept is not None:
            self.disk.exchanges, self.disk.ids, self.disk.reversal_ids = kept
        copies.clear()

    put(MemoryJournal, "_commit", committed)
    put(MemoryJournal, "crash", crashed)


# ---- law 2 ---------------------------------------------------------------------------------------------------------------
def _approved_after_reversal(put: Put) -> None:
    put(MemoryDisk, "with_reversal", lambda self, stored: stored)


def _another_key(put: Put) -> None:
    whole = Desk.start_call

    def rekeyed(self: Desk, entry: Open, *rest: Any) -> None:
        if entry.resubmits:
            entry.request = msgspec.structs.replace(entry.request, key=f"{entry.key}x{entry.resubmits}")
        whole(self, entry, *rest)

    put(Desk, "start_call", rekeyed)


def _iso_request(put: Put, change: Callable[[Request, IsoMessage], Request]) -> None:
    whole = Iso8583Dialect.to_request

    def changed(self: Iso8583Dialect, message: object, received: Received) -> Request | Refusal:
        request = whole(self, message, received)
        return change(request, message) if isinstance(request, Request) and isinstance(message, IsoMessage) else request

    put(Iso8583Dialect, "to_request", changed)


def _restamped_field_in_key(put: Put) -> None:
    """DE 7, which a repeat restamps."""
    _iso_request(put, lambda request, m: msgspec.structs.replace(request, key=f"{request.key}:{m.fields.get(7)}"))


def _key_without_date(put: Put) -> None:
    """The next day's serial 1 is today's."""
    for module in (branch_intake, branch_translate):
        whole = module.key_of
        put(
            module, "key_of", lambda message, realm, whole=whole: whole(message, realm).replace(f":{message.business_date}", "")
        )


def _serial_reused(put: Put) -> None:
    whole = Outward.settled

    def settled(self: Outward, intent: ZrcIntent, state: str, detail: str, *, counts: bool) -> Outward:
        after = whole(self, intent, state, detail, counts=counts)
        return msgspec.structs.replace(after, serial=intent.serial - 1) if after.serial == intent.serial > 1 else after

    put(Outward, "settled", settled)


# ---- law 3 ---------------------------------------------------------------------------------------------------------------
def _not_found_is_final(put: Put) -> None:
    whole = Doubt._found

    def found(self: Doubt, entry: Open, serial: int, finding: Any) -> None:
        if isinstance(finding, NotFound) and entry.serial == serial:
            entry.serial += 1
            entry.call = None
            self._desk.known(entry, Refusal.CORE_UNREACHABLE)
        else:
            whole(self, entry, serial, finding)

    put(Doubt, "_found", found)


def _deposit_undone(put: Put) -> None:
    def undone(request: Request, message: IsoMessage) -> Request:
        is_repeated = request.doubt_policy is DoubtPolicy.REPEAT
        return msgspec.structs.replace(request, doubt_policy=DoubtPolicy.UNDO) if is_repeated else request

    _iso_request(put, undone)


def _forgotten_undo(put: Put) -> None:
    whole = Saf.owe

    def forgetful(self: Saf, entry: Open) -> None:
        if entry.state is not State.UNDOING:
            whole(self, entry)

    put(Saf, "owe", forgetful)


def _reversal_as_delta(put: Put) -> None:
    """What was posted, less what shall stand, is taken off at each repeat of the reversal."""
    whole, reverse = Ledger._undo, Ledger.reverse
    reversed_already: set[tuple[Ledger, str]] = set()

    def undo(self: Ledger, entry: Entry, standing_minor: int, reversed_by: str = "") -> None:
        whole(self, entry, entry.standing_minor - (entry.posted_minor - standing_minor), reversed_by)

    def reversed_each_time(self: Ledger, key: str, request: Any, caller: Any, wall_ms: int) -> Any:
        answer = reverse(self, key, request, caller, wall_ms)
        entry = self._entries.get(key)
        is_repeat = entry is not None and entry.posted_minor and entry.standing_minor == int(request.standing.minor)
        if entry is not None and is_repeat and (self, key) in reversed_already:
            undo(self, entry, int(request.standing.minor))
        elif entry is not None:
            reversed_already.add((self, key))
        return answer

    put(Ledger, "_undo", undo)
    put(Ledger, "reverse", reversed_each_time)


def _saf_head_blocks(put: Put) -> None:
    """One chain for a whole terminal: what the core cannot digest stands before its reversals."""
    whole = Saf.owe

    def owe(self: Saf, entry: Open) -> None:
        entry.chain = entry.lane
        whole(self, entry)

    put(Saf, "owe", owe)


# ---- law 4 ---------------------------------------------------------------------------------------------------------------
def _second_ready_is_completion(put: Put) -> None:
    """Commands are not counted against their answers, neither by the dialogue nor by the link: the late second "ready" of a
    command that was sent again passes for a dispense."""
    whole = Commands.overdue

    def overdue(self: Commands, may_resend: bool, actions: list[Any]) -> bool:
        owed = self._due
        said = whole(self, may_resend, actions)
        self._due = min(self._due, owed)
        return said

    put(Commands, "overdue", overdue)
    put(CommandTally, "may_reply", property(lambda self: True))


def _counts_confirm(put: Put) -> None:
    whole = ndc_transaction.judge_counters

    def believed(sent: Any, counters: Any) -> Finding:
        finding = whole(sent, counters)
        return Finding(CONFIRMED, finding.why) if "all notes" in finding.why else finding

    put(ndc_transaction, "judge_counters", believed)


def _decision_in_memory(put: Put) -> None:
    """The person is told that it is recorded, and it is not."""
    whole = MemoryJournal.step

    def step(self: MemoryJournal, record: Step, done: Callable[[StepResult], None]) -> None:
        if record.event == Event.RESOLVED.name:
            self._timers.after(0, partial(done, None))
        else:
            whole(self, record, done)

    put(MemoryJournal, "step", step)


def _list_driven_again(put: Put) -> None:
    """After a restart, what was given to a person is tried again by itself."""
    whole = MemoryJournal.open_exchanges

    def open_ones(self: MemoryJournal) -> list[StoredExchange]:
        given = [s for s in self.listed() if s.state is StoredState.LISTED and s.taken.policy is DoubtPolicy.HOLD]
        return [*whole(self), *(msgspec.structs.replace(stored, state=StoredState.HELD) for stored in given)]

    put(MemoryJournal, "open_exchanges", open_ones)


def _booked_by_hand_and_asked_again(put: Put) -> None:
    """What a person resolved binds nothing else of its chain: neither a retry, nor what comes after it."""
    put(people, "hinders_retry", lambda chain, exchange_id, chain_key: None)
    put(people, "hinders_resolving", lambda chain, exchange_id, chain_key: None)
    put(byhand, "binds", lambda chain, exchange_id: None)


# ---- law 5 ---------------------------------------------------------------------------------------------------------------
def _ratchet_in_memory(put: Put) -> None:
    whole = MemoryJournal._apply
    put(MemoryJournal, "_apply", lambda self, item: None if isinstance(item, EpochItem) else whole(self, item))


def _sealed_epoch_believed(put: Put) -> None:
    """An answer counts, whatever became of its region meanwhile."""
    whole = CoreClient.__init__

    def trusting(self: CoreClient, *parts: Any, **more: Any) -> None:
        whole(self, *parts, **{**more, "epoch_floor": lambda: 0})

    put(CoreClient, "__init__", trusting)


# ---- messages that the core starts ---------------------------------------------------------------------------------------
def _outbound_sent_again(put: Put) -> None:
    """After a crash, what may have left is taken for waiting."""

    whole = Outbound._take_up

    def trusting(self: Outbound, message: Message) -> None:
        if message.stored.state is OutboundState.SENT:
            message.state = OutboundPlace.QUEUED
            self.register.keep(message)
            self.turns.add(message)
        else:
            whole(self, message)

    put(Outbound, "_take_up", trusting)


def _outbound_before_its_intent(put: Put) -> None:
    whole = OutboundRegister.write

    def hasty(self: OutboundRegister, message: Message, done: Callable[[StepResult], None]) -> None:
        if message.state is OutboundPlace.INTENDING:
            whole(self, message, lambda result: None)
            done(None)
        else:
            whole(self, message, done)

    put(OutboundRegister, "write", hasty)


def _report_not_repeated(put: Put) -> None:
    put(Reports, "_later", lambda self, message: None)


MUTATIONS = (
    Mutation("reply before its intent", "law 1", _reply_before_intent, caught_by="law 1"),
    Mutation("called durable before it is", "law 1", _durable_before_it_is),
    Mutation("synchronous=OFF", "law 1", _synchronous_off),
    Mutation("first approval replayed after a reversal", "law 2", _approved_after_reversal, caught_by="after its reversal"),
    Mutation("call repeated under another key", "law 2", _another_key),
    Mutation("peer-restamped field in the key", "law 2", _restamped_field_in_key),
    Mutation("date left out of the key", "law 2", _key_without_date, rooms=("branch",)),
    Mutation("発信通番 reused", "law 2", _serial_reused, rooms=("zengin",), caught_by="発信通番"),
    Mutation("not-found taken as final", "law 3", _not_found_is_final),
    Mutation("deposit undone automatically", "law 3", _deposit_undone),
    Mutation("undo forgotten", "law 3", _forgotten_undo),
    Mutation("delta instead of absolute reversal", "law 3", _reversal_as_delta),
    Mutation("SAF head blocking a reversal", "law 7", _saf_head_blocks, rooms=("ndc",), first=9, seeds=60, caught_by="held up"),
    Mutation(
        "a second NDC ready taken as completion",
        "law 4",
        _second_ready_is_completion,
        rooms=("ndc",),
        first=46,
        seeds=60,
        caught_by="law 10",
    ),
    Mutation("NDC counts taken as completion", "law 4", _counts_confirm, rooms=("ndc",), first=503, seeds=510),
    Mutation("decision kept in memory only", "law 4", _decision_in_memory, rooms=("ndc",), caught_by="is not on disk"),
    Mutation("list driven again after a restart", "law 4", _list_driven_again, bank=HOLDING, caught_by="nobody signed"),
    Mutation(
        "paid by hand, and by the core", "law 4", _booked_by_hand_and_asked_again, bank=DELAYED, first=13, caught_by="law 10"
    ),
    Mutation("outbound message sent again after a crash", "law 3", _outbound_sent_again, first=11, seeds=60),
    Mutation("outbound message before its intent", "law 1", _outbound_before_its_intent),
    Mutation("delivery report not repeated", "law 3", _report_not_repeated, first=10),
    Mutation("approval from a sealed epoch passed on", "law 5", _sealed_epoch_believed, first=4, seeds=60, caught_by="law 10"),
    Mutation("ratchet kept in memory only", "law 5", _ratchet_in_memory, caught_by="law 5"),
)


def caught(mutation: Mutation, world: type[World] = World) -> tuple[int, str]:
    """The first seed that notices the mutation, and what it says; (0, "") when none does."""
    taken_back: list[Callable[[], None]] = []

    def put(target: object, name: str, value: object) -> None:
        patch = mock.patch.object(target, name, value)
        patch.start()
        taken_back.append(patch.stop)

    mutation.apply(put)
    try:
        for seed in range(mutation.first, mutation.seeds + 1):
            try:
                world(seed, rooms=mutation.rooms, bank=mutation.bank).run()
            except AssertionError as violation:
                return seed, str(violation)
    finally:
        for stop in reversed(taken_back):
            stop()
    return 0, ""
