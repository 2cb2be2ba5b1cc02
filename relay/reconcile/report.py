"""The report that a person signs: what was compared, what differed, how each difference ended, and the sheet of totals.

Owns the value, the facts at its head, and the digest that a signature is about; its look is in plain.py and page.py. Pure. It
must never hold a PAN: differences and names are masked where they are made. The traps: a signed report never changes, so a
later finding is another report; and the digest is over the report as JSON, so that a member which older reports have not is
left out of theirs (`totals`, `others`), never given a default.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256

import msgspec
from msgspec import UNSET, UnsetType

from relay.reconcile.balance import DayTotals
from relay.reconcile.centers import OfCenter
from relay.reconcile.matcher import Difference, Ending
from relay.telemetry.mask import mask_text


class Layer(StrEnum):
    NEAR = "near"  # what ended minutes ago by a rare way
    CORRECTION = "correction"  # terminals with movement
    DAILY = "daily"  # a whole business date
    TAIL = "tail"  # what a region lost with its last seconds


class Report(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    layer: Layer
    business_date: str
    center: str
    made_ms: int
    is_whole: bool  # the listing came to its end
    trouble: str = ""
    journal_rows: int = 0
    core_lines: int = 0
    repeated_lines: int = 0
    in_work: int = 0  # open or too young: the next run looks again
    differences: tuple[Difference, ...] = ()
    left_out: int = 0  # differences over the limit, counted only
    totals: DayTotals | UnsetType = UNSET
    others: OfCenter | UnsetType = UNSET  # lines of the other center's name, which are not among `core_lines`
    signed_by: str = ""
    remark: str = ""
    signed_ms: int = 0
    digest: str = ""  # of the report before its signature

    @property
    def listed(self) -> int:
        in_sums = 0 if self.totals is UNSET else self.totals.differs
        return sum(1 for d in self.differences if d.ending is Ending.LISTED) + self.left_out + in_sums

    @property
    def is_signed(self) -> bool:
        return bool(self.signed_by)


def digest_of(report: Report) -> str:
    """SHA-256 over the report without its signature, hexadecimal."""
    bare = msgspec.structs.replace(report, signed_by="", remark="", signed_ms=0, digest="")
    return sha256(msgspec.json.encode(bare)).hexdigest()


def sign(report: Report, who: str, remark: str, at_ms: int) -> Report:
    """Raises ValueError when it is signed already, or name or remark are empty."""
    if report.is_signed:
        raise ValueError(f"report {report.number} was signed by {report.signed_by}; a signed report never changes")
    if not who.strip() or not remark.strip():
        raise ValueError("a report is signed with a name and a remark, both not empty")
    return msgspec.structs.replace(report, signed_by=who, remark=remark, signed_ms=at_ms, digest=digest_of(report))


def moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _found(report: Report) -> str:
    rows = f"{len(report.differences) + report.left_out} of messages"
    sums = "" if report.totals is UNSET else f", {report.totals.differs} of totals"
    return f"{rows}{sums}; {report.listed} for a person"


def _of_the_other(report: Report) -> list[tuple[str, str]]:
    if report.others is UNSET:
        return []
    others = report.others
    name = mask_text(others.center)
    said = f"{others.lines:,} lines of {name}, for its own report"
    return [("Of the other center", said + (f"; {others.held:,} more are here, too, and compared" if others.held else ""))]


def facts(report: Report) -> list[tuple[str, str]]:
    """What stands at the head, name and value."""
    rows = [
        ("Report", f"{report.number}, {report.layer.value}"),
        ("Business date", report.business_date),
        ("Relay center", report.center),
        ("Made", moment(report.made_ms)),
        ("Listing", "read to its end" if report.is_whole else f"NOT WHOLE: {report.trouble}"),
        ("Journal rows", f"{report.journal_rows:,}"),
        ("Lines of the core", f"{report.core_lines:,}, {report.repeated_lines:,} repeated"),
        *_of_the_other(report),
        ("Still in work", f"{report.in_work:,}"),
        ("Differences", _found(report)),
    ]
    if report.left_out:
        rows.append(("Not shown", f"{report.left_out} differences over the limit"))
    if report.is_signed:
        rows.append(("Signed", f"{report.signed_by}, {moment(report.signed_ms)}: {report.remark}"))
        rows.append(("Digest", report.digest))
    else:
        rows.append(("Signed", "not yet"))
    return rows


DIFFERENCE_HEAD = ("what", "ending", "key", "terminal", "kind", "journal", "core", "currency", "why")


def cells(d: Difference) -> tuple[str, ...]:
    """A difference under DIFFERENCE_HEAD; amounts in minor units."""
    journal = "-" if d.journal_minor is None else f"{d.journal_minor:,}"
    core = "-" if d.core_minor is None else f"{d.core_minor:,}"
    return (d.what.value, d.ending.value, d.key, d.terminal, d.kind, journal, core, d.currency, d.why)


def printable(text: str) -> str:
    """Everything here came from outside once."""
    return "".join(ch if ch.isprintable() else "?" for ch in text)
