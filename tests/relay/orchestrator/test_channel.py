"""Between two orchestrators over real sockets: copies, looks and words, an old term refused, a stranger not heard."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import trustme

from relay.control.client import ControlClient
from relay.failover.actions.port import ActionFailed, ActionRefused
from relay.failover.keeper import Keeper
from relay.failover.peer import CopyAsk, Replica
from relay.loopback.stage import free_port
from relay.orchestrator.channel import Channel, ChannelServer, peer_context
from relay.orchestrator.relays import OwnRelay
from tests.support.failoverbook import Book
from tests.support.failoverdisk import Executioner, MemoryShelf


def files_of(folder: Path, authority: trustme.CA, name: str) -> tuple[str, str, str]:
    made = authority.issue_cert(name)
    certificate, key, authorities = (str(folder / f"{name}.{kind}") for kind in ("pem", "key", "ca"))
    made.cert_chain_pems[0].write_to_path(certificate)
    made.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(authorities)
    return certificate, key, authorities


async def test_copies_go_over_and_a_stranger_is_not_heard(tmp_path: Path) -> None:
    authority, book = trustme.CA(), Book()
    book.to_gate(1)
    tokyo, osaka = files_of(tmp_path, authority, "failover.tokyo"), files_of(tmp_path, authority, "failover.osaka")
    other = Keeper(MemoryShelf(Executioner(), {}), book.time, "osaka")
    relay = OwnRelay(ControlClient(str(tmp_path / "none.sock")), "osaka")
    server = ChannelServer(Replica(other, "osaka"), other, relay, peer_context(*osaka, is_server=True), "failover.tokyo")
    port = await server.start("127.0.0.1:0")
    try:
        channel = Channel(f"127.0.0.1:{port}", book.keeper, peer_context(*tokyo, is_server=False), "failover.osaka")
        lines = tuple(line.decode() for line in book.keeper.lines)
        assert (await channel.copy(CopyAsk(run="r1", lines=lines, term=1))).have == len(lines)
        assert other.run.state is book.run.state
        assert "nobody listens" in (facts := await channel.facts("osaka")).trouble or facts.trouble
        assert await channel.standby("osaka", "osaka")
        with pytest.raises(ActionFailed):
            await channel.say("osaka", "seal", 7, (), "drill")  # its relay is not there
        with pytest.raises(ActionRefused, match="nothing is called"):
            await channel.say("osaka", "explode", 7, (), "drill")
        other.term = 2
        with pytest.raises(ActionRefused, match="term 1 is over"):
            await channel.say("osaka", "seal", 7, (), "drill")
        assert (await channel.copy(CopyAsk(run="r1", term=1))).kind == "superseded"
        stranger = Channel(f"127.0.0.1:{port}", book.keeper, peer_context(*osaka, is_server=False), "failover.osaka")
        assert (await stranger.copy(CopyAsk(run="r1", term=9))).kind == "away"
        wrong = Channel(f"127.0.0.1:{port}", book.keeper, peer_context(*tokyo, is_server=False), "failover.nagoya")
        assert (await wrong.copy(CopyAsk(run="r1", term=9))).kind == "away"
    finally:
        server.close()
        await asyncio.sleep(0)


async def test_nobody_there_is_away_and_surely_nothing(tmp_path: Path) -> None:
    channel = Channel(f"127.0.0.1:{free_port()}", Book().keeper, None, "")
    assert (await channel.copy(CopyAsk(run="r1"))).kind == "away"
    assert (await channel.facts("osaka")).trouble
    with pytest.raises(ActionRefused):
        await channel.say("osaka", "seal", 7, (), "drill")


async def test_what_is_no_question_is_refused(tmp_path: Path) -> None:
    book = Book()
    relay = OwnRelay(ControlClient(str(tmp_path / "none.sock")), "osaka")
    server = ChannelServer(Replica(book.keeper, "osaka"), book.keeper, relay, None, "")
    port = await server.start("127.0.0.1:0")
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b'{"op": "shutdown"}\n')
        assert b"not a question" in await reader.readline()
        writer.close()
    finally:
        server.close()
