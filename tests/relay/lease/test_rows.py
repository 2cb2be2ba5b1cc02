"""The statements' form: one that decides, by the database's clock; what rows mean; the DDL in its order."""

from __future__ import annotations

from protocols.dialect import LineRight
from relay.lease import rows
from relay.lease.lease import Denied, Granted


def test_who_holds_is_one_statement_by_the_clock_of_the_moment() -> None:
    assert ";" not in rows.ACQUIRE
    assert "now()" not in rows.ACQUIRE + rows.RELEASE + rows.HOLDER
    assert rows.ACQUIRE.count("clock_timestamp()") == 4


def test_rows_as_answers() -> None:
    assert rows.granted(3, []) == Granted(LineRight(3))
    assert rows.granted(3, [(2, "osaka")]) == Granted(LineRight(3, 2, "osaka"))
    assert rows.denied(("osaka", 5, 7, 1_200)) == Denied("osaka", 5, 7, 1_200)


def test_the_ddl_is_numbered_without_a_gap() -> None:
    scripts = rows.scripts()
    assert scripts
    assert "CREATE TABLE lease" in scripts[0]
