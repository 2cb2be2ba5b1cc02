"""A person's transaction request as an ATM would make it: commanded into service, asked, and never a note paid."""

import pytest

from protocols.errors import LocalMisuse
from protocols.framing import FrameCutter, wrap
from protocols.ndc.codec import decode_terminal, encode
from protocols.ndc.dialect import NDC, build_dialect, default_profile
from protocols.ndc.message import (
    DataCommand,
    HostMessage,
    SolicitedStatus,
    TerminalCommand,
    TransactionReply,
    TransactionRequest,
)
from protocols.ndc.saying import NdcSaying
from protocols.saying import SpeakingKit, Turn, Wish

DIALECT = build_dialect(default_profile(), lambda name: "", lambda: 0)
ITEMS = {
    "luno": "000",
    "track2": ";4000001234567899=2912?",
    "operation": "A       ",
    "amount": "00010000",
    "pin_block": "0412:4;=<>?99999",
}


def host(message: HostMessage) -> bytes:
    return wrap(DIALECT.rules.framing, encode(message))


def terminal(turn: Turn) -> list[object]:
    return [decode_terminal(frame.body) for frame in FrameCutter(DIALECT.rules.framing).feed(turn.data)]


def reply(notes: str = "", mcn: str = "1", next_state: str = "133") -> bytes:
    return host(
        TransactionReply(luno="000", next_state=next_state, notes=notes, tsn="0001", function="2" if notes else "5", mcn=mcn)
    )


def saying(**items: str) -> NdcSaying:
    return NdcSaying(DIALECT.rules, Wish(items={**ITEMS, **items}))


def test_the_kit_speaks() -> None:
    assert isinstance(NDC, SpeakingKit)
    assert isinstance(NDC.conversation(DIALECT, Wish()), NdcSaying)


def test_it_asks_when_it_is_in_service_and_not_before() -> None:
    said = saying()
    assert "UnsolicitedStatus" in str(terminal(said.begin()))
    (state,) = terminal(said.heard(host(TerminalCommand(luno="000", code="3"))))
    assert isinstance(state, SolicitedStatus)
    assert state.data == ("6" + ("0000" if DIALECT.profile.config_id == "*" else DIALECT.profile.config_id),)
    for command in (
        TerminalCommand(luno="000", code="2"),
        DataCommand(luno="000", subclass="1", identifier="6", data=("0000",)),
    ):
        (ready,) = terminal(said.heard(host(command)))
        assert isinstance(ready, SolicitedStatus)
        assert ready.descriptor == "9"
    ready, request = terminal(said.heard(host(TerminalCommand(luno="000", code="1"))))
    assert isinstance(request, TransactionRequest)
    assert (request.operation, request.amount, request.mcn) == ("A       ", "00010000", "1")
    turn = said.heard(reply())
    assert (turn.code, [one.is_answer for one in turn.shown]) == ("133", [True, False])


def test_an_order_to_dispense_pays_nothing_and_says_so() -> None:
    said = saying()
    said.begin()
    said.heard(host(TerminalCommand(luno="000", code="1")))
    turn = said.heard(reply("01000000"))
    (fault,) = terminal(turn)
    assert isinstance(fault, SolicitedStatus)
    assert (fault.descriptor, fault.data[0], turn.code) == ("8", "E200000000", None)
    assert said.heard(reply(next_state="999")).code == "133", "the first reply is the answer"


def test_a_reply_to_another_question_is_rejected() -> None:
    said = saying()
    said.begin()
    (rejected,) = terminal(said.heard(reply()))
    assert isinstance(rejected, SolicitedStatus)
    assert rejected.descriptor == "C"
    said.heard(host(TerminalCommand(luno="000", code="1")))
    assert said.heard(reply(mcn="7")).code is None


def test_the_power_up_alone_ends_at_once() -> None:
    assert NdcSaying(DIALECT.rules, Wish(message="12")).begin().code == ""


def test_nothing_secret_is_shown() -> None:
    said = saying()
    shown = said.begin().shown + said.heard(host(TerminalCommand(luno="000", code="1"))).shown
    assert ("track2", "***") in shown[-1].items
    for secret in ("4000001234567899", "0412:4"):
        assert secret not in repr(shown)


@pytest.mark.parametrize(
    ("wish", "path"),
    [
        (Wish(message="22"), "type"),
        (Wish(is_repeated=True), "repeat"),
        (Wish(items={"colour": "red"}), "colour"),
    ],
)
def test_what_cannot_be_said_names_its_item(wish: Wish, path: str) -> None:
    with pytest.raises(LocalMisuse) as caught:
        NdcSaying(DIALECT.rules, wish)
    assert caught.value.path == path


def test_characters_that_are_no_bytes_are_refused() -> None:
    said = saying(operation="ガ       ")
    said.begin()
    with pytest.raises(LocalMisuse):
        said.heard(host(TerminalCommand(luno="000", code="1")))
