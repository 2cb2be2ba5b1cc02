"""How the plans of a center stand between two failovers: when each was last looked at, last good, last exercised. Pure.

Owns the standing of each plan and what people are told of it. It must never look at anything: relay/orchestrator/watching.py
does. The traps: a plan that could not be looked at is not good, whatever it was an hour ago; a run that was called off has
exercised nothing; a drill exercises every plan between the same two regions, because it is made of the same programs; and a
plan whose text has changed since was never good, as it is now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final

import msgspec

from relay.errors import ConfigurationError
from relay.failover.plan import Plan, parse_plan, version_of
from relay.failover.plancheck import Finding

EVERY_S: Final = 900
EXERCISE_DAYS: Final = 90
DAY_MS: Final = 86_400_000
LOOK_MS_MAX: Final = DAY_MS  # an older look says little about today


class WatchSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`every_s`: how often all plans are looked at, seconds. `exercise_days`: how long a plan may go without a drill, days."""

    every_s: Annotated[int, msgspec.Meta(ge=10, le=86_400)] = EVERY_S
    exercise_days: Annotated[int, msgspec.Meta(ge=1, le=3_650)] = EXERCISE_DAYS


class Exercise(msgspec.Struct, frozen=True):
    """A run that came to its end."""

    plan: str
    kind: str
    regions: frozenset[str]
    at_ms: int


class PlanView(msgspec.Struct, frozen=True, kw_only=True):
    """One plan as it is shown. Moments are UTC epoch milliseconds, 0: never. `trouble`: why it is not good, in one line each;
    `looked`: how many steps could be looked at."""

    file: str
    plan: str = ""
    kind: str = ""
    version: str = ""
    checked_ms: int = 0
    good_ms: int = 0
    looked: int = 0
    trouble: tuple[str, ...] = ()
    exercised_ms: int = 0

    @property
    def is_good(self) -> bool:
        return bool(self.checked_ms) and not self.trouble

    def is_unexercised(self, now_ms: int, days: int) -> bool:
        return now_ms - self.exercised_ms > days * DAY_MS


def warning_of(views: Sequence[PlanView], version: str, declared_ms: int) -> str:
    """What whoever declares or approves has to know of the looks at this plan before the run; "" where the last was good and
    young. Nothing is looked at while a run is open, so its age is that at the declaration."""
    view = next((one for one in views if one.version == version), None)
    if view is None or not view.checked_ms:
        return "no look at this plan has ended before the run, as far as this process knows"
    if declared_ms - view.checked_ms > LOOK_MS_MAX:
        return f"the last look at this plan was {(declared_ms - view.checked_ms) // 3_600_000} h before the run was declared"
    if view.trouble:
        return f"the last look at this plan found {len(view.trouble)} wrong: {view.trouble[0]}"
    return ""


class PlanBook:
    """The standing of every plan of the folder, by file."""

    def __init__(self, exercises: Iterable[Exercise] = ()) -> None:
        self._views: dict[str, PlanView] = {}
        self._plans: dict[str, Plan] = {}
        self._exercises = list(exercises)

    def read(self, texts: Mapping[str, str]) -> dict[str, Plan]:
        """The plans of these files, without those that cannot be read: their rows say so."""
        plans: dict[str, Plan] = {}
        for file, text in texts.items():
            before, version = self._views.get(file), version_of(text)
            if before is None or before.version != version:
                self._views[file] = PlanView(file=file, version=version)
            try:
                plans[file] = parse_plan(text, file)
            except ConfigurationError as error:  # one bad file hides no other
                self._views[file] = PlanView(file=file, version=version, trouble=(error.problem[:400],))
        for gone in set(self._views) - set(texts):
            del self._views[gone]
        self._plans = plans
        return plans

    def looked(self, file: str, findings: Iterable[Finding], looked: int, now_ms: int) -> PlanView:
        """A look has ended; the new standing."""
        plan = self._plans[file]
        trouble = tuple(f"{one.where}: {one.problem}"[:400] for one in findings)
        before = self._views[file]
        self._views[file] = msgspec.structs.replace(
            before,
            plan=plan.name,
            kind=plan.kind,
            checked_ms=now_ms,
            good_ms=before.good_ms if trouble else now_ms,
            looked=looked,
            trouble=trouble,
        )
        return self._views[file]

    def exercised(self, exercise: Exercise) -> None:
        if exercise not in self._exercises:
            self._exercises.append(exercise)

    def views(self) -> tuple[PlanView, ...]:
        return tuple(
            msgspec.structs.replace(view, exercised_ms=self._last(self._plans.get(file)))
            for file, view in sorted(self._views.items())
        )

    def _last(self, plan: Plan | None) -> int:
        if plan is None:
            return 0
        regions = frozenset((plan.from_region, plan.to_region))
        return max((one.at_ms for one in self._exercises if one.plan == plan.name or _covers(one, regions)), default=0)


def _covers(exercise: Exercise, regions: frozenset[str]) -> bool:
    return exercise.kind == "drill" and exercise.regions == regions
