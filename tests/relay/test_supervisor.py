"""The supervisor, with real processes in place of workers: who is started when, started again, told, and ended.

A worker here is a few lines of Python that speak systemd's protocol, as the real one does. The trap: whoever reads its first
line sends it signals at once, so it holds them back before it says a word, and takes them one by one.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from relay.clock import SystemClock
from relay.settings import Settings
from relay.supervisor import BACKOFF_MAX_MS, Child, Supervisor, adopt_sockets, backoff_ms

PATIENCE_S = 60.0
READY = """
import os, signal, socket, sys, threading
number, folder = os.environ["RELAY_WORKER"], sys.argv[1]
words = {signal.SIGTERM: "end", signal.SIGHUP: "reload", signal.SIGUSR2: "drain"}
signal.pthread_sigmask(signal.SIG_BLOCK, words)
line = os.open(f"{folder}/log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
os.write(line, f"start {number} {os.getpid()}\\n".encode())
said = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
address = os.environ["NOTIFY_SOCKET"]
end = threading.Event()
said.sendto(b"READY=1\\nSTATUS=serving", "\\0" + address[1:])
while True:
    word = words[signal.sigwait(words)]
    os.write(line, f"{word} {number}\\n".encode())
    if word == "end":
        os._exit(0)
"""


class Fold:
    """A supervisor whose workers run `text`."""

    def __init__(self, folder: Path, text: str, workers: int = 2) -> None:
        self.log = folder / "log"
        settings = Settings.model_validate({"relay": {"workers": workers, "drain_deadline_ms": 1_000}})
        self.supervisor = Supervisor(settings, "unused.toml", dict(os.environ), SystemClock())
        for child in self.supervisor._children:
            child._command = [sys.executable, "-c", text, str(folder)]

    async def until(self, found: Callable[[list[str]], bool]) -> list[str]:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                lines = self.log.read_text().splitlines() if self.log.exists() else []
                if found(lines):
                    return lines
                await asyncio.sleep(0)


def pid_of(lines: list[str], worker: int) -> int:
    return [int(line.split()[2]) for line in lines if line.startswith(f"start {worker} ")][-1]


async def test_a_dead_worker_is_started_again_and_all_are_told_and_ended(tmp_path: Path) -> None:
    fold = Fold(tmp_path, READY)
    running = asyncio.create_task(fold.supervisor.run())
    lines = await fold.until(lambda lines: sum(line.startswith("start") for line in lines) == 2)
    assert lines[0].startswith("start 1 "), "the first is ready before the others begin"
    os.kill(pid_of(lines, 2), signal.SIGKILL)
    await fold.until(lambda lines: sum(line.startswith("start 2") for line in lines) == 2)
    os.kill(os.getpid(), signal.SIGHUP)
    await fold.until(lambda lines: {"reload 1", "reload 2"} <= set(lines))
    os.kill(os.getpid(), signal.SIGUSR2)
    lines = await fold.until(lambda lines: "drain 1" in lines)
    assert "drain 2" not in lines, "it follows the first"
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(running, PATIENCE_S) == 0
    await fold.until(lambda lines: {"end 1", "end 2"} <= set(lines))


async def test_a_worker_that_is_not_ready_is_told_when_it_is(tmp_path: Path) -> None:
    """Before that it has no handlers: a reload would end it."""
    block = "signal.pthread_sigmask(signal.SIG_BLOCK, words)\n"
    wait = f"while number == '2' and not os.path.exists({str(tmp_path / 'go')!r}): end.wait(0.01)\n"
    bare = f"if number == '2': signal.pthread_sigmask(signal.SIG_UNBLOCK, words)\n{wait}{block}said.sendto"
    fold = Fold(tmp_path, READY.replace("said.sendto", bare))
    running = asyncio.create_task(fold.supervisor.run())
    await fold.until(lambda lines: any(line.startswith("start 2") for line in lines))
    os.kill(os.getpid(), signal.SIGHUP)
    await fold.until(lambda lines: "reload 1" in lines)
    (tmp_path / "go").touch()
    lines = await fold.until(lambda lines: "reload 2" in lines)
    assert sum(line.startswith("start 2") for line in lines) == 1
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(running, PATIENCE_S) == 0


def test_what_a_worker_is_told_that_has_just_died_is_told_the_next_one() -> None:
    """Between its end and the look that finds it."""
    child = Child(1, [sys.executable, "-c", ""], dict(os.environ), SystemClock())
    child.start(())
    assert child.process is not None
    child.process.wait()
    child.is_ready = True
    child.tell(signal.SIGUSR2)
    assert child._owed == {signal.SIGUSR2}
    assert child.ended() == 0
    child.ear.close()


async def test_a_worker_that_was_asked_to_end_ends_them_all(tmp_path: Path) -> None:
    fold = Fold(tmp_path, READY)
    running = asyncio.create_task(fold.supervisor.run())
    lines = await fold.until(lambda lines: sum(line.startswith("start") for line in lines) == 2)
    os.kill(pid_of(lines, 1), signal.SIGTERM)
    assert await asyncio.wait_for(running, PATIENCE_S) == 0
    await fold.until(lambda lines: "end 2" in lines)


async def test_a_first_worker_that_cannot_begin_ends_it_with_its_code(tmp_path: Path) -> None:
    fold = Fold(tmp_path, f"open({str(tmp_path / 'log')!r}, 'a').write('start 1 0\\n'); raise SystemExit(2)")
    assert await asyncio.wait_for(fold.supervisor.run(), PATIENCE_S) == 2
    assert fold.log.read_text() == "start 1 0\n", "the second was never started"


async def test_a_first_worker_that_dies_while_the_second_begins_is_started_again(tmp_path: Path) -> None:
    wait = f"while number == '2' and not os.path.exists({str(tmp_path / 'go')!r}): end.wait(0.01)"
    late = READY.replace("said.sendto", f"{wait}\nsaid.sendto")
    fold = Fold(tmp_path, late)
    running = asyncio.create_task(fold.supervisor.run())
    lines = await fold.until(lambda lines: any(line.startswith("start 2") for line in lines))
    os.kill(pid_of(lines, 1), signal.SIGKILL)
    await fold.until(lambda lines: sum(line.startswith("start 1") for line in lines) == 2)
    (tmp_path / "go").touch()
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(running, PATIENCE_S) == 0


async def test_a_worker_that_stands_still_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fold = Fold(tmp_path, READY)
    running = asyncio.create_task(fold.supervisor.run())
    lines = await fold.until(lambda lines: sum(line.startswith("start") for line in lines) == 2)
    second = fold.supervisor._children[1]
    assert second.number == 2
    still: list[int] = []

    def is_still(self: Child) -> bool:
        if self.number == 2 and not still:
            still.append(pid_of(lines, 2))
            return True
        return False

    monkeypatch.setattr(Child, "is_still", is_still)
    await fold.until(lambda lines: sum(line.startswith("start 2") for line in lines) == 2)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(running, PATIENCE_S) == 0


def test_the_pause_grows_up_to_its_limit() -> None:
    assert [backoff_ms(deaths) for deaths in (1, 2, 3)] == [200, 400, 800]
    assert backoff_ms(50) == BACKOFF_MAX_MS


def test_systemd_s_sockets_are_announced_for_the_worker_that_came_with_them() -> None:
    environment = {"LISTEN_PID": str(os.getppid()), "LISTEN_FDS": "1"}
    adopt_sockets(environment)
    assert environment["LISTEN_PID"] == str(os.getpid())
    stranger = {"LISTEN_PID": "1" if os.getppid() != 1 else "2"}
    adopt_sockets(stranger)
    assert stranger["LISTEN_PID"] != str(os.getpid())
