"""The plans that may be looked at and declared here: files of one folder that belongs to root.

Owns the question whether a text is one of them. It must never judge a plan. The trap: a plan names programs, and
preparation runs them as soon as one person declares; so what somebody hands in is only ever compared with what root has put
there, and an evaluation, which also starts programs, is under the same rule. One plan that somebody else could have written
refuses the whole folder: nobody knows what else is there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from relay.errors import ConfigurationError
from relay.failover.people import NotAllowed
from relay.failover.plan import PLAN_BYTES_MAX, parse_plan, version_of
from relay.failover.plancheck import check_plan
from relay.failover.room import PlanRow
from relay.orchestrator.trusted import read_trusted

PLAN_COUNT_MAX: Final = 100


class PlanFolder:
    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def must_have(self, text: str) -> str:
        """`text` where it is, to the last character, a plan of this folder. Raises NotAllowed."""
        return self.of_version(version_of(text))

    def of_version(self, version: str) -> str:
        """The text of the plan with that hash. Raises NotAllowed."""
        texts = self.texts()
        for text in texts.values():
            if version_of(text) == version:
                return text
        raise NotAllowed(
            f"that plan is none of the {len(texts)} in {self._folder}.", "Root puts plans there, the same at both centers."
        )

    def rows(self) -> tuple[PlanRow, ...]:
        """All of them, by file name; with what is wrong on paper. Raises NotAllowed."""
        return tuple(_row(name, text) for name, text in self.texts().items())

    def texts(self) -> dict[str, str]:
        """All plans by the name of their file. Raises NotAllowed."""
        try:
            if not self._folder.is_dir():
                raise NotAllowed(f"there is no folder {self._folder}.", "Root makes it, and puts plans there.")
            files = sorted(self._folder.glob("*.toml"))[:PLAN_COUNT_MAX]
            return {file.name: read_trusted(file, PLAN_BYTES_MAX).decode() for file in files}
        except (OSError, UnicodeDecodeError) as error:
            raise NotAllowed(f"the plans in {self._folder} cannot be read: {error}.") from error
        except ConfigurationError as error:
            raise NotAllowed(f"the plans in {self._folder} are not used: {error.problem}", error.next_step) from error


def _row(file: str, text: str) -> PlanRow:
    version = version_of(text)
    try:
        plan = parse_plan(text)
    except ConfigurationError as error:
        return PlanRow(file=file, version=version, problem=error.problem)
    findings = check_plan(plan)
    return PlanRow(
        file=file,
        version=version,
        name=plan.name,
        kind=plan.kind,
        from_region=plan.from_region,
        to_region=plan.to_region,
        steps=len(plan.step),
        roles=plan.roles,
        problem=f"{findings[0].where}: {findings[0].problem}" if findings else "",
    )
