"""Two lists of the console in a terminal: what people did there, and what each reason is called in each dialect.

Owns their rows. It must never hold a code of its own: the dialects do. The trap: what a person typed as a reason is text, and
obeys no terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from protocols.branch import codes as branch
from protocols.iso8583 import codes as iso8583
from relay.cli.screen import safe, table
from relay.cli.when import show_moment
from relay.control.audit import AuditRow


def audit_lines(rows: Sequence[AuditRow]) -> Iterator[str]:
    """Newest first; one without an end says so."""
    if not rows:
        yield "nobody has done anything at the console"
        return
    cells = [["", "when", "who", "from", "deed", "about", "end", "why"]]
    for row in rows:
        end = row.result or "NOT KNOWN"
        who = f"{safe(row.who)} ({row.role})"
        said = f"{safe(row.why)}" + (f" -> {safe(row.said)}" if row.said else "")
        cells.append([str(row.number), show_moment(row.at_ms), who, safe(row.address), row.deed, safe(row.target), end, said])
    yield from table(cells, right=(0,))


def code_lines() -> Iterator[str]:
    """What a terminal is told for each reason; a profile or an overlay may go over a row."""
    columns = {
        "ISO 8583:1987": iso8583.all_codes("1987", {}),
        "ISO 8583:1993": iso8583.all_codes("1993", {}),
        "ISO 8583:2003": iso8583.all_codes("2003", {}),
        "branch": branch.all_codes({}),
    }
    words = sorted({word for codes in columns.values() for word in codes})
    rows = [["reason", *columns], *([word, *(codes.get(word, "-") for codes in columns.values())] for word in words)]
    yield from table(rows)
