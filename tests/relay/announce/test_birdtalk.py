"""BIRD's answers as 2.0.12 gave them, cut anywhere; and what is no answer of BIRD's."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.announce.birdtalk import ANSWER_BYTES_MAX, AnswerReader, BirdAnswer, NotBird, announced_by, protocols_of, sessions_up

GREETING = b"0001 BIRD 2.0.12 ready.\n"
PROTOCOLS = b"\n".join(
    (
        b"2002-Name       Proto      Table      State  Since         Info",
        b"1002-device1    Device     ---        up     10:20:14.586  ",
        b" svc        Direct     ---        down   10:20:14.586  ",
        b" svc_standby Direct     ---        up     10:20:14.586  ",
        b" isp        BGP        ---        up     10:20:15.101  Established   ",
        b" far        BGP        ---        start  2026-11-25 10:20:14  Idle          BGP Error: Hold timer expired",
        b"0000 \n",
    )
)
ENABLED = b"0011-svc: enabled\n0000 \n"
ROUTE = b"\n".join(
    (
        b"1007-Table master4:",
        b" 198.18.0.10/32       unicast [svc 10:20:16.161] * (240)",
        b" \tdev svc0",
        b"                      unicast [svc_standby 10:20:14.586] (240)",
        b" \tdev svc0",
        b"0000 \n",
    )
)
NOT_FOUND = b"8001 Network not found\n"
WRONG = b"9001 syntax error, unexpected CF_SYM_UNDEFINED, expecting CF_SYM_KNOWN or TEXT or ALL\n"


def only(data: bytes) -> BirdAnswer:
    (answer,) = AnswerReader().feed(data)
    return answer


def test_the_table_of_protocols() -> None:
    rows = protocols_of(only(PROTOCOLS))
    assert {name: row.state for name, row in rows.items()} == {
        "device1": "up",
        "svc": "down",
        "svc_standby": "up",
        "isp": "up",
        "far": "start",
    }
    assert rows["isp"].info == "Established"
    assert sessions_up(rows.values()) == 1


def test_who_announces_a_route() -> None:
    assert announced_by(only(ROUTE)) == {"svc", "svc_standby"}
    assert announced_by(only(NOT_FOUND)) == frozenset()


def test_a_no_is_an_answer() -> None:
    assert [only(data).is_refused for data in (GREETING, ENABLED, PROTOCOLS, NOT_FOUND, WRONG)] == [
        False,
        False,
        False,
        True,
        True,
    ]
    assert only(WRONG).text.startswith("syntax error")


def test_what_bird_says_of_itself_answers_nothing() -> None:
    assert only(b"+ isp: connection lost\n" + ENABLED).lines[0] == (11, "svc: enabled")


@given(st.lists(st.integers(1, len(GREETING + PROTOCOLS + ENABLED + ROUTE + NOT_FOUND)), max_size=8))
def test_cut_anywhere_the_answers_are_the_same(cuts: list[int]) -> None:
    data = GREETING + PROTOCOLS + ENABLED + ROUTE + NOT_FOUND
    reader, found, edges = AnswerReader(), list[BirdAnswer](), sorted({0, *cuts, len(data)})
    for begin, end in pairwise(edges):
        found += reader.feed(data[begin:end])
    assert found == AnswerReader().feed(data)
    assert [answer.code for answer in found] == [1, 0, 0, 0, 8001]


@pytest.mark.parametrize(
    "data", [b"HTTP/1.1 400 Bad Request\r\n", b" a continuation of nothing\n", b"12 short\n", b"\n", b"\xff\xfe\n"]
)
def test_a_stranger_is_known_by_the_first_line(data: bytes) -> None:
    with pytest.raises(NotBird) as raised:
        AnswerReader().feed(data)
    assert raised.value.kind == "garbage"


def test_an_answer_has_a_greatest_size_and_each_has_its_own() -> None:
    assert ANSWER_BYTES_MAX >= 65_536
    line = b"1002-" + b"x" * 94 + b"\n"
    reader = AnswerReader(bytes_max=206)
    for _ in range(2):
        assert reader.feed(line) == []
        assert len(reader.feed(line + b"0000 \n")) == 1
    reader.feed(line + line)
    with pytest.raises(NotBird) as raised:
        reader.feed(b"0000 xx")
    assert raised.value.kind == "too-long"


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    try:
        for answer in AnswerReader().feed(data):
            protocols_of(answer)
            announced_by(answer)
    except NotBird:
        pass
