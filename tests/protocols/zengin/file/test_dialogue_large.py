"""Large files and files of every kind of record end: cut and crashed, they come whole, and hold nobody up."""

from __future__ import annotations

import base64

import msgspec
import pytest

from protocols.vocabulary import Refusal
from protocols.zengin.file.taker import SKIPPED_MAX
from protocols.zengin.file.work import READ_BYTES
from protocols.zengin.format.settings import ENDS, FormatSettings
from protocols.zengin.format.writer import write_file
from tests.support.zenginfiles import header, payment, sound_file
from tests.support.zenginlink import pair

VARIANTS: list[dict[str, object]] = [
    {"record_end": "none"},
    {"record_end": "cr", "last_end": "with"},
    {"record_end": "lf", "last_end": "without"},
    {"record_end": "crlf", "last_end": "with", "eof": "1a"},
    {"record_end": "crlf", "last_end": "without", "eof": "1a"},
    {"record_end": "none", "eof": "1a"},
    {"record_end": "nl", "eof": "3f", "characters": {"charset": "ebcdic-kana"}},
    {"record_end": "crlf", "short_records": "fill"},
    {"record_end": "lf", "last_end": "without", "short_records": "fill"},
]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_every_kind_of_record_end_travels_and_survives_a_cut_after_any_byte(variant: dict[str, object]) -> None:
    rules = FormatSettings.model_validate({"formats": ["21"], **variant})
    content = sound_file("21", 5, rules)
    if rules.short_records == "fill":
        end = ENDS[rules.record_end]
        content = end.join(record.rstrip(b" ") for record in content.split(end))
        assert len(content) < 6 * 120
    body = msgspec.json.encode(
        {"file": "SOUFURI", "cycle": "01", "format": "21", "content": base64.b64encode(content).decode()}
    )
    files = [{"name": "SOUFURI", "access_key": "KEY1", "direction": "both", "format": rules}]
    for budget in (*range(200, 1_900, 37), None):
        line = pair(files=files, stage_bytes=1_024)
        line.crashes = budget is not None and budget % 2 == 0
        for attempts in (budget, None):
            line.passed = 0
            line.connect()
            line.caller.offer("o", body)
            line.run(attempts)
            line.crashes = False
        assert sorted(line.called.amounts()) == [1_001, 1_004, 1_009, 1_016, 1_025]
    wrong = msgspec.json.encode(
        {"file": "SOUFURI", "cycle": "01", "format": "21", "content": base64.b64encode(content[:-3]).decode()}
    )
    line = pair(files=files)
    line.connect()
    line.caller.offer("o", wrong)
    assert line.caller.deliveries == [("o", "failed")]


def test_a_large_file_goes_on_after_a_crash_and_holds_nobody_up() -> None:
    """What an earlier life received is read in slices, and what it took is passed over in slices: each ends with a timer."""
    count = READ_BYTES // 20
    records = [{**payment("21", 1), "amount": str(number)} for number in range(1, count + 1)]
    content = write_file("21", header("21"), records, FormatSettings())
    body = msgspec.json.encode(
        {"file": "SOUFURI", "cycle": "01", "format": "21", "content": base64.b64encode(content).decode()}
    )
    line = pair(text_bytes_max=32_767, stage_bytes=65_536, progress_records=100)
    line.crashes = True
    line.connect()
    line.caller.offer("1", body)
    line.run(len(content) * 197 // 200)
    assert line.called.asked_count == 0
    line.crashes = False
    line.passed = 0
    line.connect()
    line.caller.offer("1", body)
    line.run()
    slices = 0
    while line.called.dialogue is not None and "check" in line.called.timers:
        line.called.fire("check")
        slices += 1
    assert slices
    assert len(line.called.ledger) == count
    line.run()
    assert line.caller.deliveries[-1] == ("1", "acknowledged")


def test_a_large_file_half_taken_is_taken_up_without_holding_anybody_up() -> None:
    count = SKIPPED_MAX + 50
    records = [{**payment("21", 1), "amount": str(number)} for number in range(1, count + 1)]
    content = write_file("21", header("21"), records, FormatSettings())
    body = msgspec.json.encode(
        {"file": "SOUFURI", "cycle": "01", "format": "21", "content": base64.b64encode(content).decode()}
    )
    line = pair(text_bytes_max=32_767, progress_records=100)
    bank = line.called
    bank.refuse = lambda request: Refusal.NO_JOURNAL if request.trace > f"{SKIPPED_MAX + 20:06}" else None
    line.connect()
    line.caller.offer("1", body)
    line.run()
    assert len(bank.ledger) == SKIPPED_MAX + 20
    line.cut()
    bank.restart()
    bank.refuse = lambda request: None
    bank.open(dialled=False)
    assert len(bank.ledger) == SKIPPED_MAX + 20
    bank.fire("skip")
    assert sorted(bank.amounts()) == list(range(1, count + 1))
    assert bank.variables["zfile/head/COMPANY/SOUFURI/01"] == b""
