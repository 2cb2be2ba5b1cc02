"""Endpoint strings, bound and inherited sockets, and what the kernel says of their options."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.endpoints import _parse, quoteStringArgument

from relay.errors import ConfigurationError, ListenFailed
from relay.wire import sockets
from relay.wire.sockets import Tuning, listening_sockets, parse_endpoint, reset_on_close, speak_without_address, tune
from tests.support.netns import need_namespaces


@pytest.mark.parametrize(
    ("text", "kind", "values", "options"),
    [
        ("tcp:8583", "tcp", ("8583",), {}),
        ("tcp:8583:interface=127.0.0.1:backlog=5", "tcp", ("8583",), {"interface": "127.0.0.1", "backlog": "5"}),
        (r"tcp6:0:interface=\:\:1", "tcp6", ("0",), {"interface": "::1"}),
        ("tcp:host=10.1.2.3:port=7000", "tcp", (), {"host": "10.1.2.3", "port": "7000"}),
        ("systemd:domain=INET:name=atm", "systemd", (), {"domain": "INET", "name": "atm"}),
        (r"unix:/run/a\=b\\c:mode=660", "unix", ("/run/a=b\\c",), {"mode": "660"}),
        ("tcp:1:note=a=b", "tcp", ("1",), {"note": "a=b"}),
    ],
)
def test_endpoint_strings(text: str, kind: str, values: tuple[str, ...], options: dict[str, str]) -> None:
    description = parse_endpoint(text)
    assert (description.kind, description.values, dict(description.options)) == (kind, values, options)


words = st.text(alphabet="ab:=\\1 ", min_size=1, max_size=8)


@given(st.lists(words, max_size=3), st.dictionaries(st.text(alphabet="abc", min_size=1, max_size=3), words, max_size=3))
def test_what_twisted_quotes_we_read_as_twisted_does(values: list[str], options: dict[str, str]) -> None:
    """Twisted's own reader is the oracle. A bare value with an `=` would be an option to both, so it is left out."""
    values = [value.replace("=", "-") for value in values]
    quoted = [quoteStringArgument(value) for value in values]
    text = ":".join(["tcp", *quoted, *(f"{name}={quoteStringArgument(value)}" for name, value in options.items())])
    ours = parse_endpoint(text)
    assert ([ours.kind, *ours.values], dict(ours.options)) == (["tcp", *values], options)
    assert _parse(text) == (["tcp", *values], options)  # type: ignore[no-untyped-call]  # private: the only oracle there is


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no kind"),
        ("port=1", "no kind"),
        ("tcp", "port is missing"),
        ("tcp:no", "port is 'no'"),
        ("tcp:65536", "port is '65536'"),
        ("tcp:٣", "port is"),
        ("tcp:1:interface=localhost", "not an address"),
        ("tcp:1:backlog=x", "backlog is 'x'"),
    ],
)
def test_impossible_endpoints_are_named(text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        listening_sockets(parse_endpoint(text), 16, {})


def test_a_port_in_use_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenFailed, match=f"port {port}") as failure:
            listening_sockets(parse_endpoint(f"tcp:{port}:interface=127.0.0.1"), 16, {})
    assert "ss -ltnp" in failure.value.next_step


def test_an_address_of_another_host_says_what_to_do() -> None:
    with pytest.raises(ListenFailed) as failure:
        listening_sockets(parse_endpoint("tcp:0:interface=192.0.2.1"), 16, {})
    assert "ip address" in failure.value.next_step


def test_a_listening_socket_does_not_block() -> None:
    (sock,) = listening_sockets(parse_endpoint("tcp:0:interface=127.0.0.1"), 16, {})
    with sock:
        assert sock.gettimeout() == 0
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)


def test_the_kernel_has_the_options() -> None:
    with socket.socket() as sock:
        tune(sock, Tuning(keepalive_idle_s=61, keepalive_interval_s=7, keepalive_count=4, user_timeout_ms=12_345))
        tcp = socket.IPPROTO_TCP
        assert sock.getsockopt(tcp, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(tcp, socket.TCP_KEEPIDLE) == 61
        assert sock.getsockopt(tcp, socket.TCP_KEEPINTVL) == 7
        assert sock.getsockopt(tcp, socket.TCP_KEEPCNT) == 4
        assert sock.getsockopt(tcp, socket.TCP_USER_TIMEOUT) == 12_345


def test_a_unix_socket_is_left_alone() -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        tune(sock, Tuning())


def test_reset_on_close_resets() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        accepted, _ = server.accept()
        reset_on_close(accepted)
        accepted.close()
        with pytest.raises(ConnectionResetError):
            client.recv(1)


@pytest.fixture
def inherited(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[dict[str, str], list[int]]]:
    """Two listening sockets and one that does not listen, as systemd would pass them, at descriptors of their own."""
    made = [socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0)), socket.socket()]
    first = 400
    descriptors = []
    for index, sock in enumerate(made):
        descriptor = fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD, first + index)
        assert descriptor == first + index
        descriptors.append(descriptor)
    ports = [sock.getsockname()[1] for sock in made]
    monkeypatch.setattr(sockets, "_FIRST_INHERITED", first)
    environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "3", "LISTEN_FDNAMES": "atm:atm:other"}
    yield environ, ports
    for descriptor in descriptors:
        os.close(descriptor)
    for sock in made:
        sock.close()


def test_inherited_by_name_and_by_index(inherited: tuple[dict[str, str], list[int]]) -> None:
    environ, ports = inherited
    by_name = listening_sockets(parse_endpoint("systemd:domain=INET:name=atm"), 16, environ)
    by_index = listening_sockets(parse_endpoint("systemd:domain=INET:index=1"), 16, environ)
    assert [sock.getsockname()[1] for sock in by_name] == ports[:2]
    assert [sock.getsockname()[1] for sock in by_index] == ports[1:2]
    for sock in (*by_name, *by_index):
        assert not sock.get_inheritable()
        sock.close()
    again = listening_sockets(parse_endpoint("systemd:index=0"), 16, environ)  # closing a listener does not use it up
    again[0].close()


@pytest.mark.parametrize(
    ("text", "change", "problem"),
    [
        ("systemd:name=zengin", {}, "no socket named 'zengin'"),
        ("systemd:index=3", {}, "no socket number 3"),
        ("systemd:name=atm", {"LISTEN_PID": "1"}, r"\(0 in all\)"),
        ("systemd:name=atm", {"LISTEN_FDS": "many"}, r"\(0 in all\)"),
        ("systemd:name=other", {}, "does not listen"),
    ],
)
def test_what_systemd_did_not_pass(
    inherited: tuple[dict[str, str], list[int]], text: str, change: dict[str, str], problem: str
) -> None:
    environ, _ = inherited
    with pytest.raises(ListenFailed, match=problem):
        listening_sockets(parse_endpoint(text), 16, environ | change)


@pytest.mark.parametrize(("family", "level", "option"), [(socket.AF_INET, socket.IPPROTO_IP, 19), (socket.AF_INET6, 41, 75)])
def test_a_socket_may_speak_when_its_address_has_gone(family: int, level: int, option: int) -> None:
    need_namespaces()  # so this user has CAP_NET_ADMIN
    with socket.socket(family) as sock:
        speak_without_address(sock)
        assert sock.getsockopt(level, option) == 1
