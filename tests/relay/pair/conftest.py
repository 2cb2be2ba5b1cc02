"""What the tests of the way through the peer share: certificates for the session, and a room of two centers for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.pairroom import PairCertificates, Room


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> PairCertificates:
    return PairCertificates(Path(tmp_path_factory.mktemp("pair")))


@pytest_asyncio.fixture
async def room(certificates: PairCertificates) -> AsyncIterator[Room]:
    made = Room(certificates)
    yield made
    await made.close()
