"""An NDC machine written by hand on a plain socket: a stranger's frames and fields, told step by step what to do.

Owns its own codec (a length, fields with FS) and its own count of what it paid. It imports nothing of the product, on
purpose. The trap: it does what a test says, also what no machine would do.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

PATIENCE_S = 60.0
FS = b"\x1c"
VALUES = (1_000, 5_000, 10_000, 0)
TRACK2 = ";4000001234567899=30122010000012300?"


class ForeignNdc:
    """One machine. `source` is its address, which is its name where several say LUNO 000."""

    def __init__(self, port: int, source: str = "127.0.2.1", luno: str = "000", config_id: str = "0001") -> None:
        self._port = port
        self._source = source
        self._luno = luno
        self.config_id = config_id
        self.terminal = f"{luno}@{source}"
        self.paid: dict[str, int] = {}  # TSN -> value that left
        self.last_tsn, self.last_status, self.last_notes = "0000", "0", (0, 0, 0, 0)
        self.commands: list[str] = []  # what it was told, as class and code
        self.rejects = ""  # the code with which it rejects whatever it is told
        self.drip = False  # one byte per segment
        self._held: list[bytes] | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    # ---- the line ----------------------------------------------------------------------------------------------------
    async def connect(self) -> None:
        await self.close()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    self._reader, self._writer = await asyncio.open_connection(
                        "127.0.0.1", self._port, local_addr=(self._source, 0)
                    )
                    return
                except OSError:
                    await asyncio.sleep(0.01)

    def cut(self) -> None:
        """The line is gone, without a goodbye."""
        if self._writer is not None:
            self._writer.transport.abort()

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()

    def let_go(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """As after a power loss: the line stays as it is, and nobody is at this end of it."""
        assert self._reader is not None
        assert self._writer is not None
        line = self._reader, self._writer
        self._reader = self._writer = None
        return line

    async def is_over(self, line: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> bool:
        """Wait until the far end has ended a line that was let go."""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE_S):
                await line[0].read()
        line[1].transport.abort()
        return True

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """What is said inside leaves in one segment."""
        self._held = []
        yield
        held, self._held = b"".join(self._held), None
        self.say_raw(held)

    def say_raw(self, data: bytes) -> None:
        assert self._writer is not None
        if self._held is not None:
            self._held.append(data)
        elif self.drip:
            sock: socket.socket = self._writer.get_extra_info("socket")
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(len(data)):
                self._writer.write(data[at : at + 1])
        else:
            self._writer.write(data)

    def say(self, *fields: str) -> None:
        body = FS.join(field.encode("latin-1") for field in fields)
        self.say_raw(len(body).to_bytes(2, "big") + body)

    async def hear(self) -> list[str]:
        """The next frame's fields. Raises EOFError or ConnectionError when the line is gone."""
        assert self._reader is not None
        async with asyncio.timeout(PATIENCE_S):
            count = int.from_bytes(await self._reader.readexactly(2), "big")
            return [field.decode("latin-1") for field in (await self._reader.readexactly(count)).split(FS)]

    async def gone(self) -> bool:
        """Wait for the line to end; what still comes is dropped."""
        try:
            while True:
                await self.hear()
        except (EOFError, ConnectionError):
            return True

    # ---- what it says ------------------------------------------------------------------------------------------------
    def status(self, *fields: str) -> None:
        self.say("22", self._luno, "", *fields)

    def event(self, text: str) -> None:
        self.say("12", self._luno, "", text)

    def ask(self, amount: int, mcn: str = "1", operation: str = " DA   AD", **more: str) -> None:
        last = f"2{self.last_tsn}{self.last_status}" + "".join(f"{count:05}" for count in self.last_notes)
        track2 = more.get("track2", TRACK2)
        tail = [more["tail"]] if "tail" in more else []
        self.say(
            "11",
            self._luno,
            "",
            "",
            f"1{mcn}",
            track2,
            "",
            operation,
            f"{amount:08}",
            "0412:4;=<>?99999",
            "",
            "",
            "",
            last,
            *tail,
        )

    def block(self, text: str, start: int = 0) -> None:
        """One block of the electronic journal."""
        self.say("61", "", "", "", f"000001261102142640{start:06}{start + len(text):06}{len(text):03}{text}")

    # ---- what it does ------------------------------------------------------------------------------------------------
    def obey(self, command: list[str]) -> str:
        """Answer a command as a machine does that has nothing against it; returns its class and code."""
        kind = command[0][:1]
        code = f"{kind}{command[3]}" if kind in "13" else kind
        self.commands.append(code)
        if self.rejects:
            self.status("C", self.rejects)
            return code
        if code == "13":
            self.status("F", f"6{self.config_id}")
        elif code == "14":
            counts = "".join(f"{count:05}" for count in (*(500, 500, 500, 0), *(0,) * 8, *self.last_notes))
            self.status("F", f"2{self.last_tsn}0000009{counts}{'0' * 20}")
        elif code[0] != "6":
            if code == "316":
                self.config_id = command[4]
            self.status("9")
        return code

    async def start(self, *, silent: bool = False) -> None:
        """Connect, and obey until told to go in service."""
        await self.connect()
        if not silent:
            self.event(f"B{self.config_id}")
        while self.obey(await self.hear()) != "11":
            pass

    async def reply(self) -> list[str]:
        """The next transaction reply; commands before it are obeyed."""
        while True:
            heard = await self.hear()
            if heard[0][:1] == "4":
                return heard
            self.obey(heard)

    def pay(self, reply: list[str], less: tuple[int, ...] = (0, 0, 0, 0)) -> tuple[int, ...]:
        """Notes leave as ordered, less some. Not a word is said."""
        ordered = tuple(int(reply[4][at : at + 2]) for at in range(0, 8, 2))
        notes = tuple(count - fewer for count, fewer in zip(ordered, less, strict=True))
        tsn = reply[5][:4]
        assert tsn not in self.paid, f"TSN {tsn} was given twice"
        self.paid[tsn] = sum(count * value for count, value in zip(notes, VALUES, strict=True))
        self.last_tsn, self.last_status, self.last_notes = tsn, "1" if notes == ordered else "2", notes
        return notes
