"""The bridge between ExaBGP's pipes and the relay: first a withdrawal, and a withdrawal whenever the relay is not heard."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.announce.bridge import AGAIN_MS, Bridge, ExaPipe, Lines
from relay.clock import SystemClock

WITHDRAW = "withdraw route 198.18.0.10/32 next-hop self"
ANNOUNCE = "announce route 198.18.0.10/32 next-hop self med 10"


class World:
    """ExaBGP at one end, the relay at the other, the bridge on a thread between them."""

    def __init__(self, folder: Path, hold_ms: int = 30_000, bridge: type[Bridge] = Bridge, ack_ms: int = 30_000) -> None:
        self.listening = socket.socket(socket.AF_UNIX)
        self.path = str(folder / "bridge.sock")
        self.listening.bind(self.path)
        self.listening.listen()
        self.listening.settimeout(30)
        read, self._to_bridge = os.pipe()
        self._from_bridge, write = os.pipe()
        self._commands = os.fdopen(self._from_bridge, "r")
        pipe = ExaPipe(["198.18.0.10/32"], read, write, SystemClock(), ack_ms=ack_ms)
        self.thread = threading.Thread(target=bridge(self.path, pipe, hold_ms, SystemClock()).run, daemon=True)
        self.thread.start()

    def hear(self, command: str, answer: str = "done") -> None:
        """The next command, and ExaBGP's answer to it."""
        assert self._commands.readline().strip() == command
        if answer:
            os.write(self._to_bridge, answer.encode() + b"\n")

    def relay(self) -> socket.socket:
        there, _ = self.listening.accept()
        there.settimeout(30)
        return there

    def leave(self) -> None:
        os.close(self._to_bridge)
        self.thread.join(30)
        assert not self.thread.is_alive(), "the bridge outlives ExaBGP"
        self._commands.close()
        self.listening.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.leave()


def said(there: socket.socket) -> str:
    return there.makefile("r").readline().strip()


def test_the_first_act_is_a_withdrawal_and_what_is_wanted_is_done_once(world: World) -> None:
    world.hear(WITHDRAW)
    with world.relay() as there:
        there.sendall(b"want 10\n")
        world.hear(ANNOUNCE)
        assert said(there) == "have 10"
        there.sendall(b"want 10\n")
        assert said(there) == "have 10"
        there.sendall(b"want none\n")
        world.hear(WITHDRAW)
        assert said(there) == "have none"


def test_a_relay_that_dies_is_withdrawn_and_its_next_life_asked(world: World) -> None:
    world.hear(WITHDRAW)
    with world.relay() as there:
        there.sendall(b"want 10\n")
        world.hear(ANNOUNCE)
        assert said(there) == "have 10"
    world.hear(WITHDRAW)
    with world.relay() as there:
        there.sendall(b"want none\n")
        assert said(there) == "have none"


def test_a_relay_that_hangs_up_at_once_is_asked_again_after_a_pause(tmp_path: Path) -> None:
    """It serves another bridge: two that dial without a pause would throw each other out as fast as they can."""
    waits: list[int] = []

    class Watched(Bridge):
        def _wait(self, delay_ms: int) -> None:
            waits.append(delay_ms)

    world = World(tmp_path, bridge=Watched)
    world.hear(WITHDRAW)
    for count in range(1, 4):
        with world.relay() as there:
            there.sendall(b"want 10\n")
            world.hear(ANNOUNCE)
            assert said(there) == "have 10"
            assert waits == [AGAIN_MS] * (count - 1)
        world.hear(WITHDRAW)  # at once, and then the pause
    world.leave()


def test_what_is_refused_for_one_address_is_withdrawn_for_the_others() -> None:
    (read, answers), (commands, write) = os.pipe(), os.pipe()
    pipe = ExaPipe(["198.18.0.10/32", "2001:db8::10/128"], read, write, SystemClock())
    heard: list[str] = []

    def exabgp() -> None:
        with os.fdopen(commands) as lines:
            for line in lines:
                heard.append(line.split()[2])
                os.write(answers, b"error\n" if len(heard) == 1 else b"done\n")

    told = threading.Thread(target=exabgp, daemon=True)
    told.start()
    assert "refused" in pipe.set("none")
    assert pipe.has is None, "and it is tried again"
    os.close(write)
    told.join(30)
    assert heard == ["198.18.0.10/32", "2001:db8::10/128"]
    os.close(read)
    os.close(answers)


def test_a_relay_that_hangs_is_withdrawn(tmp_path: Path) -> None:
    world = World(tmp_path, hold_ms=2_000)  # so long it may take until the relay has said its first word
    world.hear(WITHDRAW)
    with world.relay() as there:
        there.sendall(b"want 10\n")
        world.hear(ANNOUNCE)
        assert said(there) == "have 10"
        world.hear(WITHDRAW)  # and nothing was said by the relay
    world.leave()


def test_a_refusal_of_exabgp_is_told_and_tried_again(world: World) -> None:
    world.hear(WITHDRAW)
    with world.relay() as there:
        there.sendall(b"want 10\n")
        world.hear(ANNOUNCE, "error")
        assert said(there) == f"trouble ExaBGP refused `{ANNOUNCE}`"
        there.sendall(b"want 10\n")
        world.hear(ANNOUNCE)
        assert said(there) == "have 10"


def test_a_silence_of_exabgp_is_told_and_tried_again(tmp_path: Path) -> None:
    world = World(tmp_path, ack_ms=2_000)
    world.hear(WITHDRAW)
    with world.relay() as there:
        there.sendall(b"want 10\n")
        world.hear(ANNOUNCE, "")
        assert said(there).startswith(f"trouble ExaBGP did not answer `{ANNOUNCE}`")
        there.sendall(b"want 10\n")
        world.hear(ANNOUNCE)
        assert said(there) == "have 10"
    world.leave()


@pytest.mark.parametrize("word", ["-1", "10 extra", "ten", ""])
def test_a_relay_that_says_nothing_sensible_announces_nothing(world: World, word: str) -> None:
    world.hear(WITHDRAW)
    with world.relay() as there:
        there.sendall(f"want {word}\nwant none\n".encode())
        assert said(there) == "have none"


def test_a_line_without_an_end_is_the_end() -> None:
    read, write = os.pipe()
    lines = Lines(read)
    os.write(write, b"a\nb")
    assert lines.read() == ["a"]
    for _ in range(20):
        os.write(write, b"x" * 1_000)
        if lines.read() is None:
            break
    else:
        raise AssertionError("unbounded")
    os.close(read)
    os.close(write)
