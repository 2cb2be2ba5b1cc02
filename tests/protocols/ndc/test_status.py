"""Reports out of status fields: what can be read is typed, what cannot is None and never a zero."""

from __future__ import annotations

import pytest

from protocols.ndc import fields as f
from protocols.ndc.message import DeviceStatus, SolicitedStatus
from protocols.ndc.status import (
    CashReport,
    cash_report,
    cassettes_out,
    config_id,
    configuration,
    devices,
    fault_of,
    parts,
    positions,
    read_counters,
    reject_code,
    reject_word,
    state_id,
    state_text,
    stated,
    supply_counters,
)
from protocols.totals import weigh


def state(*data: str) -> SolicitedStatus:
    return SolicitedStatus(luno="001", descriptor="F", data=data)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100040000", CashReport("1", (0, 4, 0, 0), True)),
        ("1" + "01" * 7, CashReport("1", (1,) * 7, True)),
        ("3", CashReport("3", None)),
        ("2000400", CashReport("2", None, True)),
        ("10004000X", CashReport("1", None, True)),
        ("1" + "01" * 8, CashReport("1", None, True)),
    ],
)
def test_a_cash_handlers_counts(text: str, expected: CashReport) -> None:
    assert cash_report(DeviceStatus("E", text)) == expected


def test_what_is_no_cash_handler_reports_no_cash() -> None:
    assert cash_report(DeviceStatus("G", "100040000")) is None
    assert cash_report(DeviceStatus("E", "")) is None


def test_a_terminal_state_has_its_id_apart_or_in_front() -> None:
    assert (state_id(state("6", "0022")), state_text(state("6", "0022"))) == ("6", ("0022",))
    assert (state_id(state("60022")), state_text(state("60022"))) == ("6", ("0022",))
    assert state_id(state()) == ""
    assert state_id(SolicitedStatus(luno="001", descriptor="9")) == ""


def test_the_configuration_id_is_four_digits_or_none() -> None:
    assert config_id(state("60022")) == "0022"
    assert config_id(state("10022", "0" * 22)) == "0022"
    assert config_id(state("6")) is None
    assert config_id(state("6ABCD")) is None
    assert config_id(state("20022")) is None


def test_a_configuration_without_an_id_begins_with_its_fitness() -> None:
    found = configuration(state("1", "0" * 22, "HW", "SUP"))
    assert found is not None
    assert (found.config_id, found.fitness, found.hardware, found.supplies) == ("", "0" * 22, "HW", "SUP")
    assert configuration(state("60022")) is None


def test_counters_of_four_and_of_seven_cassettes() -> None:
    four = read_counters("00420000009" + "00001" * 4 + "00002" * 4 + "00003" * 4 + "00004" * 4 + "0" * 20)
    assert four is not None
    assert (four.tsn, four.in_cassette, four.rejected, four.dispensed, four.last_dispensed) == (
        "0042",
        (1,) * 4,
        (2,) * 4,
        (3,) * 4,
        (4,) * 4,
    )
    seven = read_counters("00420000009" + "00001" * 7 + "00002" * 7 + "00003" * 7 + "00004" * 7 + "0" * 20)
    assert seven is not None
    assert seven.last_dispensed == (4,) * 7
    longer = read_counters("00420000009" + "00001" * 16 + "0" * 20 + "TAIL")
    assert longer is not None
    assert len(longer.in_cassette) == 4


@pytest.mark.parametrize("text", ["", "0042", "004X0000009" + "0" * 100, "00420000009" + "X" * 100, "00420000009" + "0" * 79])
def test_counters_that_cannot_be_read_are_none(text: str) -> None:
    assert read_counters(text) is None
    assert supply_counters(state("2" + text)) is None


def test_parts_and_devices() -> None:
    assert devices(state("IAD1\x1dE13323\x1dG1111")) == {"D": "1", "E": "13323", "G": "1111"}
    assert devices(state("KA00001")) == {}
    assert parts(state("HA0001\x1dB12", "C3")) == {"A": "0001", "B": "12", "C": "3"}
    assert positions("0123", f.FITNESS_OFFSETS) == {"clock": "0", "comms": "1", "disk": "2", "card reader": "3"}


def test_cassettes_that_are_out() -> None:
    assert cassettes_out("13323") == (True, True, False, True)


def test_faults_and_rejects() -> None:
    fault = SolicitedStatus(luno="001", descriptor="8", data=("E2", "4", "01", "1"))
    assert fault_of(fault) == DeviceStatus("E", "2", "4", "01", "1")
    assert fault_of(SolicitedStatus(luno="001", descriptor="8")) is None
    assert fault_of(state("E2")) is None
    assert reject_code(SolicitedStatus(luno="001", descriptor="A")) == ""
    assert reject_word("B09") == "message coordination number"
    assert (reject_word("177"), reject_word("Z99")) == ("MAC failure", "rejected")


def test_counters_as_totals_are_shown_per_cassette_and_judged_by_nobody() -> None:
    counters = read_counters("00420000009" + "00100" * 4 + "00002" * 4 + "00030" * 4 + "00004" * 4 + "0" * 20)
    assert counters is not None
    sheet = stated(counters, "ATM00001", (10_000, 1_000), "JPY")
    assert (sheet.party, sheet.business_date, sheet.mode, sheet.id) == ("ATM00001", "", "running", "counters")
    rows = weigh(sheet.lines, lambda kinds: None)
    assert [(row.name, row.count, row.minor) for row in rows][:4] == [
        ("in cassette 1", 100, 1_000_000),
        ("in cassette 2", 100, 100_000),
        ("in cassette 3", 100, None),
        ("in cassette 4", 100, None),
    ]
    assert not any(row.is_judged for row in rows)
