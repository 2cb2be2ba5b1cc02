"""A transcript language for dialogues: `>>` what happened, `<<` what the dialogue must want, in order and nothing else.

    with Playbook(dialect.new_dialogue()) as play:
        play >> LinkOpened("192.0.2.1", 40000) << Timer("sign-on", 120_000)
        play >> BytesArrived(frame(sign_on)) << Identify("ATM00001") << like(Send) << like(Note, name="signed-on")
        play >> After(10_000) >> TimerFired("partial")

Owns the order of events and actions, and a clock that only `After` moves. It must never know a dialect: what is in a `Send`
is for the dialect's own tests to decode (`play.take(Send)`). The trap: actions that nobody expected fail at the *next* event,
or at the end, with the whole transcript shown.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

import msgspec

from protocols.dialect import Action, Dialogue, Event

ActionT = TypeVar("ActionT", bound=msgspec.Struct)


class After(msgspec.Struct, frozen=True):
    """Time passes: milliseconds."""

    ms: int


class Like:
    """An action of one type whose named attributes are equal to, or satisfy, what is given."""

    def __init__(self, kind: type[msgspec.Struct], wanted: dict[str, object]) -> None:
        self._kind = kind
        self._wanted = wanted

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, self._kind):
            return False
        for name, wanted in self._wanted.items():
            value = getattr(other, name)
            if not (wanted(value) if callable(wanted) else value == wanted):
                return False
        return True

    __hash__ = None  # type: ignore[assignment]  # a matcher is compared, never kept in a set

    def __repr__(self) -> str:
        return f"like({self._kind.__name__}, {', '.join(f'{k}={v!r}' for k, v in self._wanted.items())})"


def like(kind: type[msgspec.Struct], **wanted: object) -> Like:
    """An expectation by type and some attributes; an attribute may be a predicate."""
    return Like(kind, wanted)


def containing(part: str) -> Callable[[str], bool]:
    """A predicate for a text attribute."""
    return lambda text: part in text


class Playbook:
    """One dialogue under test. Use as a context manager, so that unexpected actions at the end fail."""

    def __init__(self, dialogue: Dialogue, now_ms: int = 1_000_000) -> None:
        self.dialogue = dialogue
        self.now_ms = now_ms
        self._left: list[Action] = []
        self._transcript: list[str] = []

    def __rshift__(self, event: Event | After) -> Playbook:
        self.done()
        self._transcript.append(f">> {event!r}")
        if isinstance(event, After):
            self.now_ms += event.ms
        else:
            self._left = list(self.dialogue.step(event, self.now_ms))
        return self

    def __lshift__(self, expected: Action | Like) -> Playbook:
        if not self._left:
            raise AssertionError(f"wanted {expected!r}, and there is nothing more\n{self._shown()}")
        action = self._left.pop(0)
        self._transcript.append(f"<< {action!r}")
        if not expected == action:
            raise AssertionError(f"wanted {expected!r}, got {action!r}\n{self._shown()}")
        return self

    def take(self, kind: type[ActionT]) -> ActionT:
        """The next action, which must be of `kind`, for a closer look."""
        if not self._left or not isinstance(self._left[0], kind):
            raise AssertionError(f"wanted a {kind.__name__}\n{self._shown()}")
        action = self._left.pop(0)
        self._transcript.append(f"<< {action!r}")
        return action  # type: ignore[return-value]  # isinstance above

    def rest(self) -> list[Action]:
        """Whatever is left of the last event's actions."""
        left, self._left = self._left, []
        self._transcript += [f"<< {action!r}" for action in left]
        return left

    def done(self) -> None:
        """Nothing may be left."""
        if self._left:
            raise AssertionError(f"nobody expected {self._left!r}\n{self._shown()}")

    def _shown(self) -> str:
        return "\n".join([*self._transcript, *(f"   (left) {action!r}" for action in self._left)])

    def __enter__(self) -> Playbook:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.done()
