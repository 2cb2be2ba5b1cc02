"""The fake core's hand against a real server: posts, finds, cancels, and repeats its own key when no answer came."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from relay.loopback import outboundclient
from relay.loopback.outboundclient import OutboundClient
from relay.outbound.api import HttpAnswer, HttpRequest, OutboundApi
from relay.outbound.server import OutboundServer, ServerLimits
from tests.support.outboundworld import OutboundWorld


class Relay:
    """An outbound desk on virtual time behind real sockets; time passes while a request waits."""

    def __init__(self) -> None:
        self.world = OutboundWorld()
        self.refuses = 0  # connections to be broken without an answer, after the desk has heard
        self.server = OutboundServer(self.handle, ServerLimits(), self.world.time, self.world.metrics)

    def handle(self, request: HttpRequest, done: Callable[[HttpAnswer], None]) -> None:
        is_lost = self.refuses > 0
        self.refuses -= is_lost
        OutboundApi(self.world.outbound).handle(request, self._lose if is_lost else done)
        self.world.time.run(3)

    def _lose(self, answer: HttpAnswer) -> None:
        for connection in self.server._connections.all():
            connection.abort()

    async def start(self) -> OutboundClient:
        sock = socket.create_server(("127.0.0.1", 0))
        sock.setblocking(False)
        await self.server.start([sock], None)
        return OutboundClient("127.0.0.1", self.server.port)


@pytest_asyncio.fixture
async def relay() -> AsyncIterator[Relay]:
    relay = Relay()
    yield relay
    await relay.server.stop()


async def test_post_find_cancel(relay: Relay) -> None:
    client = await relay.start()
    said = await client.post("a/b", "switch", "cutover", body={"business_date": "2026-11-25"})
    assert (said.http_status, said.is_taken) == (202, True)
    assert relay.world.stored("a/b").taken.body == b'{"business_date":"2026-11-25"}'
    found = await client.find("a/b")
    assert found.message is not None
    assert found.message.state == "queued"
    cancelled = await client.cancel("a/b")
    assert cancelled.message is not None
    assert cancelled.message.state == "cancelled"
    missing = await client.find("never")
    assert (missing.http_status, missing.is_taken) == (404, False)
    assert missing.problem is not None


async def test_an_answer_that_was_lost_is_asked_for_with_the_same_key(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outboundclient, "PAUSE_S", 0.0)
    client = await relay.start()
    relay.refuses = 2
    async with asyncio.timeout(20):
        said = await client.post_until_answered("k1", "switch", "echo")
    assert said.http_status == 200, "it had been taken the first time"
    relay.world.connect()
    relay.world.time.run(50)
    assert relay.world.wire == ["k1"]


async def test_without_an_answer_nothing_is_made_up(relay: Relay) -> None:
    client = await relay.start()
    relay.refuses = 1
    with pytest.raises(ConnectionError):
        await client.post("k1", "switch", "echo")
