"""What the peer sees of a close: a reset, or the end after the last byte."""

from __future__ import annotations

import socket

import pytest

from relay.core.closing import close_in_order, reset_on_close


def pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ours = socket.create_connection(listening.getsockname())
        theirs, _ = listening.accept()
    return ours, theirs


def test_a_reset_takes_the_peer_by_surprise() -> None:
    ours, theirs = pair()
    reset_on_close(ours)
    ours.close()
    with theirs, pytest.raises(ConnectionResetError):
        theirs.recv(1)


def test_in_order_again_everything_arrives_before_the_end() -> None:
    ours, theirs = pair()
    reset_on_close(ours)
    close_in_order(ours)
    ours.sendall(b"last words")
    ours.close()
    with theirs:
        assert (theirs.recv(10), theirs.recv(1)) == (b"last words", b"")


def test_a_socket_that_is_closed_already_stays_so() -> None:
    ours, theirs = pair()
    ours.close()
    reset_on_close(ours)
    close_in_order(ours)
    assert ours.fileno() == -1
    theirs.close()
