"""A program of the bank's as an action: an argv, no shell, an environment that names what it may see, a time limit.

Owns the child process and whatever it starts. It must never read the plan's words as anything but words. The traps: a program
that hangs is killed with all that it started, also what has left its process group (found by a mark in the environment) or
outlives it; one that ended and left somebody behind on its output has ended; killing says nothing about what had been asked
for, so the next look decides; output is bounded, and only its last words are kept; and an exit code that `look` does not
define is no answer, never "not there".
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Final

from relay.bridge import spawn
from relay.failover.actions.port import ActionFailed, ActionRefused, Look, Scene, Sight
from relay.failover.deeds import CommandDeed, filled
from relay.telemetry.log import get_log

_log = get_log("failover")
_calls = itertools.count(1)
OUTPUT_BYTES_MAX: Final = 65_536
WORDS_CHARS_MAX: Final = 300
GONE_S: Final = 2.0
SWEEP_COUNT_MAX: Final = 20  # rounds through /proc, until nothing that was started is there
SWEEP_S: Final = 0.05
MARK: Final = "RELAY_FAILOVER_CALL"
_SIGHTS: Final = {0: Sight.DONE, 1: Sight.ABSENT, 2: Sight.IN_PROGRESS, 3: Sight.FAILED}
PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin"


class CommandAction:
    """`environment` is what this process has, of which the deed names what the program may see."""

    def __init__(self, deed: CommandDeed, environment: Mapping[str, str]) -> None:
        self._deed = deed
        self._environment = {"PATH": PATH, "LC_ALL": "C.UTF-8"}
        self._environment.update({name: environment[name] for name in deed.environment if name in environment})

    async def observe(self, scene: Scene) -> Look:
        code, said = await self._run(self._deed.look, scene)
        return Look(_SIGHTS.get(code, Sight.UNKNOWN), said or f"exit code {code}")

    async def act(self, scene: Scene) -> str:
        if not self._deed.argv:
            raise ActionRefused("it only looks")
        code, said = await self._run(self._deed.argv, scene)
        if code:
            raise ActionFailed(f"exit code {code}: {said}")
        return said

    async def compensate(self, scene: Scene) -> str:
        raise ActionRefused("a program has no opposite; the plan gives one as undo")

    async def _run(self, argv: tuple[str, ...], scene: Scene) -> tuple[int, str]:
        names = scene.names()
        words = [filled(word, names) for word in argv]
        mark = f"{os.getpid()}-{next(_calls)}"
        environment = {
            **self._environment,
            "RELAY_FAILOVER_TOKEN": scene.token,
            "RELAY_FAILOVER_STEP": scene.step,
            MARK: mark,
        }
        try:
            child = await asyncio.create_subprocess_exec(
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=environment,
                cwd="/",
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise ActionRefused(f"{words[0]} cannot be started: {error}") from error
        output = _Output()
        has_ended = False
        try:
            assert child.stdout is not None
            code = await _ended(child, output.read(child.stdout))
            has_ended = True
            return code, output.last_words()
        finally:
            if not has_ended:
                await _kill(child, mark)


class _Output:
    """What a program says. What is over the limit is read and dropped, so that it does not stand still on a full pipe."""

    def __init__(self) -> None:
        self._kept = b""

    async def read(self, stream: asyncio.StreamReader) -> None:
        while data := await stream.read(16_384):
            self._kept = (self._kept + data)[-OUTPUT_BYTES_MAX:]

    def last_words(self) -> str:
        lines = self._kept.decode("utf-8", "replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return "".join(character if character.isprintable() else "?" for character in last)[:WORDS_CHARS_MAX]


async def _ended(child: asyncio.subprocess.Process, reading: Coroutine[object, object, None]) -> int:
    """The exit code. Somebody whom it left behind may hold its output open: that is not waited for."""
    reader = spawn("output of a failover program", reading)
    try:
        while child.returncode is None and not reader.done():
            await asyncio.wait({reader}, timeout=SWEEP_S)
        if child.returncode is None:
            return await child.wait()  # it has shut its output, and works on
        await asyncio.wait({reader}, timeout=GONE_S)
        return child.returncode
    finally:
        reader.cancel()


async def _kill(child: asyncio.subprocess.Process, mark: str) -> None:
    """The program, its process group, and whoever carries its mark, until none is left."""
    for _ in range(SWEEP_COUNT_MAX):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        marked = _marked(mark)
        for pid in marked:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not marked and child.returncode is not None:
            return
        await asyncio.sleep(SWEEP_S)
    _log.error("a program of a failover step cannot be killed", pid=child.pid, left=_marked(mark))


def _marked(mark: str) -> list[int]:
    """Processes of ours that carry the mark; one that is not readable is somebody else's."""
    wanted, found = f"{MARK}={mark}".encode(), []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
    return found
