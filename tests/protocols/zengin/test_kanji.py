"""Double-byte blocks: where they begin and end in each style, and when they do not end."""

from __future__ import annotations

import pytest

from protocols.zengin import kanji


@pytest.mark.parametrize(
    ("style", "block"),
    [
        ("ibm", "0e4f5848f20f"),
        ("jef", "28b4c1bbfa29"),
        ("jef", "38b4c1bbfa29"),
        ("jef", "30e2b4c1bbfa29"),
        ("keis", "0a42b4c1bbfa0a41"),
        ("jis-escape", "1b24423441 3b7a1b284a"),
        ("shift-jis", "8abf8e9a"),
    ],
)
def test_a_block_is_found_and_measured(style: str, block: str) -> None:
    data = bytes.fromhex(block)
    blocks = kanji.STYLES[style]
    assert blocks.find(b"\x41\x42" + data + b"\x43", 0) == 2
    assert blocks.match(b"\x41\x42" + data + b"\x43", 2) == 2 + len(data)


def test_an_end_code_inside_a_pair_does_not_end_the_block() -> None:
    data = bytes.fromhex("0e400f41420f")
    assert kanji.STYLES["ibm"].match(data, 0) == 6
    assert kanji.STYLES["keis"].match(bytes.fromhex("0a42410a41410a41"), 0) == 8


@pytest.mark.parametrize(("style", "block"), [("ibm", "0e4f58"), ("ibm", "0e4f0f"), ("keis", "0a42b4c1"), ("shift-jis", "8a")])
def test_a_block_that_was_cut_does_not_match(style: str, block: str) -> None:
    data = bytes.fromhex(block)
    assert kanji.STYLES[style].find(data, 0) == 0
    assert kanji.STYLES[style].match(data, 0) is None


def test_the_written_form_is_read_back() -> None:
    text = kanji.written(b"\x0e\x4f\x58\x0f")
    found = kanji.WRITTEN.fullmatch(text)
    assert text == "⟪0e4f580f⟫"
    assert found is not None
    assert bytes.fromhex(found[1]) == b"\x0e\x4f\x58\x0f"
