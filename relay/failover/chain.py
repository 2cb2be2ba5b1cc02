"""The run log as bytes: one line per entry, each with its hash, each naming the hash of the line before. Pure.

Owns the form (`<SHA-256 of the JSON> <key>.<MAC> <JSON>\\n`; without a key the middle is not there) and its verification. It
must never touch a file. The traps: hash and MAC are over the bytes as they were written, never over what newer code would
write; a last line without its end is what a crash leaves, and is cut off, while anything wrong before the end is damage or
forgery, and nothing is done on top of it; and an end that somebody has cut off whole is found by the peer's copy only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

import msgspec

from relay.errors import RelayError
from relay.failover.events import Entry
from relay.failover.logkeys import NO_KEYS, LogKeys

ROOT: Final = "0" * 64
LINE_BYTES_MAX: Final = 262_144  # a plan's text is in the first one
LOG_BYTES_MAX: Final = 64 * 1024 * 1024


class ChainBroken(RelayError):
    """A log that is not what was written. Nothing is done on it."""

    exit_code = 3


class NotSigned(ChainBroken):
    """A line without the signature of a key that is known here."""


class Place(msgspec.Struct, frozen=True):
    """Where a reader stands: number, hash and term of the last line, and whether that one was signed."""

    number: int = 0
    last: str = ROOT
    term: int = 0
    is_signed: bool = False


class Log(msgspec.Struct, frozen=True):
    """A log that was read: entries and their lines, where its last line stands, the bytes that count, and those of a torn last
    line."""

    entries: tuple[Entry, ...] = ()
    lines: tuple[bytes, ...] = ()
    place: Place = Place()
    good_bytes: int = 0
    torn_bytes: int = 0

    @property
    def last(self) -> str:
        return self.place.last


def seal_line(entry: Entry, keys: LogKeys = NO_KEYS) -> bytes:
    """The line of an entry, with its hash and its MAC. Raises ValueError for one over LINE_BYTES_MAX."""
    body = msgspec.json.encode(entry)
    signature = keys.sign(body)
    if len(body) + 66 + len(signature) > LINE_BYTES_MAX:
        raise ValueError(f"a line of the run log has at most {LINE_BYTES_MAX} bytes")
    return hash_of(body).encode() + b" " + signature + body + b"\n"


def hash_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def read_line(line: bytes, place: Place, keys: LogKeys = NO_KEYS) -> tuple[Entry, Place]:
    """The whole line that follows `place`, and where the reader stands behind it. Raises ChainBroken."""
    number = place.number + 1
    stated, blank, rest = line.rstrip(b"\n").partition(b" ")
    signature, body = (b"", rest) if rest.startswith(b"{") else (rest.partition(b" ")[0], rest.partition(b" ")[2])
    if blank != b" " or hash_of(body).encode() != stated:
        raise ChainBroken(f"line {number} of the run log is not what was written.", "Compare it with the peer center's copy.")
    if signature:
        wrong, next_step = keys.why_not(signature, body)
        if wrong:
            raise NotSigned(f"line {number} of the run log {wrong}.", next_step)
        if place.number and not place.is_signed:
            must_be_pinned(place, keys)
    elif place.is_signed:
        raise NotSigned(f"line {number} of the run log is not signed, and the one before it is.", "Somebody put it there.")
    try:
        entry = msgspec.json.decode(body, type=Entry)
    except msgspec.DecodeError as error:
        raise ChainBroken(
            f"line {number} of the run log cannot be read: {error}.", "Was it written by a newer relay?"
        ) from error
    if entry.number != number or entry.before != place.last:
        raise ChainBroken(f"line {number} of the run log does not follow the one before.", "A line is missing or was put in.")
    if entry.term < place.term:
        raise ChainBroken(
            f"line {number} of the run log is of term {entry.term}, after term {place.term}.", "Two orchestrators wrote."
        )
    return entry, Place(number, stated.decode(), entry.term, bool(signature))


def must_be_pinned(place: Place, keys: LogKeys) -> None:
    """Behind the last unsigned line of a log: was that log pinned? Raises ChainBroken."""
    if place.number and not place.is_signed and not keys.is_pinned(place.last):
        raise NotSigned(
            f"the run log is not signed up to line {place.number}.",
            f'From before there was a key? Then root adds "{place.last}" to unsigned_logs. If not, somebody took them off.',
        )


def read_log(data: bytes, keys: LogKeys = NO_KEYS) -> Log:
    """Everything in a log; a torn last line is left out and counted. Raises ChainBroken."""
    log, broken = _read(data, keys)
    if broken is not None:
        raise broken
    return log


def whole_part(data: bytes, keys: LogKeys = NO_KEYS) -> Log:
    """What is to be believed of a damaged log: the lines before the first one that is not what was written; none of them where
    nothing says who wrote them."""
    log, _ = _read(data, keys)
    return log if log.place.is_signed or keys.is_pinned(log.place.last) else Log()


def _read(data: bytes, keys: LogKeys) -> tuple[Log, ChainBroken | None]:
    """The lines up to the end, or up to what is wrong, and what that is."""
    entries: list[Entry] = []
    lines: list[bytes] = []
    place, good = Place(), 0
    broken: ChainBroken | None = None
    try:
        for line in _lines(data):
            entry, place = read_line(line, place, keys)
            entries.append(entry)
            lines.append(line)
            good += len(line)
        must_be_pinned(place, keys)
    except ChainBroken as error:
        broken = error
    return Log(tuple(entries), tuple(lines), place, good, len(data) - good), broken


def _lines(data: bytes) -> Iterator[bytes]:
    at = 0
    while (end := data.find(b"\n", at)) >= 0:
        yield data[at : end + 1]
        at = end + 1
