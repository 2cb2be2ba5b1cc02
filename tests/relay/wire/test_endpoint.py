"""The accept loop and the dialling endpoint, on asyncio's loop and on uvloop."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.interfaces import IListeningPort, IStreamClientEndpoint, IStreamServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from zope.interface.verify import verifyClass

from relay.bridge import as_future
from relay.loopback.stage import free_port
from relay.wire.admission import Refused
from relay.wire.doorkeeper import OPEN_DOOR
from relay.wire.endpoint import ConnectionSettings, HotClientEndpoint, HotPort, HotServerEndpoint
from relay.wire.sockets import Tuning
from relay.wire.waitingroom import Ticket
from tests.support.virtualtime import VirtualTime
from tests.support.wireworld import PATIENCE_S


class OpenGate:
    def __init__(self) -> None:
        self.open_count = 0
        self.admitted: list[str] = []

    def wait_ms(self) -> int:
        return 0

    def admit(self, host: str) -> bool:
        self.open_count += 1
        self.admitted.append(host)
        return True

    def release(self, host: str) -> None:
        self.open_count -= 1

    def refused(self, reason: Refused, host: str, cause: str = "") -> None:
        raise AssertionError(reason)

    def knock(
        self, host: str, needs_handshake: bool, enter: Callable[[Ticket], None], refuse: Callable[[Refused], None]
    ) -> None:
        OPEN_DOOR.knock("atm", host, needs_handshake, enter, refuse)

    def handshake_ended(self, ticket: Ticket) -> None:
        """Nobody waits for it."""


class Echo(Protocol):
    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)
        if data == b"reset":
            self.transport.abortConnection()


class Keep(Protocol):
    def __init__(self) -> None:
        self.data = b""
        self.arrived = asyncio.Event()
        self.lost = asyncio.Event()

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        self.arrived.set()

    def connectionLost(self, reason: Any) -> None:  # type: ignore[override]  # Twisted's default argument is of no use
        self.lost.set()


def bound() -> list[socket.socket]:
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)
    return [sock]


async def a_link_both_ways() -> None:
    """Our listening endpoint and our dialling endpoint talk to each other on the running loop."""
    loop = asyncio.get_running_loop()
    gate = OpenGate()
    settings = ConnectionSettings(tuning=Tuning(keepalive_idle_s=77))
    endpoint = HotServerEndpoint(loop, bound, settings, gate, VirtualTime())
    port: Any = await as_future(endpoint.listen(Factory.forProtocol(Echo)))
    dialling = HotClientEndpoint(loop, "127.0.0.1", port.getHost().port, settings, 20_000, "127.0.0.5")
    for word, ending in ((b"hello", "lose"), (b"reset", "reset")):
        client: Any = await as_future(dialling.connect(Factory.forProtocol(Keep)))
        client.transport.write(word)
        if ending == "lose":
            await asyncio.wait_for(client.arrived.wait(), PATIENCE_S)
            assert client.data == word
            sock = client.transport._made.get_extra_info("socket")
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 77
            client.transport.loseConnection()
        await asyncio.wait_for(client.lost.wait(), PATIENCE_S)
    assert gate.admitted == ["127.0.0.5", "127.0.0.5"]
    async with asyncio.timeout(PATIENCE_S):
        while gate.open_count:  # noqa: ASYNC110  what sockets do has no event of ours
            await asyncio.sleep(0)
    await as_future(port.stopListening())


async def test_both_ends_on_asyncios_loop() -> None:
    await a_link_both_ways()


def test_both_ends_on_uvloop() -> None:
    uvloop = pytest.importorskip("uvloop")
    failures: list[BaseException] = []

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(a_link_both_ways())
        except BaseException as error:  # noqa: BLE001  told to the test's own thread
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(PATIENCE_S * 2)
    assert failures == []


async def test_the_dialling_deferred_fires_before_the_link_can_be_lost() -> None:
    """ClientService has no row for a link lost while connecting."""
    loop = asyncio.get_running_loop()
    order: list[str] = []

    class Brief(Protocol):
        def connectionMade(self) -> None:
            order.append("made")
            self.transport.abortConnection()

        def connectionLost(self, reason: Any) -> None:  # type: ignore[override]  # as above
            order.append("lost")

    (server,) = bound()
    port = server.getsockname()[1]
    endpoint = HotClientEndpoint(loop, "127.0.0.1", port, ConnectionSettings(), 20_000)
    deferred = endpoint.connect(Factory.forProtocol(Brief))
    deferred.addCallback(lambda protocol: order.append("connected"))
    async with asyncio.timeout(PATIENCE_S):
        while "lost" not in order:  # noqa: ASYNC110  as above
            await asyncio.sleep(0)
    assert order == ["made", "connected", "lost"]
    server.close()


async def test_cancelling_a_dial_ends_it() -> None:
    loop = asyncio.get_running_loop()
    endpoint = HotClientEndpoint(loop, "192.0.2.1", 7000, ConnectionSettings(), 600_000)
    deferred = endpoint.connect(Factory.forProtocol(Keep))
    failures: list[str] = []
    deferred.addErrback(lambda failure: failures.append(failure.type.__name__))
    deferred.cancel()
    assert failures == ["CancelledError"]


async def test_a_refused_dial_is_a_failure_with_its_reason() -> None:
    endpoint = HotClientEndpoint(asyncio.get_running_loop(), "127.0.0.1", free_port(), ConnectionSettings(), 20_000)
    with pytest.raises(ConnectionRefusedError):
        await as_future(endpoint.connect(Factory.forProtocol(Keep)))


async def test_what_cannot_be_bound_fails_the_deferred() -> None:
    def none() -> list[socket.socket]:
        raise OSError("no")

    endpoint = HotServerEndpoint(asyncio.get_running_loop(), none, ConnectionSettings(), OpenGate(), VirtualTime())
    with pytest.raises(OSError, match="no"):
        await as_future(endpoint.listen(Factory.forProtocol(Echo)))


@pytest.mark.parametrize(
    ("interface", "made"),
    [(IListeningPort, HotPort), (IStreamServerEndpoint, HotServerEndpoint), (IStreamClientEndpoint, HotClientEndpoint)],
)
def test_they_are_what_twisted_expects(interface: Any, made: Callable[..., object]) -> None:
    assert verifyClass(interface, made)
