"""The daemon's end of the control socket: a unix socket that answers one JSON line with one JSON line.

Owns the socket file, its mode and the limits. It must never know what a command does: handlers are given. The traps: a socket
file outlives a killed daemon, so it is taken over only when nobody answers on it; and between bind and chmod everybody
could connect, so it is bound under another name and renamed when its mode is right.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any, TypeAlias

import msgspec

from relay.control.commands import COMMANDS, LINE_BYTES_MAX, CommandSpec, ControlAnswer, ControlRequest
from relay.errors import ListenFailed, RelayError
from relay.telemetry.log import get_log

Handler: TypeAlias = Callable[[Any], msgspec.Struct | Awaitable[msgspec.Struct]]

CONNECTION_COUNT_MAX = 16
IDLE_MS = 60_000  # a connection that says nothing for so long is closed
HANDLER_MS = 120_000  # the longest a command may take; a drain answers when it has begun, not when it has ended
CLOSE_S = 5  # the longest that a close waits for commands under way
SOCKET_MODE = 0o660
_PEER_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid; socket(7), SO_PEERCRED

_log = get_log("control")

CALLER_UID: ContextVar[int] = ContextVar("caller_uid", default=-1)  # whose question a handler answers, as the kernel says
CALLER_LOGIN: ContextVar[str] = ContextVar("caller_login", default="")  # or as the console's sign-in says; then no kernel does


class ControlServer:
    """`handlers` maps names of `commands` to callables, which get that command's args and return (or await) its answer.

    A handler that raises RelayError has its problem and next step told to the caller.
    """

    def __init__(
        self,
        path: str,
        handlers: Mapping[str, Handler],
        *,
        commands: Mapping[str, CommandSpec] = COMMANDS,
        connection_count_max: int = CONNECTION_COUNT_MAX,
        line_bytes_max: int = LINE_BYTES_MAX,
        idle_ms: int = IDLE_MS,
        handler_ms: int = HANDLER_MS,
    ) -> None:
        unknown = sorted(set(handlers) - set(commands))
        if unknown:
            raise ValueError(f"handlers for commands that are not in the table: {', '.join(unknown)}")
        self._path = path
        self._handlers = dict(handlers)
        self._commands = commands
        self._connection_count_max = connection_count_max
        self._line_bytes_max = line_bytes_max
        self._idle_s = idle_ms / 1000
        self._handler_s = handler_ms / 1000
        self._server: asyncio.Server | None = None
        self._inode = -1
        self._conversations: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def start(self) -> None:
        """Bind and serve. Raises ListenFailed where the path cannot be used or another relay answers on it."""
        listening = self._bind()
        self._inode = os.stat(self._path).st_ino
        self._server = await asyncio.start_unix_server(self._converse, sock=listening, limit=self._line_bytes_max)

    async def close(self) -> None:
        """Stop listening, end conversations, remove the socket file if it is still ours."""
        if self._server is None:
            return
        self._server.close()
        for writer in self._conversations.values():
            writer.close()  # what was answered still goes out; whoever waits for a line reads the end
        waiting = {task for task in self._conversations if task is not asyncio.current_task()}
        if waiting:
            _, stuck = await asyncio.wait(waiting, timeout=CLOSE_S)
            for task in stuck:
                task.cancel()
        self._server = None
        with contextlib.suppress(FileNotFoundError):
            if os.stat(self._path).st_ino == self._inode:
                os.unlink(self._path)

    def _bind(self) -> socket.socket:
        if _is_answered(self._path):
            raise ListenFailed(
                f"another relay answers on {self._path}.", "Stop it first, or set control.path to another socket."
            )
        fresh = f"{self._path}.{os.getpid()}"
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(fresh)
            listening.bind(fresh)
            os.chmod(fresh, SOCKET_MODE)
            listening.listen(self._connection_count_max)
            os.rename(fresh, self._path)
        except OSError as error:
            listening.close()
            with contextlib.suppress(OSError):
                os.unlink(fresh)
            why = error.strerror or str(error)
            raise ListenFailed(f"the control socket {self._path} cannot be made: {why}.", "See control.path.") from error
        listening.setblocking(False)
        return listening

    # ---- one conversation -----------------------------------------------------------------------------------------------
    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # asyncio runs a connection's coroutine in a task
        self._conversations[task] = writer
        try:
            if len(self._conversations) > self._connection_count_max:
                await self._tell(
                    writer, ControlAnswer(problem="too many people are talking to this relay", next_step="Try again.")
                )
                return
            while line := await self._line(reader, writer):
                await self._tell(writer, await self._answer(line, _caller(writer)))
        except (ConnectionError, TimeoutError):
            pass  # gone, or silent for too long: nothing was promised
        finally:
            del self._conversations[task]
            writer.close()

    async def _line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """One line, or nothing at the end."""
        try:
            async with asyncio.timeout(self._idle_s):
                line = await reader.readline()
        except ValueError:  # asyncio's word for a line longer than the limit
            await self._tell(writer, ControlAnswer(problem=f"a request has at most {self._line_bytes_max} bytes"))
            return b""
        return line if line.endswith(b"\n") else b""

    async def _tell(self, writer: asyncio.StreamWriter, answer: ControlAnswer) -> None:
        writer.write(msgspec.json.encode(answer) + b"\n")
        async with asyncio.timeout(self._idle_s):
            await writer.drain()

    async def _answer(self, line: bytes, caller: dict[str, int]) -> ControlAnswer:
        try:
            request = msgspec.json.decode(line, type=ControlRequest)
        except (msgspec.DecodeError, UnicodeDecodeError):  # a ValidationError is a DecodeError
            return ControlAnswer(problem='not a request: expected {"command": NAME, "args": {...}} on one line')
        spec, handler = self._commands.get(request.command), self._handlers.get(request.command)
        if spec is None or handler is None:
            known = ", ".join(sorted(self._handlers))
            return ControlAnswer(problem=f'there is no command "{request.command[:64]}"', next_step=f"There is: {known}.")
        try:
            args = msgspec.json.decode(request.args, type=spec.args)
        except msgspec.DecodeError as error:
            return ControlAnswer(problem=f"{request.command}: {error}")
        CALLER_UID.set(caller["uid"])
        if spec.changes:
            _log.info("control command", command=request.command, **caller)
        return await self._handle(request.command, spec, handler, args)

    async def _handle(self, name: str, spec: CommandSpec, handler: Handler, args: msgspec.Struct) -> ControlAnswer:
        try:
            async with asyncio.timeout(self._handler_s):
                result = handler(args)
                answer = result if isinstance(result, msgspec.Struct) else await result
        except RelayError as error:
            return ControlAnswer(problem=error.problem, next_step=error.next_step)
        except TimeoutError:
            return ControlAnswer(problem=f"{name} is not done after {self._handler_s:.0f} s", next_step="It may still happen.")
        except Exception:  # noqa: BLE001 (a fault in one command is logged and told; the others go on)
            _log.exception("control command failed", command=name)
            return ControlAnswer(problem=f"{name} failed inside the relay", next_step="The log has the reason.")
        if not isinstance(answer, spec.answer):
            _log.error("control command gave the wrong answer", command=name, answer=type(answer).__name__)
            return ControlAnswer(problem=f"{name} failed inside the relay", next_step="The log has the reason.")
        return ControlAnswer(answer=msgspec.Raw(msgspec.json.encode(answer)))


def _is_answered(path: str) -> bool:
    """Does somebody listen on the socket at `path`?"""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except TimeoutError:
            return True  # a full backlog: somebody is there, and busy
        except OSError:
            return False
    return True


def _caller(writer: asyncio.StreamWriter) -> dict[str, int]:
    raw = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size)
    pid, uid, _ = _PEER_CREDENTIALS.unpack(raw)
    return {"uid": uid, "pid": pid}
