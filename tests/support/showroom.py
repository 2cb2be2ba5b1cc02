"""The console's own site behind a real port, over what a scene says: what a browser can be pointed at without a relay.

Owns one server on the test's loop, whose time stands still. It must never know a browser. The trap: answers are shared for a
second of a clock that does not move, so a change of scene lets that second pass.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from protocols.vocabulary import Secret
from relay.console.accounts import account
from relay.console.audit import Entry
from relay.console.identity import Role
from relay.outbound.api import HttpAnswer, HttpRequest
from relay.outbound.server import HttpServer, ServerLimits
from tests.support.consoleroom import CHEAP, PASSWORD, ConsoleRoom
from tests.support.consolescenes import DIALECTS, NIGHT_MS, SCENES
from tests.support.virtualtime import VirtualTime

OFFSET_MINUTES = 540
WHO = "sato"  # may do everything


class Showroom:
    def __init__(self, directory: Path) -> None:
        self.room = ConsoleRoom(directory, is_tls=False, time=VirtualTime(NIGHT_MS), offset_minutes=OFFSET_MINUTES)
        self.room.accounts["sato"] = account(WHO, Role.ADMINISTRATOR, Secret(PASSWORD), 0, CHEAP)
        self.room.write()
        self.room.restart(has_failover=True)
        self.room.sources.names = dict(DIALECTS)
        self._server: HttpServer | None = None
        self.is_stuck = False  # as a relay that was stopped: it is connected, and says nothing
        self._waiting: list[tuple[HttpRequest, Callable[[HttpAnswer], None]]] = []
        self.show("night")
        self._write_audit()

    async def start(self) -> None:
        metrics = self.room.metrics
        self._server = HttpServer(
            self._handle,
            ServerLimits(),
            self.room.time,
            metrics.console_connections,
            metrics.console_connections_refused,
            metrics.console_requests,
        )
        held = socket.create_server(("127.0.0.1", 0))
        held.setblocking(False)
        await self._server.start([held], None)

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop()

    @property
    def address(self) -> str:
        assert self._server is not None  # whoever asks has started it
        return f"http://127.0.0.1:{self._server.port}"

    def show(self, scene: str) -> None:
        """From now on the relay says this."""
        said, sources = SCENES[scene](self.room.time.wall_ms()), self.room.sources
        sources.answers.update(said.answers)
        sources.ring, sources.lines, sources.shelf = said.ring, said.lines, list(said.shelf)
        sources.found, sources.detail = list(said.found), said.detail
        self.pass_time()

    def pass_time(self, ms: int = 31_000) -> None:
        self.room.time.run(ms)

    def _handle(self, request: HttpRequest, done: Callable[[HttpAnswer], None]) -> None:
        if self.is_stuck:
            self._waiting.append((request, done))
        else:
            self.room.site.handle(request, done)  # whichever there is now: a restart makes another

    def go_on(self) -> None:
        self.is_stuck, waiting, self._waiting = False, self._waiting, []
        for request, done in waiting:
            self._handle(request, done)

    def _write_audit(self) -> None:
        now_ms = self.room.time.wall_ms()
        deeds = (
            ("kimura", "approver", "reconcile-sign", "number=310", "read and compared with the branch sheets", "done"),
            ("sato", "operator", "region-block", "classes=branch", "branches see wrong balances", "done"),
            ("sato", "operator", "saf-retry", "key=bank/T0000031/110502/000182/reversal", "the core is back", "refused"),
            ("mori", "administrator", "reload", "", "new listener for the Nagoya ATMs", "done"),
            ("sato", "operator", "drain-start", "classes=atm,branch", "the hall is flooded", ""),
        )
        for number, (who, role, deed, target, why, result) in enumerate(deeds):
            said = {"done": "done", "refused": "it is not owed any more: confirmed", "": ""}[result]
            entry = Entry(
                at_ms=now_ms - (len(deeds) - number) * 240_000, who=who, role=role, address="10.20.9.31", deed=deed,
                target=target, why=why, result=result, said=said,
            )  # fmt: skip
            self.room.book.note(entry, lambda _: None)
