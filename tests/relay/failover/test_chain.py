"""The log as bytes: what was written is what is read; a torn end is cut off; anything else is refused."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.failover.chain import LINE_BYTES_MAX, ROOT, ChainBroken, hash_of, read_log, seal_line
from relay.failover.events import Entry, Held, Resumed


def chain_of(texts: list[str], term: int = 1) -> bytes:
    data, before = b"", ROOT
    for number, text in enumerate(texts, 1):
        line = seal_line(Entry(number=number, at_ms=number, term=term, before=before, event=Held(why=text)))
        data, before = data + line, line[:64].decode()
    return data


@given(st.lists(st.text(max_size=20), max_size=8))
def test_what_was_written_is_what_is_read(texts: list[str]) -> None:
    data = chain_of(texts)
    log = read_log(data)
    assert [entry.event for entry in log.entries] == [Held(why=text) for text in texts]
    assert b"".join(log.lines) == data
    assert (log.good_bytes, log.torn_bytes) == (len(data), 0)


def test_a_torn_end_at_every_byte_is_cut_off() -> None:
    data = chain_of(["one", "two", "three"])
    whole = len(chain_of(["one", "two"]))
    for cut in range(whole, len(data)):
        log = read_log(data[:cut])
        assert (len(log.entries), log.good_bytes, log.torn_bytes) == (2, whole, cut - whole)


def test_one_flipped_bit_anywhere_is_found() -> None:
    data = chain_of(["one", "two", "three"])
    for at in range(len(data)):
        bad = bytearray(data)
        bad[at] ^= 0x01
        if at == len(data) - 1:
            assert len(read_log(bytes(bad)).entries) == 2  # no end: torn, as a crash leaves it
            continue
        with pytest.raises(ChainBroken):
            read_log(bytes(bad))


def test_a_line_left_out_put_in_or_moved_is_found() -> None:
    one, two, three = chain_of(["one", "two", "three"]).splitlines(keepends=True)
    for data in (one + three, two + three, one + two + two + three, two + one + three):
        with pytest.raises(ChainBroken):
            read_log(data)


def test_a_line_forged_with_a_hash_of_its_own_does_not_fit_the_next() -> None:
    one, _, three = chain_of(["one", "two", "three"]).splitlines(keepends=True)
    forged = seal_line(Entry(number=2, at_ms=2, term=1, before=one[:64].decode(), event=Resumed(who="me", why="please")))
    with pytest.raises(ChainBroken, match="line 3"):
        read_log(one + forged + three)


def test_a_term_never_falls() -> None:
    first = chain_of(["one"], term=2)
    line = seal_line(Entry(number=2, at_ms=2, term=1, before=first[:64].decode(), event=Held(why="old")))
    with pytest.raises(ChainBroken, match="term 1, after term 2"):
        read_log(first + line)


def test_a_line_of_a_newer_relay_is_not_skipped() -> None:
    body = msgspec.json.encode({"number": 1, "at_ms": 1, "term": 1, "before": ROOT, "event": {"what": "teleported"}})
    with pytest.raises(ChainBroken, match="newer relay"):
        read_log(hash_of(body).encode() + b" " + body + b"\n")


def test_a_line_has_a_greatest_size() -> None:
    entry = Entry(number=1, at_ms=1, term=1, before=ROOT, event=Held(why=""))
    room = LINE_BYTES_MAX - len(seal_line(entry)) + 1
    seal_line(msgspec.structs.replace(entry, event=Held(why="x" * (room - 10))))
    with pytest.raises(ValueError, match="at most"):
        seal_line(msgspec.structs.replace(entry, event=Held(why="x" * (room + 1))))
