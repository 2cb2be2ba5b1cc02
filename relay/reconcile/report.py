"""The report that a person signs: what was compared, what differed, how each difference ended.

Owns the value, its look as text and as one self-contained HTML page, and the digest that a signature is about. Pure. It must
never hold a PAN: differences are masked where they are made. The trap: a signed report never changes, so a later finding is
another report; and everything in it came from outside once, so it is escaped.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from html import escape

import msgspec

from relay.reconcile.matcher import Difference, Ending


class Layer(StrEnum):
    NEAR = "near"  # what ended minutes ago by a rare way
    CORRECTION = "correction"  # terminals with movement
    DAILY = "daily"  # a whole business date


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
    signed_by: str = ""
    remark: str = ""
    signed_ms: int = 0
    digest: str = ""  # of the report before its signature

    @property
    def listed(self) -> int:
        return sum(1 for d in self.differences if d.ending is Ending.LISTED) + self.left_out

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


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _facts(report: Report) -> list[tuple[str, str]]:
    rows = [
        ("Report", f"{report.number}, {report.layer.value}"),
        ("Business date", report.business_date),
        ("Relay center", report.center),
        ("Made", _moment(report.made_ms)),
        ("Listing", "read to its end" if report.is_whole else f"NOT WHOLE: {report.trouble}"),
        ("Journal rows", str(report.journal_rows)),
        ("Lines of the core", f"{report.core_lines}, {report.repeated_lines} repeated"),
        ("Still in work", str(report.in_work)),
        ("Differences", f"{len(report.differences) + report.left_out}, {report.listed} for a person"),
    ]
    if report.left_out:
        rows.append(("Not shown", f"{report.left_out} differences over the limit"))
    if report.is_signed:
        rows.append(("Signed", f"{report.signed_by}, {_moment(report.signed_ms)}: {report.remark}"))
        rows.append(("Digest", report.digest))
    else:
        rows.append(("Signed", "not yet"))
    return rows


_HEAD = ("what", "ending", "key", "terminal", "kind", "journal", "core", "currency", "why")


def _cells(d: Difference) -> tuple[str, ...]:
    journal = "-" if d.journal_minor is None else str(d.journal_minor)
    core = "-" if d.core_minor is None else str(d.core_minor)
    return (d.what.value, d.ending.value, d.key, d.terminal, d.kind, journal, core, d.currency, d.why)


def as_text(report: Report) -> str:
    lines = [f"{name + ':':20}{_plain(value)}" for name, value in _facts(report)]
    for d in report.differences:
        cells = [_plain(cell) for cell in _cells(d)]
        lines += ["", f"{cells[0]}, {cells[1]}: {cells[8]}", f"  key {cells[2]}"]
        lines.append(f"  terminal {cells[3]}, {cells[4]}: journal {cells[5]}, core {cells[6]} {cells[7]} (minor units)")
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    return "".join(ch if ch.isprintable() else "?" for ch in text)


_STYLE = (
    "body{font:14px/1.5 sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#111}"
    "h1{font-size:1.4rem}table{border-collapse:collapse;width:100%;margin:1rem 0}"
    "th,td{border:1px solid #bbb;padding:.3rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}"
    "th{background:#eee}.facts th{width:12rem}.listed{background:#fff3cd}.bad{color:#a00;font-weight:bold}"
    ".sign{margin-top:3rem;display:flex;gap:3rem}.sign div{border-top:1px solid #111;width:16rem;padding-top:.3rem}"
    "@media print{body{margin:0;max-width:none;font-size:11px}tr{break-inside:avoid}}"
)


def as_html(report: Report) -> str:
    """One page without any outside asset."""
    facts = "".join(
        f"<tr><th>{name}</th><td{' class=bad' if value.startswith('NOT WHOLE') else ''}>{escape(_plain(value))}</td></tr>"
        for name, value in _facts(report)
    )
    rows = "".join(
        f"<tr class={d.ending.value}>" + "".join(f"<td>{escape(_plain(cell))}</td>" for cell in _cells(d)) + "</tr>"
        for d in report.differences
    )
    head = "".join(f"<th>{name}</th>" for name in _HEAD)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" if rows else "<p>No difference.</p>"
    title = f"Reconciliation of {escape(report.business_date)}, report {report.number}"
    lines = "" if report.is_signed else "<div class=sign><div>Name</div><div>Date</div><div>Signature</div></div>"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style></head>'
        f"<body><h1>{title}</h1><table class=facts>{facts}</table><h2>Differences</h2>{table}{lines}</body></html>\n"
    )
