"""What two people sign: each says it from their own account, and only the second word counts. Pure.

Owns the signatures that wait for the second one. It must never know what is signed. The traps: a second name that the first
person types is one person counting twice; a lone signature is no line of the log, so it ends with the process and after five
minutes; and what both said is kept, for they may mean different things by the same word.
"""

from __future__ import annotations

from typing import Final

import msgspec

from relay.failover.people import Person

LONE_MS_MAX: Final = 300_000
WAITING_COUNT_MAX: Final = 100
TEXT_CHARS_MAX: Final = 1_000


class Lone(msgspec.Struct, frozen=True):
    who: str
    second: str
    text: str
    at_ms: int


class Both(msgspec.Struct, frozen=True):
    """Who signed first, who second, and what they said."""

    who: str
    second: str
    text: str


class Cosigning:
    def __init__(self) -> None:
        self._lone: dict[tuple[str, ...], Lone] = {}

    def sign(self, what: tuple[str, ...], person: Person, second: Person, text: str, now_ms: int) -> Both | None:
        """`person` signs `what` and names `second`; both, where that one has signed the same and named this one. `now_ms` is
        monotonic."""
        key = (*what, *sorted((person.name, second.name)))
        lone = self._lone.pop(key, None)
        if lone is not None and lone.who == second.name and now_ms - lone.at_ms <= LONE_MS_MAX:
            said = lone.text if lone.text == text else f"{lone.text} / {text}"
            return Both(lone.who, person.name, said[:TEXT_CHARS_MAX])
        while len(self._lone) >= WAITING_COUNT_MAX:
            del self._lone[next(iter(self._lone))]
        self._lone[key] = Lone(person.name, second.name, text, now_ms)
        return None
