"""Files written: trailers that agree with their records, and mistakes that name the record."""

from __future__ import annotations

import pytest

from protocols.errors import LocalMisuse
from protocols.zengin.format.reader import read_file
from protocols.zengin.format.settings import FormatSettings
from protocols.zengin.format.writer import FileWriter, write_file
from tests.support.zenginfiles import header, payment, sound_file


def test_sums_of_each_format() -> None:
    notices = [payment("01", 1), {**payment("01", 2), "cancel_kubun": "1"}]
    content = read_file(write_file("01", header("01"), notices, FormatSettings()), FormatSettings())
    assert content.mistakes == ()
    assert [content.records[-2].number(name) for name in ("count", "total", "cancel_count", "cancel_total")] == [
        1,
        1_001,
        1,
        1_004,
    ]
    settings = FormatSettings(debit_results=True)
    debits = [{**payment("91", 1), "result_code": "0"}, {**payment("91", 2), "result_code": "1"}]
    content = read_file(write_file("91", header("91"), debits, settings), settings)
    assert content.mistakes == ()
    assert [content.records[-2].number(name) for name in ("ok_total", "ng_total", "total")] == [1_001, 1_004, 2_005]


def test_two_batches() -> None:
    writer = FileWriter("21", FormatSettings())
    data = b""
    for number in (1, 2):
        data += writer.header(header("21")) + writer.data(payment("21", number)) + writer.trailer()
    content = read_file(data + writer.end(), FormatSettings())
    assert content.mistakes == ()
    assert [record.kind for record in content.records] == list("1281289")


@pytest.mark.parametrize(
    ("settings", "tail"),
    [
        ({"record_end": "crlf", "last_end": "without"}, b" "),
        ({"record_end": "crlf", "last_end": "with", "eof": "1a"}, b" \r\n\x1a"),
        ({"record_end": "none", "last_end": "without"}, b" "),
        ({"record_end": "cr"}, b" \r"),
    ],
)
def test_the_end_as_set(settings: dict[str, str], tail: bytes) -> None:
    rules = FormatSettings.model_validate(settings)
    data = sound_file("21", 2, rules)
    assert data.endswith(b" " + tail)
    assert read_file(data, rules).mistakes == ()


def test_a_mistake_names_the_record_and_the_field() -> None:
    with pytest.raises(LocalMisuse) as caught:
        write_file("21", header("21"), [payment("21", 1), {**payment("21", 2), "amount": "0"}], FormatSettings())
    assert caught.value.path == "record 3.amount"
