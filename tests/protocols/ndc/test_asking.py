"""What a request means: amounts from wherever the bank put them, and faults before any debit."""

from __future__ import annotations

import msgspec
import pytest

from protocols.ndc.asking import Cash, OpenedRequest, dispenses, key_of, open_request
from protocols.ndc.dialect import default_profile
from protocols.ndc.message import Buffer, TransactionRequest
from protocols.ndc.operations import compile_tables
from protocols.ndc.rules import cash_of
from protocols.vocabulary import Secret
from tests.support.ndcplay import request

PROFILE = default_profile(
    configs={
        "*": {
            "operations": {
                "AAAAAAAA": {"kind": "withdrawal", "amount": "fixed", "fixed_minor": 20_000},
                "BBBBBBBB": {"kind": "withdrawal", "amount": "B"},
                "CCCCCCCC": {"kind": "withdrawal", "amount": "C"},
                "FFFFFFFF": {"kind": "deposit", "amount": "notes"},
            }
        }
    },
    note_types={"01": 1_000, "05": 5_000},
)
TABLES, CASH = compile_tables(PROFILE, "*"), cash_of(PROFILE)


def opened(message: TransactionRequest, available: tuple[int, ...] = (99, 99, 99, 0)) -> OpenedRequest:
    return open_request(
        message,
        terminal="T",
        mint="L.1",
        tsn=1,
        config_id="0001",
        tables=TABLES,
        cash=CASH,
        available=available,
        received_ms=0,
    )


@pytest.mark.parametrize(
    ("message", "amount", "fault"),
    [
        (request(), 15_000, ""),
        (request(amount=""), None, "invalid-amount"),
        (request(amount="00000000"), 0, "invalid-amount"),
        (request(amount="00000500"), 500, "amount-not-dispensable"),
        (request(operation="AAAAAAAA"), 20_000, ""),
        (request(operation="BBBBBBBB", buffer_b="5000"), 5_000, ""),
        (request(operation="BBBBBBBB", buffer_b="five"), None, "invalid-amount"),
        (request(operation="CCCCCCCC"), None, "invalid-amount"),
        (request(operation="IIIIIIII"), None, "unknown-operation"),
        (request(operation=" DB   AD", amount=""), None, ""),
    ],
)
def test_amounts_and_faults(message: TransactionRequest, amount: int | None, fault: str) -> None:
    found = opened(message)
    assert (found.amount_minor, found.fault) == (amount, fault)
    assert bool(found.notes) is (not fault and message.operation != " DB   AD")


@pytest.mark.parametrize(
    ("listed", "amount"),
    [("0100305002", 13_000), ("01003", 3_000), ("02003", None), ("0100", None), ("01X03", None), ("", None)],
)
def test_a_deposit_is_counted_from_the_note_acceptors_list(listed: str, amount: int | None) -> None:
    message = msgspec.structs.replace(request(operation="FFFFFFFF"), buffers=(Buffer("w", Secret(listed)),))
    found = opened(message)
    assert found.amount_minor == amount
    assert found.fault == ("" if amount else "invalid-amount")
    assert found.notes == (), "nothing is dispensed"


def test_notes_that_are_not_there_are_not_asked_for() -> None:
    assert opened(request(), available=(4, 0, 0, 0)).fault == "amount-not-dispensable"


def test_scales_between_amount_fields_and_minor_units() -> None:
    def cash(scale: int) -> Cash:
        return msgspec.structs.replace(CASH, scale=scale)

    assert cash(100).minor("150") == 15_000
    assert cash(-100).minor("15000") == 150
    assert cash(-100).minor("15001") is None
    assert CASH.minor("1" * 13) is None
    assert CASH.minor("-1") is None
    assert cash(10**4).minor("9" * 12) is None


def test_keys_hold_no_separator_of_the_terminals_name() -> None:
    assert key_of("bank", "000@fe80::1", "L.1") == "bank:ndc:000%40fe80%3A%3A1:L.1"


def test_only_a_dispensing_approval_orders_notes() -> None:
    withdrawal, balance = TABLES.row(" DA   AD"), TABLES.row(" DB   AD")
    assert withdrawal is not None
    assert balance is not None
    assert (dispenses(withdrawal, TABLES), dispenses(balance, TABLES)) == (True, False)
