"""What the database sums and what it gives out alone, of a journal that a relay is writing: the same on every engine.

Owns `SumsSuite` and the books that it fills; tests/relay/journal/test_sums.py and tests/relay/journal/postgres/
test_source_sums.py give it a journal. Every figure expected here is counted by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from protocols.totals import OwnSum
from protocols.vocabulary import DoubtPolicy, MessageClass, Request, Secret, Verdict
from relay.journal.records import Intent, StoredState, pack_request
from relay.journal.source import Source
from relay.journal.sums import LOOK_COUNT_MAX, STRETCH_COUNT, SumReader, Windows
from relay.reconcile.counter import JournalWalks
from relay.reconcile.dates import DAY_MS, Cutover
from tests.support.journal_suite import T0_MS, answered, step_to, taken

JAPAN_MS = 9 * 3_600_000
DATE = "2026-11-24"


class Books:
    """A journal with a reader beside it."""

    def __init__(self, rig: Any, open_source: Callable[[], Source]) -> None:
        self.rig = rig
        self.open_source = open_source
        self.reader = SumReader(open_source())

    @property
    def journal(self) -> Any:
        return self.rig.journal

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

    def sums(self, business_date: str, since_ms: int | None = None) -> dict[tuple[str, str, str, str], OwnSum]:
        walks = JournalWalks(self.open_source(), Cutover(0, 0), lambda day: [])
        try:
            return walks.begin(business_date, since_ms).run().sums
        finally:
            walks.end()


class SumsSuite:
    """Subclasses give `rig` and, by `open_source`, a source beside it."""

    @pytest.fixture
    def rig(self) -> Any:
        raise AssertionError("a subclass gives the rig")

    def open_source(self, rig: Any) -> Source:
        raise AssertionError("a subclass opens the source")

    @pytest.fixture
    def books(self, rig: Any) -> Iterator[Books]:
        books = Books(rig, lambda: self.open_source(rig))
        yield books
        books.reader.close()

    def test_plain_exchanges_are_summed_and_the_touched_ones_come_alone(self, books: Books) -> None:
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
        (life,) = reader.lives()
        assert reader.last_before(T0_MS, life) < first
        groups = reader.groups(first - 1, first - 1 + STRETCH_COUNT, JAPAN_MS, Windows())
        plain = {(g.terminal, g.business_date, g.received): (g.count, g.minor) for g in groups if not g.alone}
        assert plain == {
            ("ATM00001", DATE, DATE): (2, 15_000),  # and one that was declined
            ("ATM00002", "", DATE): (1, 10_000),
        }
        alone = sorted(g.alone for g in groups if g.alone)
        looks = {look.exchange_id: look for look in reader.look(alone)}
        assert {part, whole, by_hand} < set(looks)
        assert (looks[part].reversed_to, looks[whole].reversed_to, looks[by_hand].reversed_to) == (3_000, 0, None)
        assert sum(look.message_class == "reversal" for look in looks.values()) == 3
        assert reader.next_after(first - 1) == (first, T0_MS)
        assert reader.next_after(max(looks)) is None

    def test_a_stretch_holds_what_lies_in_it_and_no_more(self, books: Books) -> None:
        ids = [books.approved(f"k{n}") for n in range(5)]
        books.rig.settle()
        assert [g.count for g in books.reader.groups(ids[0], ids[3], 0, Windows())] == [3]

    def test_inside_a_window_the_moment_is_told(self, books: Books) -> None:
        ids = [books.approved(f"k{n}", recorded_ms=T0_MS + n * 1_000) for n in range(4)]
        books.rig.settle()
        window = Windows(one_from=T0_MS + 1_000, one_until=T0_MS + 3_000)
        groups = books.reader.groups(ids[0] - 1, ids[-1], 0, window)
        assert sorted((g.moment, g.count) for g in groups) == [(0, 2), (T0_MS + 1_000, 1), (T0_MS + 2_000, 1)]

    def test_a_look_is_bounded(self, books: Books) -> None:
        assert books.reader.look([]) == []
        assert books.reader.look(list(range(LOOK_COUNT_MAX))) == []
        with pytest.raises(ValueError, match="at most"):
            books.reader.look(list(range(LOOK_COUNT_MAX + 1)))

    def test_a_date_is_counted_over_every_life_whichever_was_first(self, books: Books) -> None:
        """Workers that share a journal live at the same time, so the numbers of one do not end where another's begin."""
        books.approved("k1")
        books.rig.settle()
        books.rig.reopen()
        books.approved("k2", recorded_ms=T0_MS + 5 * DAY_MS, business_date="2026-11-29")
        books.rig.settle()
        books.rig.reopen()
        books.approved("k3", amount_minor=7)
        books.rig.settle()
        assert len(books.reader.lives()) == 3
        assert books.sums(DATE) == {("atm", "ATM00001", "withdrawal", "JPY"): OwnSum(2, 10_007)}

    def test_what_came_long_before_its_date_is_counted_from_then_on(self, books: Books) -> None:
        books.approved("k1", business_date="2026-11-30")
        books.approved("k2", recorded_ms=T0_MS + 6 * DAY_MS, business_date="2026-11-30", amount_minor=5)
        books.rig.settle()
        key = ("atm", "ATM00001", "withdrawal", "JPY")
        assert books.sums("2026-11-30") == {key: OwnSum(1, 5)}
        assert books.sums("2026-11-30", since_ms=T0_MS) == {key: OwnSum(2, 10_005)}

    def test_what_is_no_date_is_told(self, books: Books) -> None:
        with pytest.raises(ValueError, match="isoformat"):
            books.sums("no date")
