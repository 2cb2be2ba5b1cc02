"""The one way to write a state machine in this house: a dict from (state, event type) to states, checked at start.

Owns: the lookup, the error for a missing pair, and `check_table`, which proves that a table has no unreachable state, no
dead end and no unused event. It must never know what a particular machine means. The trap: a missing pair is not "ignore
it"; it is either the peer's violation or our bug, and only the caller knows which, so it is raised with both names.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum
from typing import TypeVar

StateT = TypeVar("StateT", bound=Enum)
EventT = TypeVar("EventT", bound=Enum)


class Unexpected(Exception):
    """An event that the state has no row for. Nothing has moved."""

    def __init__(self, state: Enum, event: Enum) -> None:
        super().__init__(f"{type(state).__name__} {state.name} has no row for {event.name}")
        self.state = state
        self.event = event


def next_state(table: Mapping[tuple[StateT, EventT], StateT], state: StateT, event: EventT) -> StateT:
    """The state after `event`. Raises Unexpected, with nothing moved, where the table has no row."""
    after = table.get((state, event))
    if after is None:
        raise Unexpected(state, event)
    return after


def check_table(
    table: Mapping[tuple[StateT, EventT], StateT], initial: StateT, terminal: Collection[StateT], events: type[EventT]
) -> None:
    """Raise ValueError with every defect of the table at once: unreachable, dead end, leaving a terminal, unused event."""
    states = type(initial)
    reached = {initial}
    growing = True
    while growing:
        more = {after for (before, _), after in table.items() if before in reached} - reached
        reached |= more
        growing = bool(more)
    leaving = {before for before, _ in table}
    problems = [f"unreachable: {s.name}" for s in states if s not in reached]
    problems += [f"dead end: {s.name}" for s in states if s not in leaving and s not in terminal]
    # A terminal state may keep evidence (a row to itself), but never moves.
    problems += [
        f"leaves a terminal state: {before.name} --{event.name}--> {after.name}"
        for (before, event), after in table.items()
        if before in terminal and after is not before
    ]
    used = {event for _, event in table}
    problems += [f"unused event: {e.name}" for e in events if e not in used]
    if problems:
        raise ValueError(f"{states.__name__}: " + "; ".join(problems))


def to_mermaid(table: Mapping[tuple[StateT, EventT], StateT], initial: StateT, terminal: Collection[StateT]) -> str:
    """The table drawn as a Mermaid state diagram; docs/machines/*.md holds it and a test compares."""
    lines = ["stateDiagram-v2", f"    [*] --> {initial.name}"]
    lines += [f"    {before.name} --> {after.name}: {event.name}" for (before, event), after in table.items()]
    lines += [f"    {state.name} --> [*]" for state in type(initial) if state in terminal]
    return "\n".join(lines) + "\n"
