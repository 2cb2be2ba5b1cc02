"""A disk's engine and the memory engine, given the same at the same time, answer and hold the same: found by machine.

tests/relay/journal/postgres/test_engine_states.py runs the same machine on PostgreSQL."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec.structs import replace

from protocols.vocabulary import Secret, Verdict
from relay.errors import JournalUnusable
from relay.journal.engines import is_same_place, open_journal, place_of
from relay.journal.outbound import OutboundState
from relay.journal.port import JournalFailed
from relay.journal.records import Intent, Step, StoredState
from relay.journal.sqlite import SqliteJournal
from relay.settings import JournalSettings
from relay.telemetry.metrics import Metrics
from tests.relay.journal.test_memory import MemoryRig
from tests.support.journal_suite import DAY_MS, taken
from tests.support.outbound_suite import moved, outbound
from tests.support.sqliterig import KEY, RigClock, SqliteRig

keys = st.sampled_from([f"key{number}" for number in range(4)])
states = st.sampled_from(list(StoredState))
ends = st.none() | st.sampled_from(list(OutboundState))
intents = st.none() | st.builds(Intent, st.sampled_from(Verdict), st.sampled_from(["00", "91"]), st.binary(max_size=4))


class Engines(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.sqlite = self.first_rig()
        self.memory = MemoryRig(self.sqlite.clock)
        self.sqlite_answers: list[Any] = []
        self.memory_answers: list[Any] = []
        self.ids: list[int] = []
        self.outbound_ids: list[int] = []
        self.taken_keys: set[str] = set()

    def first_rig(self) -> Any:
        """The engine that is compared; its rig has a wall clock and an end."""
        return SqliteRig(Path(self.folder.name))

    def both(self, method: str, *arguments: Any) -> None:
        getattr(self.sqlite.journal, method)(*arguments, self.sqlite_answers.append)
        getattr(self.memory.journal, method)(*arguments, self.memory_answers.append)

    @rule(key=keys, state=states, intent=intents)
    def take(self, key: str, state: StoredState, intent: Intent | None) -> None:
        record = taken(self.sqlite.journal, key, state, intent=intent, recorded_ms=self.sqlite.clock.wall_ms())
        assert self.memory.journal.next_exchange_id() == record.exchange_id
        self.ids.append(record.exchange_id)
        repeated = key in self.taken_keys
        self.taken_keys.add(key)
        if repeated:
            self.settle()
        self.both("take", record)
        if repeated:
            self.settle()

    @rule(
        which=st.integers(0, 99),
        state=states,
        intent=intents,
        outcome=st.none() | st.binary(max_size=3),
        number=st.none() | st.integers(0, 9),
        history=st.booleans(),
    )
    def step(
        self, which: int, state: StoredState, intent: Intent | None, outcome: bytes | None, number: int | None, history: bool
    ) -> None:
        exchange_id = self.ids[which % len(self.ids)] if self.ids else which
        step = Step(exchange_id=exchange_id, event="moved", state=state, at_ms=which, history=history)
        self.both("step", replace(step, intent=intent, outcome=outcome, standing_minor=number, tries=number, epoch=number))

    @rule(key=keys)
    def find(self, key: str) -> None:
        """Alone in its group: a read sees whatever its group made durable, and groups are cut by time."""
        self.settle()
        self.both("find", key)
        self.settle()

    @rule(key=keys)
    def take_outbound(self, key: str) -> None:
        """Alone in its group, as a repeat reads what its group made durable."""
        record = outbound(self.sqlite.journal, key, recorded_ms=self.sqlite.clock.wall_ms())
        assert self.memory.journal.next_exchange_id() == record.outbound_id
        self.outbound_ids.append(record.outbound_id)
        self.settle()
        self.both("take_outbound", record)
        self.settle()

    @rule(which=st.integers(0, 99), state=ends, reported=ends, detail=st.sampled_from(["", "why"]))
    def step_outbound(self, which: int, state: OutboundState | None, reported: OutboundState | None, detail: str) -> None:
        outbound_id = self.outbound_ids[which % len(self.outbound_ids)] if self.outbound_ids else which
        at_ms = self.sqlite.clock.wall_ms()
        self.both("step_outbound", moved(outbound_id, state, at_ms=at_ms, detail=detail, reported=reported))

    @rule(name=st.sampled_from(["stan", "serial"]), value=st.binary(max_size=3))
    def store_variable(self, name: str, value: bytes) -> None:
        self.both("store_variable", "link", name, value)

    @rule(by=st.integers(0, 2))
    def raise_epoch(self, by: int) -> None:
        self.settle()
        self.both("raise_epoch", self.memory.journal.epoch + by)

    @rule(days=st.integers(0, 40))
    def prune(self, days: int) -> None:
        self.settle()
        self.sqlite.later(days * DAY_MS)
        for rig in (self.sqlite, self.memory):
            rig.journal.prune(lambda _: None)
            rig.settle()

    @rule()
    def settle(self) -> None:
        self.sqlite.settle()
        self.memory.settle()
        assert list(map(comparable, self.sqlite_answers)) == list(map(comparable, self.memory_answers))
        self.sqlite_answers.clear()
        self.memory_answers.clear()

    @rule(cleanly=st.booleans())
    def begin_again(self, cleanly: bool) -> None:
        self.settle()
        for rig in (self.sqlite, self.memory):
            (rig.reopen if cleanly else rig.crash)()

    @invariant()
    def both_hold_the_same(self) -> None:
        if self.sqlite.journal.waiting_count() or self.memory.journal.waiting_count():
            return
        left, right = self.sqlite.journal, self.memory.journal
        assert list(left.open_exchanges()) == list(right.open_exchanges())
        assert list(left.listed()) == list(right.listed())
        assert list(left.open_outbound()) == list(right.open_outbound())
        assert list(left.newest_outbound((), 99)) == list(right.newest_outbound((), 99))
        assert left.variables("link") == right.variables("link")
        assert (left.epoch, left.incarnation) == (right.epoch, right.incarnation)
        for exchange_id in self.ids:
            assert list(left.history(exchange_id)) == list(right.history(exchange_id))

    def teardown(self) -> None:
        try:
            for key in sorted(self.taken_keys):
                self.find(key)
        finally:
            self.sqlite.end()
            self.folder.cleanup()


def comparable(answer: Any) -> Any:
    """Why something failed is each engine's own; that it failed, and how surely, is not."""
    return ("failed", answer.certain) if isinstance(answer, JournalFailed) else answer


TestEngines = Engines.TestCase
TestEngines.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


# ---- which engine: relay/journal/engines.py ------------------------------------------------------------------------------
def open_with(settings: JournalSettings) -> Any:
    return open_journal(
        settings,
        KEY,
        lambda name: Secret(name),
        call_soon_threadsafe=lambda callback: None,
        clock=RigClock(),
        metrics=Metrics(),
    )


def test_sqlite_is_what_nobody_asked_for(tmp_path: Path) -> None:
    journal = open_with(JournalSettings(path=str(tmp_path / "j.sqlite")))
    assert isinstance(journal, SqliteJournal)
    journal.close()


def test_without_the_driver_the_operator_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in sys.modules if each.startswith("relay.journal.postgres")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(JournalUnusable) as caught:
        open_with(JournalSettings(engine="postgresql"))
    assert "relay-center[postgresql]" in caught.value.next_step


def test_a_place_is_the_same_under_another_name(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    mine = JournalSettings(path=str(path))
    assert not is_same_place(mine, place_of(mine)), "there is no file yet"
    path.touch()
    (tmp_path / "link.sqlite").symlink_to(path)
    (tmp_path / "copy.sqlite").touch()
    assert is_same_place(mine, str(tmp_path / "link.sqlite"))
    assert not is_same_place(mine, str(tmp_path / "copy.sqlite"))


def test_a_place_on_a_server_is_told_without_its_user() -> None:
    mine = JournalSettings(engine="postgresql", dsn="postgresql://relay@db1,db2/relay", schema_name="a")
    assert place_of(mine) == "db1,db2/relay a"
    assert is_same_place(mine.model_copy(update={"dsn": "postgresql://auditor@db1,db2/relay"}), place_of(mine))
    assert not is_same_place(mine.model_copy(update={"schema_name": "b"}), place_of(mine))
