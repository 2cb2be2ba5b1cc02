"""How the lab's own processes are asked: one line of JSON there, one back, over a socket in the lab's folder.

Owns both ends. It must never know a command. The trap: whoever asks may be gone before the answer; that ends the connection
and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from relay.loopback.lab.door import LabError

LINE_BYTES_MAX = 64 * 1024 * 1024
ValueT = TypeVar("ValueT")
Handler = Callable[[bytes], Awaitable[msgspec.Struct]]


class Question(msgspec.Struct, frozen=True):
    do: str
    args: msgspec.Raw = msgspec.Raw(b"{}")


class Reply(msgspec.Struct, frozen=True):
    answer: msgspec.Raw = msgspec.Raw(b"null")
    problem: str = ""


class Nothing(msgspec.Struct, frozen=True):
    """An answer that says only that it was done; or arguments that are none."""


def serve(path: Path, handlers: Mapping[str, Handler]) -> Awaitable[asyncio.Server]:
    """Answer on `path`. A handler gets the arguments as JSON; what it raises is told."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.LimitOverrunError, ValueError):
            while line := await reader.readline():
                writer.write(msgspec.json.encode(await _answer(line, handlers)) + b"\n")
                await writer.drain()
        writer.close()

    path.unlink(missing_ok=True)
    return asyncio.start_unix_server(talk, str(path), limit=LINE_BYTES_MAX)


async def _answer(line: bytes, handlers: Mapping[str, Handler]) -> Reply:
    try:
        question = msgspec.json.decode(line, type=Question)
        handler = handlers[question.do]
    except (msgspec.MsgspecError, KeyError) as error:
        return Reply(problem=f"not understood: {error}")
    try:
        return Reply(msgspec.Raw(msgspec.json.encode(await handler(bytes(question.args)))))
    except (LabError, ValueError, OSError, TimeoutError) as error:
        return Reply(problem=f"{type(error).__name__}: {error}")


def ask(path: Path, do: str, args: msgspec.Struct, want: type[ValueT], timeout_s: float = 30.0) -> ValueT:
    """Raises LabError where nobody answers, or where the answer is a problem."""
    question = msgspec.json.encode(Question(do, msgspec.Raw(msgspec.json.encode(args)))) + b"\n"
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(timeout_s)
            line.connect(str(path))
            line.sendall(question)
            with line.makefile("rb") as reading:
                heard = reading.readline()
        reply = msgspec.json.decode(heard, type=Reply)
    except (OSError, msgspec.MsgspecError) as error:
        raise LabError(f"{path.stem} does not answer {do}: {error}") from error
    if reply.problem:
        raise LabError(f"{path.stem}: {reply.problem}")
    return msgspec.json.decode(reply.answer, type=want)
