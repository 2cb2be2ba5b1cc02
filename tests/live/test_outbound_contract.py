"""The committed OpenAPI file against a running relay, by schemathesis: what the file allows is taken, what it forbids is
refused, and every answer fits it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    missing_required_header,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.support.daemonworld import LISTENER, DaemonWorld

SCHEMA = Path(__file__).parents[2] / "config" / "relay-api.openapi.yaml"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    missing_required_header,
    negative_data_rejection,
    unsupported_method,
]
CONFIG = SchemathesisConfig.from_dict(
    {
        "generation": {"allow-extra-parameters": False},
        "checks": {"negative_data_rejection": {"expected-statuses": [400, 404, 405, 413, 415, 422]}},
    }
)
schema = schemathesis.openapi.from_path(SCHEMA, config=CONFIG)


@pytest.fixture(scope="module")
def relay_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A relay as a process, its core on a loop of its own: schemathesis asks synchronously."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fake core")
    thread.start()

    def wait(what: Coroutine[Any, Any, Any]) -> None:
        asyncio.run_coroutine_threadsafe(what, loop).result(timeout=90)

    world = DaemonWorld(tmp_path_factory.mktemp("relay"))
    port = world.hold_port()
    try:
        wait(world.start_core())
        # The listeners of the examples, so that most of them are taken.
        switch = '[[dialer]]\nname = "switch"\nendpoint = "tcp:host=127.0.0.1:port=1"\nbackoff_first_ms = 30000\n'
        world.configure(LISTENER + switch, f'[outbound]\nendpoint = "tcp:{port}:interface=127.0.0.1"\n')
        wait(world.start())
        yield f"http://127.0.0.1:{port}"
    finally:  # a loop that goes on would keep this process for ever
        wait(world.close())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=30)
        loop.close()


@pytest.mark.timeout(180)
@schema.parametrize()
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_the_relay_serves_its_contract(case: schemathesis.Case, relay_url: str) -> None:
    case.call_and_validate(base_url=relay_url, checks=CHECKS)
