"""The plans that may be looked at and declared here: files of one folder that belongs to root.

Owns the question whether a text is one of them. It must never judge a plan. The trap: a plan names programs, and
preparation runs them as soon as one person declares; so what somebody hands in is only ever compared with what root has put
there, and an evaluation, which also starts programs, is under the same rule.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from relay.failover.people import NotAllowed
from relay.failover.plan import PLAN_BYTES_MAX, version_of

PLAN_COUNT_MAX: Final = 100


class PlanFolder:
    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def must_have(self, text: str) -> str:
        """`text` where it is, to the last character, a plan of this folder. Raises NotAllowed."""
        version = version_of(text)
        try:
            files = sorted(self._folder.glob("*.toml"))[:PLAN_COUNT_MAX]
            for file in files:
                if file.stat().st_size <= PLAN_BYTES_MAX and version_of(file.read_text(encoding="utf-8")) == version:
                    return text
        except (OSError, UnicodeDecodeError) as error:
            raise NotAllowed(f"the plans in {self._folder} cannot be read: {error}.") from error
        raise NotAllowed(
            f"that plan is none of the {len(files)} in {self._folder}.", "Root puts plans there, the same at both centers."
        )
