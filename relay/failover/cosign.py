"""What two people sign: each says it from their own account, and only the second word counts. Pure.

Owns the signatures that wait for the second one. It must never know what is signed. The traps: a second name that the first
person types is one person counting twice; a lone signature is no line of the log, so it ends with the process and after five
minutes; and what both said is kept, for they may mean different things by the same word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from relay.failover.people import Person

LONE_MS_MAX: Final = 300_000
WAITING_COUNT_MAX: Final = 100
TEXT_CHARS_MAX: Final = 1_000


class Lone(msgspec.Struct, frozen=True):
    """`what` is signed by `who`, who names `second`; `at_ms` is monotonic."""

    who: str
    second: str
    text: str
    at_ms: int
    what: tuple[str, ...] = ()

    def left_ms(self, now_ms: int) -> int:
        """For how long the second may still sign; under 0: no longer."""
        return LONE_MS_MAX - (now_ms - self.at_ms)


class LoneRow(msgspec.Struct, frozen=True, kw_only=True):
    """A first signature as it is shown. `what`: the words that are signed. Signed by `who` at `at_ms`; `second` says the same
    until `until_ms` (wall clock both), which is in `left_ms`. `place`: host or console, where the second has to sign, too."""

    what: tuple[str, ...]
    who: str
    second: str
    text: str
    left_ms: int
    at_ms: int = 0
    until_ms: int = 0
    place: str = ""


def row_of(lone: Lone, now_ms: int, wall_ms: int, place: str = "") -> LoneRow:
    """`now_ms` is monotonic, `wall_ms` the same moment on the wall clock."""
    left_ms = lone.left_ms(now_ms)
    return LoneRow(
        what=lone.what,
        who=lone.who,
        second=lone.second,
        text=lone.text,
        left_ms=left_ms,
        at_ms=wall_ms - (now_ms - lone.at_ms),
        until_ms=wall_ms + left_ms,
        place=place,
    )


class Told(msgspec.Struct, frozen=True):
    """What the first or the second hears. `is_half`: nothing is done before the second signs."""

    text: str
    is_half: bool = False


def half_of(who: str, second: str) -> Told:
    """What the first of two hears."""
    return Told(
        f"NOT YET: signed by {who}; {second} says the same from their own account within 5 min, and names you", is_half=True
    )


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
        if lone is not None and lone.who == second.name and lone.left_ms(now_ms) >= 0:
            said = lone.text if lone.text == text else f"{lone.text} / {text}"
            return Both(lone.who, person.name, said[:TEXT_CHARS_MAX])
        while len(self._lone) >= WAITING_COUNT_MAX:
            del self._lone[next(iter(self._lone))]
        self._lone[key] = Lone(person.name, second.name, text, now_ms, what)
        return None

    def waiting(self, now_ms: int) -> tuple[Lone, ...]:
        """First signatures that a second may still follow, oldest first."""
        return tuple(lone for lone in self._lone.values() if lone.left_ms(now_ms) >= 0)
