"""One conversation on BIRD's control socket: some commands, an answer each, within one deadline.

Owns the socket and the deadline. It must never decide what to ask. The traps: a BIRD that hangs accepts connections all the
same (the kernel does), so the one limit covers greeting, questions and answers; and what came of the questions before the
failing one is not thrown away by half: a conversation succeeds or fails as one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from relay.announce.birdtalk import AnswerReader, BirdAnswer, NotBird
from relay.announce.port import FailureKind

ASK_MS = 1_000
_READ_BYTES = 16_384


class BirdTrouble(Exception):
    """The conversation failed; `kind` says how, in a label of a metric."""

    def __init__(self, kind: FailureKind, text: str) -> None:
        super().__init__(text)
        self.kind: FailureKind = kind


class BirdDoor:
    """`path` is BIRD's control socket; `ask_ms` the longest conversation, milliseconds."""

    def __init__(self, path: str, ask_ms: int = ASK_MS) -> None:
        self.path = path
        self._ask_ms = ask_ms

    async def ask(self, commands: Sequence[str]) -> list[BirdAnswer]:
        """An answer per command, in order; one that BIRD refuses is an answer too. Raises BirdTrouble."""
        try:
            async with asyncio.timeout(self._ask_ms / 1000):
                return await self._converse(commands)
        except TimeoutError as error:
            raise BirdTrouble("silent", f"BIRD did not answer within {self._ask_ms} ms on {self.path}") from error
        except NotBird as error:
            kind: FailureKind = "too-long" if error.kind == "too-long" else "garbage"
            raise BirdTrouble(kind, f"{self.path} gave {error}") from error
        except OSError as error:
            raise BirdTrouble("gone", f"BIRD cannot be reached on {self.path}: {error.strerror or error}") from error

    async def _converse(self, commands: Sequence[str]) -> list[BirdAnswer]:
        reader, writer = await asyncio.open_unix_connection(self.path, limit=_READ_BYTES)
        try:
            answers: list[BirdAnswer] = []
            cutter = AnswerReader()
            await self._hear(reader, cutter, answers, 1)  # the greeting
            for count, command in enumerate(commands, 2):
                writer.write(command.encode() + b"\n")
                await self._hear(reader, cutter, answers, count)
            return answers[1:]
        finally:
            writer.close()

    async def _hear(self, reader: asyncio.StreamReader, cutter: AnswerReader, answers: list[BirdAnswer], count: int) -> None:
        while len(answers) < count:
            data = await reader.read(_READ_BYTES)
            if not data:
                raise BirdTrouble("gone", f"BIRD hung up on {self.path} before it answered")
            answers += cutter.feed(data)
        if len(answers) > count:
            raise BirdTrouble("garbage", f"{self.path} answers what was not asked")
