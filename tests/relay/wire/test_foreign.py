"""Twisted's own transports behind the same link: admission, buffer limit and TLS endpoint."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from relay.wire.foreign import prepare_transport
from relay.wire.sockets import Tuning
from tests.support.certificates import Certificates
from tests.support.wireworld import Peer, WireWorld


@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")  # Twisted's own use of it
async def test_twisteds_tls_endpoint(world: WireWorld, tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    certificate, key = certificates.relay
    listener = await world.listen(
        endpoint=f"ssl:0:interface=127.0.0.1:privateKey={key}:certKey={certificate}",
        allow_networks=("127.0.0.1/32",),
        write_buffer_bytes_max=65_536,
    )
    peer = await world.dial(listener, ssl=certificates.client_context())
    assert await peer.ask("HELLO ATM1") == "OK ATM1"
    other = await world.dial(listener, ssl=certificates.client_context())
    other.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a stream transport has it
    for _ in range(200):
        other.say("BIG 100000")
    await world.until(lambda: world.roster.link_count == 1)
    assert world.count("relay_links_closed_total", listener="atm", reason="slow-reader") == 1
    assert await peer.ask("PING") == "PONG"
    assert await world.is_refused(listener, local_addr=("127.0.0.2", 0))
    assert world.count("relay_links_refused_total", listener="atm", reason="source-not-allowed") == 1
    listener.close_links("stopped")
    assert await peer.is_gone()
    await world.until(lambda: listener._gate.admission.open_count == 0)


async def test_over_the_accept_rate_a_foreign_link_is_closed(world: WireWorld, tmp_path: Path) -> None:
    await world.listen(endpoint=f"unix:{tmp_path}/link.sock", accept_per_second_max=10)
    first = Peer(*await asyncio.open_unix_connection(f"{tmp_path}/link.sock"))
    assert await first.ask("PING") == "PONG"
    second = Peer(*await asyncio.open_unix_connection(f"{tmp_path}/link.sock"))
    assert await second.is_gone()
    assert world.count("relay_links_refused_total", listener="atm", reason="accept-rate") == 1
    await first.close()
    await second.close()


def test_the_innermost_transport_is_prepared() -> None:
    class Raw:
        bufferSize = 65_536

        def __init__(self, sock: socket.socket) -> None:
            self.sock = sock

        def getHandle(self) -> socket.socket:
            return self.sock

    class Layer:
        def __init__(self, transport: Any) -> None:
            self.transport = transport

    with socket.socket() as sock:
        raw = Raw(sock)
        prepare_transport(Layer(Layer(raw)), Tuning(keepalive_idle_s=44), 4_096)
        assert raw.bufferSize == 4_096
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 44
