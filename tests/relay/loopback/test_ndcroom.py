"""The room on real sockets: each machine dials from an address of its own, powers up, and comes back after its line
broke.
"""

from __future__ import annotations

import asyncio
import contextlib

from protocols.framing import FrameCutter, Framing, wrap
from protocols.ndc.codec import decode_terminal, encode
from protocols.ndc.message import TerminalCommand, UnsolicitedStatus
from relay.loopback.customers import Customers
from relay.loopback.deeds import NdcPolicy
from relay.loopback.ndcbooks import NoteBooks
from relay.loopback.ndcroom import NdcRoom, RoomSettings
from relay.loopback.ndctally import NdcTally

FRAMING = Framing.named("binary2")


async def test_machines_dial_power_up_and_come_back() -> None:
    heard: list[tuple[str, str]] = []
    enough = asyncio.Event()
    ended: list[asyncio.StreamWriter] = []

    async def host(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            frames = FrameCutter(FRAMING).feed(await reader.read(1_000))
            message = decode_terminal(frames[0].body)
            assert isinstance(message, UnsolicitedStatus)
            heard.append((writer.get_extra_info("peername")[0], message.luno))
            if len(heard) == 4:
                enough.set()
            if len(heard) > 2:
                writer.write(wrap(FRAMING, encode(TerminalCommand(luno="", code="1"))))
                while await reader.read(1_000):
                    pass
        writer.close()
        ended.append(writer)

    server = await asyncio.start_server(host, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = RoomSettings(host="127.0.0.1", port=port, machines=2)
    policy = NdcPolicy(silent_connect=0, reconnect_ms=1)
    room = NdcRoom(settings, policy, Customers(1, 5, {"withdrawal": 1}), NoteBooks(), NdcTally())
    room.start()
    async with asyncio.timeout(20):
        await enough.wait()
        assert await room.until(lambda: room.in_service_count() == 2, 10)
    await room.stop()
    assert await room.until(lambda: len(ended) == 4, 10)
    server.close()
    assert set(heard) == {("127.0.1.1", "000"), ("127.0.1.2", "000")}
    assert room.unsettled_count() == 0
