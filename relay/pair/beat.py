"""The heartbeat between two relay centers, as bytes: one datagram, signed, versioned, bounded. Pure.

Owns the layout: eight bytes of header that every version keeps, a body in MessagePack, and 32 bytes of HMAC-SHA-256 over all of
it at the end. It must never know a socket, nor what a heartbeat means (hearing.py). The traps: the MAC is looked at before
anything else is read, so that a stranger's bytes reach no parser; the version lies outside the body, so that a peer of another
version is recognised as the peer and told so; and a body that the peer's own key signed may still be nonsense.

Sources: HMAC is RFC 2104, MessagePack as msgspec reads it. The layout is ours: docs/pair.md.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from enum import Enum
from hashlib import sha256
from typing import Annotated, Final, TypeAlias

import msgspec

MAGIC: Final = b"RLPB"
VERSION: Final = 1
HEADER_BYTES: Final = 8  # magic, version, the version last heard from the peer, number of the path, zero
MAC_BYTES: Final = 32
DATAGRAM_BYTES_MAX: Final = 1_400  # fits an Ethernet frame with room for a tunnel's own header
ROWS_MAX: Final = 8  # as many regions and name servers as may be configured
NAME_CHARS_MAX: Final = 63
_DOMAIN: Final = b"relay pair beat\0"

Number: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Name: TypeAlias = Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)]
Word: TypeAlias = Annotated[str, msgspec.Meta(max_length=32)]
ServerName: TypeAlias = Annotated[str, msgspec.Meta(max_length=64)]


class Sight(Enum):
    """How somebody is seen; the words travel."""

    OK = "ok"
    FAILING = "failing"
    UNKNOWN = "unknown"  # not looked at long enough, or not lately


class Seen(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A region or the journal's standby, as one center sees it by itself and never through the other. `since_ms`: for how long
    it has been so; `age_ms`: of the last look that ended."""

    name: ServerName
    sight: Sight
    since_ms: Number = 0
    age_ms: Number = 0


class Beat(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What one center says. New members go to the end: an older peer passes over them, a newer one has their defaults.

    `life` is drawn by chance at each start of the process, `incarnation` is the Relay-Epoch. `echo_life` and `echo_sequence`
    name the youngest heartbeat that this center heard on the same path: whoever reads its own life there knows that it is
    heard, and that this heartbeat is no older than that one. `wall_ms` is shown and decides nothing.
    """

    center: Name
    peer: Name
    incarnation: Number
    life: Number
    sequence: Number
    echo_life: Number = 0
    echo_sequence: Number = 0
    wall_ms: Number = 0
    software: Word = ""
    role: Word = ""  # what the announcement of the service address says; empty where none is made
    epoch: Number = 0
    region: Name = ""
    sealed_epoch: Number = 0
    has_permit: bool = False
    serves_peer: bool = False  # it forwards core calls of the other center
    is_through_peer: bool = False  # its own core calls go through the other center now
    regions: Annotated[tuple[Seen, ...], msgspec.Meta(max_length=ROWS_MAX)] = ()
    servers: Annotated[tuple[Seen, ...], msgspec.Meta(max_length=ROWS_MAX)] = ()
    standby: Sight = Sight.UNKNOWN
    is_cut: bool = False  # rows were left out, to fit one datagram


class Unread(Enum):
    """Why a datagram says nothing; also the metric label."""

    TOO_LONG = "too-long"
    NOT_OURS = "not-ours"
    BAD_MAC = "bad-mac"
    MALFORMED = "malformed"  # signed by our key all the same


class Signed(msgspec.Struct, frozen=True):
    """Somebody with our key says this. `beat` is None where `version` is not ours. `heard_version` is what the sender last
    heard from us, 0 for nothing."""

    version: int
    heard_version: int
    path: int
    beat: Beat | None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Beat)


def write_beat(beat: Beat, path: int, heard_version: int, key: bytes) -> bytes:
    """The datagram for path number `path`. Where it would be longer than DATAGRAM_BYTES_MAX, the name servers are left out,
    then the last regions; a region's name comes from the core where that is the source, and is cut to what the peer reads.
    Raises ValueError where even that is too long, which no valid configuration comes to."""
    if len(beat.region) > NAME_CHARS_MAX:
        beat = msgspec.structs.replace(beat, region=beat.region[:NAME_CHARS_MAX])
    head = MAGIC + bytes((VERSION, heard_version & 0xFF, path & 0xFF, 0))
    room = DATAGRAM_BYTES_MAX - HEADER_BYTES - MAC_BYTES
    body = _encoder.encode(beat)
    while len(body) > room:
        if beat.servers:
            beat = msgspec.structs.replace(beat, servers=(), is_cut=True)
        elif beat.regions:
            beat = msgspec.structs.replace(beat, regions=beat.regions[:-1], is_cut=True)
        else:
            raise ValueError(f"a heartbeat of {len(body)} bytes does not fit {room}")
        body = _encoder.encode(beat)
    return head + body + _mac(head + body, key)


def read_beat(datagram: bytes, keys: Sequence[bytes]) -> Signed | Unread:
    """What `datagram` says, signed by one of `keys`. Never raises."""
    if len(datagram) > DATAGRAM_BYTES_MAX:
        return Unread.TOO_LONG
    if len(datagram) < HEADER_BYTES + MAC_BYTES or not datagram.startswith(MAGIC):
        return Unread.NOT_OURS
    said, mac = datagram[:-MAC_BYTES], datagram[-MAC_BYTES:]
    if not any(hmac.compare_digest(_mac(said, key), mac) for key in keys):
        return Unread.BAD_MAC
    version, heard_version, path = said[4], said[5], said[6]
    if version != VERSION:
        return Signed(version, heard_version, path, None)
    try:
        return Signed(version, heard_version, path, _decoder.decode(said[HEADER_BYTES:]))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # a ValidationError is a DecodeError
        return Unread.MALFORMED


def _mac(said: bytes, key: bytes) -> bytes:
    return hmac.digest(key, _DOMAIN + said, sha256)
