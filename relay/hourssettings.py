"""`[hours]` of the configuration: when which messages are taken at all.

Owns the model of that table, for `relay.settings`. It must never know a holiday or a clock (relay/hours.py does). The trap: a
class that is not named has no hours and is served round the clock, so an empty list is not "closed".
"""

from __future__ import annotations

from pydantic import Field

from relay.basesettings import Model

SPANS_MAX = 16  # of one class
LINES_MAX = 256
DAYS_MAX = 366


def _spans(what: str) -> tuple[str, ...]:
    """A setting: the hours of one class."""
    text = f"When new messages {what} are taken, as 07:00-21:00 or bank-days 09:00-15:00; empty: always."
    field: tuple[str, ...] = Field((), max_length=SPANS_MAX, description=text)
    return field


class HoursSettings(Model):
    """Hours of service by class of message, on the bank's own clock (`reconcile.utc_offset_minutes`) and calendar."""

    atm: tuple[str, ...] = _spans("of ATMs")
    branch: tuple[str, ...] = _spans("of branch terminals")
    partner: tuple[str, ...] = _spans("of partners (a Zengin line has hours of its own, in its profile)")
    inquiry: tuple[str, ...] = _spans("that only ask for a balance, whoever sends them,")
    lines: tuple[str, ...] = Field(
        (),
        max_length=LINES_MAX,
        description="Hours of single listeners and dialers, instead of their class's, as convenience=00:00-24:00; a name may "
        "come more than once.",
    )
    extra_holidays: tuple[str, ...] = Field(
        (), max_length=DAYS_MAX, description="Rest days beyond Saturdays, Sundays, holidays and the turn of the year."
    )
    extra_bank_days: tuple[str, ...] = Field(
        (), max_length=DAYS_MAX, description="Bank days whatever the calendar says, as 2026-12-31."
    )
