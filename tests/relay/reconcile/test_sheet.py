"""What stands in which table, and that who differs stands first."""

from __future__ import annotations

import msgspec

from protocols.totals import OwnSum
from relay.reconcile.balance import DayTotals, balance
from relay.reconcile.sheet import notes, tables
from relay.reconcile.tally import Closed
from tests.relay.reconcile.test_balance import DATE, TOLD, said, tally


def sheet() -> DayTotals:
    books = tally()
    books.late["atm", "A2", "withdrawal", "JPY"] = OwnSum(1, 70)
    books.late_dates = {DATE: 1}
    told = TOLD | {("A1", "deposit", "JPY"): TOLD["A1", "deposit", "JPY"].__class__(1, 51)}
    return balance(books, told, [said(200), said(71, "A2", count=1)], [Closed("atm", "", DATE, 5)], statements_refused=2)


def test_who_differs_stands_first_and_every_row_has_its_columns() -> None:
    made = tables(sheet())
    assert [table.title for table in made] == [
        "Who says otherwise",
        "The core says otherwise",
        "Totals by kind",
        "Totals by line",
        "Late",
        "Cut-over",
        "Stated by far ends, no difference",
        "Totals by terminal",
    ]
    assert all(len(row.cells) == len(table.columns) for table in made for row in table.rows)
    first = made[0].rows[0]
    assert first.cells == ("A2", "0500", "debits", "1", "71", "1", "70", "1", "differs")
    assert first.mark == "differs"
    assert made[1].rows[0].cells == ("A1", "deposit", "JPY", "1", "50", "-", "-", "-", "51", "1")
    assert made[6].rows[0].cells[-1] == "agrees"
    assert tables(DayTotals()) == []


def test_the_notes_say_what_no_table_says() -> None:
    said_ = " ".join(notes(sheet()))
    for words in ("2 statements came over a limit", f"{DATE} (1)"):
        assert words in said_
    assert "not at hand" in " ".join(notes(balance(tally(), None, [])))
    silent = msgspec.structs.replace(sheet(), silent=("A1",) * 20, silent_count=23)
    assert "23 of those that moved money" in " ".join(notes(silent))
    assert "and 3 more" in " ".join(notes(silent))
