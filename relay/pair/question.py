"""The one question between two relay centers, as bytes: is a reversal of this key acknowledged at yours? Pure.

Owns the layout, beside the heartbeat's (beat.py) on the same sockets: four bytes of magic, one of version, one of kind, two of
zero, a body in MessagePack, and 32 bytes of HMAC-SHA-256 over all of it. It must never know a socket or a journal. The traps:
the MAC is looked at before anything else is read; an answer that was recorded must not answer another question, so that the
nonce is chance; and an answer is never longer than its question, so that nobody can be flooded through us.

Sources: HMAC is RFC 2104, MessagePack as msgspec reads it. The layout is ours: docs/pair.md.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated, Final, TypeAlias

import msgspec

from relay.pair.beat import DATAGRAM_BYTES_MAX, MAC_BYTES, Name, Number

MAGIC: Final = b"RLPQ"
VERSION: Final = 1
HEADER_BYTES: Final = 8
KEY_CHARS_MAX: Final = 512
_DOMAIN: Final = b"relay pair question\0"
_ASKED, _ANSWERED = 1, 2


class Question(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """`center` asks `peer`. New members go to the end."""

    center: Name
    peer: Name
    nonce: Number
    key: Annotated[str, msgspec.Meta(min_length=1, max_length=KEY_CHARS_MAX)]


class Answer(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """`center` answers `peer`."""

    center: Name
    peer: Name
    nonce: Number
    is_reversed: bool


Said: TypeAlias = Question | Answer

_encoder = msgspec.msgpack.Encoder()
_question = msgspec.msgpack.Decoder(Question)
_answer = msgspec.msgpack.Decoder(Answer)


def write(said: Said, key: bytes) -> bytes | None:
    """The datagram, signed by `key`; None where it would be too long for one."""
    kind = _ASKED if isinstance(said, Question) else _ANSWERED
    text = MAGIC + bytes((VERSION, kind, 0, 0)) + _encoder.encode(said)
    return None if len(text) + MAC_BYTES > DATAGRAM_BYTES_MAX else text + _mac(text, key)


def read(datagram: bytes, keys: Sequence[bytes]) -> Said | None:
    """What it says, signed by one of `keys`; None for anything else, another version among it. Never raises."""
    if not HEADER_BYTES + MAC_BYTES <= len(datagram) <= DATAGRAM_BYTES_MAX or not datagram.startswith(MAGIC):
        return None
    said, mac = datagram[:-MAC_BYTES], datagram[-MAC_BYTES:]
    if not any(hmac.compare_digest(_mac(said, key), mac) for key in keys) or said[4] != VERSION:
        return None
    try:
        if said[5] == _ASKED:
            return _question.decode(said[HEADER_BYTES:])
        return _answer.decode(said[HEADER_BYTES:]) if said[5] == _ANSWERED else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # a ValidationError is a DecodeError
        return None


def _mac(said: bytes, key: bytes) -> bytes:
    return hmac.digest(key, _DOMAIN + said, sha256)
