"""Links that the relay dials: kept up, from a fixed address, with pauses that never become a storm."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from relay.errors import ConfigurationError
from relay.loopback.stage import free_port
from relay.settings import TlsSettings
from relay.wire.dialer import BackOff
from tests.support.certificates import Certificates
from tests.support.wireworld import PATIENCE_S, Peer, WireWorld


class Switch:
    """The far end that is dialled: what comes in, in order."""

    def __init__(self) -> None:
        self.links: asyncio.Queue[Peer] = asyncio.Queue()
        self.all: list[Peer] = []
        self.is_closed = False

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_closed:  # it was in the backlog while we closed
            writer.close()
            return
        peer = Peer(reader, writer)
        self.all.append(peer)
        self.links.put_nowait(peer)

    async def listen(self, **options: Any) -> None:
        self.server = await asyncio.start_server(self.accept, "127.0.0.1", options.pop("port", 0), **options)
        self.port = self.server.sockets[0].getsockname()[1]

    async def next_link(self) -> Peer:
        return await asyncio.wait_for(self.links.get(), PATIENCE_S)

    async def close(self) -> None:
        self.is_closed = True
        for _ in range(20):  # asyncio's server loses a connection it is just accepting when it is closed
            await asyncio.sleep(0)
        self.server.close()
        for peer in self.all:
            await peer.close()


@pytest_asyncio.fixture(loop_scope="session")
async def switch(world: WireWorld) -> AsyncIterator[Switch]:
    made = Switch()
    await made.listen()
    yield made
    await world.stop_dialers()
    await made.close()


QUICK = {"backoff_first_ms": 1, "backoff_max_ms": 5}


async def test_it_dials_speaks_and_dials_again(world: WireWorld, switch: Switch) -> None:
    dialer = world.dialer(Random(1), endpoint=f"tcp:host=127.0.0.1:port={switch.port}", **QUICK)
    dialer.start()
    first = await switch.next_link()
    assert await first.hear() == "OPEN"  # the dialogue knows that it was dialled
    assert world.outbound.ready == [("switch", "")]
    assert await first.ask("HELLO SWITCH") == "OK SWITCH"
    # The one link of a dialer takes what names no terminal, whoever it speaks for.
    assert world.roster.find_line("bank", "switch", "") is dialer.link is world.roster.find_line("bank", "switch", "SWITCH")
    first.say("ASK cash")
    await world.until(lambda: len(world.desk.asked) == 1)
    assert world.desk.answer()
    assert await first.hear() == "ANS cash 00"
    assert dialer.link is not None
    await first.close()
    second = await switch.next_link()
    assert await second.hear() == "OPEN"
    assert dialer.link is not None
    assert dialer.link.listener.name == "switch"
    await dialer.stop()
    assert await second.is_gone()
    assert dialer.link is None
    assert world.count("relay_links_closed_total", listener="switch", reason="stopped") == 1
    assert world.count("relay_links_closed_total", listener="switch", reason="peer-closed") == 1


async def test_it_keeps_trying_until_the_far_end_is_there(world: WireWorld) -> None:
    port = free_port()
    dialer = world.dialer(Random(1), endpoint=f"tcp:host=127.0.0.1:port={port}", **QUICK)
    dialer.start()
    failed: Callable[[], float] = lambda: (  # noqa: E731  read again and again
        world.registry.get_sample_value("relay_link_notes_total", {"listener": "switch", "note": "dial-failed"}) or 0
    )
    await world.until(lambda: failed() >= 3)
    late = Switch()
    await late.listen(port=port)
    assert await (await late.next_link()).hear() == "OPEN"
    await dialer.stop()
    await late.close()


async def test_from_a_fixed_source_address(world: WireWorld, switch: Switch) -> None:
    dialer = world.dialer(Random(1), endpoint=f"tcp:host=127.0.0.1:port={switch.port}", source_address="127.0.0.77", **QUICK)
    dialer.start()
    peer = await switch.next_link()
    assert peer.writer.get_extra_info("peername")[0] == "127.0.0.77"


async def test_the_socket_is_tuned(world: WireWorld, switch: Switch) -> None:
    dialer = world.dialer(
        Random(1), endpoint=f"tcp:host=127.0.0.1:port={switch.port}", keepalive_idle_s=33, user_timeout_ms=4_321, **QUICK
    )
    dialer.start()
    await switch.next_link()
    await world.until(lambda: dialer.link is not None)
    assert dialer.link is not None
    sock = dialer.link.transport._made.get_extra_info("socket")
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 33
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 4_321


async def test_over_tls_with_the_name_checked(world: WireWorld, tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    import ssl

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificates.authorities)
    context.load_cert_chain(*certificates.relay)
    context.verify_mode = ssl.CERT_REQUIRED
    switch = Switch()
    await switch.listen(ssl=context)
    certificate, key = certificates.terminal
    tls = TlsSettings(certificate=certificate, key=key, authorities=certificates.authorities)
    endpoint = f"tcp:host=127.0.0.1:port={switch.port}"
    good = world.dialer(Random(1), world.facts("good"), endpoint=endpoint, tls=tls, tls_server_name="relay.test", **QUICK)
    good.start()
    assert await (await switch.next_link()).hear() == "OPEN relay.test"
    bad = world.dialer(Random(1), world.facts("bad"), endpoint=endpoint, tls=tls, tls_server_name="other.test", **QUICK)
    bad.start()
    await world.until(
        lambda: bool(world.registry.get_sample_value("relay_link_notes_total", {"listener": "bad", "note": "dial-failed"}))
    )
    assert bad.link is None
    assert switch.links.empty()
    await good.stop()
    await bad.stop()
    await switch.close()


async def test_a_far_end_that_takes_the_connection_and_says_nothing_of_tls(world: WireWorld, switch: Switch) -> None:
    tls = TlsSettings()
    dialer = world.dialer(Random(1), endpoint=f"tcp:host=127.0.0.1:port={switch.port}", tls=tls, connect_timeout_ms=20, **QUICK)
    dialer.start()
    await switch.next_link()
    await switch.next_link()  # the first attempt was given up
    assert dialer.link is None
    await dialer.stop()


async def test_drain_finishes_what_is_owed_and_dials_no_more(world: WireWorld, switch: Switch) -> None:
    dialer = world.dialer(Random(1), endpoint=f"tcp:host=127.0.0.1:port={switch.port}", **QUICK)
    dialer.start()
    peer = await switch.next_link()
    assert await peer.hear() == "OPEN"
    peer.say("ASK cash")
    await world.until(lambda: len(world.desk.asked) == 1)
    dialer.drain()
    assert await peer.hear() == "DRAINING"
    assert world.desk.answer()
    assert await peer.hear() == "ANS cash 00"
    assert await peer.is_gone()
    await world.until(lambda: world.roster.link_count == 0)
    await dialer.stop()
    assert world.roster.link_count == 0


async def test_stop_while_dialling_and_before_starting(world: WireWorld) -> None:
    dialer = world.dialer(Random(1), endpoint="tcp:host=192.0.2.1:port=7000", **QUICK)
    await dialer.stop()
    dialer.start()
    await dialer.stop()
    assert dialer.link is None


async def test_a_unix_endpoint_of_twisteds_own(world: WireWorld, tmp_path: Path) -> None:
    switch = Switch()
    server = await asyncio.start_unix_server(switch.accept, f"{tmp_path}/switch.sock")
    dialer = world.dialer(Random(1), endpoint=f"unix:path={tmp_path}/switch.sock", **QUICK)
    dialer.start()
    peer = await switch.next_link()
    assert await peer.hear() == "OPEN"
    assert await peer.ask("PING") == "PONG"
    await dialer.stop()
    assert await peer.is_gone()
    server.close()
    await peer.close()


@pytest.mark.parametrize(
    "settings",
    [
        {"endpoint": "tcp:host=127.0.0.1"},
        {"endpoint": "tcp:port=1"},
        {"endpoint": "tcp:host=127.0.0.1:port=x"},
        {"endpoint": "unix:path=/run/x", "tls": TlsSettings()},
        {"endpoint": "unix:path=/run/x", "source_address": "127.0.0.1"},
        {"endpoint": "tcp:host=a:port=1", "tls": TlsSettings(authorities="/nowhere.pem")},
    ],
)
def test_settings_that_cannot_work(world: WireWorld, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        world.dialer(Random(1), **settings)


def test_pauses_double_up_to_the_longest() -> None:
    backoff = BackOff(500, 30_000, Random(1))
    pauses = [backoff.pause_ms(failures) for failures in range(1, 12)]
    for failures, pause_ms in enumerate(pauses):
        full_ms = min(30_000, 500 * 2**failures)
        assert full_ms / 2 <= pause_ms <= full_ms
    assert backoff.pause_ms(10**9) <= 30_000


def test_two_relays_do_not_return_in_step() -> None:
    one, two = BackOff(500, 30_000, Random(1)), BackOff(500, 30_000, Random(2))
    assert [one.pause_ms(n) for n in range(1, 9)] != [two.pause_ms(n) for n in range(1, 9)]


def test_a_far_end_that_hangs_up_at_once_is_dialled_less_and_less() -> None:
    backoff = BackOff(500, 30_000, Random(1))
    pauses = []
    for _ in range(12):
        backoff.lost(lived_ms=10)
        pauses.append(backoff.pause_ms(1))
    assert pauses[0] <= 500
    assert pauses[-1] >= 15_000
    backoff.lost(lived_ms=3_600_000)
    assert backoff.pause_ms(1) <= 500


@given(st.integers(1, 10_000), st.integers(1, 100_000), st.integers(0, 10**6), st.lists(st.integers(0, 10**6), max_size=40))
def test_a_pause_is_never_nothing_and_never_longer_than_the_longest(
    first_ms: int, max_ms: int, failures: int, lives_ms: list[int]
) -> None:
    backoff = BackOff(first_ms, max_ms, Random(failures))
    for lived_ms in lives_ms:
        backoff.lost(lived_ms)
    assert 1 <= backoff.pause_ms(failures) <= max_ms
