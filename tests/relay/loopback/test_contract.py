"""The committed OpenAPI file against the fake core, by schemathesis: what the file allows is taken, what it forbids is refused,
and every answer fits it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

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

from relay.loopback.core import FakeCore
from relay.loopback.coreserver import CoreServer
from relay.loopback.ledger import Ledger

SCHEMA = Path(__file__).parents[3] / "config" / "core-api.openapi.yaml"
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

# Headers and query parameters that nobody asked for are ignored on the open internet, and here; and a call may be refused for
# its epoch (412, 421) before anybody looks at what else is wrong with it.
CONFIG = SchemathesisConfig.from_dict(
    {
        "generation": {"allow-extra-parameters": False},
        "checks": {"negative_data_rejection": {"expected-statuses": [400, 404, 405, 412, 415, 421]}},
    }
)
schema = schemathesis.openapi.from_path(SCHEMA, config=CONFIG)


@pytest.fixture(scope="module")
def core_url() -> Iterator[str]:
    """A fake core on a loop of its own: schemathesis asks synchronously."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fake core")
    thread.start()
    # The epoch of the examples, so that most of them are served.
    server = CoreServer(FakeCore(Ledger(epoch=8)), zones=("127.0.0.1",))
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(timeout=30)
    yield f"http://127.0.0.1:{server.port}"
    asyncio.run_coroutine_threadsafe(server.stop(), loop).result(timeout=30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(timeout=30)
    loop.close()


@pytest.mark.timeout(400)
@schema.parametrize()
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_the_fake_core_is_the_contract(case: schemathesis.Case, core_url: str) -> None:
    case.call_and_validate(base_url=core_url, checks=CHECKS)
