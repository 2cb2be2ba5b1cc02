"""Who gets in, who waits, who is refused; on real listening endpoints."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import socket
import struct
from pathlib import Path
from typing import Any

import pytest

from relay.errors import ConfigurationError, ListenFailed
from relay.settings import ListenerSettings, TlsSettings
from relay.wire import sockets
from relay.wire.listener import Listener
from tests.support.linedialect import LineDialect
from tests.support.wireworld import PATIENCE_S, Peer, WireWorld


async def refused(world: WireWorld, reason: str, count: int = 1) -> None:
    await world.until(
        lambda: world.registry.get_sample_value("relay_links_refused_total", {"listener": "atm", "reason": reason}) == count
    )


async def test_a_source_that_is_not_allowed(world: WireWorld, caplog: pytest.LogCaptureFixture) -> None:
    listener = await world.listen(allow_networks=("127.0.0.8/29", "10.0.0.0/8"))
    with caplog.at_level(logging.WARNING, logger="relay.listener"):
        assert await world.is_refused(listener)
        await refused(world, "source-not-allowed")
    assert [record.getMessage() for record in caplog.records if record.name == "relay.listener"] == ["link refused"]
    known = await world.dial(listener, local_addr=("127.0.0.9", 0))
    assert await known.ask("PING") == "PONG"


async def test_a_flood_over_the_connection_limit(world: WireWorld) -> None:
    listener = await world.listen(connection_count_max=3, accept_per_second_max=1_000)
    inside = [await world.terminal(listener, f"ATM{number}") for number in range(3)]
    for _ in range(20):
        assert await world.is_refused(listener)
    await refused(world, "listener-full", 20)
    for peer in inside:
        assert await peer.ask("PING") == "PONG"
    await inside[0].close()
    await world.until(lambda: world.roster.link_count == 2)
    assert await (await world.dial(listener)).ask("PING") == "PONG"


async def test_one_host_cannot_take_every_place(world: WireWorld) -> None:
    listener = await world.listen(connection_count_per_host_max=2)
    for _ in range(2):
        assert await (await world.dial(listener)).ask("PING") == "PONG"
    assert await world.is_refused(listener)
    await refused(world, "host-full")
    other = await world.dial(listener, local_addr=("127.0.0.2", 0))
    assert await other.ask("PING") == "PONG"


async def test_over_the_accept_rate_links_wait_in_the_backlog(world: WireWorld) -> None:
    listener = await world.listen(accept_per_second_max=10)  # one at once, then one each 100 ms
    first = await world.terminal(listener, "ATM0")
    waiting = [await world.dial(listener) for _ in range(3)]
    for peer in waiting:
        peer.say("PING")
    assert await first.ask("PING") == "PONG"
    assert world.roster.link_count == 1
    for number, peer in enumerate(waiting, 2):
        world.time.run(100)
        assert await peer.hear() == "PONG"
        assert world.roster.link_count == number
    assert world.count("relay_links_refused_total", listener="atm", reason="accept-rate") == 0


async def test_stopping_while_links_wait_in_the_backlog(world: WireWorld) -> None:
    listener = await world.listen(accept_per_second_max=10)
    first = await world.terminal(listener, "ATM0")
    late = await world.dial(listener)
    assert await first.ask("PING") == "PONG"
    await listener.stop_accepting()
    await listener.stop_accepting()
    assert await late.is_gone()
    world.time.run(1_000)
    assert await first.ask("PING") == "PONG"
    assert not listener.is_accepting


async def test_without_descriptors_accepting_pauses_and_goes_on(world: WireWorld) -> None:
    class Exhausted(socket.socket):
        failures = 1

        def accept(self) -> Any:
            if Exhausted.failures:
                Exhausted.failures -= 1
                raise OSError(24, "Too many open files")
            return super().accept()

    listener = world.listener()
    (bound,) = sockets.listening_sockets(sockets.parse_endpoint("tcp:0:interface=127.0.0.1"), 16, {})
    exhausted = Exhausted(fileno=bound.detach())
    listener._bound = [exhausted]  # the one thing that is not real here
    listener.begin()
    peer = await world.dial(listener)
    peer.say("PING")
    await refused(world, "no-descriptors")
    assert world.roster.link_count == 0
    world.time.run(1_000)
    assert await peer.hear() == "PONG"
    await listener.stop_accepting()


async def test_stop_accepting_leaves_links_alone(world: WireWorld) -> None:
    listener = await world.listen()
    peer = await world.terminal(listener, "ATM1")
    address = listener.address
    await listener.stop_accepting()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(address.host, address.port)
    assert await peer.ask("PING") == "PONG"
    listener.close_links("stopped")
    assert await peer.is_gone()
    await world.until(lambda: world.roster.link_count == 0)
    assert world.count("relay_links_closed_total", listener="atm", reason="stopped") == 1


async def test_a_drain_of_one_listener_leaves_the_other_alone(world: WireWorld) -> None:
    one, two = await world.listen(), await world.listen(world.facts("other"))
    mine, other = await world.terminal(one, "ATM1"), await world.terminal(two, "ATM2")
    one.drain()
    assert await mine.hear() == "DRAINING"
    assert await mine.is_gone()
    assert await other.ask("PING") == "PONG"
    assert [link.terminal for link in two.links()] == ["ATM2"]


async def test_ipv6(world: WireWorld) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    listener = await world.listen(endpoint=r"tcp6:0:interface=\:\:1", allow_networks=("::1/128",))
    peer = await world.terminal(listener, "ATM1")
    assert await peer.ask("PING") == "PONG"
    (entry,) = world.roster.entries()
    assert entry.peer.startswith("::1:")


async def test_a_dual_stack_listener_knows_ipv4_hosts_as_such(world: WireWorld) -> None:
    try:
        socket.create_server(("::", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    listener = await world.listen(endpoint="tcp6:0", allow_networks=("127.0.0.0/8",))
    peer = Peer(*await asyncio.open_connection("127.0.0.1", listener.address.port))
    if await peer.ask("PING") == "":
        pytest.skip("this machine does not map IPv4 onto IPv6 sockets")
    await peer.close()


async def test_systemd_socket_activation(world: WireWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as given:
        descriptor = fcntl.fcntl(given.fileno(), fcntl.F_DUPFD, 500)
        monkeypatch.setattr(sockets, "_FIRST_INHERITED", descriptor)
        environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "atm"}
        listener = await world.listen(endpoint="systemd:domain=INET:name=atm", environ=environ)
        assert listener.address.port == given.getsockname()[1]
        assert await (await world.dial(listener)).ask("PING") == "PONG"
        # Stopped and started again within one process, the socket is still there.
        await listener.stop_accepting()
        await listener.start()
        assert await (await world.dial(listener)).ask("PING") == "PONG"
        await listener.stop_accepting()
        os.close(descriptor)


async def test_a_unix_endpoint_of_twisteds_own(world: WireWorld, tmp_path: Path) -> None:
    listener = await world.listen(endpoint=f"unix:{tmp_path}/link.sock", connection_count_max=1)
    peer = Peer(*await asyncio.open_unix_connection(f"{tmp_path}/link.sock"))
    assert await peer.ask("HELLO ATM1") == "OK ATM1"
    peer.say("ASK cash")
    await world.until(lambda: len(world.desk.asked) == 1)
    assert world.desk.answer()
    assert await peer.hear() == "ANS cash 00"
    second = Peer(*await asyncio.open_unix_connection(f"{tmp_path}/link.sock"))
    assert await second.is_gone()
    await refused(world, "listener-full")
    assert await peer.ask("BYE") == "BYE"
    assert await peer.is_gone()
    await world.until(lambda: world.roster.link_count == 0)
    third = Peer(*await asyncio.open_unix_connection(f"{tmp_path}/link.sock"))
    assert await third.ask("PING") == "PONG"
    await listener.stop_accepting()
    for each in (peer, second, third):
        await each.close()


async def test_a_reload_holds_for_new_links(world: WireWorld) -> None:
    listener = await world.listen(connection_count_max=1)
    old = await world.terminal(listener, "ATM1")
    assert await world.is_refused(listener)
    before = world.facts()
    after = world.facts(dialect=LineDialect(), reply_deadline_ms=1_000)
    settings = ListenerSettings(name="atm", endpoint="tcp:0:interface=127.0.0.1", connection_count_max=2)
    listener.prepared(settings, after)()
    new = await world.terminal(listener, "ATM2")
    deadlines = {link.terminal: link.listener.reply_deadline_ms for link in listener.links()}
    assert deadlines == {"ATM1": before.reply_deadline_ms, "ATM2": 1_000}
    assert await old.ask("PING") == await new.ask("PING") == "PONG"


def backlog_of(listener: Listener) -> int:
    """What the kernel keeps: tcpi_sacked of a listening socket is its largest backlog (tcp(7), struct tcp_info)."""
    (duplicate,) = listener._port.duplicates()
    with duplicate:
        return int(struct.unpack_from("=I", duplicate.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 64), 28)[0])


@pytest.mark.parametrize(
    ("endpoint", "before", "after"), [("tcp:0", 33, 44), ("tcp:0:backlog=21", 21, 21), ("tcp:0:127.0.0.1:21", 21, 21)]
)
async def test_a_backlog_changes_where_it_is_unless_the_endpoint_says_it(
    world: WireWorld, endpoint: str, before: int, after: int
) -> None:
    listener = await world.listen(endpoint=endpoint, backlog_count=33)
    assert backlog_of(listener) == before
    listener.prepared(ListenerSettings(name="atm", endpoint=endpoint, backlog_count=44), world.facts())()
    assert backlog_of(listener) == after
    heir = world.listener(world.facts("heir"), endpoint=endpoint, backlog_count=55)
    heir.bind(listener)
    listener.retire()
    heir.begin()
    assert backlog_of(heir) == (after if after == before else 55)
    await heir.stop_accepting()


async def test_the_backlog_of_systemds_socket_is_systemds(world: WireWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=17) as held:
        monkeypatch.setattr(sockets, "_FIRST_INHERITED", held.fileno())
        environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "atm"}
        listener = await world.listen(environ=environ, endpoint="systemd:domain=INET:name=atm", backlog_count=99)
        assert backlog_of(listener) == 17
        await listener.stop_accepting()


@pytest.mark.parametrize(
    "changes",
    [
        {"allow_networks": ("no",)},
        {"tls": TlsSettings(certificate="/nowhere.pem", key="/nowhere.key")},
        {"endpoint": "tcp:1"},
        {"name": "other"},
    ],
)
async def test_a_reload_that_fails_changes_nothing(world: WireWorld, changes: dict[str, Any]) -> None:
    listener = await world.listen(connection_count_max=1)
    peer = await world.terminal(listener, "ATM1")
    values: dict[str, Any] = {"name": "atm", "endpoint": "tcp:0:interface=127.0.0.1", "connection_count_max": 9}
    with pytest.raises(ConfigurationError):
        listener.prepared(ListenerSettings(**(values | changes)), world.facts())
    assert await world.is_refused(listener)
    assert await peer.ask("PING") == "PONG"


async def test_what_cannot_be_listened_on_is_said(world: WireWorld) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenFailed, match=str(port)):
            await world.listen(endpoint=f"tcp:{port}:interface=127.0.0.1")
    with pytest.raises(ListenFailed):
        await world.listen(endpoint="unix:/nowhere/at/all.sock")
    with pytest.raises(ConfigurationError):
        await world.listen(endpoint="carrier-pigeon:7")
    with pytest.raises(ConfigurationError, match="no kind"):
        world.listener(endpoint="")
    with pytest.raises(ConfigurationError, match="does not go with unix"):
        world.listener(endpoint="unix:/run/x", tls=TlsSettings(certificate="a", key="b"))


async def test_the_links_of_a_stopped_listener_that_were_still_shaking_hands(world: WireWorld, tmp_path: Path) -> None:
    from tests.support.certificates import Certificates

    certificates = Certificates(tmp_path)
    certificate, key = certificates.relay
    listener = await world.listen(tls=TlsSettings(certificate=certificate, key=key))
    address = listener.address
    client = await asyncio.to_thread(socket.create_connection, (address.host, address.port), PATIENCE_S)
    await world.until(lambda: listener._gate.admission.open_count == 1)  # silent: the handshake waits for it
    await listener.stop_accepting()

    def shake_hands_and_read() -> bytes:
        with certificates.client_context().wrap_socket(client, server_hostname=address.host) as tls:
            return tls.recv(1)

    try:
        assert await asyncio.to_thread(shake_hands_and_read) == b""
    except OSError:
        client.close()  # a reset shows earlier or later
    await refused(world, "stopped")
    await world.until(lambda: listener._gate.admission.open_count == 0)
    assert world.roster.link_count == 0


@pytest.mark.parametrize("outlives", [True, False])
async def test_whoever_opens_a_door_on_the_service_address_its_links_may_say_good_bye(world: WireWorld, outlives: bool) -> None:
    """The role opens it, or the end of a drain, a lease, or the core's word that this center is not taken over."""
    with socket.socket() as probe:
        try:
            probe.setsockopt(socket.IPPROTO_IP, socket.IP_TRANSPARENT, 1)
        except PermissionError:
            pytest.skip("needs CAP_NET_ADMIN")
    settings = ListenerSettings(name="atm", endpoint="tcp:0:interface=127.0.0.1")
    listener = Listener(settings, world.facts(), world.parts, world.reactor, {}, outlives)
    await listener.start()
    try:
        (listening,) = listener._port._sockets
        assert listening.getsockopt(socket.IPPROTO_IP, socket.IP_TRANSPARENT) == outlives
    finally:
        await listener.stop_accepting()
