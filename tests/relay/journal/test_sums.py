"""What the database sums and what it gives out alone, from a journal that a daemon is writing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from protocols.vocabulary import DoubtPolicy, MessageClass, Request, Secret, Verdict
from relay.journal.records import Intent, StoredState, pack_request
from relay.journal.sums import LOOK_COUNT_MAX, STRETCH_COUNT, SumReader, Windows
from tests.support.journal_suite import T0_MS, answered, step_to, taken
from tests.support.sqliterig import SqliteRig

JAPAN_MS = 9 * 3_600_000


class Books:
    """A journal with a reader beside it."""

    def __init__(self, folder: Path) -> None:
        self.rig = SqliteRig(folder)
        self.journal = self.rig.journal
        self.reader = SumReader(str(self.rig.path))

    def close(self) -> None:
        self.reader.close()
        self.journal.close()

    def approved(self, key: str, **changes: object) -> int:
        record = taken(self.journal, key, **changes)
        self.journal.take(record, lambda _: None)
        self.journal.step(answered(record.exchange_id), lambda _: None)
        return record.exchange_id

    def declined(self, key: str) -> None:
        record = taken(self.journal, key)
        self.journal.take(record, lambda _: None)
        no = msgspec.structs.replace(answered(record.exchange_id), intent=Intent(Verdict.DECLINE, "51", b""))
        self.journal.step(no, lambda _: None)

    def reversal(self, key: str, original: str, standing_minor: int) -> None:
        request = Request(
            key=key,
            message_class=MessageClass.REVERSAL,
            kind="reversal",
            doubt_policy=DoubtPolicy.REPEAT,
            channel="atm",
            realm="bank",
            terminal="ATM00001",
            acquirer="-",
            fingerprint_text=Secret(""),
            original_key=original,
            standing_minor=standing_minor,
        )
        record = taken(
            self.journal,
            key,
            StoredState.DELIVERING,
            message_class=MessageClass.REVERSAL,
            kind="reversal",
            original_key=original,
            request=pack_request(request),
            intent=Intent(Verdict.APPROVE, "00", b""),
        )
        self.journal.take(record, lambda _: None)


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    books = Books(tmp_path)
    yield books
    books.close()


def test_plain_exchanges_are_summed_and_the_touched_ones_come_alone(books: Books) -> None:
    first = books.approved("k1")
    books.approved("k2", amount_minor=5_000)
    books.declined("k3")
    books.approved("k4", terminal="ATM00002", business_date="")
    part = books.approved("k5")
    books.reversal("r5", "k5", 4_000)
    books.reversal("r5b", "k5", 3_000)
    whole = books.approved("k6")
    books.reversal("r6", "k6", 0)
    by_hand = books.approved("k7")
    books.journal.step(step_to(by_hand, StoredState.SETTLED, "RESOLVED"), lambda _: None)
    books.rig.settle()
    reader = books.reader
    assert reader.last_before(T0_MS) < first
    groups = reader.groups(first - 1, first - 1 + STRETCH_COUNT, JAPAN_MS, Windows())
    plain = {(g.terminal, g.business_date, g.received): (g.count, g.minor) for g in groups if not g.alone}
    assert plain == {
        ("ATM00001", "2026-11-24", "2026-11-24"): (2, 15_000),  # and one that was declined
        ("ATM00002", "", "2026-11-24"): (1, 10_000),
    }
    alone = sorted(g.alone for g in groups if g.alone)
    looks = {look.exchange_id: look for look in reader.look(alone)}
    assert {part, whole, by_hand} < set(looks)
    assert (looks[part].reversed_to, looks[whole].reversed_to, looks[by_hand].reversed_to) == (3_000, 0, None)
    assert sum(look.message_class == "reversal" for look in looks.values()) == 3
    assert reader.next_after(first - 1) == (first, T0_MS)
    assert reader.next_after(reader.highest()) is None


def test_inside_a_window_the_moment_is_told(books: Books) -> None:
    for n in range(4):
        books.approved(f"k{n}", recorded_ms=T0_MS + n * 1_000)
    books.rig.settle()
    window = Windows(one_from=T0_MS + 1_000, one_until=T0_MS + 3_000)
    groups = books.reader.groups(0, books.reader.highest(), 0, window)
    assert sorted((g.moment, g.count) for g in groups) == [(0, 2), (T0_MS + 1_000, 1), (T0_MS + 2_000, 1)]


def test_a_look_is_bounded(books: Books) -> None:
    assert books.reader.look([]) == []
    assert books.reader.look(list(range(LOOK_COUNT_MAX))) == []
    with pytest.raises(ValueError, match="at most"):
        books.reader.look(list(range(LOOK_COUNT_MAX + 1)))
