"""The outage of October 2023 as tests: a generator that reports success, and a file that is wrong all the same.

The generator below copies the fault as reported: four tables are built in one work area that is too small for all of them
together, each fits alone, what overruns is overwritten, and the program ends normally, with a count and a hash of what it
wrote.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from protocols.zengin.telegram.readback import verify
from protocols.zengin.telegram.reference import Reference, compose, load

Rows = list[tuple[str, ...]]
BANKS: Rows = [(f"{n:04}", f"ｷﾞﾝｺｳ{n}", f"銀行{n}") for n in range(1, 41)]
BRANCHES: Rows = [(f"{n:04}", "001", f"ﾎﾝﾃﾝ{n}", f"本店{n}") for n in range(1, 41)]
FEES: Rows = [("1", "29999", "52"), ("30000", "999999999999", "105")]
GOOD: dict[str, Rows] = {"banks": BANKS, "branches": BRANCHES, "fees": FEES}


def files(tables: dict[str, Rows], version: str = "v2") -> dict[str, str]:
    return {name: compose(name, version, rows) for name, rows in tables.items()}


def problems(texts: dict[str, str], previous: dict[str, str] | None = None) -> list[str]:
    in_use = Reference(*(load(texts[name], name) for name in ("banks", "branches", "fees")))
    return verify(texts, in_use, previous or {}, drop_max_percent=5)


def with_rows(**changed: Sequence[tuple[str, ...]]) -> dict[str, str]:
    return files({**GOOD, **{name: list(rows) for name, rows in changed.items()}})


def test_good_tables_have_no_problems() -> None:
    assert problems(files(GOOD), files(GOOD, "v1")) == []


def generator_of_2023(tables: dict[str, Rows], work_area_bytes: int) -> tuple[dict[str, str], str]:
    """Files and the generator's own word. Every table fits the area alone; together they overwrite each other's memory."""
    area = bytearray(work_area_bytes)
    placed: dict[str, tuple[int, int, int]] = {}
    at = 0
    for name, rows in tables.items():
        data = "".join("\t".join(row) + "\n" for row in rows).encode()
        assert len(data) <= work_area_bytes, "each was checked alone"
        for index, byte in enumerate(data):
            area[(at + index) % work_area_bytes] = byte
        placed[name] = (at, len(data), len(rows))
        at += len(data)
    made = {}
    for name, (start, length, _) in placed.items():
        body = bytes(area[(start + index) % work_area_bytes] for index in range(length)).decode("utf-8", "replace")
        rows = [tuple(line.split("\t")) for line in body.split("\n") if line]
        made[name] = compose(name, "v2", rows)  # count and SHA-256 of what is there: they agree with each other
    return made, "normal end"


def test_2023_a_generator_that_ended_normally_is_not_believed() -> None:
    whole = sum(len("".join("\t".join(row) + "\n" for row in rows).encode()) for rows in GOOD.values())
    texts, report = generator_of_2023(GOOD, work_area_bytes=whole - 300)
    assert report == "normal end"
    found = problems(texts)
    assert found, "the broken table was believed"
    assert found[0].startswith("banks: row 1 "), f"which row is said first: {found}"
    fitting, _ = generator_of_2023(GOOD, work_area_bytes=whole)
    assert problems(fitting) == [], "the same generator with room enough"


def test_2023_a_table_cut_short_that_agrees_with_itself() -> None:
    """Count and hash were made from what was already cut: only its neighbours and yesterday know better."""
    texts = with_rows(branches=BRANCHES[:20])
    found = problems(texts, files(GOOD, "v1"))
    assert "branches: 20 rows, 40 in the previous version: more than 5 % are gone" in found
    assert "banks: 0021 has no branch in the table of branches" in found


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        (with_rows(banks=[*BANKS[:7], ("0008", "ｱ", "\ufffd"), *BANKS[8:]]), "banks: row 8 is not well formed"),
        (with_rows(banks=[*BANKS[:7], ("\0\0\0\0", "", ""), *BANKS[8:]]), "banks: row 8 is not well formed"),
        (with_rows(banks=[BANKS[1], BANKS[0], *BANKS[2:]]), "banks: row 2 is out of order or there twice"),
        (with_rows(branches=[*BRANCHES, BRANCHES[-1]]), "branches: row 41 is out of order or there twice"),
        (with_rows(branches=[*BRANCHES, ("0099", "001", "ｱ", "亜")]), "branches: row 41 names a bank that the table of banks"),
        (with_rows(fees=[("1", "29998", "52"), FEES[1]]), "fees: row 2 does not begin where the last band ended"),
        (with_rows(fees=FEES[:1]), "fees: the last band ends at 29999"),
        (with_rows(fees=[]), "fees: 0 rows"),
    ],
)
def test_what_is_wrong_is_said_with_its_row(texts: dict[str, str], wanted: str) -> None:
    assert any(wanted in problem for problem in problems(texts)), problems(texts)


def test_a_file_that_was_touched_after_it_was_made() -> None:
    texts = files(GOOD)
    texts["banks"] = texts["banks"].replace("銀行7\n", "銀行八\n")
    assert problems(texts) == ["banks: the SHA-256 of the rows is not the one in the head"]
    cut = files(GOOD)
    cut["fees"] = cut["fees"][:-4]
    assert any("has no end: the file is cut" in problem for problem in problems(cut))
    short = files(GOOD)
    short["banks"] = short["banks"].replace("#rows 40", "#rows 41")
    assert problems(short) == ["banks: 40 rows, but the head says 41"]


def test_a_table_in_use_that_is_not_the_file() -> None:
    """The look-ups that telegrams use are asked for every row: a loader may be broken, too."""
    other = Reference(*(load(text, name) for name, text in with_rows(banks=[*BANKS[:-1], ("0040", "ｱ", "別")]).items()))
    assert verify(files(GOOD), other, {}, 5) == ["banks: row 40 is not what a look-up gives back"]


def test_tables_of_different_versions() -> None:
    texts = {**files(GOOD), "fees": compose("fees", "v1", FEES)}
    assert problems(texts) == ["the tables are of different versions: v1, v2"]
    assert (
        verify({}, Reference(*(load(t, n) for n, t in texts.items())), {}, 5)[0] == "banks: the head is not that of this table"
    )
