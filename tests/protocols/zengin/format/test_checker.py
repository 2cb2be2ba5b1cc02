"""Order, counts and totals, each broken once."""

from __future__ import annotations

import pytest

from protocols.zengin.format.checker import OrderChecker
from protocols.zengin.format.record import Record
from protocols.zengin.format.settings import FormatSettings


def said(code: str, records: list[Record], **settings: object) -> list[tuple[int, str]]:
    checker = OrderChecker(code, FormatSettings.model_validate(settings))
    found = [mistake for record in records for mistake in checker.feed(record)] + checker.finish()
    return [(mistake.record, mistake.field) for mistake in found]


def record(kind: str, **fields: str) -> Record:
    return Record(kind, fields)


HEAD, END = record("1"), record("9")


def pay(amount: int, **more: str) -> Record:
    return record("2", amount=str(amount), **more)


def trailer(count: int, total: int, **more: str) -> Record:
    return record("8", count=str(count), total=str(total), **more)


def test_sound_files() -> None:
    assert said("21", [HEAD, pay(5), pay(6), trailer(2, 11), END]) == []
    assert said("21", [HEAD, trailer(0, 0), END]) == []
    assert said("21", [HEAD, pay(5), trailer(1, 5), HEAD, pay(6), trailer(1, 6), END]) == []


@pytest.mark.parametrize(
    ("records", "places"),
    [
        ([pay(5), trailer(1, 5), END], [(1, "data_kubun")]),
        ([HEAD, HEAD, trailer(0, 0), END], [(2, "data_kubun")]),
        ([HEAD, pay(5), END], [(3, "data_kubun")]),
        ([HEAD, pay(5), trailer(1, 5), pay(5), trailer(1, 5), END], [(4, "data_kubun")]),
        ([HEAD, trailer(0, 0), END, HEAD, trailer(0, 0), END], [(4, "data_kubun")]),
        ([HEAD, pay(5), trailer(2, 5), END], [(3, "count")]),
        ([HEAD, pay(5), trailer(1, 6), END], [(3, "total")]),
        ([HEAD, pay(5), trailer(1, 5), HEAD, pay(6), trailer(2, 11), END], [(6, "count"), (6, "total")]),
        ([HEAD, pay(5), trailer(1, 5)], [(4, "")]),
        ([], [(1, "")]),
    ],
)
def test_each_breach(records: list[Record], places: list[tuple[int, str]]) -> None:
    assert said("21", records) == places


def test_one_batch_only_where_set() -> None:
    two = [HEAD, trailer(0, 0), HEAD, trailer(0, 0), END]
    assert said("21", two) == []
    assert said("21", two, several_batches=False) == [(3, "data_kubun")]


def test_debit_results_are_summed_apart() -> None:
    records = [HEAD, pay(5, result_code="0"), pay(7, result_code="1")]
    sums = {"ok_count": "1", "ok_total": "5", "ng_count": "1", "ng_total": "7"}
    assert said("91", [*records, trailer(2, 12, **sums), END], debit_results=True) == []
    assert said("91", [*records, trailer(2, 12, **{**sums, "ng_total": "8"}), END], debit_results=True) == [(4, "ng_total")]


def test_a_file_of_debit_results_is_not_read_as_requests() -> None:
    done = [HEAD, pay(5, result_code="0"), trailer(1, 5, ok_count="1", ok_total="5"), END]
    assert said("91", done, debit_results=True) == []
    assert said("91", done) == [(3, "ok_count"), (3, "ok_total")]
    failed = [HEAD, pay(5, result_code="1"), trailer(1, 5, ng_count="1", ng_total="5"), END]
    assert said("91", failed) == [(2, "result_code"), (3, "ng_count"), (3, "ng_total")]
    assert said("91", [HEAD, pay(5, result_code=" "), pay(5, result_code="0"), trailer(2, 10), END]) == []


def test_what_disagrees_is_told_with_its_column() -> None:
    checker = OrderChecker("03", FormatSettings())
    end = record("9", record_total="9", accounts="2")
    sums = {"in_count": "1", "in_total": "5", "out_count": "0", "out_total": "7", "data_records": "2"}
    found = [m for one in (HEAD, pay(5, inout_kubun="1"), record("8", **sums), end) for m in checker.feed(one)]
    assert [(one.record, one.column, one.field) for one in found] == [
        (3, 27, "out_total"),
        (3, 55, "data_records"),
        (4, 2, "record_total"),
        (4, 12, "accounts"),
    ]


def test_cancelled_notices_are_counted_beside() -> None:
    records = [HEAD, pay(5, cancel_kubun="0"), pay(7, cancel_kubun="1")]
    assert said("01", [*records, trailer(1, 5, cancel_count="1", cancel_total="7"), END]) == []
    assert said("01", [*records, trailer(2, 12), END]) == [
        (4, "count"),
        (4, "total"),
        (4, "cancel_count"),
        (4, "cancel_total"),
    ]


def test_statements() -> None:
    records = [HEAD, pay(5, inout_kubun="1"), pay(7, inout_kubun="2")]
    sums = {"in_count": "1", "in_total": "5", "out_count": "1", "out_total": "7", "data_records": "2"}
    end = record("9", record_total="5", accounts="1")
    assert said("03", [*records, record("8", **sums), end]) == []
    assert said("03", [*records, record("8", **{**sums, "data_records": "3"}), end]) == [(4, "data_records")]
    assert said("03", [*records, record("8", **sums), record("9", record_total="2", accounts="1")], end_counts="data") == []
    assert said("03", [*records, record("8", **sums), record("9", record_total="9", accounts="2")]) == [
        (5, "record_total"),
        (5, "accounts"),
    ]
    assert said("03", [*records, record("8", **sums), record("9", record_total="9")], end_counts="ignore") == []


def test_sums_for_a_batch_call() -> None:
    checker = OrderChecker("21", FormatSettings())
    for one in (HEAD, pay(5), pay(6), trailer(2, 11), END):
        checker.feed(one)
    assert (checker.record_count, checker.data_count, checker.batch_count, checker.total) == (5, 2, 1, 11)
