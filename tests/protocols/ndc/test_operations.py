"""Operation codes and replies of one configuration id."""

from __future__ import annotations

from protocols.ndc.dialect import default_profile
from protocols.ndc.operations import compile_tables

PROFILE = default_profile(
    configs={
        "0001": {
            "operations": {
                "AAAAAAAA": {"kind": "withdrawal", "amount": "fixed", "fixed_minor": 10_000, "reply": "fast"},
                "AAAAAAA?": {"kind": "balance-inquiry"},
                "F???????": {"kind": "deposit", "amount": "notes"},
            },
            "replies": {"fast": {"function": "2", "next_state": "126"}, "limit-exceeded": {"next_state": "199"}},
        }
    },
    note_types={"01": 1_000},
)
TABLES = compile_tables(PROFILE, "0001")


def test_exact_codes_win_and_blanks_matter() -> None:
    row, near, none = TABLES.row("AAAAAAAA"), TABLES.row("AAAAAAAB"), TABLES.row("DA   AD ")
    assert row is not None
    assert near is not None
    assert (row.kind, row.fixed_minor, near.kind, near.amount) == ("withdrawal", 10_000, "balance-inquiry", "none")
    assert none is None


def test_the_defaults_lie_under_a_banks_own_rows() -> None:
    assert TABLES.row(" DA   AD") is not None
    assert TABLES.decline("limit-exceeded").next_state == "199"
    assert TABLES.decline("insufficient-funds").next_state == "131"


def test_a_reason_of_the_core_never_reaches_an_approvals_row() -> None:
    """The core may decline with any word; a dispensing row must not be among those that a word can name."""
    for word in ("fast", "approved:withdrawal", "decline", "no such word", ""):
        assert TABLES.decline(word).function == "5"
    assert "fast" in TABLES.approvals


def test_whatever_refuses_a_deposit_gives_the_notes_back() -> None:
    for word in ("insufficient-funds", "in-doubt", "no such word"):
        assert TABLES.decline(word, "deposit").function == "*"
