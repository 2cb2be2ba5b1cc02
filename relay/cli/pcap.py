"""Captured packets to byte streams: pcap and pcapng, Ethernet and its relatives, IPv4 and IPv6, TCP in order.

Owns a reader of its own, small and bounded, so that a capture can be looked at on a host where nothing may be installed. It
must never know a dialect. The traps: a capture lies about nothing but leaves out much: packets come twice, late, cut short
(snaplen) or not at all, and often it begins in the middle of a connection. A hole therefore ends one stretch of bytes and
begins another, and a stretch says whether its first byte is the connection's first. Sources: the pcap and pcapng
specifications of the IETF opsawg drafts, RFC 9293, RFC 791, RFC 8200.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import ip_address

import msgspec

from relay.errors import RelayError

PACKET_COUNT_MAX = 2_000_000
PACKET_BYTES_MAX = 262_144

_PCAP_MAGIC = {
    b"\xa1\xb2\xc3\xd4": (">", 1_000),
    b"\xd4\xc3\xb2\xa1": ("<", 1_000),
    b"\xa1\xb2\x3c\x4d": (">", 1),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
}
_PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"

# Link types, and where the EtherType or the IP packet begins.
_ETHERNET, _LINUX_SLL, _LINUX_SLL2 = 1, 113, 276
_NULL, _LOOP = 0, 108
_RAW_IP = frozenset({12, 14, 101, 228, 229})
_VLAN_TYPES = frozenset({0x8100, 0x88A8, 0x9100})
_IP_TYPES = frozenset({0x0800, 0x86DD})
_IPV6_SKIPPED = frozenset({0, 43, 60})  # hop-by-hop, routing, destination options

_SYN = 0x02


class Piece(msgspec.Struct, frozen=True):
    """Bytes of one segment that are new, and when it was captured (nanoseconds of the epoch)."""

    time_ns: int
    data: bytes


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """An unbroken run of bytes in one direction of one connection. `is_start`: nothing of the connection came before."""

    source: str
    target: str
    pieces: tuple[Piece, ...]
    is_start: bool

    @property
    def data(self) -> bytes:
        return b"".join(piece.data for piece in self.pieces)


class _Segment(msgspec.Struct, frozen=True):
    time_ns: int
    sequence: int
    flags: int
    data: bytes


def is_capture(data: bytes) -> bool:
    """Does the file begin like a capture?"""
    return data[:4] in _PCAP_MAGIC or data[:4] == _PCAPNG_MAGIC


def read_stretches(data: bytes) -> list[Stretch]:
    """All TCP payload of a capture file, in the order in which its stretches begin. Raises RelayError for a broken file."""
    flows: dict[tuple[str, str], list[list[_Segment]]] = {}
    for time_ns, link_type, packet in _packets(data):
        found = _tcp_of(link_type, packet)
        if found is None:
            continue
        source, target, sequence, flags, payload = found
        lives = flows.setdefault((source, target), [])
        segment = _Segment(time_ns, (sequence + (1 if flags & _SYN else 0)) & 0xFFFFFFFF, flags, payload)
        if not lives or (flags & _SYN and not _has_syn(lives[-1], segment.sequence)):
            lives.append([])  # the same ports with another start: another connection
        if payload or flags & _SYN:
            lives[-1].append(segment)
    stretches = [
        stretch
        for (source, target), lives in flows.items()
        for segments in lives
        for stretch in _in_order(source, target, segments)
    ]
    return sorted(stretches, key=lambda stretch: stretch.pieces[0].time_ns)


def _has_syn(segments: list[_Segment], sequence: int) -> bool:
    """Is a SYN with this start among them? It comes again where its answer was lost."""
    return any(one.flags & _SYN and one.sequence == sequence for one in segments)


def _in_order(source: str, target: str, segments: list[_Segment]) -> Iterator[Stretch]:
    """Segments by sequence number: what came twice once, and a new stretch behind every hole."""
    if not segments:
        return
    base = segments[0].sequence
    # Distances are signed, so that a segment captured late may lie before the first one, and numbers may wrap.
    placed = sorted(
        ((((one.sequence - base + 0x80000000) & 0xFFFFFFFF) - 0x80000000, order, one) for order, one in enumerate(segments)),
        key=lambda entry: entry[:2],
    )
    starts = {place for place, _, one in placed if one.flags & _SYN}
    pieces: list[Piece] = []
    expected = placed[0][0]
    is_start = expected in starts
    for place, _, segment in placed:
        if not segment.data:
            continue
        if place > expected:
            if pieces:
                yield Stretch(source=source, target=target, pieces=tuple(pieces), is_start=is_start)
            pieces = []
            expected, is_start = place, False
        fresh = segment.data[expected - place :]
        if fresh:
            pieces.append(Piece(segment.time_ns, fresh))
            expected += len(fresh)
    if pieces:
        yield Stretch(source=source, target=target, pieces=tuple(pieces), is_start=is_start)


# ---- packets --------------------------------------------------------------------------------------------------------------
def _tcp_of(link_type: int, packet: bytes) -> tuple[str, str, int, int, bytes] | None:
    """Source, target, sequence number, flags and payload; None for anything but whole TCP over IP."""
    try:
        at = _ip_offset(link_type, packet)
        return None if at is None else _tcp_in_ip(packet[at:])
    except (IndexError, struct.error):
        return None  # cut short by the snaplen


def _ip_offset(link_type: int, packet: bytes) -> int | None:
    if link_type in _RAW_IP:
        return 0
    if link_type in (_NULL, _LOOP):
        return 4
    if link_type == _LINUX_SLL:
        at, kind = 16, int.from_bytes(packet[14:16], "big")
    elif link_type == _LINUX_SLL2:
        at, kind = 20, int.from_bytes(packet[0:2], "big")
    elif link_type == _ETHERNET:
        at, kind = 14, int.from_bytes(packet[12:14], "big")
    else:
        return None
    while kind in _VLAN_TYPES:
        kind = int.from_bytes(packet[at + 2 : at + 4], "big")
        at += 4
        if at > len(packet):
            return None
    return at if kind in _IP_TYPES else None


def _tcp_in_ip(packet: bytes) -> tuple[str, str, int, int, bytes] | None:
    version = packet[0] >> 4
    if version == 4:
        head, total = (packet[0] & 15) * 4, int.from_bytes(packet[2:4], "big")
        fragment = int.from_bytes(packet[6:8], "big") & 0x3FFF
        if packet[9] != 6 or fragment:
            return None
        source, target = packet[12:16], packet[16:20]
        # A total of nothing means that the network card cut the packets afterwards.
        packet = packet[: total or len(packet)]
    elif version == 6:
        head, kind = 40, packet[6]
        source, target = packet[8:24], packet[24:40]
        packet = packet[: 40 + (int.from_bytes(packet[4:6], "big") or len(packet))]
        while kind in _IPV6_SKIPPED:
            kind, head = packet[head], head + (packet[head + 1] + 1) * 8
        if kind != 6:
            return None
    else:
        return None
    tcp = packet[head:]
    source_port, target_port, sequence, _, offset, flags = struct.unpack(">HHIIBB", tcp[:14])
    names = _name(source, source_port), _name(target, target_port)
    return *names, sequence, flags, tcp[(offset >> 4) * 4 :]


def _name(address: bytes, port: int) -> str:
    text = str(ip_address(address))
    return f"[{text}]:{port}" if ":" in text else f"{text}:{port}"


# ---- files ----------------------------------------------------------------------------------------------------------------
def _packets(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Time in nanoseconds, link type and bytes of every packet."""
    packets = _pcapng(data) if data[:4] == _PCAPNG_MAGIC else _pcap(data)
    for count, packet in enumerate(packets):
        if count >= PACKET_COUNT_MAX:
            raise RelayError(f"The capture has more than {PACKET_COUNT_MAX} packets.", "Cut it with editcap or tcpdump -C.")
        yield packet


def _pcap(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    if data[:4] not in _PCAP_MAGIC or len(data) < 24:
        raise RelayError("The file is no capture.", "It begins neither like pcap nor like pcapng.")
    order, unit_ns = _PCAP_MAGIC[data[:4]]
    link_type = struct.unpack_from(order + "I", data, 20)[0] & 0x0FFFFFFF
    at = 24
    while at + 16 <= len(data):  # a half packet at the end: the capture was still being written
        seconds, fraction, size, _ = struct.unpack_from(order + "IIII", data, at)
        _check_size(size, at)
        if at + 16 + size > len(data):
            return
        yield seconds * 1_000_000_000 + fraction * unit_ns, link_type, data[at + 16 : at + 16 + size]
        at += 16 + size


def _pcapng(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    order = "<"
    interfaces: list[tuple[int, int]] = []  # link type, ticks per second
    at = 0
    while at + 12 <= len(data):
        kind = data[at : at + 4]
        if kind == _PCAPNG_MAGIC:
            order = ">" if data[at + 8 : at + 12] == b"\x1a\x2b\x3c\x4d" else "<"
            interfaces = []
        size = struct.unpack_from(order + "I", data, at + 4)[0]
        if size < 12 or size % 4:
            raise RelayError(f"The capture is broken at byte {at}.", "A block has an impossible length.")
        if at + size > len(data):
            return
        body = data[at + 8 : at + size - 4]
        number = struct.unpack(order + "I", kind)[0]
        try:
            if number == 1:
                interfaces.append((struct.unpack_from(order + "H", body)[0], _ticks(order, body[8:])))
            elif number in (2, 6):
                yield _enhanced(order, number, body, interfaces)
            elif number == 3 and interfaces:
                yield 0, interfaces[0][0], body[4 : 4 + struct.unpack_from(order + "I", body)[0]]
        except (struct.error, IndexError):
            raise RelayError(f"The capture is broken at byte {at}.", "A block is shorter than it must be.") from None
        at += size


def _enhanced(order: str, number: int, body: bytes, interfaces: list[tuple[int, int]]) -> tuple[int, int, bytes]:
    interface = struct.unpack_from(order + ("I" if number == 6 else "H"), body)[0]
    high, low, size = struct.unpack_from(order + "III", body, 4)
    _check_size(size, 0)
    link_type, ticks = interfaces[interface]
    return ((high << 32) | low) * 1_000_000_000 // ticks, link_type, body[20 : 20 + size]


def _ticks(order: str, options: bytes) -> int:
    """Ticks per second of an interface: its option 9, or microseconds."""
    at = 0
    while at + 4 <= len(options):
        code, size = struct.unpack_from(order + "HH", options, at)
        if code == 9 and size:
            unit = options[at + 4]
            return int(2 ** (unit & 0x7F)) if unit & 0x80 else int(10 ** min(unit, 18))
        if code == 0:
            break
        at += 4 + (size + 3) // 4 * 4
    return 1_000_000


def _check_size(size: int, at: int) -> None:
    if size > PACKET_BYTES_MAX:
        raise RelayError(f"The capture is broken at byte {at}.", f"A packet claims more than {PACKET_BYTES_MAX} bytes.")
