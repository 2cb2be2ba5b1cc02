"""Listeners on loopback with real sockets, virtual time, and a desk that is a list.

Owns what the tests of the wire share. Time stands still unless a test turns it (`world.time.run`), so no limit in
milliseconds is ever waited for. What the sockets do is awaited by event, with a generous bound.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry

from protocols.dialect import Delivery, Dialect
from protocols.vocabulary import Reply, Verdict
from relay.exchange.ports import LinkPort, ListenerFacts
from relay.journal.port import JournalFailed, StepResult
from relay.settings import DialerSettings, ListenerSettings
from relay.telemetry.metrics import Metrics
from relay.wire.dialer import Dialer
from relay.wire.link import Link
from relay.wire.listener import Listener
from relay.wire.ports import LinkIds, WireParts
from relay.wire.roster import Roster
from tests.support.linedialect import LineDialect
from tests.support.virtualtime import VirtualTime

PATIENCE_S = 20.0
APPROVED = Reply(Verdict.APPROVE, "00")


class ListDesk:
    """Keeps what it was asked. With `at_once` it answers inside `open`."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, LinkPort]] = []
        self.evidences: list[tuple[str, str, int | None, str]] = []
        self.closed: list[LinkPort] = []
        self.at_once = False
        self.failure: Exception | None = None

    def open(self, message: object, link: LinkPort) -> None:
        if self.failure is not None:
            raise self.failure
        self.asked.append((message, link))
        if self.at_once:
            link.reply(message, APPROVED)

    def evidence(self, key: str, verdict: str, standing_minor: int | None, detail: str = "") -> None:
        self.evidences.append((key, verdict, standing_minor, detail))

    def link_closed(self, link: LinkPort) -> None:
        self.closed.append(link)

    def answer(self, index: int = 0) -> bool:
        """Approve what was asked `index`-th among those still waiting."""
        message, link = self.asked.pop(index)
        return link.reply(message, APPROVED)


class ListOutbound:
    """Keeps what it is told of lines and deliveries."""

    def __init__(self) -> None:
        self.deliveries: list[tuple[str, str]] = []
        self.ready: list[tuple[str, str]] = []
        self.closed: list[Link] = []

    def delivered(self, link: Link, delivery: Delivery) -> None:
        self.deliveries.append((delivery.id, delivery.state))

    def link_ready(self, listener: str, line: str) -> None:
        self.ready.append((listener, line))

    def link_closed(self, link: Link) -> None:
        self.closed.append(link)


class Variables:
    """Durable variables in memory; what is stored is told when the test says so."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, bytes]] = {}
        self.waiting: list[Callable[[], None]] = []
        self.is_failing = False

    def store_variable(self, link_name: str, name: str, value: bytes | None, done: Callable[[StepResult], None]) -> None:
        def durable() -> None:
            if self.is_failing:
                done(JournalFailed("full"))
            else:
                known = self.kept.setdefault(link_name, {})
                if value is None:
                    known.pop(name, None)
                else:
                    known[name] = value
                done(None)

        self.waiting.append(durable)

    def variables(self, link_name: str) -> dict[str, bytes]:
        return dict(self.kept.get(link_name, {}))

    def make_durable(self) -> None:
        waiting, self.waiting = self.waiting, []
        for durable in waiting:
            durable()


class Peer:
    """The far end: a plain socket stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def say(self, line: str) -> None:
        self.writer.write(line.encode() + b"\n")

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def hear(self) -> str:
        """The next line, without its end; an empty string when the relay closed, "reset" when it reset."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return (await self.reader.readline()).decode().rstrip("\n")
        except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
            return "reset"

    async def ask(self, line: str) -> str:
        self.say(line)
        return await self.hear()

    async def is_gone(self) -> bool:
        """True when the relay closed or reset without another byte."""
        return await self.hear() in {"", "reset"}

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except OSError:
            return


class WireWorld:
    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self.time = VirtualTime()
        self.desk = ListDesk()
        self.outbound = ListOutbound()
        self.variables = Variables()
        self.told: list[tuple[str, str, str, dict[str, str]]] = []
        self.roster: Roster[Link] = Roster()
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self.parts = WireParts(
            desk=self.desk,
            outbound=self.outbound,
            variables=self.variables,
            roster=self.roster,
            link_ids=LinkIds("tokyo", 10, 0x19A),
            clock=self.time,
            timers=self.time,
            metrics=self.metrics,
            tell=lambda *event: self.told.append(event),
            credential_path=lambda name: name,
        )
        self.when_closed: list[Callable[[], None]] = []
        self._peers: list[Peer] = []
        self._listeners: list[Listener] = []
        self._dialers: list[Dialer] = []

    def facts(self, name: str = "atm", dialect: Dialect | None = None, **changes: Any) -> ListenerFacts:
        values = {"realm": "bank", "channel": "atm", "reply_deadline_ms": 15_000} | changes
        return ListenerFacts(name=name, dialect=LineDialect() if dialect is None else dialect, **values)

    def listener(self, facts: ListenerFacts | None = None, environ: Any = None, **settings: Any) -> Listener:
        """Not started yet."""
        facts = self.facts() if facts is None else facts
        values = {"endpoint": "tcp:0:interface=127.0.0.1"} | settings
        return Listener(
            ListenerSettings(name=facts.name, **values), facts, self.parts, self.reactor, {} if environ is None else environ
        )

    async def listen(self, facts: ListenerFacts | None = None, environ: Any = None, **settings: Any) -> Listener:
        listener = self.listener(facts, environ, **settings)
        await listener.start()
        self._listeners.append(listener)
        return listener

    def dialer(self, chance: Any, facts: ListenerFacts | None = None, **settings: Any) -> Dialer:
        facts = self.facts("switch") if facts is None else facts
        dialer = Dialer(DialerSettings(name=facts.name, **settings), facts, self.parts, self.reactor, chance)
        self._dialers.append(dialer)
        return dialer

    async def dial(self, listener: Listener, **options: Any) -> Peer:
        address = listener.address
        async with asyncio.timeout(PATIENCE_S):
            peer = Peer(*await asyncio.open_connection(address.host, address.port, **options))
        self._peers.append(peer)
        return peer

    async def is_refused(self, listener: Listener, **options: Any) -> bool:
        """True when a new far end gets no byte; a reset may come as early as inside its `connect`."""
        try:
            peer = await self.dial(listener, **options)
        except ConnectionError:
            return True
        return await peer.is_gone()

    async def terminal(self, listener: Listener, name: str) -> Peer:
        """A far end that has signed on."""
        peer = await self.dial(listener)
        assert await peer.ask(f"HELLO {name}") == f"OK {name}"
        return peer

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the loop turn until `condition` holds."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110  what sockets do has no event of ours
                await asyncio.sleep(0)

    def count(self, metric: str, **labels: str) -> float:
        self.time.run(1_000)  # let the byte counters pass on what they summed
        return self.registry.get_sample_value(metric, labels) or 0.0

    async def stop_dialers(self) -> None:
        for dialer in self._dialers:
            await dialer.stop()

    async def close(self) -> None:
        await self.stop_dialers()
        for listener in self._listeners:
            await listener.stop_accepting()
        for closed in self.when_closed:
            closed()
        for link in self.roster.links():
            link.close("test-over", abort=True)
        for peer in self._peers:
            await peer.close()
        await self.until(lambda: self.roster.link_count == 0)
