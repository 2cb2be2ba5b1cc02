"""What a message looks like to people and to programs, and that no secret gets through."""

from __future__ import annotations

import msgspec
import pytest

from protocols.iso8583.message import IsoMessage, Value
from relay.cli.layout import describe_mti, lines, mask_text, show, show_value
from relay.cli.screen import Paint
from tests.support.isomessages import CODECS

PAN = "4111111111111111"
FIELDS: dict[int, Value] = {
    2: PAN,
    4: "000000010000",
    14: "2912",
    35: f"{PAN}=29122011234567890",
    41: "TERM\x1b[31",
    48: f"card {PAN} seen",
    49: "392",
    52: b"\x12\x34\x56\x78\x9a\xbc\xde\xf0",
    55: bytes.fromhex("5A08" + PAN + "9F020600000000500071038A0100"),
    60: PAN,
    90: "0200" + "3" * 38,
}
CODEC = CODECS["1987-ascii"]
SCAN = CODEC.scan(CODEC.encode(IsoMessage("0200", FIELDS)))


def test_nothing_that_identifies_a_card_is_shown() -> None:
    shown = show(CODEC.spec, SCAN, dialect="1987-ascii", framing="none")
    text = "\n".join(lines(CODEC.spec, SCAN, shown, Paint(False))) + msgspec.json.encode(shown).decode()
    for secret in (PAN, PAN[6:12] * 2, "2912", "20112345", "123456789ABCDEF0", "12345678"):
        assert secret not in text
    assert text.count("411111******1111") == 6  # fields 2, 48 and 60, for people and for programs
    assert shown.fields["90"] == FIELDS[90]


def test_a_guess_that_fits_nothing_shows_stars_only() -> None:
    shown = show(CODEC.spec, SCAN, dialect="1987-ascii", framing="none", header=b"head", is_trusted=False)
    assert all(set(value) == {"*"} for value in shown.fields.values())
    assert (shown.header, shown.tags) == ("", ())
    assert "000000010000" not in "\n".join(lines(CODEC.spec, SCAN, shown, Paint(False)))


def test_lines_for_people() -> None:
    shown = show(CODEC.spec, SCAN, dialect="1987-ascii", framing="nac", header=b"\x60\0\1\0\2", stream="a > b", time="noon")
    said = lines(CODEC.spec, SCAN, shown, Paint(False))
    assert said[0] == "0200  financial request, from the acquirer, 1987"
    assert said[1].split() == ["1987-ascii,", "framing", "nac", "a", ">", "b", "noon"]
    assert said[2].split() == ["offset", "bytes", "field", "value", "name"]
    text = "\n".join(said)
    assert "\x1b" not in text
    assert "currency, transaction: JPY" in text
    for tag in ("55.5A 8 bytes", "55.9F02 6 bytes", "55.71 3 bytes", "55.71.8A 1 byte"):
        assert tag in text
    columns = {line.index("4" if " 4 " in line else "2") for line in said if line.split()[2:3] in (["2"], ["4"])}
    assert len(columns) <= 2


def test_an_object_for_programs() -> None:
    shown = show(CODEC.spec, SCAN, dialect="1987-ascii", framing="none")
    told = msgspec.json.decode(msgspec.json.encode(shown))
    assert told["mti"] == "0200"
    assert told["fields"]["4"] == "000000010000"
    assert told["offsets"]["mti"] == [0, 4]
    assert "error" not in told


def test_where_it_breaks_off() -> None:
    scan = CODEC.scan(CODEC.encode(IsoMessage("0200", {3: "010000", 4: "000000010000"}))[:-1])
    shown = show(CODEC.spec, scan, dialect="1987-ascii", framing="none")
    assert shown.fields == {"3": "010000"}
    assert msgspec.to_builtins(shown.error) == {"field": "4", "offset": 26, "expected": "12 bytes, 11 left"}
    assert lines(CODEC.spec, scan, shown, Paint(False))[-1] == (
        "  breaks off: field 4 at offset 26: expected 12 bytes, 11 left"
    )
    nothing = show(CODEC.spec, CODEC.scan(b""), dialect="1987-ascii", framing="none")
    assert lines(CODEC.spec, CODEC.scan(b""), nothing, Paint(False))[0] == "????"


@pytest.mark.parametrize(
    ("mti", "words"),
    [
        ("0421", "reversal advice, repeated, from the acquirer, 1987"),
        ("1812", "network management response, from the issuer, 1993"),
        ("2304", "file action request, from the other, 2003"),
        ("5990", "reserved class reserved function, from the acquirer, reserved version"),
    ],
)
def test_types_in_words(mti: str, words: str) -> None:
    assert describe_mti(mti) == words


def test_card_numbers_in_text() -> None:
    assert mask_text(f"a{PAN}b") == "a411111******1111b"
    assert mask_text("4111111111111112") == "4111111111111112"
    assert mask_text("0" + "1" * 30) == "0" + "1" * 30
    assert show_value(CODEC.spec, 60, bytes.fromhex(PAN)) == "411111******1111"
