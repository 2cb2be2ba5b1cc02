"""A core whose answers the test gives by hand: fulfils the `Core` port, keeps every call until it is answered.

Owns no rules of a core; the fake core in relay/loopback has those. `calls` lists what was asked, oldest first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from protocols.vocabulary import Outcome, Request, Unknown
from relay.core.port import Attempt, Finding, Ground, Permit, UndoOutcome


@dataclass
class Call:
    verb: str
    key: str
    attempt: Attempt
    permit: Permit
    answer: Callable[..., None]
    request: Request | None = None
    standing_minor: int | None = None
    ground: Ground | None = None
    is_done: bool = False

    @property
    def automatic(self) -> bool | None:
        return None if self.ground is None else self.ground is not Ground.TERMINAL

    def reply(self, outcome: Outcome | Finding | UndoOutcome) -> None:
        if not self.is_done:
            self.is_done = True
            self.answer(outcome)

    def cancel(self) -> None:
        self.reply(Unknown(why="cancelled"))


@dataclass
class ScriptedCore:
    calls: list[Call] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)

    def submit(
        self, request: Request, attempt: Attempt, permit: Permit, timeout_ms: int, done: Callable[[Outcome], None]
    ) -> Call:
        return self._keep(Call("submit", request.key, attempt, permit, done, request=request))

    def undo(
        self,
        key: str,
        standing_minor: int,
        currency: str,
        attempt: Attempt,
        ground: Ground,
        permit: Permit,
        timeout_ms: int,
        done: Callable[[UndoOutcome], None],
    ) -> Call:
        return self._keep(Call("undo", key, attempt, permit, done, standing_minor=standing_minor, ground=ground))

    def inquire(self, key: str, attempt: Attempt, permit: Permit, timeout_ms: int, done: Callable[[Finding], None]) -> Call:
        return self._keep(Call("inquire", key, attempt, permit, done))

    def tell(
        self,
        event: str,
        terminal: str,
        listener: str,
        at_ms: int,
        detail: Mapping[str, str],
        permit: Permit,
        done: Callable[[bool], None],
    ) -> None:
        self.told.append((event, terminal))
        done(True)

    @property
    def pending(self) -> list[Call]:
        return [call for call in self.calls if not call.is_done]

    def last(self, verb: str) -> Call:
        """The newest call of this verb."""
        return [call for call in self.calls if call.verb == verb][-1]

    def _keep(self, call: Call) -> Call:
        self.calls.append(call)
        return call
