"""The fake machine's mind, scene by scene: what it says, and where the notes went meanwhile."""

from __future__ import annotations

import random
import tomllib

import pytest

from protocols.ndc.evidence import worth
from protocols.ndc.message import (
    DataCommand,
    JournalCommand,
    JournalUpload,
    SolicitedStatus,
    TerminalCommand,
    TransactionReply,
    TransactionRequest,
    UnsolicitedStatus,
)
from relay.loopback.customers import Customers
from relay.loopback.deeds import Connect, HangUp, NdcPolicy, Ready
from relay.loopback.ndcatm import NdcMind, Power, Utter
from relay.loopback.ndcbooks import NoteBooks
from relay.loopback.ndcstates import DEMO_LOAD
from relay.loopback.ndctally import NdcTally

VALUES = (1_000, 5_000, 10_000, 0)
NEVER = {name: 0.0 for name in NdcPolicy.__struct_fields__ if name.endswith("_share")} | {"silent_connect": 0.0, "with_b": 0.0}


class Scene:
    def __init__(self, **shares: float) -> None:
        self.books = NoteBooks()
        self.machine = self.books.install("M", VALUES, (50, 50, 50, 0))
        self.tally = NdcTally()
        self.mind = NdcMind("M", "000", self.books, self.tally, NdcPolicy(**{**NEVER, **shares}), random.Random(1))
        self.said: list[object] = []

    def do(self, deeds: object) -> list[object]:
        self.said = [deed.message if isinstance(deed, Utter) else deed for deed in deeds]  # type: ignore[attr-defined]
        return self.said

    def in_service(self) -> Scene:
        self.do(self.mind.link_opened(0))
        states = tuple(tomllib.loads(DEMO_LOAD)["states"])
        self.mind.received(DataCommand(luno="", subclass="1", identifier="2", data=states), 0)
        self.mind.received(DataCommand(luno="", subclass="1", identifier="6", data=("0001",)), 0)
        self.do(self.mind.received(TerminalCommand(luno="", code="1"), 0))
        return self

    def asks(self) -> TransactionRequest:
        order = Customers(1, 5, {"withdrawal": 1}).next(0)
        self.do(self.mind.begin(order, 0))
        for _ in range(20):
            self.do(self.mind.timer_fired("step", 0))
            if isinstance(self.said[0], TransactionRequest):
                return self.said[0]
        raise AssertionError("it never asked")

    def reply(self, request: TransactionRequest, notes: str | None = None, mcn: str = "") -> list[object]:
        amount = int(request.amount)
        ordered = notes or f"{amount % 5_000 // 1_000:02}{amount % 10_000 // 5_000:02}{amount // 10_000:02}00"
        reply = TransactionReply(luno="000", next_state="125", notes=ordered, tsn="0007", function="A", mcn=mcn or request.mcn)
        return self.do(self.mind.received(reply, 0))


def status(said: list[object]) -> str:
    (found,) = [one for one in said if isinstance(one, SolicitedStatus)]
    return found.descriptor + (found.data[0] if found.data else "")


def test_it_powers_up_loads_and_serves() -> None:
    scene = Scene()
    scene.do(scene.mind.link_opened(0))
    (power,) = scene.said
    assert isinstance(power, UnsolicitedStatus)
    assert power.device.status == "0000"
    scene.in_service()
    assert scene.mind.power is Power.IN_SERVICE
    assert any(isinstance(deed, Ready) for deed in scene.said)


def test_a_silent_make_says_nothing_until_asked() -> None:
    scene = Scene(silent_connect=1.0)
    assert scene.do(scene.mind.link_opened(0)) == []
    assert status(scene.do(scene.mind.received(TerminalCommand(luno="", code="3"), 0))) == "F60000"


def test_it_pays_what_was_ordered_and_says_ready() -> None:
    scene = Scene().in_service()
    request = scene.asks()
    assert status(scene.reply(request)) == "9"
    assert scene.books.taken_by_act() == {("M", "0007"): int(request.amount)}
    assert any(isinstance(one, JournalUpload) for one in scene.said)


@pytest.mark.parametrize(
    ("share", "code", "pays"),
    [
        ("none_share", "8E2", "nothing"),
        ("purge_share", "8E4", "nothing"),
        ("short_share", "8E1", "less"),
        ("unknown_share", "8E3", "?"),
    ],
)
def test_each_fault_says_its_code_and_the_notes_tell_the_truth(share: str, code: str, pays: str) -> None:
    scene = Scene(**{share: 1.0}).in_service()
    request = scene.asks()
    said = status(scene.reply(request))
    assert said.startswith(code)
    taken = scene.books.total_taken()
    if pays == "nothing":
        assert taken == 0
    if pays == "less":
        assert 0 < taken < int(request.amount)
        counts = tuple(int(said[at : at + 2]) for at in range(3, 11, 2))
        assert worth(counts, VALUES) == taken
    assert not scene.books.imbalance()
    closing = TransactionReply(luno="", next_state="140", notes="00000000", tsn="0000", function="5", mcn=request.mcn)
    assert status(scene.do(scene.mind.received(closing, 0))) == "9"


def test_retracted_notes_are_reported_twice_and_kept() -> None:
    scene = Scene(retract_share=1.0).in_service()
    scene.reply(scene.asks())
    assert isinstance(scene.said[0], UnsolicitedStatus)
    assert status(scene.said).startswith("8E5")
    assert not scene.books.imbalance()


def test_a_power_cut_says_nothing_and_is_remembered_only_by_the_notes() -> None:
    scene = Scene(power_cut_share=1.0).in_service()
    assert isinstance(scene.reply(scene.asks())[0], HangUp)
    assert isinstance(scene.do(scene.mind.link_closed(0))[-1], Connect)
    assert scene.mind.is_free is False
    assert not scene.books.imbalance()


def test_a_reply_that_fits_no_request_is_rejected_and_pays_nothing() -> None:
    scene = Scene().in_service()
    request = scene.asks()
    assert status(scene.reply(request, mcn="~")) == "CB09"
    assert scene.tally.violation_count == 1, "a dispense for nobody"
    assert status(scene.reply(request)) == "9"
    assert status(scene.reply(request)) == "CC01"
    assert scene.books.total_taken() == int(request.amount)


def test_an_order_of_another_amount_is_a_violation_and_pays_nothing() -> None:
    scene = Scene().in_service()
    assert status(scene.reply(scene.asks(), notes="99000000")) == "CB11"
    assert scene.tally.violation_count == 1
    assert scene.books.total_taken() == 0


def test_loads_are_taken_out_of_service_only() -> None:
    scene = Scene().in_service()
    assert (
        status(scene.do(scene.mind.received(DataCommand(luno="", subclass="1", identifier="6", data=("0002",)), 0))) == "CC04"
    )


def test_a_journal_block_is_sent_again_until_it_is_acknowledged() -> None:
    scene = Scene().in_service()
    scene.reply(scene.asks())
    (block,) = [one for one in scene.said if isinstance(one, JournalUpload)]
    scene.do(scene.mind.link_closed(0))
    scene.do(scene.mind.link_opened(0))
    again = scene.do(scene.mind.received(TerminalCommand(luno="", code="1"), 0))
    assert block in again
    assert not scene.mind.is_settled
    scene.do(scene.mind.received(JournalCommand("1", block.last), 0))
    assert scene.mind.is_settled


def test_no_answer_in_time_gives_the_card_back_and_no_money() -> None:
    scene = Scene().in_service()
    scene.asks()
    scene.do(scene.mind.timer_fired("reply", 0))
    assert scene.tally.timed_out == 1
    assert scene.books.total_taken() == 0
    assert scene.mind.is_free
