"""The list of parked messages: those that wait, those decided about on demand, and values nobody can read."""

from __future__ import annotations

from protocols.parked import Parked, pack
from relay.control.commands import ParkedArgs
from relay.parkedlist import UNREADABLE, parked_report


def parked(wall_ms: int, decision: str = "", who: str = "") -> bytes:
    return pack(Parked(line="01-01", place="LCN 00", wall_ms=wall_ms, reason="no", body=b"12345", decision=decision, who=who))


VARIABLES = {
    "zengin": {
        "zrc-01-01/out": b"something else",
        "zrc-01-01/parked/b": parked(2),
        "zrc-01-01/parked/a": parked(1),
        "zrc-01-01/parked/c": parked(3, "dropped", "Sato"),
    },
    "branch": {"parked/x": b"\xc1"},
}


def names(args: ParkedArgs) -> list[str]:
    return [row.name for row in parked_report(list(VARIABLES), VARIABLES.__getitem__, args).rows]


def test_what_waits_is_listed_oldest_first() -> None:
    assert names(ParkedArgs(listener="zengin")) == ["parked/a", "parked/b"]
    assert names(ParkedArgs(listener="zengin", all=True)) == ["parked/a", "parked/b", "parked/c"]
    assert names(ParkedArgs(listener="nobody")) == []


def test_rows_say_what_a_person_needs_and_never_the_body() -> None:
    report = parked_report(list(VARIABLES), VARIABLES.__getitem__, ParkedArgs(count_max=1))
    assert report.total == 3
    (unreadable,) = report.rows
    assert (unreadable.listener, unreadable.name, unreadable.reason) == ("branch", "parked/x", UNREADABLE)
    (row,) = parked_report(["zengin"], VARIABLES.__getitem__, ParkedArgs(count_max=1)).rows
    assert (row.line, row.place, row.reason, row.body_bytes) == ("01-01", "LCN 00", "no", 5)
