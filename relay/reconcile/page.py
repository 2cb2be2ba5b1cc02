"""The report as one HTML page that needs nothing from outside: dense, clear at night, and made to be printed and signed.

Owns the look. Pure. It must never decide what a row says (report.py, sheet.py). The trap: everything in it came from outside
once, so every cell passes `_text`; and a page that is printed loses its colours, so each mark is a word or a sign as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

from msgspec import UNSET

from relay.reconcile.matcher import Ending
from relay.reconcile.report import DIFFERENCE_HEAD, Report, cells, facts, printable
from relay.reconcile.sheet import Row, Table, notes, tables

_STYLE: Final = """
:root{--ink:#16191d;--soft:#5b6570;--line:#d5dae0;--paper:#fff;--band:#f4f6f8;--good:#0b6b3a;--bad:#a3180e;--badbg:#fdecea;
--note:#7a5200;--notebg:#fff6df}
@media screen and (prefers-color-scheme:dark){:root{--ink:#e3e7eb;--soft:#97a3af;--line:#333b44;--paper:#14181c;--band:#1c2228;
--good:#5fce92;--bad:#ff8a7d;--badbg:#3a1c1a;--note:#f0c264;--notebg:#332a15}}
*{box-sizing:border-box}
body{font:13px/1.4 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans JP",sans-serif;color:var(--ink);
background:var(--paper);max-width:76rem;margin:0 auto;padding:1.2rem 1.4rem 3rem;font-variant-numeric:tabular-nums lining-nums}
header{display:flex;gap:1.5rem;align-items:baseline;justify-content:space-between;flex-wrap:wrap;
border-bottom:2px solid var(--ink);padding-bottom:.5rem}
h1{font-size:1.45rem;line-height:1.2;margin:0;letter-spacing:-.01em}h1 small{font-size:.95rem;font-weight:400;color:var(--soft)}
h2{font-size:.8rem;text-transform:uppercase;letter-spacing:.07em;margin:1.6rem 0 .35rem}
h2+p{margin:-.1rem 0 .4rem;color:var(--soft);font-size:.85rem}
.verdict{font-weight:700;font-size:1.05rem;padding:.2rem .7rem;border:2px solid;border-radius:.25rem;white-space:nowrap}
.verdict.good{color:var(--good)}.verdict.bad{color:var(--bad)}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(21rem,1fr));gap:.1rem 2rem;margin:.8rem 0 0}
dl div{display:flex;gap:.7rem;border-bottom:1px solid var(--line);padding:.16rem 0}
dt{flex:0 0 8.2rem;color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}dd.bad{color:var(--bad);font-weight:700}
dl div.wide{grid-column:1/-1}
.notes{margin:.8rem 0 0;padding:.45rem .8rem .45rem 1.7rem;background:var(--notebg);color:var(--note);border-left:4px solid}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}
th,td{padding:.17rem .55rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--line);overflow-wrap:break-word}
thead th{font-size:.78rem;font-weight:600;color:var(--soft);border-bottom:1.5px solid var(--ink);white-space:nowrap}
.n{text-align:right;white-space:nowrap;overflow-wrap:normal}
td.key{font-family:ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace;font-size:.92em;overflow-wrap:anywhere}
td.dash{color:var(--soft)}
tbody tr:nth-child(even){background:var(--band)}
tr.differs,tbody tr.differs:nth-child(even),tr.listed,tbody tr.listed:nth-child(even){background:var(--badbg)}
tr.differs td:first-child,tr.listed td:first-child{box-shadow:inset 4px 0 var(--bad);font-weight:600}
tr.note,tbody tr.note:nth-child(even){background:var(--notebg)}
tr.why td{padding:0 .55rem .3rem 1.2rem;color:var(--soft)}
tr.why.differs td,tr.why.differs td:first-child{color:var(--bad);font-weight:400}
.agree{color:var(--good)}.differ{color:var(--bad);font-weight:700}
.sign{margin-top:3.2rem;display:flex;gap:2.5rem;break-inside:avoid}
.sign div{border-top:1px solid var(--ink);flex:1;padding-top:.25rem;color:var(--soft)}
footer{margin-top:1.6rem;color:var(--soft);font-size:.78rem}
@page{size:A4 landscape;margin:12mm 12mm 14mm}
@media print{html{font-size:11px}body{max-width:none;padding:0;font-size:9.5px}.scroll{overflow:visible}
thead{display:table-header-group}
tr{break-inside:avoid}h2{break-after:avoid}tr:has(+.why){break-after:avoid}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
"""


def as_html(report: Report) -> str:
    """One page without any outside asset."""
    title = f"Reconciliation {report.business_date}, report {report.number}"
    body = [
        f"<header><h1>Reconciliation {_text(report.business_date)} <small>report {report.number}, {_text(report.layer.value)},"
        f" {_text(report.center)}</small></h1>{_verdict(report)}</header>",
        _facts(report),
    ]
    if report.totals is not UNSET:
        said = notes(report.totals)
        if said:
            body.append("<ul class=notes>" + "".join(f"<li>{_text(note)}</li>" for note in said) + "</ul>")
    body.append(_differences(report))
    if report.totals is not UNSET:
        body += [_table(table) for table in tables(report.totals)]
    if not report.is_signed:
        body.append("<div class=sign><div>Name</div><div>Date</div><div>Signature</div></div>")
    body.append(
        "<footer>Amounts with the decimals of their currency; differences of messages in minor units. Times are UTC.</footer>"
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def _text(value: str) -> str:
    return escape(printable(value))


def _verdict(report: Report) -> str:
    if not report.is_whole:
        return "<span class='verdict bad'>NOT WHOLE</span>"
    if report.listed:
        return f"<span class='verdict bad'>{report.listed} for a person</span>"
    return "<span class='verdict good'>All agree</span>"


def _facts(report: Report) -> str:
    rows = []
    for name, value in facts(report):
        bad = " class=bad" if value.startswith("NOT WHOLE") else ""
        wide = " class=wide" if name in ("Digest",) or len(value) > 60 else ""
        rows.append(f"<div{wide}><dt>{_text(name)}</dt><dd{bad}>{_text(value)}</dd></div>")
    return f"<dl>{''.join(rows)}</dl>"


def _differences(report: Report) -> str:
    if not report.differences:
        return "<h2>Differences of messages</h2><p>None.</p>"
    key = DIFFERENCE_HEAD.index("key")
    numbers = {DIFFERENCE_HEAD.index("journal"), DIFFERENCE_HEAD.index("core")}
    head = _head((name, at in numbers) for at, name in enumerate(DIFFERENCE_HEAD))
    rows = "".join(
        f"<tr{' class=listed' if d.ending is Ending.LISTED else ''}>"
        + "".join(_cell(cell, at in numbers, "key" if at == key else "") for at, cell in enumerate(cells(d)))
        + "</tr>"
        for d in report.differences
    )
    return f"<h2>Differences of messages</h2><div class=scroll><table>{head}<tbody>{rows}</tbody></table></div>"


def _table(table: Table) -> str:
    head = _head((column.name, column.is_number) for column in table.columns)
    rows = "".join(_row(table, row) for row in table.rows)
    note = f"<p>{_text(table.note)}</p>" if table.note else ""
    return f"<h2>{_text(table.title)}</h2>{note}<div class=scroll><table>{head}<tbody>{rows}</tbody></table></div>"


def _head(columns: Iterable[tuple[str, bool]]) -> str:
    inside = "".join(f"<th{' class=n' if is_number else ''}>{_text(name)}</th>" for name, is_number in columns)
    return f"<thead><tr>{inside}</tr></thead>"


def _row(table: Table, row: Row) -> str:
    mark = f" class={row.mark}" if row.mark else ""
    inside = "".join(_cell(cell, column.is_number) for cell, column in zip(row.cells, table.columns, strict=True))
    made = f"<tr{mark}>{inside}</tr>"
    if row.why:
        made += f"<tr class='why {row.mark}'><td colspan={len(table.columns)}>{_text(row.why)}</td></tr>"
    return made


_WORDS: Final = {"agrees": "<span class=agree>✓ agrees</span>", "differs": "<span class=differ>✗ differs</span>"}


def _cell(cell: str, is_number: bool, name: str = "") -> str:
    classes = " ".join(each for each, on in (("n", is_number), ("dash", cell == "-"), (name, bool(name))) if on)
    attribute = f" class='{classes}'" if classes else ""
    return f"<td{attribute}>{_WORDS.get(cell) or _text(cell)}</td>"
