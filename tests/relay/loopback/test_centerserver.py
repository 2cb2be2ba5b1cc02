"""The center on a port: it answers, keeps its timers, and a newer connection replaces the older one."""

import asyncio
import contextlib

from protocols.framing import FrameCutter
from protocols.zengin.session.codec import Codec
from protocols.zengin.session.fields import HOST
from protocols.zengin.session.message import DeliveryMessage, Information, Message, Path, Watch
from relay.loopback.center import CenterMind, CenterState
from relay.loopback.centerbooks import CenterBooks
from relay.loopback.centerdeeds import CenterSettings
from relay.loopback.centerserver import CenterServer
from tests.support.zrcline import DAY, LineRig

CODEC = Codec(HOST)


class Client:
    """A host's side of the line, by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._cutter = FrameCutter(CODEC.reading)
        self._messages: list[Message] = []

    def say(self, message: Message) -> None:
        self._writer.write(CODEC.encode(message))

    async def hear(self) -> Message | None:
        """The next message; None when the center has closed."""
        async with asyncio.timeout(10):
            while not self._messages:
                data = await self._reader.read(4_096)
                if not data:
                    return None
                self._messages += [CODEC.decode(frame.body) for frame in self._cutter.feed(data)]
        return self._messages.pop(0)

    async def hear_or_reset(self) -> Message | None:
        try:
            return await self.hear()
        except ConnectionResetError:
            return None

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


async def connected(server: CenterServer) -> Client:
    return Client(*await asyncio.open_connection("127.0.0.1", server.port))


async def test_it_opens_watches_and_is_replaced() -> None:
    server = CenterServer(CenterMind(CenterBooks(), CenterSettings(watch_ms=20)))
    await server.start()
    first = await connected(server)
    assert await first.hear() == Watch(), "its timers run"
    rules = LineRig().dialect.rules
    opening = rules.control("open", "0", DAY, LineRig().control("open", "0").figures)
    first.say(Information(Path(1, 1, 0), 0, rules.telegrams.encode(opening)))
    heard: list[Message | None] = []
    while len(heard) < 2:
        message = await first.hear()
        if message != Watch():
            heard.append(message)
    assert heard[0] == DeliveryMessage(Path(1, 1, 0), 0, True)
    assert isinstance(heard[1], Information)
    assert server.mind.state is CenterState.OPEN
    second = await connected(server)
    while await first.hear_or_reset() is not None:
        pass
    assert await second.hear() == Watch()
    assert server.mind.state is CenterState.SHUT, "開局 states the numbers again"
    await first.close()
    await second.close()
    await server.stop()
