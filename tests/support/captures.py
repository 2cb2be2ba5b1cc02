"""Capture files written byte by byte for tests: packets of TCP over IPv4 or IPv6, in pcap and pcapng, of any link type."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from ipaddress import ip_address

SYN, ACK, PSH, FIN = 0x02, 0x10, 0x08, 0x01
ATM, RELAY = ("10.0.0.7", 40001), ("10.0.0.1", 8583)
Address = tuple[str, int]


def segment(
    sequence: int, data: bytes, *, source: Address = ATM, target: Address = RELAY, flags: int = ACK, options: bytes = b""
) -> bytes:
    """An IP packet with one TCP segment."""
    head = struct.pack(
        ">HHIIBBHHH", source[1], target[1], sequence & 0xFFFFFFFF, 0, (5 + len(options) // 4) << 4, flags, 512, 0, 0
    )
    tcp = head + options + data
    ends = ip_address(source[0]).packed + ip_address(target[0]).packed
    if len(ends) == 8:
        return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0x4000, 64, 6, 0) + ends + tcp
    return struct.pack(">IHBB", 6 << 28, len(tcp), 6, 64) + ends + tcp


def ethernet(packet: bytes, *, vlans: int = 0) -> bytes:
    kind = b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"
    return bytes(12) + b"\x81\x00\x00\x05" * vlans + kind + packet


def pcap(packets: Sequence[bytes], *, link_type: int = 1, order: str = "<", is_nano: bool = False) -> bytes:
    """One packet per second from second 1,780,000,000 on."""
    magic = 0xA1B23C4D if is_nano else 0xA1B2C3D4
    data = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link_type)
    for number, packet in enumerate(packets):
        data += struct.pack(order + "IIII", 1_780_000_000 + number, 5, len(packet), len(packet)) + packet
    return data


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def pcapng(
    packets: Sequence[bytes], *, link_type: int = 1, order: str = "<", ticks_option: bytes = b"", simple: bool = False
) -> bytes:
    data = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)
    data += block(1, struct.pack(order + "HHI", link_type, 0, 0) + ticks_option, order)
    data += block(0x0BAD, b"unknown blocks are skipped", order)
    for number, packet in enumerate(packets):
        if simple:
            data += block(3, struct.pack(order + "I", len(packet)) + packet, order)
            continue
        time = (1_780_000_000 + number) * 1_000_000
        data += block(
            6, struct.pack(order + "IIIII", 0, time >> 32, time & 0xFFFFFFFF, len(packet), len(packet)) + packet, order
        )
    return data
