"""One process among the workers of a relay: what it answers for itself, and when it ends. Several of them, as processes:
tests/live/test_workers.py."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any, cast

import pytest

from relay.configuration.workers import RUN_VARIABLE, SUPERVISOR_VARIABLE, WORKER_VARIABLE
from relay.control.report import Done
from relay.errors import RelayError
from relay.journal.shared import Share
from relay.settings import Settings
from relay.telemetry.metrics import Metrics
from relay.workers import FOLLOWED, PARENT_LOOK_MS, Workers, share_of
from tests.support.virtualtime import VirtualTime

SETTINGS = Settings.model_validate({"relay": {"workers": 3}, "control": {"path": "/run/relay/control-2.sock"}})


class Room:
    """A daemon, as far as a worker looks at it. `supervisor`: who it was told that started it."""

    def __init__(self, worker: int, supervisor: int) -> None:
        self.time = VirtualTime()
        self.ended: list[str] = []
        daemon = SimpleNamespace(
            settings=SETTINGS,
            environment={SUPERVISOR_VARIABLE: str(supervisor)},
            region=SimpleNamespace(permit=lambda: None),
            metrics=Metrics(),
            timers=self.time,
            ask_to_stop=self.ended.append,
        )
        self.workers = Workers(cast(Any, daemon), Share(worker, 2_000))


def test_it_ends_where_whoever_started_it_was_gone_before_it_could_look() -> None:
    orphan, child = Room(2, supervisor=os.getppid() + 1), Room(2, supervisor=os.getppid())
    for room in (orphan, child):
        room.workers._look_at_parent()
        room.time.run(3 * PARENT_LOOK_MS)
    assert len(orphan.ended) == 1
    assert child.ended == []


def test_beyond_the_first_it_answers_for_itself_and_names_the_first_for_the_rest() -> None:
    table = {"status": lambda _: Done("mine"), "resolve": lambda _: Done("mine"), "region-seal": lambda _: Done("mine")}
    second = Room(2, os.getppid()).workers.handlers(table)
    assert second["status"] is table["status"]
    for name in ("resolve", "region-seal"):
        with pytest.raises(RelayError, match="asked of the first worker") as refused:
            second[name](cast(Any, None))
        assert "/run/relay/control.sock" in refused.value.next_step
    assert Room(1, os.getppid()).workers.handlers(table) == table


def test_what_people_decide_is_followed_by_every_worker_but_the_first() -> None:
    assert share_of(Settings(), {}) is None
    assert share_of(SETTINGS, {WORKER_VARIABLE: "1", RUN_VARIABLE: "1"}) == Share(1, 6_000, begins_run=True)
    assert share_of(SETTINGS, {WORKER_VARIABLE: "2"}) == Share(2, 6_000, followed=FOLLOWED)
