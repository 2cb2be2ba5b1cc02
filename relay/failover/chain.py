"""The run log as bytes: one line per entry, each with its hash, each naming the hash of the line before. Pure.

Owns the form (`<SHA-256 of the rest> <JSON>\\n`) and its verification. It must never touch a file. The traps: the hash is
over the bytes as they were written, never over what newer code would write; a last line without its end is what a crash
leaves, and is cut off, while anything wrong before the end is damage or forgery, and nothing is done on top of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

import msgspec

from relay.errors import RelayError
from relay.failover.events import Entry

ROOT: Final = "0" * 64
LINE_BYTES_MAX: Final = 262_144  # a plan's text is in the first one
LOG_BYTES_MAX: Final = 64 * 1024 * 1024


class ChainBroken(RelayError):
    """A log that is not what was written. Nothing is done on it."""

    exit_code = 3


class Log(msgspec.Struct, frozen=True):
    """A log that was read: entries and their lines, the hash of the last, the bytes that count, and those of a torn last
    line."""

    entries: tuple[Entry, ...] = ()
    lines: tuple[bytes, ...] = ()
    last: str = ROOT
    good_bytes: int = 0
    torn_bytes: int = 0


def seal_line(entry: Entry) -> bytes:
    """The line of an entry, with its hash. Raises ValueError for one over LINE_BYTES_MAX."""
    body = msgspec.json.encode(entry)
    if len(body) + 66 > LINE_BYTES_MAX:
        raise ValueError(f"a line of the run log has at most {LINE_BYTES_MAX} bytes")
    return hash_of(body).encode() + b" " + body + b"\n"


def hash_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def read_line(line: bytes, number: int, before: str, term: int) -> tuple[Entry, str]:
    """One whole line that follows number - 1, and its hash. Raises ChainBroken."""
    stated, blank, body = line.rstrip(b"\n").partition(b" ")
    if blank != b" " or hash_of(body).encode() != stated:
        raise ChainBroken(f"line {number} of the run log is not what was written.", "Compare it with the peer center's copy.")
    try:
        entry = msgspec.json.decode(body, type=Entry)
    except msgspec.DecodeError as error:
        raise ChainBroken(
            f"line {number} of the run log cannot be read: {error}.", "Was it written by a newer relay?"
        ) from error
    if entry.number != number or entry.before != before:
        raise ChainBroken(f"line {number} of the run log does not follow the one before.", "A line is missing or was put in.")
    if entry.term < term:
        raise ChainBroken(
            f"line {number} of the run log is of term {entry.term}, after term {term}.", "Two orchestrators wrote."
        )
    return entry, stated.decode()


def read_log(data: bytes) -> Log:
    """Everything in a log; a torn last line is left out and counted. Raises ChainBroken."""
    entries: list[Entry] = []
    lines: list[bytes] = []
    last, term, good = ROOT, 0, 0
    for line in _lines(data):
        entry, last = read_line(line, len(entries) + 1, last, term)
        term = entry.term
        entries.append(entry)
        lines.append(line)
        good += len(line)
    return Log(tuple(entries), tuple(lines), last, good, len(data) - good)


def _lines(data: bytes) -> Iterator[bytes]:
    at = 0
    while (end := data.find(b"\n", at)) >= 0:
        yield data[at : end + 1]
        at = end + 1
