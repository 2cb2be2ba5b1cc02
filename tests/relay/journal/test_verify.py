"""A sound journal verifies; each kind of damage is named."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from protocols.vocabulary import DoubtPolicy, MessageClass, Request, Secret
from relay.errors import JournalUnusable
from relay.journal.reader import JournalReader, Query
from relay.journal.records import StoredState, pack_request
from relay.journal.schema import PAGE_BYTES
from relay.journal.verify import verify
from tests.support.journal_suite import answered, step_to, taken
from tests.support.sqliterig import KEY, SqliteRig

REQUEST = pack_request(
    Request(
        key="k1",
        message_class=MessageClass.FINANCIAL,
        kind="withdrawal",
        doubt_policy=DoubtPolicy.UNDO,
        channel="atm",
        realm="bank",
        terminal="ATM00001",
        acquirer="",
        fingerprint_text=Secret(""),
    )
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rig = SqliteRig(tmp_path)
    records = [taken(rig.journal, f"k{number}", request=REQUEST) for number in range(4)]
    for record in records:
        rig.journal.take(record, lambda _: None)
    rig.journal.step(answered(records[0].exchange_id), lambda _: None)
    rig.journal.step(step_to(records[1].exchange_id, StoredState.LISTED), lambda _: None)
    rig.settle()
    rig.end()
    return rig.path


def test_a_sound_journal(path: Path) -> None:
    result = verify(str(path), KEY)
    assert result.problems == ()
    assert result.is_sound
    assert (result.exchange_count, result.pan_count) == (4, 4)
    assert result.counts == {"answered": 1, "listed": 1, "recorded": 2}
    assert verify(str(path)).pan_count == 0


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE standing SET state = 'lost' WHERE attention = 0", "in a state that does not exist"),
        ("UPDATE standing SET attention = 0 WHERE state = 'listed'", "something else by its mark"),
        ("UPDATE standing SET code = NULL WHERE state = 'answered'", "half a reply intent"),
        ("UPDATE standing SET verdict = NULL, code = NULL, data = NULL", "answered without a reply intent"),
        ("UPDATE meta SET value = 9000000000000000 WHERE name = 'recorded_floor'", "overlooked by recovery"),
        ("UPDATE taken SET incarnation = 99 WHERE key = 'k1'", "incarnation that never was"),
        ("UPDATE taken SET amount_minor = -1 WHERE key = 'k1'", "negative amount"),
        ("DELETE FROM taken WHERE key = 'k1'", "standing without having been taken"),
        ("UPDATE taken SET request = x'c1' WHERE key = 'k1'", "request does not unpack"),
        ("UPDATE taken SET key = 'moved' WHERE key = 'k1'", "does not decrypt"),
        ("UPDATE taken SET pan = x'00' WHERE key = 'k1'", "does not decrypt"),
    ],
)
def test_each_damage_is_named(path: Path, damage: str, said: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    if "recorded_floor" in damage:
        connection.execute("INSERT OR IGNORE INTO meta VALUES ('recorded_floor', 0)")
    connection.execute(damage)
    connection.close()
    result = verify(str(path), KEY)
    assert any(said in problem for problem in result.problems), result.problems
    assert not result.is_sound


def test_damaged_pages_are_found(path: Path) -> None:
    connection = sqlite3.connect(path)
    roots = [row[0] for row in connection.execute("SELECT rootpage FROM sqlite_schema WHERE tbl_name IN ('taken', 'standing')")]
    connection.close()
    content = bytearray(path.read_bytes())
    for root in roots:  # numbered from 1
        content[(root - 1) * PAGE_BYTES : (root - 1) * PAGE_BYTES + 16] = b"\xff" * 16
    path.write_bytes(content)
    result = verify(str(path))
    assert any(problem.startswith("file: ") for problem in result.problems)


def test_the_wrong_key_is_not_damage(path: Path) -> None:
    with pytest.raises(JournalUnusable, match="was written with key"):
        verify(str(path), b"x" * 32)


def test_broken_pages_behind_a_valid_header_with_the_key_at_hand(path: Path) -> None:
    with path.open("r+b") as file:
        size = path.stat().st_size
        file.seek(PAGE_BYTES)
        file.write(b"\xa5" * (size - PAGE_BYTES))
    for read in (verify, JournalReader):
        with pytest.raises(JournalUnusable, match="damaged") as caught:
            read(str(path), KEY)
        assert "Restore after a journal failure" in caught.value.next_step
        assert "last backup" not in caught.value.next_step


def test_a_page_found_broken_while_reading_leads_to_the_runbook_too(path: Path) -> None:
    reader = JournalReader(str(path))
    with path.open("r+b") as file:
        size = path.stat().st_size
        file.seek(PAGE_BYTES)
        file.write(b"\xa5" * (size - PAGE_BYTES))
    try:
        with pytest.raises(JournalUnusable, match="cannot be read") as caught:
            reader.search(Query(limit=10))
    finally:
        reader.close()
    assert "relay journal verify" in caught.value.next_step
    assert "Restore after a journal failure" in caught.value.next_step
