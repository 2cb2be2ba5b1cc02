"""The heartbeat as bytes: what is written is read, and nothing else; limits at their limit; another version is recognised."""

from __future__ import annotations

import hmac

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.pair.beat import (
    DATAGRAM_BYTES_MAX,
    HEADER_BYTES,
    MAC_BYTES,
    MAGIC,
    NAME_CHARS_MAX,
    ROWS_MAX,
    VERSION,
    Beat,
    Seen,
    Sight,
    Signed,
    Unread,
    read_beat,
    write_beat,
)

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
BEAT = Beat(
    center="tokyo",
    peer="osaka",
    incarnation=41,
    life=7,
    sequence=3,
    echo_life=9,
    echo_sequence=2,
    wall_ms=1_795_478_400_000,
    software="1.0",
    epoch=8,
    region="tokyo",
    regions=(Seen("tokyo", Sight.OK, 5_000, 300), Seen("osaka", Sight.FAILING)),
    servers=(Seen("10.0.0.53:53", Sight.OK),),
)


def signed(version: int, body: bytes, key: bytes = KEY, path: int = 0) -> bytes:
    said = MAGIC + bytes((version, 0, path, 0)) + body
    return said + hmac.digest(key, b"relay pair beat\0" + said, "sha256")


def test_what_is_written_is_read() -> None:
    assert read_beat(write_beat(BEAT, 1, 1, KEY), [KEY]) == Signed(VERSION, 1, 1, BEAT)


@pytest.mark.parametrize("name", ["r" * 255, "\N{CJK UNIFIED IDEOGRAPH-6771}" * 255])
def test_a_region_whose_name_the_core_made_long_is_cut_and_the_heartbeat_is_heard(name: str) -> None:
    heard = read_beat(write_beat(msgspec.structs.replace(BEAT, region=name), 1, 1, KEY), [KEY])
    assert isinstance(heard, Signed)
    assert heard.beat == msgspec.structs.replace(BEAT, region=name[:NAME_CHARS_MAX])


def test_keys_rotate_by_a_list() -> None:
    assert isinstance(read_beat(write_beat(BEAT, 0, 0, OTHER_KEY), [KEY, OTHER_KEY]), Signed)
    assert read_beat(write_beat(BEAT, 0, 0, OTHER_KEY), [KEY]) is Unread.BAD_MAC


def test_every_bit_is_under_the_mac() -> None:
    datagram = write_beat(BEAT, 0, 1, KEY)
    for place in range(len(datagram)):
        changed = bytearray(datagram)
        changed[place] ^= 1
        assert read_beat(bytes(changed), [KEY]) in (Unread.BAD_MAC, Unread.NOT_OURS), place


@given(st.binary(max_size=2_000))
def test_garbage_says_nothing_and_raises_nothing(data: bytes) -> None:
    assert isinstance(read_beat(data, [KEY]), Unread)
    assert isinstance(read_beat(MAGIC + data, [KEY]), Unread)


@given(st.binary(max_size=200))
def test_nonsense_that_our_own_key_signed_raises_nothing(body: bytes) -> None:
    read = read_beat(signed(VERSION, body), [KEY])
    assert read is Unread.MALFORMED or isinstance(read, Signed)


def test_a_deeply_nested_body_is_malformed() -> None:
    assert read_beat(signed(VERSION, b"\x91" * 1_300), [KEY]) is Unread.MALFORMED


@pytest.mark.parametrize("version", [0, VERSION + 1, 255])
def test_another_version_is_told_from_garbage_by_its_signature(version: int) -> None:
    assert read_beat(signed(version, b"whatever it says"), [KEY]) == Signed(version, 0, 0, None)
    assert read_beat(signed(version, b"whatever it says", OTHER_KEY), [KEY]) is Unread.BAD_MAC


def test_a_newer_peer_may_say_more_and_an_older_one_less() -> None:
    whole = msgspec.msgpack.decode(write_beat(BEAT, 0, 0, KEY)[HEADER_BYTES:-MAC_BYTES])
    more = msgspec.msgpack.encode([*whole, "something new", {"of": 1}])
    less = msgspec.msgpack.encode(whole[:5])
    read = read_beat(signed(VERSION, more), [KEY])
    assert isinstance(read, Signed)
    assert read.beat == BEAT
    read = read_beat(signed(VERSION, less), [KEY])
    assert isinstance(read, Signed)
    assert read.beat == Beat(center="tokyo", peer="osaka", incarnation=41, life=7, sequence=3)


def test_numbers_that_could_go_back_are_not_read() -> None:
    whole = msgspec.msgpack.decode(write_beat(BEAT, 0, 0, KEY)[HEADER_BYTES:-MAC_BYTES])
    whole[4] = -1
    assert read_beat(signed(VERSION, msgspec.msgpack.encode(whole)), [KEY]) is Unread.MALFORMED


def test_one_byte_too_long() -> None:
    assert read_beat(signed(VERSION + 1, bytes(DATAGRAM_BYTES_MAX - HEADER_BYTES - MAC_BYTES)), [KEY]) != Unread.TOO_LONG
    assert read_beat(signed(VERSION + 1, bytes(DATAGRAM_BYTES_MAX + 1 - HEADER_BYTES - MAC_BYTES)), [KEY]) is Unread.TOO_LONG


def test_the_longest_configuration_fits_less_its_name_servers() -> None:
    longest = msgspec.structs.replace(
        BEAT,
        center="c" * 63,
        peer="p" * 63,
        region="r" * 63,
        software="s" * 32,
        role="o" * 32,
        incarnation=2**63 - 1,
        life=2**63 - 1,
        sequence=2**63 - 1,
        echo_life=2**63 - 1,
        echo_sequence=2**63 - 1,
        epoch=2**63 - 1,
        sealed_epoch=2**63 - 1,
        regions=tuple(Seen(f"{n}" * 63, Sight.UNKNOWN, 2**40, 2**40) for n in range(ROWS_MAX)),
        servers=tuple(Seen(f"{n}" * 64, Sight.UNKNOWN, 2**40, 2**40) for n in range(ROWS_MAX)),
    )
    datagram = write_beat(longest, 0, 0, KEY)
    read = read_beat(datagram, [KEY])
    assert isinstance(read, Signed)
    assert read.beat is not None
    assert (read.beat.is_cut, read.beat.servers, read.beat.regions) == (True, (), longest.regions)


def test_what_cannot_be_made_to_fit_is_said() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        write_beat(msgspec.structs.replace(BEAT, software="s" * 2_000, regions=(), servers=()), 0, 0, KEY)
