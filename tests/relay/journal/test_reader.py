"""What people can find in a journal, while the daemon writes it, and what they never see."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from protocols.vocabulary import Pan, Verdict
from relay.errors import JournalUnusable
from relay.journal.reader import SEARCH_COUNT_MAX, ExchangeView, JournalReader, Query
from relay.journal.records import Intent, StoredState
from tests.support.journal_suite import PAN, T0_MS, answered, step_to, taken
from tests.support.sqliterig import KEY, SqliteRig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SqliteRig]:
    """A daemon that is writing, with four exchanges."""
    rig = SqliteRig(tmp_path)
    journal = rig.journal
    records = [
        taken(journal, "k1"),
        taken(journal, "k2", terminal="ATM00002", business_date="2026-11-25", pan=None),
        taken(journal, "k3", StoredState.LISTED, recorded_ms=T0_MS + 60_000, kind="deposit"),
        taken(journal, "k4", recorded_ms=T0_MS + 120_000, pan=Pan("6011000990139424")),
    ]
    for record in records:
        journal.take(record, lambda _: None)
    journal.step(answered(records[0].exchange_id), lambda _: None)
    evidence = msgspec.msgpack.encode(["declined", f"card {PAN.reveal()} refused"])
    undo = Intent(Verdict.DOUBT, "91", b"raw")
    journal.step(
        step_to(
            records[3].exchange_id,
            StoredState.UNDOING,
            "undo owed",
            intent=undo,
            outcome=evidence,
            detail=f"saw {PAN.reveal()}",
        ),
        lambda _: None,
    )
    rig.settle()
    yield rig
    rig.end()


@pytest.fixture
def reader(rig: SqliteRig) -> Iterator[JournalReader]:
    reader = JournalReader(str(rig.path), KEY)
    yield reader
    reader.close()


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        (Query(), ["k4", "k3", "k2", "k1"]),
        (Query(limit=2), ["k4", "k3"]),
        (Query(limit=0), []),
        (Query(key="k2"), ["k2"]),
        (Query(key="k9"), []),
        (Query(terminal="ATM00002"), ["k2"]),
        (Query(state=StoredState.ANSWERED), ["k1"]),
        (Query(state=StoredState.RECORDED), ["k2"]),
        (Query(business_date="2026-11-24"), ["k4", "k3", "k1"]),
        (Query(kind="deposit"), ["k3"]),
        (Query(pan=PAN), ["k3", "k1"]),
        (Query(pan=PAN, state=StoredState.LISTED), ["k3"]),
        (Query(since_ms=T0_MS + 60_000), ["k4", "k3"]),
        (Query(until_ms=T0_MS + 60_000), ["k2", "k1"]),
        (Query(since_ms=T0_MS + 60_000, until_ms=T0_MS + 120_000), ["k3"]),
        (Query(key="' OR 1 --"), []),
    ],
)
def test_a_search_holds_everything_asked_newest_first(reader: JournalReader, query: Query, keys: list[str]) -> None:
    assert [found.key for found in reader.search(query)] == keys


def test_one_exchange_by_key_or_number_with_its_history(reader: JournalReader) -> None:
    by_key = reader.show("k4")
    assert by_key is not None
    assert by_key == reader.show(str(by_key.exchange.exchange_id))
    assert by_key.exchange.state == "undoing"
    assert (by_key.exchange.verdict, by_key.exchange.code) == ("doubt", "91")
    assert [line.event for line in by_key.history] == ["undo owed"]
    assert reader.show("nothing") is None
    assert reader.show("9" * 30) is None


def test_no_card_number_comes_out(reader: JournalReader) -> None:
    detail = reader.show("k4")
    assert detail is not None
    everything = b"".join(reader.export(Query())).decode() + repr(detail) + repr(reader.search(Query()))
    for pan in (PAN.reveal(), "6011000990139424"):
        assert pan not in everything
        assert pan[:6] + "******" + pan[-4:] in everything


def test_the_export_is_one_json_object_a_line(reader: JournalReader) -> None:
    lines = list(reader.export(Query()))
    assert all(line.endswith(b"\n") for line in lines)
    rows = [json.loads(line) for line in lines]
    assert [row["key"] for row in rows] == ["k4", "k3", "k2", "k1"]
    assert set(rows[0]) == set(ExchangeView.__struct_fields__)
    assert rows[3]["amount_minor"] == 10_000


def test_an_export_has_no_limit_and_a_search_always_has_one(rig: SqliteRig, reader: JournalReader) -> None:
    for number in range(SEARCH_COUNT_MAX + 7):
        rig.journal.take(taken(rig.journal, f"more{number}", pan=None), lambda _: None)
    rig.settle()
    assert len(list(reader.export(Query()))) == SEARCH_COUNT_MAX + 11
    assert len(reader.search(Query(limit=10_000))) == SEARCH_COUNT_MAX


def test_without_the_key_pans_are_not_shown_and_not_searched(rig: SqliteRig) -> None:
    reader = JournalReader(str(rig.path))
    (found,) = reader.search(Query(key="k1"))
    assert found.pan is None
    with pytest.raises(JournalUnusable, match="needs the journal's key"):
        reader.search(Query(pan=PAN))
    reader.close()


def test_the_wrong_key_and_no_journal_are_said_so(rig: SqliteRig, tmp_path: Path) -> None:
    with pytest.raises(JournalUnusable, match="was written with key"):
        JournalReader(str(rig.path), b"x" * 32)
    with pytest.raises(JournalUnusable, match="There is no journal"):
        JournalReader(str(tmp_path / "nowhere.sqlite"))


def test_reading_beside_the_daemon_sees_each_commit_and_never_hinders_one(rig: SqliteRig, reader: JournalReader) -> None:
    before = reader.counts()
    for number in range(5):
        results: list[Any] = []
        rig.journal.take(taken(rig.journal, f"new{number}"), results.append)
        rig.settle()
        assert reader.counts()["recorded"] == before["recorded"] + number + 1
    assert reader.counts() == {"answered": 1, "listed": 1, "recorded": 6, "undoing": 1}


def test_reading_after_the_daemon_has_gone(rig: SqliteRig) -> None:
    rig.journal.close()
    reader = JournalReader(str(rig.path), KEY)
    assert len(reader.search(Query())) == 4
    reader.close()


def test_sizes(rig: SqliteRig, reader: JournalReader) -> None:
    sizes = reader.sizes()
    assert (sizes.exchange_count, sizes.history_count, sizes.incarnation) == (4, 1, 1)
    assert (sizes.oldest_ms, sizes.newest_ms) == (T0_MS, T0_MS + 120_000)
    assert sizes.file_bytes + sizes.log_bytes > 4_096


def test_evidence_that_does_not_decode_is_counted_not_shown(rig: SqliteRig, reader: JournalReader) -> None:
    (found,) = reader.search(Query(key="k2"))
    rig.journal.step(step_to(found.exchange_id, StoredState.HELD, outcome=b"\xc1\xc1"), lambda _: None)
    rig.settle()
    (found,) = reader.search(Query(key="k2"))
    assert found.evidence == "2 bytes that do not decode"
