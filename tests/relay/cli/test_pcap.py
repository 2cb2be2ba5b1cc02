"""Captures to byte streams: file forms, link types, lost and repeated and reordered packets, files that are broken."""

from __future__ import annotations

import random
import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.cli.pcap import is_capture, read_stretches
from relay.errors import RelayError
from tests.support.captures import ATM, FIN, RELAY, SYN, block, ethernet, pcap, pcapng, segment

TALK = [segment(99, b"", flags=SYN), segment(100, b"hello "), segment(106, b"world")]
FRAMES = [ethernet(packet) for packet in TALK]


def streams(data: bytes) -> list[tuple[bytes, bool]]:
    return [(stretch.data, stretch.is_start) for stretch in read_stretches(data)]


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcap_and_pcapng_in_both_byte_orders(order: str) -> None:
    for data in (
        pcap(FRAMES, order=order),
        pcap(FRAMES, order=order, is_nano=True),
        pcapng(FRAMES, order=order),
        pcapng(FRAMES, order=order, simple=True),
    ):
        assert is_capture(data)
        assert streams(data) == [(b"hello world", True)]


def test_times_are_in_nanoseconds() -> None:
    def first_time(data: bytes) -> int:
        return read_stretches(data)[0].pieces[0].time_ns

    assert first_time(pcap(FRAMES)) == 1_780_000_001_000_005_000
    assert first_time(pcap(FRAMES, is_nano=True)) == 1_780_000_001_000_000_005
    assert first_time(pcapng(FRAMES)) == 1_780_000_001_000_000_000
    in_nano = struct.pack("<HHBxxxHH", 9, 1, 9, 0, 0)
    assert first_time(pcapng(FRAMES, ticks_option=in_nano)) == 1_780_000_001_000_000
    in_binary = struct.pack("<HHBxxxHH", 9, 1, 0x80 | 20, 0, 0)
    assert first_time(pcapng(FRAMES, ticks_option=in_binary)) == 1_780_000_001_000_000 * 1_000_000_000 // 2**20


@pytest.mark.parametrize(
    ("link_type", "before"),
    [
        (0, b"\x02\x00\x00\x00"),
        (108, b"\x00\x00\x00\x02"),
        (101, b""),
        (12, b""),
        (228, b""),
        (113, bytes(14) + b"\x08\x00"),
        (276, b"\x08\x00" + bytes(18)),
        (1, bytes(12) + b"\x08\x00"),
        (1, bytes(12) + b"\x81\x00\x00\x05\x08\x00"),
        (1, bytes(12) + b"\x88\xa8\x00\x05\x81\x00\x00\x07\x08\x00"),
    ],
)
def test_link_types(link_type: int, before: bytes) -> None:
    assert streams(pcap([before + packet for packet in TALK], link_type=link_type)) == [(b"hello world", True)]


def test_ipv6_with_extension_headers() -> None:
    ends = {"source": ("fd00::7", 40001), "target": ("fd00::1", 8583)}
    plain = segment(100, b"six", **ends)
    extended = bytearray(plain[:40] + b"\x06\x00" + bytes(6) + plain[40:])
    extended[4:6] = (len(plain) - 40 + 8).to_bytes(2, "big")
    extended[6] = 0
    (stretch,) = read_stretches(pcap([ethernet(bytes(extended))]))
    assert (stretch.source, stretch.target, stretch.data) == ("[fd00::7]:40001", "[fd00::1]:8583", b"six")


def test_the_two_directions_are_two_streams_in_order_of_time() -> None:
    packets = [
        ethernet(segment(100, b"question")),
        ethernet(segment(7, b"answer", source=RELAY, target=ATM)),
        ethernet(segment(108, b" two")),
    ]
    found = read_stretches(pcap(packets))
    assert [(one.source, one.data) for one in found] == [("10.0.0.7:40001", b"question two"), ("10.0.0.1:8583", b"answer")]


def test_late_repeated_and_overlapping_segments() -> None:
    packets = [
        segment(99, b"", flags=SYN),
        segment(106, b"world"),
        segment(100, b"hello "),
        segment(100, b"hello "),
        segment(103, b"lo world!"),
        segment(112, b"", flags=FIN),
    ]
    assert streams(pcap([ethernet(packet) for packet in packets])) == [(b"hello world!", True)]


def test_a_hole_ends_a_stretch() -> None:
    packets = [segment(99, b"", flags=SYN), segment(100, b"hello"), segment(200, b"again")]
    assert streams(pcap([ethernet(packet) for packet in packets])) == [(b"hello", True), (b"again", False)]


def test_a_capture_that_begins_in_the_middle() -> None:
    assert streams(pcap([ethernet(segment(106, b"world")), ethernet(segment(100, b"hello "))])) == [(b"hello world", False)]


def test_sequence_numbers_wrap() -> None:
    packets = [segment(0xFFFFFFFD, b"", flags=SYN), segment(0xFFFFFFFE, b"ab"), segment(0, b"cd")]
    assert streams(pcap([ethernet(packet) for packet in packets])) == [(b"abcd", True)]


def test_the_same_ports_again_are_another_connection() -> None:
    packets = [*TALK, segment(5000, b"", flags=SYN), segment(5001, b"second")]
    assert streams(pcap([ethernet(packet) for packet in packets])) == [(b"hello world", True), (b"second", True)]


def test_a_repeated_syn_is_the_same_connection() -> None:
    for packets in ([TALK[0], *TALK], [*TALK[:2], TALK[0], TALK[2]]):
        assert streams(pcap([ethernet(packet) for packet in packets])) == [(b"hello world", True)]


def test_tcp_options_and_padding_of_short_frames_are_no_data() -> None:
    packet = segment(100, b"ab", options=b"\x01" * 12)
    assert streams(pcap([ethernet(packet) + bytes(20)])) == [(b"ab", False)]


def test_other_packets_are_passed_over() -> None:
    udp, fragment = bytearray(TALK[1]), bytearray(TALK[1])
    udp[9] = 17
    fragment[6:8] = b"\x20\x00"
    others = [bytes(12) + b"\x08\x06" + bytes(28), ethernet(bytes(udp)), ethernet(bytes(fragment)), b"", b"\0" * 13]
    assert read_stretches(pcap([*others, ethernet(TALK[1][:30])])) == []
    assert read_stretches(pcap(FRAMES, link_type=147)) == []


def test_a_file_cut_anywhere_gives_what_it_has() -> None:
    for whole in (pcap(FRAMES), pcapng(FRAMES)):
        for size in range(24, len(whole)):
            for stretch in read_stretches(whole[:size]):
                assert b"hello world".startswith(stretch.data)


@pytest.mark.parametrize(
    "data",
    [
        b"\xa1\xb2\xc3\xd4",
        pcap([]) + struct.pack("<IIII", 0, 0, 1 << 30, 1 << 30),
        pcapng([]) + struct.pack("<II", 6, 13) + bytes(20),
        pcapng([]) + block(6, b"\0" * 8),
        pcapng([]) + block(6, struct.pack("<IIIII", 9, 0, 0, 0, 0)),
    ],
)
def test_broken_files(data: bytes) -> None:
    with pytest.raises(RelayError):
        read_stretches(data)


@given(st.binary(max_size=200), st.sampled_from([pcap(FRAMES), pcapng(FRAMES)]), st.integers(0, 300))
@settings(deadline=None)
def test_damage_gives_stretches_or_a_relay_error(noise: bytes, good: bytes, place: int) -> None:
    data = good[: max(place, 4)] + noise + good[max(place, 4) + len(noise) :]
    with suppress(RelayError):
        assert all(stretch.data for stretch in read_stretches(data))


@given(st.binary(min_size=1, max_size=200), st.integers(0, 2**32 - 1), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_any_order_with_repeats_gives_the_same_stream(text: bytes, base: int, chance: random.Random) -> None:
    packets = [segment(base - 1, b"", flags=SYN)]
    place = 0
    while place < len(text):
        size = chance.randint(1, 40)
        packets.append(segment(base + place, text[place : place + size]))
        place += max(1, size - chance.randint(0, 5))
    packets += [chance.choice(packets) for _ in range(3)]
    first, rest = packets[0], packets[1:]
    chance.shuffle(rest)
    assert streams(pcap([ethernet(packet) for packet in (first, *rest)])) == [(text, True)]
