"""What every disk's engine promises about its keys and about the records of reveals.

Owns `SecretsSuite`; tests/relay/journal/test_reveal_rows.py and postgres/test_reveal.py each give it an engine. It must never
look behind the engine's face. The trap: an answer arrives later, on the loop, so nothing here looks at a result before
`settle()`.
"""

from __future__ import annotations

from typing import Any

from relay.journal.audit import Reveal, reveal_of
from relay.journal.keyring import KeyRing
from relay.journal.port import JournalFailed
from relay.journal.records import StoredExchange
from tests.support.journal_suite import PAN, taken
from tests.support.sqliterig import KEY

NEW = bytes(range(1, 33))


def revealing(number: int, **changes: Any) -> Reveal:
    words: dict[str, Any] = {
        "token": f"{number:032x}",
        "at_ms": 1_000 + number,
        "who": "Sato",
        "reason": "dispute",
        "uid": 1000,
        "asked": "show k1",
        "exchange_ids": [number, number + 1],
    }
    return reveal_of(**{**words, **changes})


def needed(rig: Any) -> set[str]:
    return {each.key_id for each in rig.journal.known_keys() if each.is_needed}


def take(rig: Any, *keys: str) -> None:
    for key in keys:
        rig.journal.take(taken(rig.journal, key, request=b""), lambda _: None)
    rig.settle()


def change(rig: Any, key: bytes, *older: bytes) -> object:
    results: list[object] = []
    rig.journal.change_key(KeyRing(key, older), results.append)
    rig.settle()
    return results[0]


def walk(rig: Any) -> object:
    results: list[object] = []
    rig.journal.rekey(results.append)
    rig.settle()
    return results[0]


def read(rig: Any, *keys: str) -> None:
    """Each is there, its card number opens."""
    found: list[Any] = []
    for key in keys:
        rig.journal.find(key, found.append)
    rig.settle()
    assert [each.taken.pan for each in found if isinstance(each, StoredExchange)] == [PAN] * len(keys)


class SecretsSuite:
    """Subclasses give `rig`."""

    # ---- a change of keys ------------------------------------------------------------------------------------------
    def test_a_key_is_changed_while_the_journal_is_written(self, rig: Any) -> None:
        before = rig.journal.fingerprint("text")
        take(rig, "k1")
        assert change(rig, NEW, KEY) is None
        assert rig.journal.key_id == KeyRing(NEW).key_id
        assert needed(rig) == {KeyRing(KEY).key_id, KeyRing(NEW).key_id}
        take(rig, "k2")
        read(rig, "k1", "k2")
        assert walk(rig) == 1, "what was written since names the new key"
        assert needed(rig) == {KeyRing(NEW).key_id}
        assert rig.journal.fingerprint("text") == before, "or a repeat of before would be refused as another message"
        rig.journal.close()
        rig.journal = rig.open(key=NEW)
        assert rig.journal.fingerprint("text") == before
        read(rig, "k1", "k2")

    def test_a_key_that_rows_need_and_nobody_gives_stops_the_change(self, rig: Any) -> None:
        take(rig, "k1")
        failed = change(rig, NEW)
        assert isinstance(failed, JournalFailed)
        assert KeyRing(KEY).key_id in failed.why
        assert rig.journal.key_id == KeyRing(KEY).key_id
        take(rig, "k2")
        read(rig, "k1", "k2")
        assert needed(rig) == {KeyRing(KEY).key_id}

    def test_changed_and_changed_back(self, rig: Any) -> None:
        take(rig, "k1")
        assert change(rig, NEW, KEY) is None
        take(rig, "k2")
        assert change(rig, KEY, NEW) is None
        assert walk(rig) == 1
        assert needed(rig) == {KeyRing(KEY).key_id}
        read(rig, "k1", "k2")

    def test_a_key_that_is_needed_no_more_is_left_out_while_it_runs(self, rig: Any) -> None:
        take(rig, "k1")
        change(rig, NEW, KEY)
        assert isinstance(change(rig, NEW), JournalFailed), "a row still names it"
        assert walk(rig) == 1
        assert change(rig, NEW) is None
        read(rig, "k1")

    def test_on_a_full_disk_nothing_is_changed(self, rig: Any) -> None:
        take(rig, "k1")
        rig.set_full(True)
        assert isinstance(change(rig, NEW, KEY), JournalFailed)
        rig.set_full(False)
        assert rig.journal.key_id == KeyRing(KEY).key_id
        take(rig, "k2")
        assert needed(rig) == {KeyRing(KEY).key_id}
        read(rig, "k1", "k2")

    def test_a_change_survives_a_crash_and_the_walk_goes_on(self, rig: Any) -> None:
        take(rig, "k1", "k2")
        change(rig, NEW, KEY)
        rig.journal.close()
        rig.journal = rig.open(key=NEW, older=[KEY])
        assert walk(rig) == 2
        assert not rig.journal.rekey_progress().is_walking
        assert rig.metrics.registry.get_sample_value("relay_journal_rekey_rows_total") == 2
        assert rig.metrics.registry.get_sample_value("relay_journal_rekey_left_rows") == 0

    # ---- reveals ---------------------------------------------------------------------------------------------------
    def test_a_reveal_is_durable_and_reads_back_whole(self, rig: Any) -> None:
        results: list[object] = []
        for number in (1, 2, 3):
            rig.journal.record_reveal(revealing(number), results.append)
        rig.settle()
        rig.crash()
        assert results == [None, None, None]
        found = rig.journal.reveals(0, 2)
        assert [each.reveal for each in found] == [revealing(1), revealing(2)]
        assert [each.reveal for each in rig.journal.reveals(found[-1].reveal_id, 10)] == [revealing(3)]
        assert rig.journal.reveal_count() == 3

    def test_the_same_act_is_recorded_once(self, rig: Any) -> None:
        for _ in range(2):
            rig.journal.record_reveal(revealing(1), lambda _: None)
            rig.settle()
        assert rig.journal.reveal_count() == 1

    def test_a_reveal_beside_other_records_of_its_group(self, rig: Any) -> None:
        results: list[object] = []
        rig.journal.take(taken(rig.journal, "k1", request=b""), lambda _: None)
        rig.journal.record_reveal(revealing(1), results.append)
        rig.journal.record_reveal(revealing(2, who="\ud800"), results.append)
        rig.settle()
        first, second = results
        assert first is None
        assert isinstance(second, JournalFailed), "what cannot be stored takes nobody with it"
        read(rig, "k1")
        assert rig.journal.reveal_count() == 1

    def test_where_nothing_can_be_written_no_reveal_is_recorded(self, rig: Any) -> None:
        results: list[object] = []
        rig.set_full(True)
        rig.journal.record_reveal(revealing(1), results.append)
        rig.settle()
        rig.set_full(False)
        assert isinstance(results[0], JournalFailed)
        assert rig.journal.reveal_count() == 0
