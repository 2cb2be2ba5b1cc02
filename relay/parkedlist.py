"""The list of parked messages, out of the durable variables of all lines: what `relay control parked` shows.

Owns the gathering. It must never change anything, nor know a dialect: the value is `protocols.parked`'s, whoever parked it.
The trap: a value that cannot be read is a row, too, because somebody's money may be in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from protocols.parked import name_in, unpack
from relay.control.commands import ParkedArgs
from relay.control.report import ParkedReport, ParkedRow

UNREADABLE = "the stored value cannot be read"


def parked_report(listeners: Sequence[str], variables: Callable[[str], Mapping[str, bytes]], args: ParkedArgs) -> ParkedReport:
    """Rows of the `listeners` asked about, oldest first; `variables(listener)` are its durable ones."""
    wanted = [name for name in listeners if not args.listener or name == args.listener]
    rows = [row for name in wanted for row in _rows(name, variables(name)) if args.all or not row.decision]
    rows.sort(key=lambda row: row.parked_ms)
    return ParkedReport(total=len(rows), rows=tuple(rows[: args.count_max]))


def _rows(listener: str, variables: Mapping[str, bytes]) -> Iterator[ParkedRow]:
    for variable, data in variables.items():
        name = name_in(variable)
        if not name:
            continue
        try:
            kept = unpack(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            yield ParkedRow(
                listener=listener, line="", name=name, place="", parked_ms=0, reason=UNREADABLE, body_bytes=len(data)
            )
            continue
        yield ParkedRow(
            listener=listener,
            line=kept.line,
            name=name,
            place=kept.place,
            parked_ms=kept.wall_ms,
            reason=kept.reason,
            body_bytes=len(kept.body),
            decision=kept.decision,
            who=kept.who,
        )
