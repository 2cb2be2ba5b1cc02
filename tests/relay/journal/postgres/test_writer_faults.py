"""Connections that break at any statement, before or after it was done: what was told is exactly what is there."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from relay.journal.outbound import OutboundState
from relay.journal.port import Existing, Fresh, JournalFailed, JournalState
from relay.journal.records import Step, StoredState, Taken
from tests.support.journal_suite import T0_MS, step_to, taken
from tests.support.outbound_suite import moved, outbound
from tests.support.postgresrig import PostgresRig

STATEMENTS = (
    *["SELECT * FROM write_group"] * 3,
    *("BEGIN", "COMMIT", "SELECT hold", "SAVEPOINT", "RELEASE", "SELECT exchange_id", "INSERT"),
)
ROUNDS = 40
EVERYTHING = (
    "SELECT 'taken ' || key || ' ' || exchange_id FROM taken"
    " UNION ALL SELECT 'standing ' || exchange_id || ' ' || state FROM standing"
    " UNION ALL SELECT 'variable ' || name || ' ' || encode(value, 'hex') FROM link_variable"
    " UNION ALL SELECT 'outbound ' || key || ' ' || state FROM outbound"
)


class Model:
    """What the journal said, record by record."""

    def __init__(self, rig: PostgresRig, seed: int) -> None:
        self.rig = rig
        self.random = Random(seed)
        self.held: dict[str, Taken] = {}
        self.states: dict[int, str] = {}
        self.variables: dict[str, bytes] = {}
        self.outbound: dict[str, str] = {}
        self.told: list[object] = []
        self.count = 0

    def give(self) -> None:
        """One record of some kind."""
        self.count += 1
        draw = self.random.random()
        if draw < 0.45 or not self.held:
            self.give_take(f"k{self.count}")
        elif draw < 0.55:
            self.give_take(self.random.choice(list(self.held)))
        elif draw < 0.8:
            record = self.random.choice(list(self.held.values()))
            state = self.random.choice([StoredState.HELD, StoredState.ANSWERED, StoredState.UNDOING])
            self.give_step(step_to(record.exchange_id, state, at_ms=T0_MS + self.count))
        elif draw < 0.85:
            self.rig.journal.step(step_to(self.rig.journal.next_exchange_id(), StoredState.DONE), self.expect_failed)
        elif draw < 0.95:
            name, value = self.random.choice("ab"), bytes([self.count % 256]) if self.random.random() < 0.7 else None
            self.rig.journal.store_variable("link", name, value, lambda result: self.stored(name, value, result))
        else:
            self.give_outbound(f"o{self.count}")

    def give_take(self, key: str) -> None:
        record = taken(self.rig.journal, key)

        def told(result: Any) -> None:
            self.told.append(result)
            if isinstance(result, Fresh):
                assert key not in self.held
                self.held[key] = record
            elif isinstance(result, Existing):
                assert result.exchange.taken.exchange_id == self.held[key].exchange_id
            else:
                assert result.certain

        self.rig.journal.take(record, told)

    def give_step(self, step: Step) -> None:
        def told(result: Any) -> None:
            self.told.append(result)
            if result is None:
                self.states[step.exchange_id] = step.state.value
            else:
                assert result.certain

        self.rig.journal.step(step, told)

    def give_outbound(self, key: str) -> None:
        record = outbound(self.rig.journal, key)

        def told(result: Any) -> None:
            self.told.append(result)
            if result == Fresh():
                self.outbound[key] = "queued"

        def stepped(result: Any) -> None:
            self.told.append(result)
            if result is None:
                self.outbound[key] = "sent"

        self.rig.journal.take_outbound(record, told)
        self.rig.journal.step_outbound(moved(record.outbound_id, OutboundState.SENT), stepped)

    def stored(self, name: str, value: bytes | None, result: object) -> None:
        self.told.append(result)
        if result is None and value is None:
            self.variables.pop(name, None)
        elif result is None and value is not None:
            self.variables[name] = value

    def expect_failed(self, result: object) -> None:
        self.told.append(result)
        assert isinstance(result, JournalFailed)

    def check(self) -> None:
        """The server has what was told, and nothing else."""
        expected = [
            *(f"taken {key} {record.exchange_id}" for key, record in self.held.items()),
            *(f"standing {exchange_id} {state}" for exchange_id, state in self.states.items()),
            *(f"variable {name} {value.hex()}" for name, value in self.variables.items()),
            *(f"outbound {key} {state}" for key, state in self.outbound.items()),
        ]
        assert sorted(self.rig.sql(EVERYTHING).splitlines()) == sorted(expected)
        assert self.rig.journal.variables("link") == self.variables


@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", range(3))
def test_what_was_told_is_what_is_there(rig: PostgresRig, seed: int) -> None:
    model = Model(rig, seed)
    broken = 0
    for round_ in range(ROUNDS):
        breaking = None
        if model.random.random() < 0.7:
            breaking = rig.inject(model.random.choice(STATEMENTS), after=model.random.random() < 0.5)
        for _ in range(model.random.randint(1, 12)):
            model.give()
            if model.random.random() < 0.1:
                rig.loop.turn()
        rig.settle()
        if breaking is not None:
            broken += breaking.broken
        rig.turn_until(JournalState.WRITABLE)
        model.check()
        if round_ % 20 == 19:
            (rig.crash if round_ % 40 == 39 else rig.reopen)()
            model.check()
    assert broken > ROUNDS // 8, "the faults did happen"
    assert rig.failures == []
    assert any(isinstance(each, JournalFailed) for each in model.told)
    assert len(model.held) > ROUNDS
