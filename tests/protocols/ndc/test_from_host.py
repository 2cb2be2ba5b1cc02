"""What hosts say: every form comes back from its bytes, and what is malformed is refused by name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import FieldError
from protocols.ndc.codec import decode_host, encode
from protocols.ndc.message import (
    Buffer,
    DataCommand,
    EmvConfiguration,
    HostMessage,
    JournalCommand,
    OpaqueHost,
    PrintGroup,
    TerminalCommand,
    TransactionReply,
)
from protocols.vocabulary import Secret

REPLY = TransactionReply(
    luno="001",
    sequence="01BAFC14",
    next_state="125",
    notes="00010100",
    coins="0001",
    tsn="0042",
    function="A",
    screen="u1234",
    screen_update="012\x0cTAKE YOUR CARD",
    mcn="~",
    card_flag="1",
    prints=(PrintGroup("2", "\nRECEIPT"), PrintGroup("1", "JOURNAL")),
    buffers=(Buffer("5", Secret("CAM8A023030")), Buffer("K", Secret("T"))),
    mac="A1B2C3D4",
)


@pytest.mark.parametrize(
    "message",
    [
        REPLY,
        TransactionReply(luno="", next_state="130", tsn="0000", function="5", mcn="1"),
        TerminalCommand(luno="001", sequence="000", code="21", flag="0"),
        TerminalCommand(luno="001", code="1", mac="A1B2C3D4"),
        DataCommand(luno="001", subclass="1", identifier="2", data=("000A001", "001B")),
        DataCommand(luno="001", subclass="4", identifier="2", data=("030123",)),
        JournalCommand("3", "60001", ("61001", "")),
        EmvConfiguration(luno="001", table="1", data=("01",), has_sequence=True),
        OpaqueHost("7", (Secret("exit"),)),
    ],
)
def test_comes_back_from_its_bytes(message: HostMessage) -> None:
    assert decode_host(encode(message)) == message


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"2\x1c001", "class"),
        (b"44\x1c001", "class"),
        (b"1\x1c001\x1c\x1c", "command"),
        (b"3\x1c001\x1c\x1c1", "customisation"),
        (b"6\x1c\x1c\x1c", "command"),
        (b"8\x1c001\x1c22\x1c1", "table"),
        (b"4\x1c001\x1c\x1c125", "reply"),
        (b"4\x1c001\x1c\x1c125\x1c001\x1c0001A\x1c30", "notes"),
        (b"4\x1c001\x1c\x1c125\x1c00\x1c001A\x1c30", "tsn"),
        (b"4\x1c001\x1c\x1c125\x1c00\x1c0001A\x1c3", "mcn"),
    ],
)
def test_what_is_malformed_is_refused_by_name(body: bytes, field: str) -> None:
    with pytest.raises(FieldError) as caught:
        decode_host(body)
    assert caught.value.field == field


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_field_error(body: bytes) -> None:
    try:
        message = decode_host(body)
    except FieldError:
        return
    assert decode_host(encode(message)) == message
