"""What is summed for totals, on PostgreSQL: see tests/support/sums_suite.py; and that no question walks through a table."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from protocols.totals import OwnSum
from relay.journal import sums
from relay.journal.postgres.source import PostgresSource
from relay.journal.source import Source
from relay.journal.sums import SumReader, Windows
from tests.support.postgresrig import PostgresRig
from tests.support.sums_suite import DATE, Books, SumsSuite


class TestPostgres(SumsSuite):
    @pytest.fixture
    def rig(self, rig: PostgresRig) -> PostgresRig:
        return rig

    def open_source(self, rig: PostgresRig) -> Source:
        return PostgresSource(rig.settings, None)

    def test_it_is_read_from_whichever_thread_is_free(self, rig: PostgresRig) -> None:
        """As a counter does, whose calls go through asyncio.to_thread."""
        with ThreadPoolExecutor(max_workers=3) as threads:
            books = threads.submit(lambda: Books(rig, lambda: self.open_source(rig))).result()
            books.approved("k1")
            rig.settle()
            found = [threads.submit(books.sums, DATE).result() for _ in range(3)]
            threads.submit(books.reader.close).result()
        assert found == [{("atm", "ATM00001", "withdrawal", "JPY"): OwnSum(1, 10_000)}] * 3

    def test_a_stretch_of_many_is_read_by_its_indexes(self, rig: PostgresRig) -> None:
        """A plan that walks through everything is no plan for a day of a million: the stretch is a tenth of what there is."""
        source = PostgresSource(rig.settings, None)
        books = Books(rig, lambda: PostgresSource(rig.settings, None))
        ids = [books.approved(f"k{n}") for n in range(400)]
        rig.settle()
        cells = (0, *([1 << 62] * 4), ids[100], ids[140], ids[100], ids[140])
        plan = "\n".join(str(row[0]) for row in source.all(f"EXPLAIN {sums._GROUPS}", cells))
        assert "Seq Scan on taken" not in plan, plan
        assert "Seq Scan on standing" not in plan, plan
        assert "hashed SubPlan" not in plan, plan
        assert sum(group.count for group in SumReader(source).groups(ids[100], ids[140], 0, Windows())) == 40
        source.close()
        books.reader.close()
