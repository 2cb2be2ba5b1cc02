"""One line there, one back: answers, problems, nonsense, and nobody at all."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import msgspec
import pytest

from relay.loopback.lab.door import LabError
from relay.loopback.lab.hotline import Nothing, ask, serve


class Number(msgspec.Struct, frozen=True):
    value: int


async def twice(args: bytes) -> Number:
    return Number(2 * msgspec.json.decode(args, type=Number).value)


async def fails(args: bytes) -> Number:
    raise ValueError("not today")


async def test_a_question_and_its_answer_and_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "it.sock"
    server = await serve(path, {"twice": twice, "fails": fails})
    assert (await asyncio.to_thread(ask, path, "twice", Number(21), Number)).value == 42
    for do, said in (("fails", "not today"), ("other", "not understood")):
        with pytest.raises(LabError, match=said):
            await asyncio.to_thread(ask, path, do, Nothing(), Number)
    with socket.socket(socket.AF_UNIX) as rude:
        rude.connect(str(path))
        rude.sendall(b"nonsense\n")
    assert (await asyncio.to_thread(ask, path, "twice", Number(1), Number)).value == 2
    server.close()


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="it does not answer twice"):
        ask(tmp_path / "it.sock", "twice", Number(1), Number)
