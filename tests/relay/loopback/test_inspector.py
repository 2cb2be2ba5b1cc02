"""What a tester reads of a daemon's control socket, also when the daemon was just killed."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from relay.loopback import inspector


@asynccontextmanager
async def answering(path: str, answer: bytes) -> AsyncIterator[None]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()

    server = await asyncio.start_unix_server(serve, path)
    try:
        yield
    finally:
        server.close()


async def test_status_and_list(tmp_path: Path) -> None:
    path = str(tmp_path / "control.sock")
    status = b'{"answer":{"state":"serving","exchanges":{"held":2,"awaiting_completion":5},"owed":1,"new":[]}}\n'
    async with answering(path, status):
        read = await inspector.status(path)
    assert (read.state, read.in_doubt) == ("serving", 2)
    key = "bank:iso8583:440011:ATM00001:0200:000042:20261120"
    listed = b'{"answer":{"total":1,"rows":[{"key":"%s","terminal":"ATM00001","kind":"deposit"}]}}\n' % key.encode()
    async with answering(path, listed):
        total, rows = await inspector.listed(path)
    assert (total, rows[0].key, rows[0].terminal, rows[0].trace) == (1, key, "ATM00001", "000042")


@pytest.mark.parametrize("answer", [b"", b"\n", b"hello\n", b'{"problem":"unknown command"}\n', b'{"answer":\n'])
async def test_no_answer_is_not_there(tmp_path: Path, answer: bytes) -> None:
    path = str(tmp_path / "control.sock")
    async with answering(path, answer):
        with pytest.raises(inspector.NotThere):
            await inspector.status(path)


async def test_a_killed_daemons_socket_file_is_not_there(tmp_path: Path) -> None:
    path = str(tmp_path / "control.sock")
    with pytest.raises(inspector.NotThere):
        await inspector.status(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left_behind:
        left_behind.bind(path)
    with pytest.raises(inspector.NotThere):
        await inspector.status(path)


def test_a_key_of_another_recipe_has_no_trace() -> None:
    assert inspector.trace_of("whatever") == ""


async def test_the_sweep_is_asked_for_and_its_figures_are_read(tmp_path: Path) -> None:
    path = str(tmp_path / "control.sock")
    asked: list[str] = []
    answers = {
        "reconcile-now": [{"answer": {"text": "begun"}}],
        "reconcile-report": [
            {"problem": "there is no such report."},
            {"answer": {"text": '{"number":1,"business_date":"2026-11-23"}'}},
            {
                "answer": {
                    "text": '{"number":2,"business_date":"2026-11-24","is_whole":true,"journal_rows":7,"left_out":1,'
                    '"differences":[{"ending":"listed"},{"ending":"mended"}],"totals":{"statements":3,"differs":1}}'
                }
            },
        ],
    }

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        command = json.loads(await reader.readline())
        asked.append(f"{command['command']} {command['args']}")
        writer.write(json.dumps(answers[command["command"]].pop(0)).encode() + b"\n")
        writer.close()

    server = await asyncio.start_unix_server(serve, path)
    found = await inspector.reconciled(path, "2026-11-24")
    server.close()
    assert asked[0] == "reconcile-now {'business_date': '2026-11-24'}"
    assert found == {"whole": 1, "journal_rows": 7, "mended": 1, "listed": 2, "statements": 3, "totals_differ": 1}


async def test_what_a_lost_tail_gave_to_people_is_read_from_its_reports(tmp_path: Path) -> None:
    path = str(tmp_path / "control.sock")
    lines = [{"key": "bank:ndc:ATM1:1", "terminal": "ATM1", "why": "only a part", "ending": "listed"}, {"ending": "mended"}]
    reports = {
        1: {"number": 1, "layer": "tail", "differences": lines},
        2: {"number": 2, "layer": "correction", "differences": [{"key": "another", "ending": "listed"}]},
    }

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        command = json.loads(await reader.readline())
        said: dict[str, object] = {"answer": {"state": "serving"}}
        if command["command"] == "reconcile-report":
            said = {"answer": {"text": json.dumps(reports[command["args"]["number"] or 2])}}
        writer.write(json.dumps(said).encode() + b"\n")
        writer.close()

    server = await asyncio.start_unix_server(serve, path)
    rows = await inspector.listed_in_tail(path)
    server.close()
    assert [(row.key, row.terminal, row.why) for row in rows] == [("bank:ndc:ATM1:1", "ATM1", "only a part")]


async def test_without_a_report_a_tail_gave_nothing_and_without_a_relay_nobody_says_so(tmp_path: Path) -> None:
    path = str(tmp_path / "control.sock")
    with pytest.raises(inspector.NotThere):
        await inspector.listed_in_tail(path)
    async with answering(path, b'{"answer":{"text":"{}"}}\n'):
        assert await inspector.listed_in_tail(path) == []
