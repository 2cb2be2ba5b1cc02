"""Reference tables: what is said to a terminal for each reason, in each dialect's own code.

Owns the gathering of the dialects' tables into one. Pure. It must never hold a code of its own. The trap: a profile or a
bank's overlay may go over a row, and these are the tables as they come; the page says so.
"""

from __future__ import annotations

from protocols.branch import codes as branch
from protocols.iso8583 import codes as iso8583
from relay.console.html import Child, Html, h
from relay.console.pages.layout import Frame, page, section, table
from relay.reconcile.matcher import Ending


def tables(frame: Frame) -> Html:
    t = frame.words
    columns = {
        "ISO 8583:1987": iso8583.all_codes("1987", {}),
        "ISO 8583:1993": iso8583.all_codes("1993", {}),
        "ISO 8583:2003": iso8583.all_codes("2003", {}),
        t("tables.branch"): branch.all_codes({}),
    }
    words = sorted({word for table_ in columns.values() for word in table_})
    heads = [(t("tables.word"), ""), *((name, "n") for name in columns)]
    rows: list[list[Child]] = [[word, *(codes.get(word, "–") for codes in columns.values())] for word in words]
    states: list[list[Child]] = [
        [name, t(f"stored.{name}"), t(f"stored.{name}.what")]
        for name in sorted(key.removeprefix("stored.") for key in t.keys("stored.") if not key.endswith(".what"))
    ]
    endings: list[list[Child]] = [[each.value, t(f"ending.{each.value}")] for each in Ending]
    return page(
        frame,
        t("nav.tables"),
        h("p", t("tables.what"), class_="quiet"),
        section(t("tables.codes"), table(heads, rows, t("tables.codes"), "")),
        section(
            t("tables.states"),
            table([(t("tables.name"), ""), (t("tables.called"), ""), (t("tables.means"), "w")], states, t("tables.states"), ""),
        ),
        section(
            t("tables.endings"),
            table([(t("tables.name"), ""), (t("tables.means"), "w")], endings, t("tables.endings"), ""),
        ),
    )
