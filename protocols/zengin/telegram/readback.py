"""The independent reader: every row of a reference table read back before the day may be opened.

Owns the judgement whether tables may be used, and the sentence that says which row is wrong. It must never use `load` of
reference.py: two readers that share code share mistakes. The traps, all of them the outage of October 2023: a generator
that reports success and a file that agrees with its own count and hash prove nothing, because both may have been made from
what was already broken; so each row must be well formed, in order, and found again by the look-ups that telegrams use; the
tables must fit together; and none may have shrunk since the last version.

Source: facts as reported of 2023-10-10 (four tables that had to fit one work area together; broken rows loaded each morning).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256

from protocols.zengin.telegram.reference import Reference
from protocols.zengin.telegram.slices import LIGHT, PIECE_ROWS, Pace, Slices, finish, pieces

PROBLEMS_MAX = 20  # said of one set of tables; the first is enough to refuse
NAME_CHARACTERS_MAX = 64
AMOUNT_MAX = 999_999_999_999  # twelve digits: the amount of a telegram

_HEAD = re.compile(r"#table (\w+)\n#version (\S+)\n#rows (\d{1,6})\n#sha256 ([0-9a-f]{64})\n")
_NAME = rf"[^\t\n\x00-\x1f\ufffd]{{1,{NAME_CHARACTERS_MAX}}}"
_ROWS = {
    "banks": re.compile(rf"(\d{{4}})\t({_NAME})\t({_NAME})"),
    "branches": re.compile(rf"(\d{{4}})\t(\d{{3}})\t({_NAME})\t({_NAME})"),
    "fees": re.compile(r"(\d{1,12})\t(\d{1,12})\t(\d{1,5})"),
}


def verify(texts: Mapping[str, str], in_use: Reference, previous: Mapping[str, str], drop_max_percent: int) -> list[str]:
    """What is wrong with the tables `texts` (name -> file text), of which `in_use` was made; an empty list for nothing.

    `previous` holds the files of the last version, where there are any.
    """
    return finish(verifying(texts, in_use, previous, drop_max_percent, Pace()))


def verifying(
    texts: Mapping[str, str], in_use: Reference, previous: Mapping[str, str], drop_max_percent: int, pace: Pace
) -> Slices[list[str]]:
    """The same, in slices."""
    problems: list[str] = []
    keys: dict[str, list[tuple[str, ...]]] = {}
    versions = set()
    is_read_through = True
    for name, row_form in _ROWS.items():
        text = texts.get(name, "")
        head = _HEAD.match(text)
        if head is None or head[1] != name:
            problems.append(f"{name}: the head is not that of this table")
            continue
        versions.add(head[2])
        body = text[head.end() :]
        keys[name] = yield from _read_rows(name, row_form, body, in_use, problems, pace)
        rows = body.count("\n")
        is_read_through &= len(keys[name]) == rows
        if rows != int(head[3]) or not rows:
            problems.append(f"{name}: {rows} rows, but the head says {int(head[3])}")
        if not body.endswith("\n"):
            problems.append(f"{name}: row {rows + 1} has no end: the file is cut")
        if sha256(body.encode()).hexdigest() != head[4]:
            problems.append(f"{name}: the SHA-256 of the rows is not the one in the head")
        before = _rows_said(previous.get(name, ""))
        if before and rows * 100 < before * (100 - drop_max_percent):
            problems.append(f"{name}: {rows} rows, {before} in the previous version: more than {drop_max_percent} % are gone")
    if len(versions) > 1:
        problems.append(f"the tables are of different versions: {', '.join(sorted(versions))}")
    if len(keys) == len(_ROWS) and is_read_through:  # else the first bad row would be said again for each that follows
        problems += yield from _cross_check(keys, pace)
    return problems[:PROBLEMS_MAX]


def _read_rows(
    name: str, form: re.Pattern[str], body: str, in_use: Reference, problems: list[str], pace: Pace
) -> Slices[list[tuple[str, ...]]]:
    """The keys of all rows. Only the first bad row of a table is said: what follows it is seldom its own mistake."""
    keys: list[tuple[str, ...]] = []
    last: tuple[str, ...] | None = None
    position = number = 0
    while position < len(body):
        number += 1
        end = body.find("\n", position)
        line = body[position : end if end >= 0 else len(body)]
        position += len(line) + 1
        row = form.fullmatch(line)
        if row is None:
            problems.append(f"{name}: row {number} is not well formed")
            break
        cells = row.groups()
        key = (cells[0].zfill(12),) if name == "fees" else cells[: 1 if name == "banks" else 2]
        if last is not None and key <= last:
            problems.append(f"{name}: row {number} is out of order or there twice")
            break
        if not in_use.row(name, cells):
            problems.append(f"{name}: row {number} is not what a look-up gives back")
            break
        last = key
        keys.append(cells[:2])
        if not number % PIECE_ROWS and pace.is_due(PIECE_ROWS):
            yield
    return keys


def _cross_check(keys: Mapping[str, list[tuple[str, ...]]], pace: Pace) -> Slices[list[str]]:
    problems: list[str] = []
    banks = {key[0] for key in keys["banks"]}
    homeless: int | None = None
    bare_banks = set(banks)
    checked = 0
    for some in pieces(keys["branches"]):
        if homeless is None:
            homeless = next((n for n, key in enumerate(some, checked + 1) if key[0] not in banks), None)
        bare_banks.difference_update(key[0] for key in some)
        checked += len(some)
        if pace.is_due(len(some) // LIGHT):
            yield
    if homeless is not None:
        problems.append(f"branches: row {homeless} names a bank that the table of banks does not have")
    bare = sorted(bare_banks)
    if bare:
        problems.append(f"banks: {bare[0]} has no branch in the table of branches")
    expected = 1
    for number, (start, end) in enumerate(keys["fees"], 1):
        if not number % PIECE_ROWS and pace.is_due(PIECE_ROWS // LIGHT):
            yield
        if int(start) != expected or int(end) < int(start):
            problems.append(f"fees: row {number} does not begin where the last band ended")
            break
        expected = int(end) + 1
    else:
        if expected != AMOUNT_MAX + 1:
            problems.append(f"fees: the last band ends at {expected - 1}, an amount may be {AMOUNT_MAX}")
    return problems


def _rows_said(text: str) -> int:
    head = _HEAD.match(text)
    return 0 if head is None else int(head[3])
