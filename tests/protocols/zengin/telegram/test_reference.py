"""Reference tables as files and as look-ups."""

from __future__ import annotations

import pytest

from protocols.errors import LocalMisuse
from protocols.zengin.telegram.reference import ROWS_MAX, Reference, compose, load

BANKS = [("0001", "ﾐｽﾞﾎ", "みずほ"), ("0005", "ﾐﾂﾋﾞｼ", "三菱")]
BRANCHES = [("0001", "001", "ﾄｳｷﾖｳ", "東京営業部"), ("0005", "002", "ﾎﾝﾃﾝ", "本店")]
FEES = [("1", "29999", "52"), ("30000", "999999999999", "105")]


def reference() -> Reference:
    tables = (("banks", BANKS), ("branches", BRANCHES), ("fees", FEES))
    return Reference(*(load(compose(name, "v1", rows), name) for name, rows in tables))


def test_a_composed_file_loads_as_it_says() -> None:
    table = load(compose("banks", "2026-11-25", BANKS), "banks")
    assert (table.version, table.row_count, len(table.digest), list(table.rows)) == ("2026-11-25", 2, 64, BANKS)


def test_look_ups() -> None:
    tables = reference()
    assert tables.version == "v1"
    assert tables.bank_name("0001") == "みずほ"
    assert tables.bank_name("9999") == ""
    assert tables.branch_name("0005", "002") == "本店"
    assert [tables.fee(amount) for amount in (0, 1, 29_999, 30_000, 10**12)] == [None, 52, 52, 105, None]


def test_row_asks_the_look_ups_themselves() -> None:
    tables = reference()
    assert tables.row("banks", BANKS[0])
    assert not tables.row("banks", ("0001", "ﾐｽﾞﾎ", "みずぼ"))
    assert tables.row("branches", BRANCHES[1])
    assert not tables.row("branches", ("0005", "003", "", "本店"))
    assert tables.row("fees", FEES[1])
    assert not tables.row("fees", ("1", "30000", "52"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "without a name"),
        (compose("fees", "v", FEES), "says it is the table"),
        ("#table banks\n#rows two\n#version v\n#sha256 00\n", "names no version"),
        ("#table banks\n#rows 2\n0001\n", "names no version"),
        ("#table banks\n#version v\n#rows 1\n#sha256 0\n" + "x\n" * (ROWS_MAX + 1), "more than"),
    ],
)
def test_what_is_no_table(text: str, problem: str) -> None:
    with pytest.raises(LocalMisuse, match=problem):
        load(text, "banks")
