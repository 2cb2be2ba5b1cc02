"""The mind of one fake NDC machine: it walks its states with a customer, asks, pays or fails to, and says so. Pure.

Owns the machine's side of the protocol (power-up, commands, status, journal blocks), the one customer at a time and what
happens to the notes. It must never know a socket or a clock. The traps: the books are written when notes move, before any
message, and a power cut may come between; a reply that fits no open request is rejected, never acted on; and after a power
cut the machine remembers only what real ones keep: configuration id, states, notes, the last transaction and the
unacknowledged journal.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from enum import Enum
from typing import TypeAlias

import msgspec

from protocols.ndc import fields as f
from protocols.ndc.message import (
    DataCommand,
    DeviceStatus,
    EmvConfiguration,
    HostMessage,
    JournalCommand,
    JournalUpload,
    LastStatus,
    SolicitedStatus,
    TerminalCommand,
    TerminalMessage,
    TransactionReply,
    TransactionRequest,
    UnsolicitedStatus,
)
from protocols.vocabulary import Secret
from relay.loopback.customers import Order
from relay.loopback.deeds import Connect, HangUp, NdcPolicy, Ready, Wake
from relay.loopback.ndcbooks import CashAct, NoteBooks
from relay.loopback.ndcstates import IDLE, Asks, States, Walk, Wish
from relay.loopback.ndctally import NdcTally

JOURNAL_TEXT_MAX = 900
KEYS = {"withdrawal": "A", "balance-inquiry": "B"}


class Power(Enum):
    OFF = "off"
    OUT_OF_SERVICE = "out-of-service"
    IN_SERVICE = "in-service"
    SUPERVISOR = "supervisor"


class Utter(msgspec.Struct, frozen=True):
    message: TerminalMessage


Deed: TypeAlias = Utter | Wake | Connect | HangUp | Ready


class NdcMind:
    def __init__(
        self, terminal: str, luno: str, books: NoteBooks, tally: NdcTally, policy: NdcPolicy, chance: random.Random
    ) -> None:
        self.terminal = terminal
        self.luno = luno
        self.power = Power.OFF
        self.stopped = False
        self._books = books
        self._machine = books.machines[terminal]
        self._tally = tally
        self._policy = policy
        self._chance = chance
        # ---- what survives a power cut
        self._config_id = "0000"
        self._states = States()
        self._last = LastStatus("0000", "0", (0, 0, 0, 0))
        self._transactions = 0
        self._journal_from = 0  # characters acknowledged
        self._journal = ""  # text not yet acknowledged
        self._block: JournalUpload | None = None
        # ---- the customer at the machine
        self._walk: Walk | None = None
        self._order: Order | None = None
        self._act: CashAct | None = None
        self._asks: Asks | None = None
        self._mcn = 0
        self._given_up: set[str] = set()  # coordination numbers of requests that may still be answered, too late for us
        self._asked_ms: float | None = None  # since when somebody waits for a reply
        self._wants_out = False  # told to go out of service in the middle of a visit

    @property
    def is_free(self) -> bool:
        return self.power is Power.IN_SERVICE and self._walk is None

    @property
    def is_settled(self) -> bool:
        return self._walk is None and self._block is None and not self._journal

    # ---- the link ----------------------------------------------------------------------------------------------------
    def link_opened(self, now_ms: float) -> Sequence[Deed]:
        self._tally.links_opened += 1
        self.power = Power.OUT_OF_SERVICE
        if self._chance.random() < self._policy.silent_connect:
            return []
        return [Utter(self._unsolicited("B", self._config_id))]

    def link_failed(self, now_ms: float) -> Sequence[Deed]:
        return [] if self.stopped else [Connect(self._policy.reconnect_ms)]

    def link_closed(self, now_ms: float) -> Sequence[Deed]:
        """The line is gone: a customer who was waiting gets his card back, and no money."""
        self.power = Power.OFF
        self._give_up(now_ms)
        self._end_visit("line lost")
        deeds: list[Deed] = [Wake("step", None), Wake("reply", None), Wake("supervisor", None)]
        return deeds if self.stopped else [*deeds, Connect(self._policy.reconnect_ms * (0.5 + self._chance.random()))]

    def stop(self, now_ms: float) -> Sequence[Deed]:
        self.stopped = True
        return [HangUp("stopped")]

    def _power_cut(self) -> Sequence[Deed]:
        self._tally.power_cuts += 1
        return [HangUp("power cut")]

    # ---- customers ---------------------------------------------------------------------------------------------------
    def begin(self, order: Order, now_ms: float) -> Sequence[Deed]:
        """A customer steps up. Raises ValueError when the machine is not free."""
        if not self.is_free:
            raise ValueError(f"machine {self.terminal} is not free")
        self._order = order
        self._walk = Walk(Wish(KEYS[order.kind], f"{order.amount_minor:08}"))
        return [Wake("step", self._policy.key_ms)]

    def timer_fired(self, name: str, now_ms: float) -> Sequence[Deed]:
        if name == "step" and self._walk is not None:
            return self._step(self._walk, now_ms)
        if name == "reply" and self._walk is not None and self._asks is not None:
            self._given_up.add(chr(0x31 + self._mcn))
            self._give_up(now_ms)
            return self._visit_over("no answer in time")
        if name == "supervisor" and self.power is Power.SUPERVISOR:
            self.power = Power.OUT_OF_SERVICE
            return [Utter(self._unsolicited("P", f.SUPERVISOR_LEFT))]
        return []

    def _give_up(self, now_ms: float) -> None:
        if self._asked_ms is not None:
            self._tally.gave_up(self._asked_ms, now_ms)
        self._asked_ms = None

    def _step(self, walk: Walk, now_ms: float) -> Sequence[Deed]:
        found = self._states.step(walk)
        if found is True:
            return [Wake("step", self._policy.key_ms)]
        if found is False:
            return self._visit_over("the states lead nowhere")
        return self._ask(walk, found, now_ms)

    def _ask(self, walk: Walk, asks: Asks, now_ms: float) -> Sequence[Deed]:
        order = self._order
        if order is None:
            return []
        self._asks, self._asked_ms = asks, now_ms
        self._mcn = (self._mcn + 1) % 15
        self._given_up.discard(chr(0x31 + self._mcn))  # the number is this request's now
        if order.kind == "withdrawal":
            self._act = self._books.begin(self.terminal, order.card.pan.reveal(), order.amount_minor)
        request = TransactionRequest(
            luno=self.luno,
            mcn=chr(0x31 + self._mcn),
            track2=Secret(f";{order.card.track2}?") if asks.with_track2 else None,
            operation=walk.operation if asks.with_operation else " " * 8,
            amount=walk.amount if asks.with_amount else "",
            pin_block=Secret("0412:4;=<>?99999") if asks.with_pin else None,
            last=self._last,
        )
        self._tally.requests += 1
        deeds: list[Deed] = [Utter(request), Wake("reply", self._policy.reply_timeout_ms)]
        if self._chance.random() < self._policy.repeat_share:
            self._tally.repeats_sent += 1
            deeds.insert(1, Utter(request))
        return deeds

    def _visit_over(self, how: str) -> Sequence[Deed]:
        self._end_visit(how)
        deeds: list[Deed] = [Wake("reply", None), Wake("step", None), *self._upload()]
        if self._wants_out:
            self._wants_out = False
            self.power = Power.OUT_OF_SERVICE
        elif self.power is Power.IN_SERVICE and self._chance.random() < self._policy.supervisor_share:
            self.power = Power.SUPERVISOR
            self._tally.supervisor_visits += 1
            deeds += [Utter(self._unsolicited("P", f.SUPERVISOR_ENTERED)), Wake("supervisor", 20.0)]
        elif self.power is Power.IN_SERVICE:
            deeds.append(Ready())
        return deeds

    def _end_visit(self, how: str) -> None:
        if self._act is not None and self._act.ended == "open":
            self._act.ended = how
        if self._walk is not None:
            self._journal += f"*{self._last.tsn}* {how}\r\n"
        self._walk, self._order, self._act, self._asks = None, None, None, None

    # ---- what the host says ------------------------------------------------------------------------------------------
    def received(self, message: HostMessage, now_ms: float) -> Sequence[Deed]:
        match message:
            case TransactionReply():
                return self._replied(message, now_ms)
            case TerminalCommand():
                return self._commanded(message.code)
            case DataCommand():
                return self._loaded(message)
            case EmvConfiguration():
                return [Utter(self._ready())]
            case JournalCommand():
                return self._journal_answered(message)
        self._tally.violation(f"{self.terminal}: a message that no host sends")
        return []

    def _commanded(self, code: str) -> Sequence[Deed]:
        if code == "1":
            if self.power is Power.SUPERVISOR:
                return [Utter(self._reject("C03"))]
            self.power, self._wants_out = Power.IN_SERVICE, False
            return [Utter(self._ready()), *([Utter(self._block)] if self._block is not None else self._upload()), Ready()]
        if code[0] == "2":
            if self._walk is not None:
                self._wants_out = True
            elif self.power is Power.IN_SERVICE:
                self.power = Power.OUT_OF_SERVICE
            return [Utter(self._ready())]
        if code == "3":
            return [Utter(self._state("6" + self._config_id))]
        if code == "4":
            machine = self._machine
            groups = (machine.cassettes, machine.rejected, machine.taken, self._last.notes)
            counts = "".join(f"{count:05}" for group in groups for count in group[:4])
            return [Utter(self._state(f"2{self._last.tsn}{self._transactions:07}{counts}{'0' * 20}"))]
        if code[0] in "5678":
            self._books.tell(self.terminal, code)
            return [Utter(self._state(code[0] + "0" * 8))]
        return [Utter(self._reject("B04"))]

    def _loaded(self, message: DataCommand) -> Sequence[Deed]:
        if self.power is Power.IN_SERVICE:
            return [Utter(self._reject("C04"))]
        if message.subclass == "1" and message.identifier == f.STATES_LOAD:
            if self._states.load(message.data) < len(message.data):
                return [Utter(self._reject("B08"))]
        elif message.subclass == "1" and message.identifier == f.CONFIG_ID_LOAD:
            self._config_id = message.data[0]
            self._tally.loads += 1
        return [Utter(self._ready())]

    def _replied(self, reply: TransactionReply, now_ms: float) -> Sequence[Deed]:
        asks, order = self._asks, self._order
        ordered = tuple(int(reply.notes[at : at + 2]) for at in range(0, len(reply.notes), 2))
        if asks is None or order is None or reply.mcn != chr(0x31 + self._mcn):
            if any(ordered) and reply.mcn not in self._given_up:
                self._tally.violation(f"{self.terminal}: a dispense that nobody waits for (TSN {reply.tsn})")
            return [Utter(self._reject("C01" if asks is None else "B09"))]
        self._asks = None
        if self._asked_ms is not None:  # else it is the recovery after a device fault
            self._tally.replied(reply.next_state, any(ordered), self._asked_ms, now_ms)
        self._asked_ms = None
        if not any(ordered):
            self._last = LastStatus(reply.tsn, "1", (0, 0, 0, 0))
            # A close state ends the visit; the recovery after a fault comes this way too.
            return [Utter(self._ready()), *self._visit_over(f"closed by {reply.next_state}")]
        return self._dispense(reply, ordered, order)

    # ---- cash --------------------------------------------------------------------------------------------------------
    def _dispense(self, reply: TransactionReply, ordered: tuple[int, ...], order: Order) -> Sequence[Deed]:
        act, machine, chance, policy = self._act, self._machine, self._chance, self._policy
        if act is None or reply.function not in f.DISPENSING or machine.worth(ordered) != order.amount_minor:
            self._tally.violation(f"{self.terminal}: the order to dispense is not what the customer asked for")
            return [Utter(self._reject("B11")), *self._visit_over("wrong order")]
        act.tsn = reply.tsn
        self._tally.dispenses += 1
        self._transactions += 1
        self._last = LastStatus(reply.tsn, "0", (0, 0, 0, 0))  # begun, nothing to say yet
        draw = chance.random()

        def drawn(share: float) -> bool:
            nonlocal draw
            draw -= share
            return draw < 0

        if drawn(policy.power_cut_share):
            return self._cut(act, reply.tsn, ordered)
        try:
            machine.stack(ordered)
        except ValueError:
            return self._faulted(act, reply.tsn, "2", (0, 0, 0, 0), "nothing dispensed: a cassette is empty")
        if drawn(policy.none_share):
            machine.purge()
            return self._faulted(act, reply.tsn, "2", (0, 0, 0, 0), "nothing dispensed")
        if drawn(policy.purge_share):
            machine.purge()
            return self._faulted(act, reply.tsn, "4", (0, 0, 0, 0), "card not taken, notes purged")
        if drawn(policy.short_share) and sum(ordered) > 1:
            paid = list(ordered)
            paid[next(index for index, count in enumerate(paid) if count)] -= 1
            machine.hand_over(act, paid)
            machine.purge()
            return self._faulted(act, reply.tsn, "1", tuple(paid), "short")
        if drawn(policy.unknown_share):
            self._tally.unknowns += 1
            if chance.random() < 0.5:
                machine.hand_over(act, ordered)
            machine.purge()
            return self._faulted(act, reply.tsn, "3", ordered, "unknown")
        if drawn(policy.retract_share):
            self._tally.unknowns += 1
            taken = [chance.randint(0, count) for count in ordered]
            machine.hand_over(act, taken)
            machine.retract()
            told = [Utter(self._unsolicited("E", "5" + "".join(f"{count:02}" for count in ordered)))]
            return [*told, *self._faulted(act, reply.tsn, "5", ordered, "retracted")]
        machine.hand_over(act, ordered)
        act.ended = "paid"
        self._last = LastStatus(reply.tsn, "1", ordered)
        descriptor = f.REPLY_READY if chance.random() < policy.with_b else f.READY
        return [Utter(SolicitedStatus(luno=self.luno, descriptor=descriptor)), *self._visit_over("paid")]

    def _cut(self, act: CashAct, tsn: str, ordered: tuple[int, ...]) -> Sequence[Deed]:
        """The power fails in the middle: before the notes moved, or after, and nobody was told."""
        if self._chance.random() < 0.5:
            self._machine.stack(ordered)
            self._machine.hand_over(act, ordered)
            self._last = LastStatus(tsn, "1", ordered)
            act.ended = "paid, then the power failed"
        else:
            act.ended = "the power failed before the notes moved"
        return self._power_cut()

    def _faulted(self, act: CashAct, tsn: str, code: str, counts: tuple[int, ...], how: str) -> Sequence[Deed]:
        """A device fault answers the reply; the machine then waits for one reply more, without dispense."""
        act.ended = how
        self._last = LastStatus(tsn, "2", counts)
        self._tally.faults += 1
        shown = code + "".join(f"{count:02}" for count in counts)
        status = SolicitedStatus(luno=self.luno, descriptor="8", data=("E" + shown, "40000", "01", "10000"))
        self._asks = Asks(IDLE, False, False, False, False)  # the recovery reply is waited for
        return [Utter(status), Wake("reply", self._policy.reply_timeout_ms)]

    # ---- the journal -------------------------------------------------------------------------------------------------
    def _upload(self) -> Sequence[Deed]:
        if self._block is not None or not self._journal:
            return []
        text = self._journal[:JOURNAL_TEXT_MAX]
        until = self._journal_from + len(text)
        self._block = JournalUpload(
            machine="000001",
            date="261102",
            time="120000",
            previous=f"{self._journal_from % 1_000_000:06}",
            last=f"{until % 1_000_000:06}",
            length=f"{len(text):03}",
            text=Secret(text),
        )
        return [Utter(self._block)]

    def _journal_answered(self, message: JournalCommand) -> Sequence[Deed]:
        block = self._block
        if message.code != "1" or block is None or message.data != block.last:
            return []
        count = len(block.text.reveal())
        self._journal = self._journal[count:]
        self._journal_from += count
        self._block = None
        self._tally.blocks_acknowledged.append((self.terminal, block.last))
        return self._upload()

    # ---- small parts -------------------------------------------------------------------------------------------------
    def _ready(self) -> SolicitedStatus:
        return SolicitedStatus(luno=self.luno, descriptor=f.READY)

    def _reject(self, code: str) -> SolicitedStatus:
        self._tally.rejects += 1
        return SolicitedStatus(luno=self.luno, descriptor=f.SPECIFIC_REJECT, data=(code,))

    def _state(self, text: str) -> SolicitedStatus:
        return SolicitedStatus(luno=self.luno, descriptor=f.TERMINAL_STATE, data=(text,))

    def _unsolicited(self, device: str, status: str) -> UnsolicitedStatus:
        return UnsolicitedStatus(luno=self.luno, device=DeviceStatus(device, status))
