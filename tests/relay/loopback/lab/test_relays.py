"""The lab's own reader of a relay's control socket."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from relay.loopback.lab.door import LabError
from relay.loopback.lab.relays import Relay


async def test_it_reads_what_it_knows_and_leaves_the_rest(tmp_path: Path) -> None:
    answers = {
        b"status": b'{"answer":{"state":"serving","new":1,"listeners":[{"name":"atm","links":3},{"name":"x","links":1}]}}',
        b"region-seal": b'{"problem":"epoch 7 is not the known one"}',
        b"announce-status": b"nonsense",
        b"takeover-status": b'{"answer":{"state":"adopted","is_at_work":true,"open_count":2,"began":{"who":"S","at_ms":5}}}',
    }

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        writer.write(next(answer for command, answer in answers.items() if b'"' + command + b'"' in line) + b"\n")
        writer.close()

    (tmp_path / "tokyo").mkdir()
    server = await asyncio.start_unix_server(talk, str(tmp_path / "tokyo" / "control.sock"))
    relay = Relay(tmp_path, "tokyo")
    status = await asyncio.to_thread(relay.status)
    assert (status.state, status.links) == ("serving", 4)
    taken = await asyncio.to_thread(relay.takeover)
    assert (taken.state, taken.is_at_work, taken.open_count, taken.began.at_ms) == ("adopted", True, 2, 5)
    with pytest.raises(LabError, match="epoch 7"):
        await asyncio.to_thread(relay.seal, 7)
    with pytest.raises(LabError, match="does not answer announce-status"):
        await asyncio.to_thread(relay.announced)
    server.close()


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="osaka does not answer status"):
        Relay(tmp_path, "osaka").status()
