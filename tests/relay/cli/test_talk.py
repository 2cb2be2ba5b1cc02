"""A connection that cannot be made reads as one sentence with a next step."""

import argparse
import socket

import pytest

from relay.cli.talk import NotAnswered, connected
from relay.errors import ConfigurationError
from relay.loopback.stage import free_port


def arguments(target: str) -> argparse.Namespace:
    return argparse.Namespace(target=target, timeout_ms=5_000, tls=False, authorities=None, certificate=None)


def test_nobody_there_is_told_with_the_next_step() -> None:
    port = free_port()
    with pytest.raises(NotAnswered) as caught, connected(arguments(f"127.0.0.1:{port}")):
        pass
    assert str(port) in caught.value.problem
    assert caught.value.next_step


@pytest.mark.parametrize("target", ["localhost", ":80", "localhost:http"])
def test_a_target_is_host_and_port(target: str) -> None:
    with pytest.raises(ConfigurationError, match="HOST:PORT"), connected(arguments(target)):
        pass


def test_a_connection_is_handed_over_and_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with connected(arguments(f"127.0.0.1:{server.getsockname()[1]}")) as link:
            link.sendall(b"x")
        far, _ = server.accept()
        with far:
            far.settimeout(20)
            assert (far.recv(1), far.recv(1)) == (b"x", b"")
