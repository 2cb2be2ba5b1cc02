"""A conversation with what may be BIRD: one that dies, hangs, refuses, answers garbage, half an answer, or no end of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from relay.announce.birddoor import BirdDoor, BirdTrouble
from relay.announce.birdtalk import ANSWER_BYTES_MAX

PATIENCE_MS = 20_000
GREETING = b"0001 BIRD 2.0.12 ready.\n"
Deed = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def somebody(folder: Path, deed: Deed) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await deed(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    path = str(folder / "bird.ctl")
    server = await asyncio.start_unix_server(serve, path)
    try:
        yield path
    finally:
        server.close()


def saying(*answers: bytes, then: bytes = b"") -> Deed:
    """Greet, answer each line with the next of `answers`, then say the rest and hang up."""

    async def deed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GREETING)
        for answer in answers:
            await reader.readline()
            writer.write(answer)
        if then:
            await reader.readline()
            writer.write(then)
        await writer.drain()

    return deed


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(GREETING)
    while await reader.read(100):
        pass


async def stone_deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(100):
        pass


async def test_questions_are_answered_in_order_a_no_included(tmp_path: Path) -> None:
    async with somebody(tmp_path, saying(b"0011-svc: enabled\n0000 \n", b"9001 syntax error\n")) as path:
        answers = await BirdDoor(path, ask_ms=PATIENCE_MS).ask(["enable svc", "enable nix"])
    assert [answer.code for answer in answers] == [0, 9001]


@pytest.mark.parametrize(
    ("deed", "kind"),
    [
        (hang, "silent"),
        (stone_deaf, "silent"),
        (saying(then=b"0011-svc: ena"), "gone"),
        (saying(then=b"0011-svc: enabled\n"), "gone"),
        (saying(), "gone"),
        (saying(b"<html>\n"), "garbage"),
        (saying(b"0000 \n0000 \n"), "garbage"),
        (saying(b"1002-" + b"x" * ANSWER_BYTES_MAX + b"\n"), "too-long"),
        (saying(b"x" * (ANSWER_BYTES_MAX + 1)), "too-long"),
    ],
)
async def test_whatever_it_does_the_conversation_ends_in_time_and_says_how(tmp_path: Path, deed: Deed, kind: str) -> None:
    async with somebody(tmp_path, deed) as path:
        with pytest.raises(BirdTrouble) as raised:
            await BirdDoor(path, ask_ms=200 if kind == "silent" else PATIENCE_MS).ask(["enable svc"])
    assert raised.value.kind == kind
    assert path in str(raised.value)


async def test_a_socket_that_is_not_there_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(BirdTrouble, match="No such file") as raised:
        await BirdDoor(str(tmp_path / "none.ctl")).ask(["show protocols"])
    assert raised.value.kind == "gone"
