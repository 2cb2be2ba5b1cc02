"""Branch telegrams in `relay decode`: both code pages, a day's stream, mistakes with offset, and what stays hidden."""

from __future__ import annotations

import json

import pytest

from protocols.branch.fields import BODY_OF_TYPE
from protocols.iso8583.message import IsoMessage
from protocols.vocabulary import Pan, Secret
from relay.cli.branchdecode import MEANINGS
from relay.cli.decoders import find
from relay.cli.plausible import Bytes
from relay.cli.reading import Reading
from relay.main import main
from tests.support.branchlink import BRANCH_P1, completion, count, deposit, make_branch, opening, telegram, withdrawal
from tests.support.isomessages import CODECS
from tests.support.zenginfiles import sound_file

DAY = [opening(), withdrawal(1), completion(1, 10_000), deposit(2, is_repeat=True), telegram("12"), count(1_000_000)]


def read(data: bytes, name: str = "auto") -> Reading | None:
    return find(name, [[Bytes("", ((0, data),))]])


@pytest.mark.parametrize("charset", ["jis-x-0201", "ebcdic-kana"])
def test_a_day_is_found_without_being_told(charset: str) -> None:
    codec = make_branch(characters={"charset": charset}).codec
    reading = read(b"".join(codec.write(message) for message in DAY))
    assert reading is not None
    assert (reading.dialect, reading.reasons, reading.is_whole) == ("branch-p1", ("6 of 6 telegrams read", charset), True)
    assert [item.title[:2] for item in reading.items] == ["10", "20", "22", "20", "12", "17"]
    assert reading.items[3].title == "20 取引要求  9901-123-0042 000002, 再送"
    rows = {row.name: row for row in reading.items[3].rows}
    assert (rows["account"].value, rows["account"].offset) == ("****001", 164)
    assert rows["name"].value == "ﾔﾏﾀﾞ ﾊﾅｺ"
    assert (rows["mac"].offset, rows["mac"].length) == (243, 8)


def test_secrets_stay_hidden() -> None:
    body = {"pan": Pan("4000001234567899"), "amount": "000000010000", "pin_block": Secret("0123456789ABCDEF")}
    reading = read(BRANCH_P1.codec.write(telegram("20", operation="01012", serial=1, body=body)))
    assert reading is not None
    shown = str(reading)
    assert "0123456789ABCDEF" not in shown
    assert "4000001234567899" not in shown
    assert "400000******7899" in shown


def test_a_mistake_has_its_offset_and_the_header_is_shown() -> None:
    raw = bytearray(BRANCH_P1.codec.write(withdrawal(7)))
    raw[160] = ord("x")
    assert read(bytes(raw)) is None, "a guess is sure or silent"
    reading = read(bytes(raw), "branch-p1")
    assert reading is not None
    (item,) = reading.items
    assert item.mistakes == ("item account_branch at offset 160: expected 3 digits",)
    assert item.title.endswith("000007")
    assert not reading.is_whole


@pytest.mark.parametrize("cut", [1, 3, 50, 200])
def test_an_unfinished_stream_is_told(cut: int) -> None:
    data = BRANCH_P1.codec.write(opening()) + BRANCH_P1.codec.write(deposit(1))[:cut]
    reading = read(data, "branch-p1")
    assert reading is not None
    assert "unfinished" in reading.items[-1].mistakes[0]


def test_a_stream_of_something_else_is_not_ours() -> None:
    for data in (sound_file("21", 1), CODECS["1987-ascii"].encode(IsoMessage("0800", {11: "000001", 70: "301"})), b""):
        reading = read(data)
        assert reading is None or reading.dialect != "branch-p1"
    too_long = read((5_000).to_bytes(4, "big"), "branch-p1")
    assert too_long is not None
    assert not too_long.is_whole


def test_every_type_has_its_meaning() -> None:
    assert set(MEANINGS) == set(BODY_OF_TYPE)


def test_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", "--json", BRANCH_P1.codec.write(deposit(3)).hex()]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["fields"]["serial"] == "000003"
    assert shown["offsets"]["serial"] == [41, 6]
