"""The books stand alone, and say what the ledger must show."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import relay.loopback.books as books_module
from relay.loopback.books import Books, Fate


def test_the_books_import_nothing_of_the_relay() -> None:
    tree = ast.parse(Path(books_module.__file__).read_text())
    roots = {alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    roots |= {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert roots <= set(sys.stdlib_module_names)


def test_what_the_ledger_owes_for_the_notes() -> None:
    books = Books()
    withdrawal = books.begin("ATM1", "000001", "withdrawal", "A", 3_000)
    withdrawal.paid = 3_000
    not_taken = books.begin("ATM1", "000002", "withdrawal", "A", 5_000)
    not_taken.paid = not_taken.retracted = 5_000
    deposit = books.begin("ATM1", "000003", "deposit", "A", 1_000)
    deposit.taken, deposit.fate = 1_000, Fate.UNRESOLVED
    assert books.net_by_account() == {("ATM1", "A"): -2_000}
    assert books.counts()[Fate.UNRESOLVED] == 1
    assert books.find("ATM1", "000002") is not_taken
    assert len(books) == 3


def test_a_trace_is_used_once() -> None:
    books = Books()
    books.begin("ATM1", "000001", "withdrawal", "A", 1)
    books.begin("ATM2", "000001", "withdrawal", "A", 1)
    with pytest.raises(ValueError, match="twice"):
        books.begin("ATM1", "000001", "withdrawal", "A", 1)
