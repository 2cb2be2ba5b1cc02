"""What the tests of AWS actions share: one moto for the session, a proxy with faults before it, and a door to that."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from relay.failover.actions.awsdoor import AwsDoor
from tests.support.awsmoto import MotoProcess
from tests.support.awsproxy import AwsProxy
from tests.support.awsworld import door_to


@pytest.fixture(scope="session")
def moto() -> Iterator[MotoProcess]:
    process = MotoProcess()
    yield process
    process.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def one_proxy(moto: MotoProcess) -> AsyncIterator[AwsProxy]:
    made = AwsProxy(moto.port)
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def proxy(one_proxy: AwsProxy) -> AwsProxy:
    one_proxy.begin()
    return one_proxy


@pytest.fixture(scope="session")
def door(one_proxy: AwsProxy) -> AwsDoor:
    """Making its clients takes longer than most tests."""
    return door_to(one_proxy.url)
