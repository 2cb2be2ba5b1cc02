"""PostgreSQL and the memory engine, given the same at the same time, answer and hold the same: found by machine."""

from __future__ import annotations

from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.relay.journal.test_engines import Engines
from tests.support.pgserver import PostgresServer
from tests.support.postgresrig import PostgresRig


class PostgresEngines(Engines):
    server: ClassVar[PostgresServer]

    def first_rig(self) -> Any:
        return PostgresRig(self.server)


SETTINGS = settings(max_examples=8, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_the_engines_agree(server: PostgresServer) -> None:
    PostgresEngines.server = server
    run_state_machine_as_test(PostgresEngines, settings=SETTINGS)
