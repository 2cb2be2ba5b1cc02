"""Callbacks with their results, run in the order the records were given.

Owns the promise "exactly once, even when a neighbour's callback raised". It must never know an engine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

Outcomes: TypeAlias = list[tuple[Callable[[Any], None], object]]


def run_callbacks(outcomes: Outcomes, later: Callable[[Outcomes], object]) -> None:
    """Call each. When one raises, the rest goes to `later` (to be run in a call of its own) and the loop reports the error."""
    position = 0
    try:
        for done, result in outcomes:
            position += 1
            done(result)
    except BaseException:
        if position < len(outcomes):
            later(outcomes[position:])
        raise
