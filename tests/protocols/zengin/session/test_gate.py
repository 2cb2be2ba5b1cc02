"""The gate before 開局: which version, why not, and the two ways round a broken table."""

from __future__ import annotations

from protocols.errors import LocalMisuse
from protocols.zengin.session.gate import ReadBack, TableGate
from protocols.zengin.session.profile import TableRules
from protocols.zengin.telegram.reference import compose
from protocols.zengin.telegram.shared import Shared

FEES = [("1", "29999", "52"), ("30000", "999999999999", "105")]


def files(version: str, banks: int = 20, break_row: int = 0) -> dict[str, str]:
    rows = [(f"{n:04}", f"ｷﾞﾝｺｳ{n}", "\0" if n == break_row else f"銀行{n}") for n in range(1, banks + 1)]
    branches = [(row[0], "001", "ﾎﾝﾃﾝ", "本店") for row in rows]
    tables = {"banks": rows, "branches": branches, "fees": FEES}
    return {f"tables/{version}/{name}.tsv": compose(name, version, rows) for name, rows in tables.items()}


def gate(texts: dict[str, str], shared: Shared[ReadBack] | None = None, **rules: object) -> TableGate:
    def read(name: str) -> str:
        if name not in texts:
            raise LocalMisuse(f"there is no {name}", "tables")
        return texts[name]

    settings = {"enrichment": "on", "current": "v2", "previous": "v1", **rules}
    return TableGate(TableRules.model_validate(settings), read, Shared() if shared is None else shared)


def test_good_tables_are_in_use_after_the_check() -> None:
    checked = gate(files("v1") | files("v2"))
    assert checked.reference is None, "nothing is used before it was read back"
    assert checked.check(use_previous=False) == []
    assert checked.reference is not None
    assert (checked.reference.version, checked.reference.bank_name("0020")) == ("v2", "銀行20")


def test_a_broken_row_is_named_and_no_part_of_the_table_is_used() -> None:
    texts = files("v1") | files("v2")
    checked = gate(texts)
    assert checked.check(use_previous=False) == []
    texts.update(files("v2", break_row=13))
    assert checked.check(use_previous=False) == ["reference tables v2: banks: row 13 is not well formed"]
    assert checked.reference is None


def test_the_previous_version_comes_back_and_bypass_needs_none() -> None:
    texts = files("v1") | files("v2", break_row=13)
    checked = gate(texts)
    assert checked.check(use_previous=True) == []
    assert checked.reference is not None
    assert checked.reference.version == "v1"
    open_gate = gate({}, enrichment="bypass")
    assert open_gate.check(use_previous=False) == []
    assert open_gate.reference is None


def test_a_table_that_lost_rows_since_the_previous_version() -> None:
    problems = gate(files("v1") | files("v2", banks=18)).check(use_previous=False)
    assert problems[0] == "reference tables v2: banks: 18 rows, 20 in the previous version: more than 5 % are gone"
    assert gate(files("v2", banks=18)).check(use_previous=False) == [], "there is no previous version to compare with"


def test_a_missing_or_foreign_file_is_said() -> None:
    assert gate({}).check(use_previous=False)[0].startswith("reference tables v2: tables: there is no tables/v2/banks.tsv")
    assert "without a version" in gate({}, previous="").check(use_previous=True)[0]


def test_lines_share_what_they_read_alike_and_nothing_else() -> None:
    """32 lines open at one moment: the rows are read back once, and any other text is judged by itself."""
    texts = files("v1") | files("v2")
    shared: Shared[ReadBack] = Shared()
    one, other = gate(texts, shared), gate(dict(texts), shared)
    assert one.check(use_previous=False) == other.check(use_previous=False) == []
    assert one.reference is other.reference
    texts.update(files("v2", break_row=2))
    assert one.check(use_previous=False) == ["reference tables v2: banks: row 2 is not well formed"]
    assert other.check(use_previous=False) == []
