"""People read and verify a journal on PostgreSQL with the same questions as one on SQLite."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from protocols.vocabulary import MessageClass
from relay.errors import JournalUnusable
from relay.journal.postgres.source import PostgresSource
from relay.journal.reader import JournalReader, Query
from relay.journal.records import StoredState, pack_request
from relay.journal.sides import SideReader
from relay.journal.source import SourceDamaged
from relay.journal.tailrows import TailReader
from relay.journal.verify import verify
from tests.support import sidesplay, tailplay
from tests.support.journal_suite import PAN, answered, reversing, step_to, taken
from tests.support.outbound_suite import outbound
from tests.support.postgresrig import PostgresRig
from tests.support.sqliterig import KEY


def fill(rig: PostgresRig) -> None:
    journal = rig.journal
    request = pack_request(reversing("k0", 0))
    first, second = taken(journal, "k1", request=request), taken(journal, "k2", request=request, terminal="ATM00002")
    journal.take(first, lambda _: None)
    journal.step(answered(first.exchange_id), lambda _: None)
    journal.take(second, lambda _: None)
    journal.step(step_to(second.exchange_id, StoredState.LISTED, detail="a person's"), lambda _: None)
    journal.take(
        taken(journal, "r", StoredState.DELIVERING, message_class=MessageClass.REVERSAL, request=request), lambda _: None
    )
    journal.take_outbound(outbound(journal, "o"), lambda _: None)
    rig.settle()


def source(rig: PostgresRig) -> PostgresSource:
    return PostgresSource(rig.settings, None)


def test_search_show_export_and_sizes(rig: PostgresRig) -> None:
    fill(rig)
    reader = JournalReader(source(rig), KEY)
    try:
        assert [each.key for each in reader.search(Query())] == ["r", "k2", "k1"]
        assert [each.key for each in reader.search(Query(terminal="ATM00002", pan=PAN, limit=5))] == ["k2"]
        assert [each.key for each in reader.search(Query(is_listed=True))] == ["k2"]
        assert [each.key for each in reader.search(Query(state=StoredState.ANSWERED, since_ms=0, until_ms=1 << 60))] == ["k1"]
        shown = reader.show("k2")
        assert shown is not None
        assert [line.detail for line in shown.history] == ["a person's"]
        assert shown == reader.show(str(shown.exchange.exchange_id))
        assert len(list(reader.export(Query()))) == 3
        sizes = reader.sizes()
        assert (sizes.exchange_count, sizes.history_count, sizes.incarnation) == (3, 1, 1)
        assert sizes.file_bytes > 8_192
        assert reader.counts() == {"answered": 1, "delivering": 1, "listed": 1}
    finally:
        reader.close()


def test_it_cannot_write_and_says_what_is_wrong(rig: PostgresRig) -> None:
    asked = source(rig)
    with pytest.raises(SourceDamaged, match="no_such_column"):
        asked.all("SELECT no_such_column FROM taken")
    with pytest.raises(JournalUnusable, match="read-only"):
        asked.all("DELETE FROM taken")
    asked.close()


def test_a_sound_journal_is_sound_and_a_changed_one_is_not(rig: PostgresRig) -> None:
    fill(rig)
    found = verify(source(rig), KEY)
    assert found.problems == ()
    assert (found.exchange_count, found.pan_count) == (3, 3)
    rig.sql("UPDATE taken SET pan = (SELECT pan FROM taken WHERE key = 'k2') WHERE key = 'k1'")
    rig.sql("UPDATE standing SET code = NULL WHERE verdict IS NOT NULL; INSERT INTO standing VALUES (7, 'done', 1, 0)")
    problems = "\n".join(verify(source(rig), KEY).problems)
    for expected in ("does not decrypt", "half a reply intent", "without having been taken", "something else by its mark"):
        assert expected in problems


def test_what_is_not_there_or_not_ours_is_told(rig: PostgresRig) -> None:
    with pytest.raises(JournalUnusable, match="was written with key"):
        verify(source(rig), bytes(reversed(KEY)))
    with pytest.raises(JournalUnusable, match="is not there"):
        PostgresSource(rig.settings.model_copy(update={"schema_name": "nothing_here"}), None)
    with pytest.raises(JournalUnusable, match="cannot be opened"):
        PostgresSource(rig.settings.model_copy(update={"dsn": "postgresql://relay@127.0.0.1:1/relay"}), None)


def test_the_command_asks_the_configured_engine(rig: PostgresRig, tmp_path: Path) -> None:
    fill(rig)
    config = tmp_path / "relay.toml"
    config.write_text(
        f'[relay]\ncredentials_directory = "{tmp_path}"\n[journal]\nengine = "postgresql"\ndsn = "{rig.settings.dsn}"\n'
        f'schema_name = "{rig.schema}"\n[core]\nname = "localhost"\n'
    )
    (tmp_path / "journal-key").write_text(KEY.hex())
    (tmp_path / "journal-key").chmod(0o600)
    words = [sys.executable, "-m", "relay", "journal"]
    done = subprocess.run([*words, "search", "--json", "--config", str(config)], capture_output=True, check=False, timeout=60)
    assert [each["key"] for each in msgspec.json.decode(done.stdout)] == ["r", "k2", "k1"], done.stderr
    done = subprocess.run([*words, "verify", "--config", str(config)], capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout
    assert b"sound: 3 exchanges, 3 PANs decrypted" in done.stdout


def test_a_lost_tail_is_found_in_it(rig: PostgresRig) -> None:
    ids = tailplay.write_rows(rig)
    with ThreadPoolExecutor(max_workers=3) as threads:
        reader = threads.submit(lambda: TailReader(source(rig))).result()
        try:
            threads.submit(tailplay.check, reader, ids).result()
            tailplay.write_second_life(rig)
            threads.submit(tailplay.check_second_life, reader).result()
        finally:
            threads.submit(reader.close).result()


def test_reconciliation_reads_it_from_a_thread_of_its_own(rig: PostgresRig) -> None:
    ids = sidesplay.write_rows(rig)
    with ThreadPoolExecutor(max_workers=3) as threads:  # each call in whichever thread is free, as asyncio.to_thread does
        reader = threads.submit(lambda: SideReader(source(rig))).result()
        try:
            threads.submit(sidesplay.check, reader, ids).result()
            sidesplay.write_second_life(rig)
            threads.submit(sidesplay.check_second_life, reader, ids).result()
        finally:
            threads.submit(reader.close).result()
