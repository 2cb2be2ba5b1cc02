"""What the four digits say, and that nothing secret is printed."""

from __future__ import annotations

import pytest

from protocols.errors import LocalMisuse
from protocols.iso8583.message import IsoMessage, masked_value
from protocols.iso8583.overlay import parse_overlay
from protocols.iso8583.spec import load_spec

PAN = "4111111111111111"
SECRETS = {
    2: PAN,
    14: "2912",
    34: PAN,
    35: f"{PAN}=29122011234567890",
    36: f"{PAN}=99",
    45: f"B{PAN}^DOE/J^2912",
    48: "PIN=1234",
    52: b"\x12\x34\x56\x78\x9a\xbc\xde\xf0",
    53: "1234567890123456",
    55: bytes.fromhex("5A08" + PAN),
}


@pytest.mark.parametrize(
    ("mti", "answer"),
    [
        ("0200", "0210"),
        ("0201", "0210"),
        ("0420", "0430"),
        ("0421", "0430"),
        ("0803", "0812"),
        ("0802", "0812"),
        ("1304", "1314"),
        ("1305", "1314"),
        ("2160", "2170"),
        ("9820", "9830"),
    ],
)
def test_types_of_answers(mti: str, answer: str) -> None:
    message = IsoMessage(mti, {})
    assert message.response_mti() == answer
    assert (message.is_request, message.is_response) == (True, False)
    assert IsoMessage(answer, {}).is_response


@pytest.mark.parametrize("mti", ["0210", "0230", "0140", "0150", "0180"])
def test_what_is_never_answered(mti: str) -> None:
    with pytest.raises(LocalMisuse):
        IsoMessage(mti, {}).response_mti()


def test_digits_by_name() -> None:
    message = IsoMessage("1421", {})
    assert (message.version, message.message_class, message.function, message.origin) == ("1", "4", "2", "1")
    assert message.is_repeat
    assert message.first_mti == "1420"
    assert not IsoMessage("1420", {}).is_repeat


def test_repr_shows_no_secret() -> None:
    message = IsoMessage("0200", {3: "010000", 11: "123456", **SECRETS})
    for shown in (repr(message), str(message), f"{message}"):
        assert "'010000'" in shown
        assert "411111******1111" in shown
        for value in (PAN, PAN[6:12], "2912", "PIN=", "1234567890123456", "123456789ABC", "3456789", r"\x12"):
            assert value not in shown.replace("'123456'", "")


@pytest.mark.parametrize("version", ["1987", "1993", "2003"])
def test_tools_see_masks(version: str) -> None:
    spec = load_spec(version, "ascii", parse_overlay("masked = [48]"))
    shown = IsoMessage("0200", {3: "010000", 60: b"\xab", **SECRETS}).masked_fields(spec)
    assert shown[3] == "010000"
    assert shown[60] == "AB"
    assert shown[2] == "411111******1111"
    for number in set(SECRETS) - {2, 34}:
        assert set(shown[number]) == {"*"}
    assert set(masked_value(spec, 49, b"\x01\x02")) == ({"*"} if version == "2003" else set("0102"))


def test_frozen_and_equal_by_value() -> None:
    message = IsoMessage("0200", {3: "010000"})
    assert message == IsoMessage("0200", {3: "010000"})
    assert message != IsoMessage("0200", {3: "010000"}, b"head")
    with pytest.raises(AttributeError):
        message.mti = "0210"  # type: ignore[misc]  # that it cannot be done is what is tested
