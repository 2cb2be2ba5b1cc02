"""A program of the bank's as an action: an argv, no shell, an environment that names what it may see, a time limit.

Owns the child process. It must never read the plan's words as anything but words. The traps: a program that hangs is killed
with its whole process group, or its children go on; killing it says nothing about what it had asked for, so the next look
decides; its output is bounded, and only its last words are kept; and an exit code that `look` does not define is no answer,
never "not there".
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from typing import Final

from relay.failover.actions.port import ActionFailed, ActionRefused, Look, Scene, Sight
from relay.failover.deeds import CommandDeed, filled

OUTPUT_BYTES_MAX: Final = 65_536
WORDS_CHARS_MAX: Final = 300
GONE_S: Final = 2.0
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
        environment = {**self._environment, "RELAY_FAILOVER_TOKEN": scene.token, "RELAY_FAILOVER_STEP": scene.step}
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
        try:
            assert child.stdout is not None
            said = await _read(child.stdout)
            return await child.wait(), said
        finally:
            if child.returncode is None:
                await _kill(child)


async def _read(stream: asyncio.StreamReader) -> str:
    """The last words. What is over the limit is read and dropped, so that the program does not stand still on a full pipe."""
    kept = b""
    while data := await stream.read(16_384):
        kept = (kept + data)[-OUTPUT_BYTES_MAX:]
    lines = kept.decode("utf-8", "replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return "".join(character if character.isprintable() else "?" for character in last)[:WORDS_CHARS_MAX]


async def _kill(child: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(GONE_S):
            await child.wait()
