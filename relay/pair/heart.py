"""The heartbeats on the wire: one UDP socket per path, connected to the peer's address, a beat each interval, a bounded ear.

Owns the sockets and the pace. It must never judge what is heard (hearing.py) nor know what is said (a callable gives the
beat). The traps: a flood must not keep the loop busy, so that no more than `DATAGRAMS_PER_S_MAX` are read of a path in a
second, and the rest is the kernel's to drop; a connected socket hears the peer's address and port only, and hears of its ICMP
errors, which mean nothing but end libuv's watching of the socket, so that it is watched anew; and an address that is not on
this host (its link is down, say) must not keep the relay from serving, so that a path's socket is tried again for ever.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Final

import msgspec

from relay.clock import Cancellable, Clock, Timers
from relay.configuration.pair import PairPath
from relay.pair.beat import Beat, Unread, read_beat, write_beat
from relay.pair.hearing import Heard, Hearing
from relay.pair.question import MAGIC as QUESTION_MAGIC
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

_log = get_log("pair.heart")
DATAGRAMS_PER_S_MAX: Final = 500  # ten heartbeats, 200 questions and as many answers (enquiry.py)
READ_AT_ONCE_MAX: Final = 16
RECEIVE_BUFFER_BYTES: Final = 65_536
BIND_AGAIN_MS: Final = 5_000
_BYTES_READ = 2_048  # more than the longest of ours, so that a longer one is seen to be too long
_SECOND_MS = 1_000


class _PathSocket:
    """The socket of one path; `sock` is None while it cannot be bound."""

    def __init__(self, path: PairPath, port: int) -> None:
        self.path = path
        self.port = port
        self.sock: socket.socket | None = None
        self.is_reading = False
        self.read_count = 0
        self.second_ms = 0
        self.bound_ms: int | None = None  # last try
        self.trouble = ""

    def open(self) -> None:
        """Raises OSError."""
        sock = socket.socket(socket.AF_INET6 if ":" in self.path.own else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            sock.bind((self.path.own, self.port))
            sock.connect((self.path.peer, self.port))
        except OSError:
            sock.close()
            raise
        self.sock = sock


class Heart:
    """Args: `say(sequence)` is our next heartbeat, its echo left out; `heard()` is told of each one that was read.
    `on_question` gets what begins like a question or its answer (question.py), once it is set.
    """

    def __init__(
        self,
        paths: Sequence[PairPath],
        port: int,
        keys: Sequence[bytes],
        hearing: Hearing,
        say: Callable[[int], Beat],
        heard: Callable[[], None],
        *,
        clock: Clock,
        timers: Timers,
        random: Random,
        metrics: Metrics,
        beat_ms: int = 1_000,
    ) -> None:
        self._sockets = [_PathSocket(path, port) for path in paths]
        self._keys = tuple(keys)
        self._hearing = hearing
        self._say = say
        self._heard = heard
        self._clock = clock
        self._timers = timers
        self._random = random
        self._beat_ms = beat_ms
        self.on_question: Callable[[bytes], None] = _nobody_asks
        self._sequence = 0
        self._timer: Cancellable | None = None
        self._is_running = False
        self._counters = [
            {result: metrics.pair_beats.labels(path.name, result) for result in (*_RESULTS, "flooded")} for path in paths
        ]

    @property
    def troubles(self) -> tuple[str, ...]:
        """Why a path's socket does not work, one word of the system's per path; empty where it does."""
        return tuple(each.trouble for each in self._sockets)

    def start(self) -> None:
        self._is_running = True
        self._beat()

    def stop(self) -> None:
        self._is_running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for number in range(len(self._sockets)):
            self._close(number)

    def send_all(self, datagram: bytes) -> None:
        """On every path that has a socket; what is lost is lost."""
        for number in range(len(self._sockets)):
            self._send(number, datagram)

    # ---- out ---------------------------------------------------------------------------------------------------------
    def _beat(self) -> None:
        tenth = self._beat_ms // 10  # the next one first: no error of this one makes it the last
        self._timer = self._timers.after(self._beat_ms + self._random.randint(-tenth, tenth), self._beat)
        now_ms = self._clock.monotonic_ms()
        self._sequence += 1
        beat = self._say(self._sequence)
        for number, each in enumerate(self._sockets):
            if each.sock is None and not self._bind(number, now_ms):
                continue
            life, sequence = self._hearing.echo(number)
            echoing = msgspec.structs.replace(beat, echo_life=life, echo_sequence=sequence)
            self._hearing.sent(number, self._sequence, now_ms)
            self._send(number, write_beat(echoing, number, self._hearing.peer_version, self._keys[0]))

    def _send(self, number: int, datagram: bytes) -> None:
        each = self._sockets[number]
        if each.sock is None:
            return
        try:
            each.sock.send(datagram)
        except BlockingIOError:
            pass  # the link is full: the next heartbeat is as good
        except OSError as error:
            if error.errno is not None and each.trouble != error.strerror:
                each.trouble = error.strerror or str(error)
                _log.info("heartbeat not sent", path=each.path.name, why=each.trouble)
        else:
            each.trouble = ""

    def _bind(self, number: int, now_ms: int) -> bool:
        each = self._sockets[number]
        if each.bound_ms is not None and now_ms - each.bound_ms < BIND_AGAIN_MS:
            return False
        each.bound_ms = now_ms
        try:
            each.open()
        except OSError as error:
            trouble = error.strerror or str(error)
            if each.trouble != trouble:
                each.trouble = trouble
                _log.error("no socket for a path to the other center", path=each.path.name, own=each.path.own, why=trouble)
            return False
        each.trouble = ""
        self._listen(number)
        return True

    def _close(self, number: int) -> None:
        each = self._sockets[number]
        if each.sock is not None:
            self._deafen(number)
            each.sock.close()
            each.sock = None

    # ---- in ----------------------------------------------------------------------------------------------------------
    def _listen(self, number: int) -> None:
        each = self._sockets[number]
        if each.sock is not None and not each.is_reading and self._is_running:
            each.is_reading = True
            asyncio.get_running_loop().add_reader(each.sock.fileno(), self._readable, number)

    def _deafen(self, number: int) -> None:
        each = self._sockets[number]
        if each.sock is not None and each.is_reading:
            each.is_reading = False
            asyncio.get_running_loop().remove_reader(each.sock.fileno())

    def _listen_again(self, number: int) -> None:
        self._deafen(number)
        self._listen(number)

    def _readable(self, number: int) -> None:
        each, now_ms = self._sockets[number], self._clock.monotonic_ms()
        if now_ms - each.second_ms >= _SECOND_MS:
            each.second_ms, each.read_count = now_ms, 0
        for _ in range(READ_AT_ONCE_MAX):
            if each.sock is None:
                return
            try:
                datagram = each.sock.recv(_BYTES_READ)
            except BlockingIOError:
                return
            except OSError:
                # An ICMP error about an earlier heartbeat: nobody listens there yet.
                asyncio.get_running_loop().call_soon(self._listen_again, number)
                return
            each.read_count += 1
            self._read(number, datagram, now_ms)
            if each.read_count >= DATAGRAMS_PER_S_MAX:
                self._counters[number]["flooded"].inc()
                _log.warning("more datagrams than a peer sends: the rest of this second is dropped", path=each.path.name)
                self._deafen(number)
                self._timers.after(_SECOND_MS, partial(self._listen, number))
                return

    def _read(self, number: int, datagram: bytes, now_ms: int) -> None:
        if datagram.startswith(QUESTION_MAGIC):
            self.on_question(datagram)
            return
        read = read_beat(datagram, self._keys)
        result = read.value if isinstance(read, Unread) else self._hearing.heard(number, read, now_ms).value
        self._counters[number][result].inc()
        self._heard()


def _nobody_asks(datagram: bytes) -> None:
    """A question that nobody here has a use for."""


_RESULTS = (*(unread.value for unread in Unread), *(heard.value for heard in Heard))
