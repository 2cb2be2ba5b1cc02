"""The company behind the port: records of delivered files are in the ledger once, of the others all or none."""

from __future__ import annotations

from relay.loopback.filebooks import FileFate
from relay.loopback.filetroupe import FileTroupe
from relay.loopback.report import LedgerLine
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


def test_the_rate_is_of_records() -> None:
    assert troupe(10.0).records == 40
    assert troupe(0.1).records == 5
    assert troupe(100_000.0).records == 2_000
    assert troupe(None).records == 20
