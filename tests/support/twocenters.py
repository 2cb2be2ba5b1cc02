"""Two relay centers with a journal each, one exclusive Zengin RC line, one center of the network, one core, one lease database.

Owns `TwoCenters`, and `Tap`: the wire between one relay and the Zengin center, which counts what the relay says and never tells
it that the far end has gone. It must never look into a daemon but by its sockets and its log. The trap: the Zengin center takes
the newer of two links as the line, so that a relay which spoke out of turn would be cut off there, and nothing would be seen;
so what a relay says is counted at the tap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

from relay.control.commands import OutboundListArgs, OutboundPostArgs
from relay.control.lease import LeaseRow
from relay.loopback.center import CenterMind, CenterState
from relay.loopback.centerbooks import CenterBooks
from relay.loopback.centerdeeds import CenterSettings
from relay.loopback.centerserver import CenterServer
from tests.support.daemonworld import PATIENCE_S, DaemonWorld, next_look
from tests.support.noon import NOON_MINUTES

# A holder that hears nothing of the database for TTL - REQUEST - DRIFT stops for good: a busy machine must not make it so.
TTL_MS, RENEW_MS, REQUEST_MS, DRIFT_MS = 15_000, 500, 3_000, 500
LINE = """
[[dialer]]
name = "zengin"
dialect = "zrc"
channel = "partner"
endpoint = "tcp:host=127.0.0.1:port={port}"
exclusive = true
backoff_first_ms = 50
backoff_max_ms = 200
[dialer.profile.calendar]
service = "always"
utc_offset_minutes = {offset}
[dialer.profile.session]
closes = "by-hand"
[dialer.profile.telegram]
serial_first = {first}
serial_last = {last}
[dialer.profile.timers]
ack_wait_ms = 1000
watch_send_ms = 500
watch_silence_ms = 60000
open_retry_ms = 200
close_wait_ms = 3000
"""


class Tap:
    """A port that hands everything on to the Zengin center, and counts what came from the relay."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.port = 0
        self.dialled = 0
        self.said = bytearray()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.dialled += 1
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers += [writer, there_writer]
        for task in (
            asyncio.ensure_future(self._hand_on(reader, there_writer, self.said)),
            asyncio.ensure_future(self._hand_on(there_reader, writer, bytearray())),
        ):
            self._tasks.add(task)

    async def _hand_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, kept: bytearray) -> None:
        while True:
            try:
                data = await source.read(65_536)
            except OSError:
                data = b""
            if not data:
                if kept is self.said:
                    target.close()  # the relay has gone, and the center hears of it
                return  # what the center does, the relay's kernel is not told
            kept += data
            if not target.is_closing():
                target.write(data)


class TwoCenters:
    """`dsn` is the lease database's; its schema must have been made."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self.books = CenterBooks()
        self.mind = CenterMind(self.books, CenterSettings(ack_wait_ms=3_000, watch_ms=500))
        self.changed = asyncio.Event()
        self.center = CenterServer(self.mind, on_change=self.changed.set)
        self.dsn = dsn
        self.relays: dict[str, DaemonWorld] = {}
        self.taps: dict[str, Tap] = {}
        self.posted = 0
        for name in ("tokyo", "osaka"):
            (folder / name).mkdir()
            self.relays[name] = DaemonWorld(folder / name)
        self.core = self.relays["tokyo"].core
        self._unused = self.relays["osaka"].core
        self.relays["osaka"].core = self.core

    async def start_all_but_relays(self, ttl_ms: int = TTL_MS) -> None:
        await self.center.start()
        await self.core.start()
        for n, (name, relay) in enumerate(self.relays.items()):
            tap = self.taps[name] = Tap(self.center.port)
            await tap.start()
            text = LINE.format(port=tap.port, offset=NOON_MINUTES, first=1 + n * 10_000, last=(n + 1) * 10_000)
            lease = (
                f'[lease]\ndsn = "{self.dsn}"\nttl_ms = {ttl_ms}\nrenew_ms = {RENEW_MS}\n'
                f"request_timeout_ms = {REQUEST_MS}\nclock_drift_ms = {DRIFT_MS}\n"
            )
            relay.configure(text, extra=lease)
            written = relay.config_path.read_text()
            relay.config_path.write_text(written.replace("[relay]\n", f'[relay]\ncenter = "{name}"\n'))

    async def stop(self) -> None:
        for relay in self.relays.values():
            if relay.process is not None and relay.process.returncode is None:
                relay.process.kill()
                await relay.process.wait()
        for tap in self.taps.values():
            await tap.stop()
        await self.center.stop()
        self.relays["osaka"].core = self._unused
        for relay in self.relays.values():
            await relay.close()

    # ---- what is asked -----------------------------------------------------------------------------------------------
    async def row(self, name: str) -> LeaseRow:
        report = await asyncio.to_thread(self.relays[name].control.lease_status)
        return report.lines[0]

    async def until_state(self, name: str, *states: str) -> LeaseRow:
        """Wait until the line is in one of `states` at this center."""
        row = await self.row(name)
        try:
            async with asyncio.timeout(PATIENCE_S):
                while row.state not in states:
                    await next_look()
                    row = await self.row(name)
        except TimeoutError:
            raise AssertionError(f"{name} is {row} and not {states}\n{self.relays[name].log()[-5_000:]}") from None
        return row

    async def until(self, what: Callable[[], bool], why: str) -> None:
        """Wait for something at the Zengin center; each of its changes is a moment to look."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not what():
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            logs = "\n".join(relay.log()[-4_000:] for relay in self.relays.values())
            raise AssertionError(f"{why}: {self.mind.state} {self.mind.counts}\n{logs}") from None

    async def until_open(self) -> None:
        await self.until(lambda: self.mind.state is CenterState.OPEN, "no 開局")

    async def send(self, name: str, count: int) -> list[str]:
        """`count` telegrams of the core, on this center's line. Returns their keys."""
        keys = []
        for _ in range(count):
            self.posted += 1
            body = {"to_bank": "0005", "to_branch": "002", "account_type": "1", "account": "7654321"}
            raw = msgspec.Raw(msgspec.json.encode({**body, "amount": str(100_000 + self.posted)}))
            key = f"out-{self.posted}"
            args = OutboundPostArgs(key=key, listener="zengin", kind="interbank-transfer", body=raw)
            await asyncio.to_thread(self.relays[name].control.outbound_post, args)
            keys.append(key)
        return keys

    async def states(self, name: str) -> dict[str, str]:
        report = await asyncio.to_thread(self.relays[name].control.outbound_list, OutboundListArgs(count_max=1_000))
        return {row.key: row.state for row in report.rows}

    async def until_acknowledged(self, name: str, keys: list[str]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while {(await self.states(name)).get(key) for key in keys} != {"acknowledged"}:
                await next_look()

    def serials(self) -> list[int]:
        """発信通番 that the center took, in its order; one that came twice is no telegram of its own and fails here."""
        assert self.books.doubles() == []
        return [got.serial for got in self.books.got() if not got.subject.startswith("9")]
