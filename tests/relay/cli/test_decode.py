"""`relay decode` as it is typed: hex, files, pipes and captures in, messages out, and its exit code."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from protocols.framing import FRAMINGS, wrap
from protocols.iso8583.message import IsoMessage
from relay.cli.decode import hex_of, read_input
from relay.errors import RelayError
from relay.main import main
from tests.support.captures import ATM, RELAY, SYN, ethernet, pcap, pcapng, segment
from tests.support.isomessages import CODECS, DIALECTS

PAN = "4111111111111111"
ASK = IsoMessage("0200", {2: PAN, 3: "011000", 4: "000000010000", 7: "0604123456", 11: "000001", 41: "TERMID01", 49: "392"})
ANSWER = IsoMessage("0210", {3: "011000", 4: "000000010000", 7: "0604123456", 11: "000001", 39: "00", 41: "TERMID01"})
BODY = CODECS["1987-ascii"].encode(ASK)
PACKED = CODECS["1987-bcd"].encode(ASK)
Capture = pytest.CaptureFixture[str]


def test_hex_is_found_out_and_explained(capsys: Capture) -> None:
    assert main(["decode", BODY.hex()]) == 0
    said = capsys.readouterr().out
    assert said.startswith("1987-ascii, framing none fits: 1 of 1 messages read to the last byte; type 0200 exists")
    assert "DE 2 passes the Luhn check" in said
    assert "also fits: " in said
    assert "0200  financial request, from the acquirer, 1987" in said
    assert "411111******1111" in said
    assert PAN not in said


def test_json_has_type_and_fields_by_number(capsys: Capture) -> None:
    assert main(["decode", "--json", wrap(FRAMINGS["nac"], PACKED).hex()]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["mti"] == "0200"
    assert told["fields"] == {
        "2": "411111******1111",
        "3": "011000",
        "4": "000000010000",
        "7": "0604123456",
        "11": "000001",
        "41": "TERMID01",
        "49": "392",
    }
    assert (told["dialect"], told["framing"], told["header"]) == ("1987-bcd", "nac", "6000000000")
    assert told["offsets"]["2"] == [10, 9]
    assert told["why"][0] == "1 of 1 messages read to the last byte"
    assert PAN not in json.dumps(told)


def test_named_dialect_and_framing_are_not_explained(capsys: Capture) -> None:
    assert main(["decode", "--dialect", "1987-ascii", "--framing", "none", BODY.hex()]) == 0
    assert capsys.readouterr().out.lstrip().startswith("0200  financial request")


def test_several_frames_are_several_lines(capsys: Capture) -> None:
    stream = wrap(FRAMINGS["ascii4"], BODY) + wrap(FRAMINGS["ascii4"], CODECS["1987-ascii"].encode(ANSWER))
    assert main(["decode", "--json", "--framing", "ascii4", stream.hex()]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["mti"] for one in told] == ["0200", "0210"]
    assert "why" not in told[1]


@pytest.mark.parametrize("content", [BODY, BODY.hex().encode(), b"0x" + BODY.hex(" ").encode() + b"\n", BODY.hex(":").encode()])
def test_files_of_bytes_and_of_hex(content: bytes, tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "message"
    file.write_bytes(content)
    assert main(["decode", "--json", str(file)]) == 0
    assert json.loads(capsys.readouterr().out)["fields"]["41"] == "TERMID01"


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    class Pipe:
        buffer = io.BytesIO(BODY.hex().encode())

    monkeypatch.setattr(sys, "stdin", Pipe())
    assert main(["decode", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["mti"] == "0200"


@pytest.mark.parametrize("form", [pcap, pcapng])
def test_captures_show_both_directions_in_order_of_time(form: object, tmp_path: Path, capsys: Capture) -> None:
    question = wrap(FRAMINGS["binary2"], PACKED)
    answer = wrap(FRAMINGS["binary2"], CODECS["1987-bcd"].encode(ANSWER))
    back = {"source": RELAY, "target": ATM}
    packets = [
        segment(99, b"", flags=SYN),
        segment(100, question[:10]),
        segment(110, question[10:]),
        segment(7, answer, **back),
        segment(100 + len(question), question),
        segment(110, question[10:]),
    ]
    file = tmp_path / "session.pcap"
    file.write_bytes((pcap if form is pcap else pcapng)([ethernet(packet) for packet in packets]))
    assert main(["decode", "--json", str(file)]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["mti"], one["stream"]) for one in told] == [
        ("0200", "10.0.0.7:40001 > 10.0.0.1:8583"),
        ("0210", "10.0.0.1:8583 > 10.0.0.7:40001"),
        ("0200", "10.0.0.7:40001 > 10.0.0.1:8583"),
    ]
    assert {(one["dialect"], one["framing"]) for one in told} == {("1987-bcd", "binary2")}
    assert all(one["time"] for one in told)


def test_nothing_decodes_and_no_guess_shows_a_digit_of_a_card(capsys: Capture) -> None:
    broken = BODY[:-1] + b"\xff"
    assert main(["decode", broken.hex()]) == 1
    said = capsys.readouterr().out
    assert said.startswith("nothing fits; nearest is 1987-")
    assert "breaks off: field 49 at offset" in said
    assert "411111" not in said
    assert main(["decode", "--json", broken.hex()]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["field"] == "49"


def test_a_named_dialect_shows_what_came_before_the_error(capsys: Capture) -> None:
    assert main(["decode", "--json", "--dialect", "1987-ascii", "--framing", "none", (BODY + b"x").hex()]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["error"] == {"field": "end", "offset": len(BODY), "expected": "nothing more, 1 bytes follow"}
    assert (told["fields"]["2"], told["fields"]["41"]) == ("411111******1111", "TERMID01")


def test_a_dialect_of_ones_own(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "bank.toml"
    file.write_text((DIALECTS / "1987-ascii.toml").read_text("utf-8") + "\n[fields.41]\nmax = 4\n")
    body = BODY.replace(b"TERMID01", b"TERM")
    assert main(["decode", "--json", "--dialect", str(file), body.hex()]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["dialect"], told["fields"]["41"]) == ("bank", "TERM")
    file.write_text("base = 1\n")
    assert main(["decode", "--dialect", str(file), body.hex()]) == 1
    assert main(["decode", "--dialect", str(tmp_path / "none.toml"), body.hex()]) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--framing", "gzip", BODY.hex()], "uncompressed"),
        (["--framing", "smoke", BODY.hex()], "Known are none, ascii4"),
        (["--dialect", "latin", BODY.hex()], 'There is no dialect "latin".'),
        (["--framing", "ascii4", BODY.hex()], "No frame could be cut with ascii4."),
        ([""], "The input is empty."),
        (["missing.pcap"], '"missing.pcap" is neither hex nor the name of a file.'),
        ([f"02{PAN}0000x"], "What was given (23 characters) is neither hex"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(words: list[str], said: str, capsys: Capture) -> None:
    assert main(["decode", *words]) == 1
    read = capsys.readouterr()
    assert said in read.err
    assert PAN not in read.err


def test_a_capture_without_payload_is_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "empty.pcap"
    file.write_bytes(pcap([]))
    with pytest.raises(RelayError, match="no TCP payload"):
        read_input(str(file), io.BytesIO())


def test_hex_text() -> None:
    assert hex_of(b"0x30 0X31,32:33-34_35\n36") == b"0123456"
    assert hex_of(b"") == b""
    assert hex_of(b"0200B") is None
    dump = b"00000000  30 32 30 30 41 42  |0200AB|\n00000006: 43 44              CD\n"
    assert hex_of(dump) == b"0200ABCD"


def test_hex_of_a_message_that_itself_reads_as_hex_is_undone_once(capsys: Capture) -> None:
    sign_on = CODECS["1987-ascii"].encode(IsoMessage("0800", {7: "0604123456", 11: "000001", 70: "001"}))
    assert hex_of(sign_on + b"0") is not None, "the message is made of digits and A to F"
    assert main(["decode", "--json", sign_on.hex()]) == 0
    assert json.loads(capsys.readouterr().out)["mti"] == "0800"


def test_a_file_with_a_message_that_itself_reads_as_hex(tmp_path: Path, capsys: Capture) -> None:
    """As bytes and as hex text: whichever reading makes a message is meant."""
    echo = CODECS["1987-ascii"].encode(IsoMessage("0810", {7: "0604123456", 11: "000001", 39: "00"}))
    assert hex_of(echo) is not None, "the message is made of digits and A to F"
    file = tmp_path / "message"
    for content in (echo, echo.hex().encode()):
        file.write_bytes(content)
        assert main(["decode", "--json", str(file)]) == 0
        assert json.loads(capsys.readouterr().out)["fields"]["39"] == "00"
    assert len(read_input(str(file), io.BytesIO())) == 2
