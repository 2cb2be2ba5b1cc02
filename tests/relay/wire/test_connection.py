"""Our transport keeps the promises of Twisted's: the same protocol on both, the same transcript."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IPushProducer, ITransport
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from zope.interface.verify import verifyClass

from relay.wire.connection import Connection, twisted_address
from tests.support.wireworld import PATIENCE_S


class Recorder(Protocol):
    """Echoes, and remembers what it was told."""

    def __init__(self, told: list[Any], lost: asyncio.Event) -> None:
        self.told = told
        self.lost = lost

    def connectionMade(self) -> None:
        self.told.append("made")

    def dataReceived(self, data: bytes) -> None:
        self.told.append(data)
        match data:
            case b"close":
                self.transport.write(b"last words")
                self.transport.loseConnection()
            case b"abort":
                self.transport.abortConnection()
            case _:
                self.transport.writeSequence([data[:1], data[1:]])

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]  # Twisted's default argument is of no use
        self.told.append(type(reason.value))
        self.lost.set()


class Recording(Factory):
    noisy = False

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.lost = asyncio.Event()
        self.built: Recorder | None = None

    def buildProtocol(self, addr: Any) -> Recorder:
        self.built = Recorder(self.told, self.lost)
        return self.built


class Keeper:
    """Owns the connections of a test."""

    write_buffer_bytes_max = 65_536

    def __init__(self, factory: Recording, is_wanted: bool = True) -> None:
        self.factory = factory
        self.is_wanted = is_wanted
        self.gone = asyncio.Event()

    def may_open(self, transport: asyncio.Transport, host: str) -> bool:
        return self.is_wanted

    def opened(self, protocol: Protocol) -> None:
        assert protocol is self.factory.built

    def lost(self, host: str) -> None:
        self.gone.set()


async def far_end(kind: str, reactor: Any, factory: Recording) -> tuple[socket.socket, Any]:
    """A blocking client socket, connected to `factory` by our transport or by Twisted's, and how to stop listening."""
    loop = asyncio.get_running_loop()
    if kind == "twisted":
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        client = await asyncio.to_thread(socket.create_connection, ("127.0.0.1", port.getHost().port), PATIENCE_S)
        return client, port.stopListening
    keeper = Keeper(factory)
    server = await loop.create_server(lambda: Connection(keeper, ""), "127.0.0.1", 0)
    client = await asyncio.to_thread(socket.create_connection, server.sockets[0].getsockname(), PATIENCE_S)
    return client, server.close


async def exchange(client: socket.socket, data: bytes) -> bytes | str:
    """Send, and what comes back; "reset" where the connection was reset."""
    try:
        await asyncio.to_thread(client.sendall, data)
        return await asyncio.to_thread(client.recv, 100)
    except (ConnectionResetError, BrokenPipeError):
        return "reset"


@pytest.mark.parametrize("kind", ["ours", "twisted"])
async def test_the_transcript_is_that_of_twisteds_own_transport(reactor: Any, kind: str) -> None:
    endings = {b"close": ConnectionDone, b"abort": ConnectionAborted, b"": ConnectionDone}
    for word, ending in endings.items():
        factory = Recording()
        client, stop = await far_end(kind, reactor, factory)
        with client:
            assert await exchange(client, b"hello") == b"hello"
            if word == b"close":
                assert await exchange(client, word) == b"last words"
                assert await exchange(client, b"") == b""
            elif word == b"abort":
                assert await exchange(client, word) == "reset"
            else:
                client.close()
            await asyncio.wait_for(factory.lost.wait(), PATIENCE_S)
        assert factory.told == ["made", b"hello", *([word] if word else []), ending]
        stop()


async def test_a_reset_by_the_far_end_is_a_lost_connection(reactor: Any) -> None:
    from relay.wire.sockets import reset_on_close

    factory = Recording()
    client, stop = await far_end("ours", reactor, factory)
    assert await exchange(client, b"hello") == b"hello"
    reset_on_close(client)
    client.close()
    await asyncio.wait_for(factory.lost.wait(), PATIENCE_S)
    assert factory.told[-1] is ConnectionLost
    stop()


async def test_the_addresses_of_both_ends(reactor: Any) -> None:
    factory = Recording()
    client, stop = await far_end("ours", reactor, factory)
    with client:
        assert await exchange(client, b"hello") == b"hello"
        assert factory.built is not None
        transport: Any = factory.built.transport
        assert transport.getPeer() == IPv4Address("TCP", *client.getsockname())
        assert transport.getHost() == IPv4Address("TCP", *client.getpeername())
        assert transport.getPeerCertificate() is None
    await asyncio.wait_for(factory.lost.wait(), PATIENCE_S)
    stop()


async def test_reading_pauses_and_resumes(reactor: Any) -> None:
    factory = Recording()
    client, stop = await far_end("ours", reactor, factory)
    with client:
        assert await exchange(client, b"hello") == b"hello"
        assert factory.built is not None
        transport: Any = factory.built.transport
        transport.pauseProducing()
        client.sendall(b"more")
        for _ in range(50):
            await asyncio.sleep(0)
        assert factory.told == ["made", b"hello"]
        transport.resumeProducing()
        assert await asyncio.to_thread(client.recv, 100) == b"more"
        transport.stopProducing()
        await asyncio.wait_for(factory.lost.wait(), PATIENCE_S)
    stop()


async def test_the_producer_is_paused_above_the_limit_and_resumed_below(reactor: Any) -> None:
    class Producer:
        def __init__(self) -> None:
            self.told: list[str] = []
            self.resumed = asyncio.Event()

        def pauseProducing(self) -> None:
            self.told.append("pause")

        def resumeProducing(self) -> None:
            self.told.append("resume")
            self.resumed.set()

        def stopProducing(self) -> None:
            self.told.append("stop")

    factory = Recording()
    client, stop = await far_end("ours", reactor, factory)
    with client:
        assert await exchange(client, b"hello") == b"hello"
        assert factory.built is not None
        transport: Any = factory.built.transport
        producer = Producer()
        transport.registerProducer(producer, True)
        sent_count = 0
        while not producer.told:
            transport.write(b"x" * 65_536)
            sent_count += 65_536
            assert sent_count < 100_000_000
        assert producer.told == ["pause"]

        def read_all() -> None:
            read_count = 0
            while read_count < sent_count:
                read_count += len(client.recv(1_000_000))

        await asyncio.to_thread(read_all)
        await asyncio.wait_for(producer.resumed.wait(), PATIENCE_S)
        transport.unregisterProducer()
        transport.loseConnection()
        await asyncio.wait_for(factory.lost.wait(), PATIENCE_S)
    stop()


async def test_a_connection_that_is_not_wanted_is_reset_and_counted_out() -> None:
    loop = asyncio.get_running_loop()
    factory = Recording()
    keeper = Keeper(factory, is_wanted=False)
    server = await loop.create_server(lambda: Connection(keeper, ""), "127.0.0.1", 0)
    client = socket.create_connection(server.sockets[0].getsockname(), PATIENCE_S)  # blocks: the backlog takes it at once
    with client:
        assert await exchange(client, b"") in {b"", "reset"}
        await asyncio.wait_for(keeper.gone.wait(), PATIENCE_S)
    assert factory.told == []
    server.close()


def test_addresses_of_every_family() -> None:
    assert twisted_address(("10.0.0.1", 5)) == IPv4Address("TCP", "10.0.0.1", 5)
    assert twisted_address(("::1", 5, 0, 0)) == IPv6Address("TCP", "::1", 5)
    assert twisted_address("") == UNIXAddress(None)


def test_it_has_all_that_the_interfaces_ask() -> None:
    assert verifyClass(ITransport, Connection)
    assert verifyClass(IPushProducer, Connection)
