"""The language of BIRD's control socket, as bytes and values. Pure.

Owns the grammar: each answer is lines of which the last begins with four digits and a blank; lines of the same reply before it
have a dash after the digits, or a blank in the first place where the code is the one before; a plus sign marks what BIRD says
of itself. Codes from 8000 on are a no. (BIRD 2 source: doc/reply_codes; tried on 2.0.12.) It must never open a socket. The
trap: BIRD's own tools trust it; here it may be a stranger on the socket, so an answer has a greatest size, and what is no
answer is told apart from one that says no.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

ANSWER_BYTES_MAX = 262_144  # a hundred protocols take some ten thousand
REFUSED_FROM = 8_000
NOT_FOUND = 8_001
_LINE = re.compile(rb"(\d{4})([ -])(.*)")
# Name, Proto, Table, State, Since (one word, or a date and a time), Info.
_PROTOCOL = re.compile(r"(\S+)\s+(\S+)\s+(\S+)\s+(up|down|start|stop|flush)\s+(?:\d\S*\s+)*(.*)")
_ROUTE = re.compile(r"(?:\S+\s+)?\w+ \[(\S+) [^]]*\]")


class NotBird(ValueError):
    """What was said is no answer of BIRD's; `kind` is "garbage" or "too-long"."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class BirdAnswer(msgspec.Struct, frozen=True):
    """One answer: its last code, and the text of all its lines with the code of each."""

    code: int
    lines: tuple[tuple[int, str], ...]

    @property
    def is_refused(self) -> bool:
        return self.code >= REFUSED_FROM

    @property
    def text(self) -> str:
        return self.lines[-1][1] if self.lines else ""


class ProtocolRow(msgspec.Struct, frozen=True):
    kind: str
    state: str
    info: str


class AnswerReader:
    """Cuts answers from bytes as they come. Raises NotBird."""

    def __init__(self, bytes_max: int = ANSWER_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._rest = b""
        self._size = 0
        self._code = -1
        self._lines: list[tuple[int, str]] = []

    def feed(self, data: bytes) -> list[BirdAnswer]:
        self._size += len(data)
        if self._size > self._bytes_max:
            raise NotBird("too-long", f"an answer of more than {self._bytes_max} bytes")
        *lines, self._rest = (self._rest + data).split(b"\n")
        answers = []
        for line in lines:
            answer = self._line(line)
            if answer is not None:
                answers.append(answer)
                self._size = len(self._rest)
        return answers

    def _line(self, line: bytes) -> BirdAnswer | None:
        if line[:1] == b"+":
            return None
        if line[:1] == b" " and self._code >= 0:
            self._lines.append((self._code, _text(line[1:])))
            return None
        match = _LINE.fullmatch(line.rstrip(b"\r"))
        if match is None:
            raise NotBird("garbage", f"a line that is not BIRD's: {_text(line)[:60]!r}")
        self._code = int(match[1])
        self._lines.append((self._code, _text(match[3])))
        if match[2] == b"-":
            return None
        answer = BirdAnswer(self._code, tuple(self._lines))
        self._code, self._lines = -1, []
        return answer


def protocols_of(answer: BirdAnswer) -> Mapping[str, ProtocolRow]:
    """The rows of `show protocols` by name."""
    found = {}
    for code, text in answer.lines:
        match = _PROTOCOL.fullmatch(text.rstrip())
        if code == 1002 and match is not None:
            found[match[1]] = ProtocolRow(match[2], match[4], match[5].strip())
    return found


def sessions_up(protocols: Iterable[ProtocolRow]) -> int:
    """BGP sessions over which an announcement is heard."""
    return sum(row.kind == "BGP" and row.state == "up" for row in protocols)


def announced_by(answer: BirdAnswer) -> frozenset[str]:
    """The protocols whose routes `show route ADDRESS` lists; empty where BIRD knows none."""
    return frozenset(match[1] for _, text in answer.lines if (match := _ROUTE.match(text.strip())) is not None)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").expandtabs()
