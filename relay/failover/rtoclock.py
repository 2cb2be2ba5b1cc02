"""The recovery clock: from the declaration to observed health, what each part took, and when it will be over. Pure.

Owns budgets, sums of p95 and the projection. It must never decide. The traps: the clock stops when health was seen (the
last step of a release looks at it), not when a command was given; preparation runs beside the gates and costs only what
reaches beyond them; and machine time and the time in which people think are told apart, for only one of them can be bought.
"""

from __future__ import annotations

from typing import Final

import msgspec

from relay.failover.plan import Phase, Step
from relay.failover.run import Run
from relay.failover.states import PHASE_OF, State

_PARTS: Final = (
    ("gate 1", State.G1_WAIT, "gate1_s"),
    ("initiate", State.INITIATING, "initiate_s"),
    ("gate 2", State.G2_WAIT, "gate2_s"),
    ("promote", State.PROMOTING, "promote_s"),
    ("dns", State.SWITCHING_DNS, "dns_s"),
    ("verify", State.VERIFYING, "verify_s"),
    ("gate 3", State.G3_WAIT, "gate3_s"),
    ("release", State.RELEASING, "release_s"),
)
HUMAN: Final = frozenset({State.DECLARED, State.G1_WAIT, State.G2_WAIT, State.G3_WAIT})
BACK: Final = frozenset({State.CANCEL_PREP, State.ROLLBACK})


class PartView(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the recovery, milliseconds. `left_ms`: what is still expected of it."""

    name: str
    budget_ms: int
    spent_ms: int
    left_ms: int
    is_now: bool
    is_over_budget: bool


class ClockView(msgspec.Struct, frozen=True, kw_only=True):
    """`finish_ms`: projected end (UTC epoch milliseconds), the real one where it is over. `overlap_ms`: preparation that
    ran while people deliberated."""

    began_ms: int
    elapsed_ms: int
    target_ms: int
    finish_ms: int
    is_over: bool
    will_miss: bool
    human_ms: int
    machine_ms: int
    prepare_ms: int
    overlap_ms: int
    parts: tuple[PartView, ...]


def spans(run: Run, now_ms: int) -> list[tuple[State, int, int]]:
    """States in the order in which they were, with begin and end."""
    ends = [at for _, at in run.path[1:]] + [now_ms]
    return [
        (state, begin, begin if state in (State.DONE, State.ABORTED) else end)
        for (state, begin), end in zip(run.path, ends, strict=True)
    ]


def clock_of(run: Run, now_ms: int) -> ClockView:
    """Raises BadHistory where nothing was declared."""
    plan = run.known_plan
    is_over = run.state in (State.DONE, State.ABORTED)
    end_ms = run.path[-1][1] if is_over else now_ms
    told = spans(run, end_ms)
    parts = tuple(
        _part(run, name, state, getattr(plan.budget, budget) * 1_000, told, is_over) for name, state, budget in _PARTS
    )
    finish_ms = end_ms if is_over else end_ms + sum(part.left_ms for part in parts)
    human_ms = sum(end - begin for state, begin, end in told if state in HUMAN)
    prepare = prepare_span(run, end_ms)
    return ClockView(
        began_ms=run.declared_ms,
        elapsed_ms=end_ms - run.declared_ms,
        target_ms=plan.budget.target_s * 1_000,
        finish_ms=finish_ms,
        is_over=is_over,
        will_miss=finish_ms - run.declared_ms > plan.budget.target_s * 1_000,
        human_ms=human_ms,
        machine_ms=end_ms - run.declared_ms - human_ms,
        prepare_ms=0 if prepare is None else prepare[1] - prepare[0],
        overlap_ms=0 if prepare is None else _overlap(prepare, told),
        parts=parts,
    )


def _part(run: Run, name: str, state: State, budget_ms: int, told: list[tuple[State, int, int]], is_over: bool) -> PartView:
    spent_ms = sum(end - begin for one, begin, end in told if one is state)
    is_now, was = run.state is state, any(one is state for one, _, _ in told)
    if is_over or run.state in BACK or (was and not is_now):
        left_ms = 0
    elif state in HUMAN:
        left_ms = max(0, budget_ms - spent_ms) if is_now else budget_ms
    else:
        left_ms = critical_ms(run, PHASE_OF[state])
    return PartView(
        name=name,
        budget_ms=budget_ms,
        spent_ms=spent_ms,
        left_ms=left_ms,
        is_now=is_now,
        is_over_budget=spent_ms > budget_ms,
    )


def critical_ms(run: Run, phase: Phase) -> int:
    """The longest way through what a phase has left, by p95."""
    plan = run.known_plan
    open_steps = {step.name: step for step in plan.in_phase(phase) if not step.instead_of and not run.is_settled(step)}
    return 1_000 * max((_longest(step, open_steps) for step in open_steps.values()), default=0)


def _longest(step: Step, among: dict[str, Step]) -> int:
    return step.p95_s + max((_longest(among[name], among) for name in step.needs if name in among), default=0)


def remaining_ms(run: Run) -> int:
    """What the steps that remain take in 95 of 100 drills, one phase after the other; people's time is not in it."""
    return sum(critical_ms(run, phase) for phase in Phase if phase is not Phase.PREPARE)


def prepare_span(run: Run, now_ms: int) -> tuple[int, int] | None:
    """From the first step of the preparation to the end of the last."""
    standings = [run.standing(step.name) for step in run.known_plan.in_phase(Phase.PREPARE)]
    begun = [standing for standing in standings if standing.began_ms]
    if not begun:
        return None
    return min(one.began_ms for one in begun), max(one.ended_ms or now_ms for one in begun)


def _overlap(prepare: tuple[int, int], told: list[tuple[State, int, int]]) -> int:
    return sum(max(0, min(prepare[1], end) - max(prepare[0], begin)) for state, begin, end in told if state in HUMAN)
