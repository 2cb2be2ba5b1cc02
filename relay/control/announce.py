"""What people ask and decide about announcing, and what they are shown: the language of `relay announce`.

Owns arguments, answers, and the judgement what of it is a problem. It must never decide. The trap: each of these commands moves
every terminal of a center, so every one is signed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final

import msgspec

Signature = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]


class AnnounceArgs(msgspec.Struct, frozen=True, kw_only=True):
    """Withdraw, resume, hand back: who and why."""

    who: Signature
    why: Reason


class CauseRow(msgspec.Struct, frozen=True):
    cause: str
    is_good: bool


class AnnounceDeed(msgspec.Struct, frozen=True, kw_only=True):
    at_ms: int = 0
    what: str = ""
    who: str = ""
    why: str = ""


class AnnounceReport(msgspec.Struct, frozen=True, kw_only=True):
    """`seen` is what the speaker was last seen to announce ("" where nobody knows), `problem` what is wrong with it.
    `waits_ms`: how long damping still holds back the next step up. `listeners` serve on the addresses."""

    adapter: str = "none"
    addresses: tuple[str, ...] = ()
    role: str = ""
    why: str = ""
    seen: str = ""
    sessions_up: int | None = None
    problem: str = ""
    next_step: str = ""
    waits_ms: int = 0
    causes: tuple[CauseRow, ...] = ()
    listeners: tuple[str, ...] = ()
    text_port: int | None = None
    deeds: tuple[AnnounceDeed, ...] = ()

    @property
    def is_used(self) -> bool:
        """Whether anybody said that this center has a service address."""
        return bool(self.addresses) or self.adapter != "none"


ANNOUNCED: Final = frozenset({"standby", "holding", "leaving"})


def announce_problems(report: AnnounceReport) -> Iterator[tuple[str, str]]:
    """Each with where to look, worst first."""
    if report.role == "paused":
        yield f"withdrawn by people: {report.why}", "relay announce resume; runbook: RelayAnnouncePaused"
    elif report.is_used and report.role == "withdrawn":
        yield f"the service address is not announced: {report.why}", "runbook: RelayAnnounceWithdrawn"
    elif report.is_used and report.role in ANNOUNCED and report.problem:
        yield report.problem, report.next_step or "runbook: RelayAnnounceUnheard"
