"""Which runs are over, said a second time beside their logs: a log that is damaged later cannot be asked any more. Pure.

Owns the statements and their form, `<SHA-256 of the JSON> <key>.<MAC> <JSON>\\n` as in a log, and who made each: the whole log
of the run, the other center's whole copy, or two people who had seen the damage. It must never touch a file. The traps: a
statement is made only when the log is whole and at its end, for from it follows that another run may be declared; each line
is believed by itself, so that damage here takes away one statement and no other; and what people have signed counts for the
very bytes that they saw.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from relay.failover.chain import hash_of
from relay.failover.logkeys import NO_KEYS, LogKeys

SCOPE: Final = b"register of runs that are over\0"  # no line of a log is taken for one of these
REGISTER_BYTES_MAX: Final = 8 * 1024 * 1024
STATEMENT_COUNT_MAX: Final = 3_000

How = Literal["log", "peer", "people"]


class Over(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The run `run` is over, in `state`, with line `lines`, under `term`. `seals`: sealed codes that it has used. `who`,
    `second` and `why` where people said it, who had `seen` bytes of that hash."""

    run: str
    how: How
    state: str = ""
    lines: int = 0
    term: int = 0
    seals: tuple[str, ...] = ()
    at_ms: int = 0
    who: str = ""
    second: str = ""
    why: str = ""
    seen: str = ""


class Register:
    def __init__(self, keys: LogKeys = NO_KEYS) -> None:
        self._keys = keys
        self._known: dict[tuple[str, str], Over] = {}
        self._strange: list[bytes] = []  # whole lines that are not believed: of a key that is missing today, perhaps
        self.unread = 0  # lines that are not believed, or damaged

    def read(self, data: bytes) -> None:
        for line in data.split(b"\n"):
            said = self._believed(line)
            if said is not None:
                self.add(said)
            elif line:
                self.unread += 1

    def _believed(self, line: bytes) -> Over | None:
        stated, _, rest = line.partition(b" ")
        signature, body = (b"", rest) if rest.startswith(b"{") else (rest.partition(b" ")[0], rest.partition(b" ")[2])
        if hash_of(body).encode() != stated:
            return None
        if self._keys.why_not(signature, SCOPE + body)[0] if signature else self._keys.has_key:
            self._strange.append(line + b"\n")
            return None
        try:
            return msgspec.json.decode(body, type=Over)
        except msgspec.DecodeError:
            return None

    def add(self, said: Over) -> None:
        """The newest word of its kind about a run; the oldest of all go where there are too many."""
        self._known.pop((said.run, said.how), None)
        self._known[said.run, said.how] = said
        while len(self._known) > STATEMENT_COUNT_MAX:
            del self._known[next(iter(self._known))]

    def take_back(self, said: Over, before: Over | None) -> None:
        """As it was before `said`, which could not be kept."""
        del self._known[said.run, said.how]
        if before is not None:
            self.add(before)

    def of(self, run: str, how: How) -> Over | None:
        return self._known.get((run, how))

    def all(self) -> tuple[Over, ...]:
        return tuple(self._known.values())

    def text(self) -> bytes:
        """Everything, signed by the key that signs now; and what is not believed, as it was."""
        bodies = [msgspec.json.encode(said) for said in self._known.values()]
        lines = [hash_of(body).encode() + b" " + self._keys.sign(SCOPE + body) + body + b"\n" for body in bodies]
        return b"".join((*lines, *self._strange[-STATEMENT_COUNT_MAX:]))
