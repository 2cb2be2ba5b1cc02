"""The company behind the port: records of delivered files are in the ledger once, of the others all or none."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from protocols.zengin.format.reader import read_file
from relay.loopback import fileparcels as made
from relay.loopback.filebooks import FileFate
from relay.loopback.filetroupe import FileTroupe
from relay.loopback.report import LedgerLine
from relay.loopback.station import FileStation
from relay.loopback.troupe import Part


def troupe(rate: float | None = 10.0) -> FileTroupe:
    return FileTroupe(Part(terminals=1, rate_per_s=rate), 1, 2)


def line(record: int, yen: int, cycle: str = "01", day: str = "20261125") -> LedgerLine:
    return LedgerLine(f"bank:zfile:COMPANY:SOUFURI0:{day}:{cycle}:{record:06}", "COMPANY", "", -yen)


def test_records_against_the_ledger() -> None:
    one = troupe()
    sent = one.books.begin("SOUFURI0", "20261125", "01", [100, 200])
    whole = [line(1, 100), line(2, 200)]
    for fate, lines, lost in (
        (FileFate.DELIVERED, whole, 0),
        (FileFate.DELIVERED, whole[:1], 1),
        (FileFate.DELIVERED, [], 2),
        (FileFate.UNANSWERED, whole, 0),
        (FileFate.UNANSWERED, [], 0),
        (FileFate.UNANSWERED, whole[:1], 1),
        (FileFate.REFUSED, [], 0),
        (FileFate.REFUSED, whole, 2),
        (FileFate.DELIVERED, [*whole, line(3, 5)], 1),
    ):
        sent.fate = fate
        held = one.conserve(lines, [], [])
        assert (held.lost, held.holds) == (lost, not lost), (fate, lines)
    sent.fate = FileFate.DELIVERED
    assert one.conserve([*whole, line(1, 100)], [], []).doubled == 1


def test_a_file_whose_answer_was_lost_before_midnight_is_not_lost_with_it() -> None:
    """Delivered, and sent again on the next day because nobody said so: the ledger has it under the first."""
    one = troupe()
    one.books.begin("SOUFURI0", "20261125", "01", [100, 200]).fate = FileFate.UNANSWERED
    one.books.begin("SOUFURI0", "20261126", "01", [100, 200]).fate = FileFate.DELIVERED
    for day in ("20261125", "20261126"):
        held = one.conserve([line(1, 100, day=day), line(2, 200, day=day)], [], [])
        assert (held.lost, held.holds) == (0, True), day
    assert one.conserve([], [], []).lost == 2
    twice = [line(record, 100 * record, day=day) for record in (1, 2) for day in ("20261125", "20261126")]
    assert not one.conserve(twice, [], []).holds


def test_a_file_of_the_core_is_known_by_name_and_cycle_and_comes_byte_for_byte() -> None:
    one = troupe()
    post = one.next_post()
    assert post is not None
    assert post.mark == "KEKKA0/01"
    assert one.next_post() is None, "the next one comes some seconds later"
    one.books.received["KEKKA0", "01"] = b"other bytes"
    assert one.heard() == {("", "KEKKA0/01"): 1}
    one.conserve([], [], [])
    assert "other bytes" in one.tally.violations[0]


@pytest.mark.parametrize(
    ("moment", "mmdd"), [("2026-12-31T14:59:59", "1231"), ("2026-12-31T15:00", "0101"), ("2028-02-29", "0229")]
)
def test_payments_are_of_the_day_on_which_they_come(moment: str, mmdd: str) -> None:
    """A week from it, each of them would wait for a person."""
    one = troupe()
    now_ms = int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()) * 1_000
    one.station = FileStation(one.station.profile, lambda: now_ms)
    post = one.next_post()
    assert post is not None
    read = read_file(base64.b64decode(post.body["content"]), made.SETTINGS)
    assert [record.fields["date_mmdd"] for record in read.records if record.kind == "1"] == [mmdd]


def test_the_rate_is_of_records() -> None:
    assert troupe(10.0).records == 40
    assert troupe(0.1).records == 5
    assert troupe(100_000.0).records == 2_000
    assert troupe(None).records == 20
