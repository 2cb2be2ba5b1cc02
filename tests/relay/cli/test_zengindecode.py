"""Zengin in `relay decode`: files in every charset and record end, telegrams, captures, mistakes, and what stays hidden."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from protocols.iso8583.message import IsoMessage
from protocols.vocabulary import Secret
from protocols.zengin.file.codec import Codec
from protocols.zengin.file.message import DataMessage, FileMessage, Signal, StationMessage
from protocols.zengin.file.profile import FileProfile
from protocols.zengin.format.settings import FormatSettings
from protocols.zengin.format.writer import write_file
from relay.cli.decoders import DECODERS, find
from relay.cli.plausible import Bytes
from relay.main import main
from tests.support.isomessages import CODECS
from tests.support.zenginfiles import header, payment, sound_file

Capture = pytest.CaptureFixture[str]
CODEC = Codec(FileProfile())
OPEN = CODEC.write(
    1,
    StationMessage(kind="open", peer_code="1" * 14, own_code="2" * 14, password=Secret("SESAME"), at="20261125120000"),
    ack_wanted=True,
)
START = CODEC.write(
    2,
    FileMessage(kind="file-start", file="SOUFURI", access_key=Secret("SESAME"), cycle="01", record_bytes=120),
    ack_wanted=True,
)
DATA = CODEC.write(3, DataMessage(1, sound_file("21", 1)[:240]), ack_wanted=False)
STREAM = OPEN + CODEC.signal(Signal("ack", 1)) + START + DATA


def stream(data: bytes) -> list[list[Bytes]]:
    return [[Bytes("", ((0, data),))]]


@pytest.mark.parametrize("code", ["21", "11", "91", "01", "03"])
@pytest.mark.parametrize("charset", ["jis-x-0201", "ebcdic-kana", "ibm-939"])
@pytest.mark.parametrize("end", ["none", "crlf", "cr", "nl"])
def test_a_sound_file_is_found_out(code: str, charset: str, end: str) -> None:
    settings = FormatSettings.model_validate({"characters": {"charset": charset}, "record_end": end})
    reading = find("auto", stream(sound_file(code, 3, settings)))
    assert reading is not None
    assert reading.dialect == "zengin-format"
    assert reading.reasons[0].startswith(code)
    assert f"record end {end}" in reading.reasons[1]
    assert len(reading.items) == 6
    amounts = [row.value for item in reading.items for row in item.rows if row.name == "amount"]
    assert [int(amount) for amount in amounts] == [1_001, 1_004, 1_009]


def test_a_file_on_the_command_line(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "furikomi.txt"
    path.write_bytes(sound_file("21", 2))
    assert main(["decode", str(path)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("zengin-format: 21 総合振込 bulk transfer; 5 records")
    assert "payee_name" in said
    assert "****001" in said
    assert "7654321" not in said


def test_an_unsound_file_is_shown_where_it_is_asked_for(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "furikomi.txt"
    data = sound_file("21", 2).replace(b"\xd4\xcf\xc0\xde", b"abcd")
    path.write_bytes(data[:120] + b"7" + data[121:])
    assert main(["decode", "--dialect", "zengin-format", "--json", str(path)]) == 1
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    mistakes = [mistake for item in told for mistake in item["mistakes"]]
    assert mistakes[0].startswith("record 2, column 1: data_kubun")
    assert [item["title"] for item in told if item["mistakes"]] == ["record 2", "record 3: data", "record 4: trailer"]
    assert find("auto", stream(data)) is None


@pytest.mark.parametrize(
    ("was", "became", "told"),
    [
        (b"8000002000000002005", b"8000002000000002006", "record 4, column 8: total: says 2006, the records add up to 2005"),
        (b"0000001004", b"00000010\xb14", "record 3, column 89: amount: expected a digit, not U+FF71"),
        (b"1125", b"0231", "record 1, column 55: date_mmdd: expected a month and a day"),
        (b"9" + b" " * 119, b"", "record 5: the file stops before its end record"),
    ],
)
def test_a_file_with_a_mistake_is_found_out_all_the_same(
    was: bytes, became: bytes, told: str, tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "furikomi.txt"
    data = sound_file("21", 2)
    assert data.count(was) == 1
    path.write_bytes(data.replace(was, became))
    assert main(["decode", str(path)]) == 1
    said = capsys.readouterr().out
    assert said.startswith("zengin-format: 21")
    assert told in said


def test_results_of_debits_are_found_out() -> None:
    settings = FormatSettings(debit_results=True)
    records = [{**payment("91", number), "result_code": str(number % 2)} for number in (1, 2, 3)]
    data = write_file("91", header("91"), records, settings)
    reading = find("auto", stream(data))
    assert reading is not None
    assert reading.reasons[0].endswith("with results")


def test_what_is_no_file_of_records() -> None:
    for data in (b"", b"1", b"\xf1", b"121" + b" " * 117, sound_file("21", 0)[:240]):
        assert DECODERS["zengin-format"].read(stream(data)[0], is_guess=True) is None


def test_telegrams_with_offsets_and_without_secrets(capsys: Capture) -> None:
    assert main(["decode", STREAM.hex()]) == 0
    said = capsys.readouterr().out
    assert said.startswith("zengin-file: 3 telegrams, 1 signals; all read")
    assert "SESAME" not in said
    assert "ack 1" in said
    assert main(["decode", "--json", STREAM.hex()]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [item["title"] for item in told] == [
        "open, telegram 1",
        "ack 1",
        "file-start, telegram 2",
        "data, telegram 3",
    ]
    assert told[2]["fields"]["file"] == "SOUFURI"
    at, length = told[2]["offsets"]["file"]
    assert STREAM[at : at + length].hex() == "e2d6e4c6e4d9c9" + "40" * 5
    assert told[3]["fields"]["text"] == "<240 bytes>"


@pytest.mark.parametrize("tail", [b"\x00\x06\x00\x00\x00\x09\xf9\xf9", b"\xff\xff", b"\x00"])
def test_a_broken_stream_is_no_guess_and_tells_where_it_breaks(tail: bytes, capsys: Capture) -> None:
    assert find("auto", stream(STREAM + tail)) is None
    assert main(["decode", "--dialect", "zengin-file", (STREAM + tail).hex()]) == 1
    assert f"at {len(STREAM)}" in capsys.readouterr().out


def test_iso_messages_are_nobody_elses() -> None:
    asked = IsoMessage("0200", {3: "011000", 4: "000000010000", 7: "0604123456", 11: "000001", 41: "TERMID01"})
    for name in ("1987-ascii", "1987-bcd", "1987-ebcdic"):
        assert find("auto", stream(CODECS[name].encode(asked))) is None


def test_a_name_that_does_not_fit(capsys: Capture) -> None:
    assert main(["decode", "--dialect", "zengin-format", "0200"]) != 0
    assert "does not begin like zengin-format" in capsys.readouterr().err
