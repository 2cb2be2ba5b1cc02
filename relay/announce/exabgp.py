"""Announced by ExaBGP: the relay's end of the socket on which its bridge (bridge.py) asks what is wanted.

Owns the socket and the beat: what is wanted is said every `beat_ms`, and a bridge that hears nothing withdraws. So the route
follows a relay that dies or hangs; it cannot follow a bridge that dies, for ExaBGP keeps its routes then; ExaBGP starts
another one, whose first act is a withdrawal. It must never decide a level. The traps: ExaBGP looks at no device, so the
one that holds the address here is for the packets alone and keeps no route honest; and two bridges (an old ExaBGP and a new
one) would both be told to announce, so the newest is served and the older is hung up on, which makes it withdraw.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping

from relay.announce.port import FailureKind, Level, SpeakerState
from relay.announce.tun import DeviceHolder
from relay.clock import Cancellable, Timers
from relay.telemetry.log import get_log

log = get_log("announce")
LINE_BYTES_MAX = 4_096
SOCKET_MODE = 0o660


class ExaAnnouncer:
    """Fulfils relay.announce.port.Announcer.

    Args:
        path: the unix socket, for ExaBGP's user (mode 0660).
        meds: what each level is announced with.
        device: holds the addresses.
        beat_ms: how often what is wanted is said, milliseconds; a third of the bridge's hold or less.
        failed: told the kind of each failure, for a metric.
    """

    def __init__(
        self,
        path: str,
        meds: Mapping[Level, int],
        device: DeviceHolder,
        timers: Timers,
        beat_ms: int,
        failed: Callable[[FailureKind], None],
    ) -> None:
        self._path, self._device, self._timers, self._beat_ms, self._failed = path, device, timers, beat_ms, failed
        self._words = {Level.NONE: "none", **{level: str(med) for level, med in meds.items()}}
        self._wanted = Level.NONE
        self._server: asyncio.Server | None = None
        self._bridge: asyncio.StreamWriter | None = None
        self._unanswered_count = 0
        self._timer: Cancellable | None = None
        self._problem = ""  # why the socket cannot be made
        self._state = _without_bridge()

    async def start(self) -> None:
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)
            self._server = await asyncio.start_unix_server(self._converse, self._path, limit=LINE_BYTES_MAX)
            os.chmod(self._path, SOCKET_MODE)
        except OSError as error:
            self._problem = f"the socket {self._path} for ExaBGP cannot be made: {error.strerror or error}"
            self._state = SpeakerState(problem=self._problem, next_step="announce.control_socket")
            self._failed("device")
        self._beat()

    def announce(self, level: Level) -> str:
        problem = self._problem or self._device.hold()
        self._wanted = Level.NONE if problem else level
        self._say()
        return problem

    def keep(self) -> str:
        return self._device.keep()

    def withdraw(self) -> None:
        self._wanted = Level.NONE
        self._say()
        self._device.let_go()

    def state(self) -> SpeakerState:
        return self._state

    async def stop(self) -> None:
        """A bridge that is hung up on withdraws."""
        self.withdraw()
        if self._timer is not None:
            self._timer.cancel()
        if self._bridge is not None:
            self._bridge.close()
        if self._server is not None:
            self._server.close()
            with contextlib.suppress(OSError):
                os.unlink(self._path)

    # ---- the bridge --------------------------------------------------------------------------------------------------
    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._bridge is not None:
            log.warning("another bridge of ExaBGP came: the older one is hung up on")
            self._bridge.close()
        self._bridge, self._unanswered_count = writer, 0
        log.info("the bridge of ExaBGP is here")
        self._say()
        try:
            while line := await reader.readline():
                self._heard(writer, line.decode("utf-8", "replace").strip())
        except (OSError, ValueError):  # gone, or a line that is longer than any of ours
            pass
        finally:
            writer.close()
            if self._bridge is writer:
                self._bridge = None
                self._failed("gone")
                self._state = _without_bridge()
                log.error("the bridge of ExaBGP has gone")

    def _heard(self, writer: asyncio.StreamWriter, line: str) -> None:
        if self._bridge is not writer:
            return
        self._unanswered_count = 0
        verb, _, text = line.partition(" ")
        if verb == "have":
            seen = next((level for level, word in self._words.items() if word == text), None)
            self._state = SpeakerState(seen=seen)
        elif verb == "trouble":
            self._failed("refused")
            self._state = SpeakerState(problem=text, next_step="ExaBGP's log; docs/announce.md")
        else:
            self._failed("garbage")
            self._state = SpeakerState(problem=f"the bridge said {line[:60]!r}", next_step="Is it of another version?")

    def _beat(self) -> None:
        self._say()
        self._timer = self._timers.after(self._beat_ms, self._beat)

    def _say(self) -> None:
        bridge = self._bridge
        if bridge is None:
            return
        self._unanswered_count += 1
        if self._unanswered_count > 4:  # a bridge that hangs: what it is told would pile up
            self._failed("silent")
            self._state = SpeakerState(problem="the bridge of ExaBGP does not answer", next_step="ExaBGP's log")
            bridge.transport.abort()
            return
        bridge.write(f"want {self._words[self._wanted]}\n".encode())


def _without_bridge() -> SpeakerState:
    return SpeakerState(
        problem="no bridge of ExaBGP is here: nothing is announced", next_step="does ExaBGP run it? docs/announce.md"
    )
