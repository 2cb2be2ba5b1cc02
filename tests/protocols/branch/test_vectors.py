"""The vectors, read twice: by the codec, and by the offsets of the profile's table as written here by hand."""

import json
from pathlib import Path

import pytest

from protocols.framing import FrameCutter
from tests.support.branchlink import make_branch

VECTORS = json.loads((Path(__file__).parent / "vectors" / "branch-p1.json").read_text(encoding="utf-8"))

# name, offset, length, value in every vector; offsets count from the length field.
FIXED = [
    ("版", 4, 2, "01"), ("金融機関コード", 8, 4, "9901"), ("店番", 12, 3, "123"), ("端末種別", 15, 1, "A"),
    ("端末番号", 16, 4, "0042"),
    ("オペレータID", 20, 8, " " * 8), ("役席ID", 28, 8, " " * 8), ("営業日", 47, 8, "20261125"), ("起算日", 55, 8, "20261125"),
    ("送信日時", 63, 14, "20261125091500"), ("再送表示", 77, 1, "0"), ("訓練区分", 94, 1, "0"), ("応答コード", 96, 4, "0000"),
    ("センター通番", 100, 10, "0" * 10), ("前回確定通番", 110, 6, "0" * 6), ("鍵版", 116, 4, "0" * 4),
    ("予備", 120, 40, " " * 40),
]  # fmt: skip


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_the_codec_reads_it_and_writes_it_again(vector: dict) -> None:
    codec = make_branch(**vector["profile"]).codec
    data = bytes.fromhex(vector["hex"])
    (frame,) = FrameCutter(codec.framing).feed(data)
    message = codec.read(frame)
    told = vector["expected"]
    assert (message.message_type, message.serial, message.operation) == (
        told["message_type"],
        told["serial"],
        told["operation"],
    )
    assert {name: message.text(name) for name in told["body"]} == told["body"]
    assert codec.write(message) == data


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_every_item_stands_where_the_profile_says(vector: dict) -> None:
    data = bytes.fromhex(vector["hex"])
    ebcdic = vector["profile"] != {}
    assert int.from_bytes(data[:4], "big") == len(data) - 4
    header = "    " + data[4:160].decode("cp037" if ebcdic else "ascii")
    for name, offset, length, value in FIXED:
        assert header[offset : offset + length] == value, name
    told = vector["expected"]
    assert header[6:8] == told["message_type"]
    assert header[36:41] == told["operation"]
    assert int(header[41:47]) == told["serial"]
    assert header[95] == ("1" if ebcdic else "0")
    assert header[93] == ("1" if told["message_type"] == "40" else "0")
    assert header[78] == {"24": "1", "26": "2"}.get(told["message_type"], "0")
    assert data[-8:] == bytes(8)


def test_kana_are_the_bytes_that_the_character_tables_say() -> None:
    """ﾔﾏﾀﾞ is D4 CF C0 DE in JIS X 0201 and A9 A4 91 BE in EBCDIC-kana."""
    found = {vector["id"]: vector["hex"] for vector in VECTORS}
    assert "d4cfc0de" in found["deposit-kana"]
    assert "a9a491be" in found["deposit-ebcdic"]
