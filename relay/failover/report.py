"""The report of a run, for the bank's files: JSON, and one HTML page that needs nothing else.

Owns the report's content and the page. It must never ask anybody: the log is enough, today and in five years. The trap:
names, reasons and what programs answered are strangers' texts on a page that managers open, so every one is escaped, the
page has no script, and its policy forbids all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

import msgspec

from relay.failover import events as e
from relay.failover.bankday import JST, BankClock
from relay.failover.evidence import Evidence
from relay.failover.run import Run
from relay.failover.timeline import timeline_svg
from relay.failover.view import LogRow, RunView, row_of, view_of

POLICY = "default-src 'none'; style-src 'unsafe-inline'"


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Who decided what on which evidence, and what became of it."""

    at_ms: int
    gate: int
    part: str
    what: str
    who: str
    role: str
    why: str
    evidence_digest: str = ""
    evidence: Evidence | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """`unknowns`: cases that wait for a person at each center, as the last evidence or the verification saw them."""

    view: RunView
    why: str
    decisions: tuple[Decision, ...]
    unknowns: tuple[tuple[str, int, int], ...]  # center, cases for a person, rows of the tail that are left
    answers: tuple[LogRow, ...]  # what people answered for: overrides, waivers, acceptances
    lines: int
    last_hash: str


def report_of(run: Run, entries: Sequence[e.Entry], now_ms: int, day: BankClock, center: str, last_hash: str) -> Report:
    """Raises BadHistory where nothing was declared."""
    view = view_of(run, entries, now_ms, day, center=center, last_hash=last_hash, rows_max=len(entries))
    shown = {entry.event.digest: entry.event.evidence for entry in entries if isinstance(entry.event, e.EvidenceTaken)}
    declared = next((entry.event for entry in entries if isinstance(entry.event, e.Declared)), None)
    newest = Evidence() if run.newest is None else run.newest.evidence
    return Report(
        view=view,
        why="" if declared is None else declared.why,
        decisions=tuple(found for entry in entries if (found := _decision(entry, shown)) is not None),
        unknowns=tuple((one.center, one.listed, one.tail_left) for one in newest.centers),
        answers=tuple(row_of(entry) for entry in entries if isinstance(entry.event, e.Answered | e.Said | e.TermTaken)),
        lines=len(entries),
        last_hash=last_hash,
    )


def _decision(entry: e.Entry, shown: dict[str, Evidence]) -> Decision | None:
    match entry.event:
        case e.Approved() as made:
            what, role, digest = "approved", made.role, made.evidence_digest
        case e.BrokeGlass() as made:
            what, role, digest = "GLASS BROKEN", made.seal, made.evidence_digest
        case e.Denied() as made:
            what, role, digest = "denied", made.role, ""
        case e.Withdrawn() as made:
            what, role, digest = "withdrawn", "", ""
        case _:
            return None
    return Decision(
        at_ms=entry.at_ms,
        gate=made.gate,
        part=getattr(made, "part", ""),
        what=what,
        who=made.who,
        role=role,
        why=made.why,
        evidence_digest=digest,
        evidence=shown.get(digest),
    )


def report_json(report: Report) -> bytes:
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


# ---- the page ----------------------------------------------------------------------------------------------------------------
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#17202a;background:#fff}
table{border-collapse:collapse;width:100%;margin:.5rem 0 2rem}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d5dbe1;vertical-align:top;overflow-wrap:break-word}
h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2rem}code{font-size:.85em}svg{max-width:100%;height:auto}
"""


def report_html(report: Report) -> str:
    """The whole page; everything that came from outside is escaped."""
    view = report.view
    title = f"Failover run {view.run}"
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            _facts(report),
            f"<h2>Timeline</h2>{timeline_svg(view)}",
            "<h2>Time</h2>",
            _time(view),
            "<h2>Who decided what, on which evidence</h2>",
            _decisions(report),
            "<h2>What people answered for</h2>",
            _table(("when", "who", "what"), [(_when(row.at_ms), row.who, row.text) for row in report.answers]),
            "<h2>Unknowns</h2>",
            _table(
                ("center", "cases for a person", "rows of the tail left"),
                [(center, str(listed), str(left)) for center, listed, left in report.unknowns],
            ),
            "<h2>Steps</h2>",
            _table(
                ("step", "phase", "action", "standing", "attempts", "took", "detail"),
                [
                    (
                        f"{step.name} (undo)" if step.is_undo else step.name,
                        step.phase,
                        step.action,
                        step.standing,
                        str(step.attempts),
                        _span(step.ended_ms - step.began_ms) if step.ended_ms else "",
                        step.detail,
                    )
                    for step in view.steps
                ],
            ),
            "<h2>Log</h2>",
            _table(
                ("line", "when", "term", "what", "who", ""),
                [(str(row.number), _when(row.at_ms), str(row.term), row.what, row.who, row.text) for row in view.log],
            ),
            f"<p>{report.lines} lines; the last has the hash <code>{escape(report.last_hash)}</code>.</p></body></html>\n",
        )
    )


def _facts(report: Report) -> str:
    view = report.view
    return _table(
        ("", ""),
        [
            ("plan", f"{view.plan} ({view.kind}), version {view.plan_version}"),
            ("from, to", f"{view.from_region}, epoch {view.old_epoch} → {view.to_region}, epoch {view.new_epoch}"),
            ("declared by", f"{view.declarer}: {report.why}"),
            ("ended as", view.state + (f", held: {view.held}" if view.held else "")),
            ("point of no return", "passed" if view.has_promoted else "not passed"),
        ],
    )


def _time(view: RunView) -> str:
    clock = view.clock
    if clock is None:
        return ""
    rows = [
        (part.name, _span(part.budget_ms), _span(part.spent_ms), "over its budget" if part.is_over_budget else "")
        for part in clock.parts
    ]
    rows += [
        (
            "all",
            _span(clock.target_ms),
            _span(clock.elapsed_ms),
            "over the target" if clock.elapsed_ms > clock.target_ms else "",
        ),
        ("of it people", "", _span(clock.human_ms), ""),
        ("of it machines", "", _span(clock.machine_ms), ""),
        ("preparation", "", _span(clock.prepare_ms), f"{_span(clock.overlap_ms)} of it while people deliberated"),
    ]
    return _table(("part", "budget", "took", ""), rows)


def _decisions(report: Report) -> str:
    rows = [
        (_when(one.at_ms), f"{one.gate} {one.part}", one.what, one.who, one.role, one.why, one.evidence_digest[:12])
        for one in report.decisions
    ]
    seen = {one.evidence_digest: one.evidence for one in report.decisions if one.evidence is not None}
    said = [(digest[:12], line) for digest, evidence in seen.items() for line in _in_words(evidence)]
    table = _table(("when", "gate", "what", "who", "role", "why", "evidence"), rows)
    return table + "<h2>The evidence that was shown</h2>" + _table(("evidence", "it said"), said)


def _in_words(evidence: Evidence) -> list[str]:
    lag = "not known" if evidence.lag_ms is None else _span(evidence.lag_ms)
    lines = [f"the copy is behind by {lag}" + (", which two people accepted" if evidence.is_lag_accepted else "")]
    for one in evidence.centers:
        lines.append(
            f"{one.center}: {one.trouble}"
            if one.trouble
            else f"{one.center}: {one.region}, epoch {one.epoch}, sealed {one.sealed_epoch or 'none'}, suspended "
            f"{', '.join(one.blocked) or 'nothing'}; {one.sessions} sessions, {one.inflight} in flight, {one.owed} owed, "
            f"{one.listed} for a person, {one.tail_left} rows of the tail left"
        )
    known = {"standby": evidence.standby, "batch checkpoint": evidence.batch_checkpoint, "Zengin": evidence.zengin}
    lines += [f"{name}: {text}" for name, text in known.items() if text]
    lines += ["the other center had no copy of the log"] if evidence.is_peer_away else []
    lines += [f"{step}: {standing}" for step, standing in evidence.preparation]
    return [*lines, *evidence.remarks]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return "<p>none</p>"
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _when(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1_000, JST):%Y-%m-%d %H:%M:%S}"


def _span(ms: int) -> str:
    minutes, seconds = divmod(max(0, ms) // 1_000, 60)
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds}.{max(0, ms) % 1_000:03} s"
