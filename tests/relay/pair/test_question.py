"""The question and its answer as bytes: what is written is read, and nothing else is."""

from __future__ import annotations

import hmac

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.pair.beat import DATAGRAM_BYTES_MAX
from relay.pair.question import HEADER_BYTES, KEY_CHARS_MAX, MAGIC, VERSION, Answer, Question, Said, read, write

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
QUESTION = Question(center="osaka", peer="tokyo", nonce=2**63 - 1, key="bank:iso8583:1:ATM00001:0:000001:20261126")
ANSWER = Answer(center="tokyo", peer="osaka", nonce=7, is_reversed=True)


def written(said: Said, key: bytes = KEY) -> bytes:
    datagram = write(said, key)
    assert datagram is not None
    return datagram


def signed(head: bytes, body: bytes) -> bytes:
    return head + body + hmac.digest(KEY, b"relay pair question\0" + head + body, "sha256")


@pytest.mark.parametrize("said", [QUESTION, ANSWER])
def test_what_is_written_is_read(said: Said) -> None:
    assert read(written(said), [KEY]) == said
    assert read(written(said, OTHER_KEY), [KEY, OTHER_KEY]) == said, "keys rotate by a list"
    assert read(written(said, OTHER_KEY), [KEY]) is None


def test_an_answer_is_never_longer_than_its_question() -> None:
    shortest = msgspec.structs.replace(QUESTION, key="k", nonce=ANSWER.nonce)
    assert len(written(ANSWER)) <= len(written(shortest))


def test_the_longest_key_and_one_more() -> None:
    longest = msgspec.structs.replace(QUESTION, center="c" * 63, peer="p" * 63, key="k" * KEY_CHARS_MAX)
    assert read(written(longest), [KEY]) == longest
    assert read(written(msgspec.structs.replace(longest, key="k" * (KEY_CHARS_MAX + 1))), [KEY]) is None
    assert write(msgspec.structs.replace(longest, key="k" * DATAGRAM_BYTES_MAX), KEY) is None


def test_another_version_another_kind_and_nonsense_under_the_right_key() -> None:
    body = written(QUESTION)[HEADER_BYTES:-32]
    assert read(signed(MAGIC + bytes((VERSION, 1, 0, 0)), body), [KEY]) == QUESTION
    assert read(signed(MAGIC + bytes((VERSION + 1, 1, 0, 0)), body), [KEY]) is None
    assert read(signed(MAGIC + bytes((VERSION, 2, 0, 0)), body), [KEY]) is None, "a question is no answer"
    assert read(signed(MAGIC + bytes((VERSION, 3, 0, 0)), body), [KEY]) is None
    assert read(signed(MAGIC + bytes((VERSION, 1, 0, 0)), b"\x94\xc1"), [KEY]) is None


@given(st.binary(max_size=200), st.integers(0, 100))
def test_no_bytes_break_it(noise: bytes, at: int) -> None:
    assert read(noise, [KEY]) is None
    assert read(MAGIC + noise, [KEY]) is None
    spoilt = bytearray(written(QUESTION))
    spoilt[at % len(spoilt)] ^= 0x40
    assert read(bytes(spoilt), [KEY]) is None
