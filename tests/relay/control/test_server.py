"""The control socket as a peer sees it: one line there, one line back, and limits that hold."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from relay.control.commands import LINE_BYTES_MAX, LinksArgs, ResolveArgs, StatusArgs
from relay.control.report import Done, LinksReport, StatusReport
from relay.control.server import CALLER_UID, SOCKET_MODE, ControlServer, Handler
from relay.errors import ListenFailed, RelayError

PATIENCE_S = 30.0


@asynccontextmanager
async def serving(folder: Path, handlers: dict[str, Handler], **limits: int) -> AsyncIterator[ControlServer]:
    server = ControlServer(str(folder / "control.sock"), handlers, **limits)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


class Peer:
    """A connection that says what it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, folder: Path) -> Peer:
        return cls(*await asyncio.open_unix_connection(str(folder / "control.sock"), limit=2**20))

    async def ask(self, line: bytes) -> dict[str, Any]:
        self.writer.write(line + b"\n")
        return await self.answer()

    async def answer(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            line = await self.reader.readline()
        answer = json.loads(line)
        assert isinstance(answer, dict)
        return answer

    async def is_closed(self) -> bool:
        async with asyncio.timeout(PATIENCE_S):
            try:
                return await self.reader.read() == b""
            except ConnectionResetError:
                return True

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            return


@asynccontextmanager
async def connected(folder: Path) -> AsyncIterator[Peer]:
    peer = await Peer.connect(folder)
    try:
        yield peer
    finally:
        await peer.close()


def status(_: StatusArgs) -> StatusReport:
    return StatusReport(center="tokyo", state="serving")


async def test_a_question_and_its_answer_are_a_line_each(tmp_path: Path) -> None:
    async with serving(tmp_path, {"status": status}), connected(tmp_path) as peer:
        for _ in range(2):  # a connection may ask again
            answer = await peer.ask(b'{"command": "status"}')
            assert answer["answer"]["center"] == "tokyo"
            assert answer.keys() == {"answer"}


async def test_args_are_typed_before_a_handler_sees_them(tmp_path: Path) -> None:
    seen: list[LinksArgs] = []

    def links(args: LinksArgs) -> LinksReport:
        seen.append(args)
        return LinksReport(total=1)

    async with serving(tmp_path, {"links": links}), connected(tmp_path) as peer:
        await peer.ask(b'{"command": "links", "args": {"listener": "atm", "from-a-newer-tool": 1}}')
        assert seen == [LinksArgs(listener="atm")]
        refused = await peer.ask(b'{"command": "links", "args": {"count_max": 10001}}')
        assert "count_max" in refused["problem"]
        refused = await peer.ask(b'{"command": "links", "args": 7}')
        assert refused["problem"].startswith("links: ")
        assert len(seen) == 1


async def test_an_awaited_handler(tmp_path: Path) -> None:
    async def resolve(args: ResolveArgs) -> Done:
        await asyncio.sleep(0)
        return Done(f"{args.key} by {args.who}")

    async with serving(tmp_path, {"resolve": resolve}), connected(tmp_path) as peer:
        answer = await peer.ask(b'{"command": "resolve", "args": {"key": "K", "who": "Sato", "why": "paid"}}')
        assert answer["answer"] == {"text": "K by Sato", "is_half": False}
        unsigned = await peer.ask(b'{"command": "resolve", "args": {"key": "K", "who": "", "why": "paid"}}')
        assert "who" in unsigned["problem"]


@pytest.mark.parametrize("line", [b"", b"nonsense", b"[1]", b'{"command": 3}', b"\xff\xfe", b'{"args": {}}', b"{" * 1000])
async def test_what_is_no_request_gets_a_sentence_and_the_next_one_is_heard(tmp_path: Path, line: bytes) -> None:
    async with serving(tmp_path, {"status": status}), connected(tmp_path) as peer:
        assert "not a request" in (await peer.ask(line))["problem"]
        assert "answer" in await peer.ask(b'{"command": "status"}')


async def test_an_unknown_command_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    async with serving(tmp_path, {"status": status}), connected(tmp_path) as peer:
        answer = await peer.ask(b'{"command": "reboot"}')
        assert answer == {"problem": 'there is no command "reboot"', "next_step": "There is: status."}


async def test_an_operators_error_is_told_and_a_fault_of_ours_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: object) -> Done:
        raise RelayError("no open link matches.", "Try: relay top")

    def fail(_: object) -> Done:
        raise ZeroDivisionError("ours")

    def confuse(_: object) -> Done:
        return StatusReport()  # type: ignore[return-value]  # the mistake that is tested

    handlers: dict[str, Handler] = {"command": refuse, "drain": fail, "log-level": confuse}
    async with serving(tmp_path, handlers), connected(tmp_path) as peer:
        told = await peer.ask(b'{"command": "command", "args": {"name": "echo"}}')
        assert told == {"problem": "no open link matches.", "next_step": "Try: relay top"}
        assert "failed inside the relay" in (await peer.ask(b'{"command": "drain"}'))["problem"]
        assert "failed inside" in (await peer.ask(b'{"command": "log-level", "args": {"level": "info"}}'))["problem"]
    assert "ZeroDivisionError" in caplog.text


async def test_who_changes_something_is_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with serving(tmp_path, {"drain": lambda _: Done(), "status": status}), connected(tmp_path) as peer:
        await peer.ask(b'{"command": "status"}')
        assert "control command" not in caplog.text
        await peer.ask(b'{"command": "drain"}')
    [record] = [record for record in caplog.records if record.getMessage() == "control command"]
    assert record.fields == {"command": "drain", "uid": os.getuid(), "pid": os.getpid()}  # type: ignore[attr-defined]


async def test_a_handler_knows_whose_question_it_answers(tmp_path: Path) -> None:
    async with serving(tmp_path, {"resolve": lambda _: Done(str(CALLER_UID.get()))}):
        peer = await Peer.connect(tmp_path)
        answer = await peer.ask(b'{"command": "resolve", "args": {"key": "K", "who": "S", "why": "w"}}')
        assert answer["answer"] == {"text": str(os.getuid()), "is_half": False}
        peer.writer.close()
    assert CALLER_UID.get() == -1, "and nobody else does"


async def test_a_command_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    async def reload(_: object) -> Done:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    async with serving(tmp_path, {"drain": reload}, handler_ms=10), connected(tmp_path) as peer:
        assert "not done after" in (await peer.ask(b'{"command": "drain"}'))["problem"]


# ---- limits -------------------------------------------------------------------------------------------------------------
async def test_a_line_at_the_limit_is_heard_and_one_above_it_ends_the_conversation(tmp_path: Path) -> None:
    def padded(byte_count: int) -> bytes:
        return b'{"command": "status"}'.ljust(byte_count - 1)

    async with serving(tmp_path, {"status": status}):
        async with connected(tmp_path) as peer:
            assert "answer" in await peer.ask(padded(LINE_BYTES_MAX))
        async with connected(tmp_path) as peer:
            refused = await peer.ask(padded(LINE_BYTES_MAX + 2))
            assert refused["problem"] == f"a request has at most {LINE_BYTES_MAX} bytes"
            assert await peer.is_closed()


async def test_connections_up_to_the_limit(tmp_path: Path) -> None:
    async with serving(tmp_path, {"status": status}, connection_count_max=2):
        async with connected(tmp_path) as first, connected(tmp_path) as second:
            for peer in (first, second):
                assert "answer" in await peer.ask(b'{"command": "status"}')
            async with connected(tmp_path) as third:
                assert "too many" in (await third.answer())["problem"]
                assert await third.is_closed()
            assert "answer" in await first.ask(b'{"command": "status"}')
            await second.close()
            assert "answer" in await first.ask(b'{"command": "status"}')
        async with connected(tmp_path) as again:
            assert "answer" in await again.ask(b'{"command": "status"}')


async def test_who_says_nothing_is_let_go(tmp_path: Path) -> None:
    async with serving(tmp_path, {"status": status}, idle_ms=10), connected(tmp_path) as peer:
        assert await peer.is_closed()


async def test_half_a_line_and_then_the_end_asks_nothing(tmp_path: Path) -> None:
    asked: list[object] = []

    def drain(args: object) -> Done:
        asked.append(args)
        return Done()

    async with serving(tmp_path, {"drain": drain}), connected(tmp_path) as peer:
        peer.writer.write(b'{"command": "drain"}')
        peer.writer.write_eof()
        assert await peer.is_closed()
    assert asked == []


# ---- the file -----------------------------------------------------------------------------------------------------------
async def test_the_socket_is_for_its_group_and_goes_with_the_server(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    async with serving(tmp_path, {"status": status}):
        assert stat.S_IMODE(path.stat().st_mode) == SOCKET_MODE == 0o660
        assert os.listdir(tmp_path) == ["control.sock"]
    assert os.listdir(tmp_path) == []


async def test_what_a_killed_daemon_left_is_taken_over(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "control.sock"))
    async with serving(tmp_path, {"status": status}), connected(tmp_path) as peer:
        assert "answer" in await peer.ask(b'{"command": "status"}')


async def test_a_second_relay_on_one_socket_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    async with serving(tmp_path, {"status": status}):
        second = ControlServer(str(tmp_path / "control.sock"), {})
        with pytest.raises(ListenFailed, match="another relay"):
            await second.start()
        await second.close()
        async with connected(tmp_path) as peer:
            assert "answer" in await peer.ask(b'{"command": "status"}')


async def test_a_path_that_cannot_be(tmp_path: Path) -> None:
    for path in (tmp_path / "missing" / "control.sock", tmp_path / ("x" * 120)):
        with pytest.raises(ListenFailed, match="cannot be made"):
            await ControlServer(str(path), {}).start()
    assert os.listdir(tmp_path) == []


def of_others_nothing_more(caplog: pytest.LogCaptureFixture) -> None:
    """asyncio complains of a task that nobody asked for its failure when the garbage is taken away: of another test's now."""
    gc.collect()
    caplog.clear()


async def test_close_ends_conversations_and_leaves_a_successors_socket(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    of_others_nothing_more(caplog)
    path = tmp_path / "control.sock"
    server = ControlServer(str(path), {"status": status})
    await server.start()
    async with connected(tmp_path) as peer:
        assert "answer" in await peer.ask(b'{"command": "status"}')
        path.unlink()
        path.write_text("another's")
        await server.close()
        assert await peer.is_closed()
    assert path.read_text() == "another's"
    assert caplog.records == []  # asyncio complains of a conversation that was cancelled


async def test_close_waits_for_a_command_under_way(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    of_others_nothing_more(caplog)
    begun, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def drain(_: object) -> Done:
        begun.set()
        await may_end.wait()
        ended.set()
        return Done("draining")

    server = ControlServer(str(tmp_path / "control.sock"), {"drain": drain})
    await server.start()
    async with connected(tmp_path) as peer:
        peer.writer.write(b'{"command": "drain"}\n')
        async with asyncio.timeout(PATIENCE_S):
            await begun.wait()
        closing = asyncio.gather(server.close())
        may_end.set()
        await closing
        assert ended.is_set()
        assert await peer.is_closed()
    assert caplog.records == []


def test_handlers_are_for_commands_that_exist() -> None:
    with pytest.raises(ValueError, match="reboot"):
        ControlServer("/nowhere", {"reboot": status})
