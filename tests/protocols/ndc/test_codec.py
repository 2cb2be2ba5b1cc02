"""The direction is told by the class, and only by it."""

from __future__ import annotations

import pytest

from protocols.errors import FieldError
from protocols.ndc.codec import decode, decode_terminal, encode
from protocols.ndc.message import SolicitedStatus, TerminalCommand


def test_two_characters_are_a_terminals_and_one_a_hosts() -> None:
    assert isinstance(decode(b"22\x1c001\x1c\x1c9"), SolicitedStatus)
    assert isinstance(decode(b"1\x1c001\x1c\x1c1"), TerminalCommand)
    assert isinstance(decode(b"10\x1c001\x1c\x1c1"), TerminalCommand)


@pytest.mark.parametrize("body", [b"", b"02\x1c001", b"99\x1c001", b"2\x1c001", b"\x1c\x1c"])
def test_no_class_no_message(body: bytes) -> None:
    with pytest.raises(FieldError):
        decode(body)


def test_a_terminal_cannot_command() -> None:
    with pytest.raises(FieldError):
        decode_terminal(b"1\x1c001\x1c\x1c1")


def test_either_direction_is_written() -> None:
    for body in (b"22\x1c001\x1c\x1c9", b"1\x1c001\x1c\x1c1"):
        assert encode(decode(body)) == body
