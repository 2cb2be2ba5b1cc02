"""The process that starts the workers of one relay, and starts them again: it opens no journal, no port, and no link.

Owns the children, what they are told (signals, systemd's sockets) and what systemd is told in their name. It must never know a
message. The traps: the first worker is ready before the others begin, because it makes or migrates the journal and finds out
whether another relay has it; a worker that stands still is killed, for only a new life of it takes up what it holds; a
worker that ends by itself and well was asked to by a person, so all of them end; and a signal that a relay knows must not end
this process, whose workers would go with it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import Final

from relay.clock import Clock, SystemClock
from relay.configuration.workers import RUN_VARIABLE, SUPERVISOR_VARIABLE, WORKER_VARIABLE
from relay.control.sdnotify import Notifier, watchdog_interval_ms
from relay.settings import Settings
from relay.telemetry.log import configure_logging, get_log

log = get_log("supervisor")

BACKOFF_FIRST_MS: Final = 200
BACKOFF_MAX_MS: Final = 10_000
STEADY_MS: Final = 60_000  # a life so long was a good one: the next death is the first again
STALL_MS: Final = 30_000  # a worker that has not said for so long that it is at work is killed
LOOK_MS: Final = 200
END_MS: Final = 15_000  # beyond the drain's deadline, for what comes after it
FIRST_FD: Final = 3  # sd_listen_fds(3)
EXIT_CONFIGURATION: Final = 2


def backoff_ms(deaths: int) -> int:
    """Pause before a worker is started again, after so many deaths in a row."""
    return min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS << min(max(0, deaths - 1), 16))


class Ear:
    """Where one worker says that it is ready and at work: systemd's protocol, on an abstract socket of its own."""

    def __init__(self, name: str) -> None:
        self.address = f"@{name}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)
        self._socket.bind(f"\0{name}")

    def heard(self) -> list[str]:
        lines: list[str] = []
        while True:
            try:
                lines += self._socket.recv(4_096).decode(errors="replace").splitlines()
            except BlockingIOError:
                return lines

    def close(self) -> None:
        self._socket.close()


class Child:
    """One worker: the process that it is just now, or when it is started again."""

    def __init__(self, number: int, command: list[str], environment: Mapping[str, str], clock: Clock) -> None:
        self.number = number
        self._command = command
        self._clock = clock
        self.ear = Ear(f"relay-worker-{os.getpid()}-{number}")
        self._environment = {
            **environment,
            WORKER_VARIABLE: str(number),
            SUPERVISOR_VARIABLE: str(os.getpid()),
            "NOTIFY_SOCKET": self.ear.address,
            "WATCHDOG_USEC": str(STALL_MS * 1_000),
        }
        self._environment.pop("WATCHDOG_PID", None)
        self.process: subprocess.Popen[bytes] | None = None
        self.is_ready = False
        self.deaths = 0  # in a row
        self._owed: set[signal.Signals] = set()  # told when it is ready
        self._started_ms = self._heard_ms = self._again_ms = 0
        self.status = ""

    def start(self, fds: tuple[int, ...]) -> None:
        self.is_ready = False
        self.ear.heard()  # what the last life said
        self._started_ms = self._heard_ms = self._clock.monotonic_ms()
        more = {RUN_VARIABLE: "1"} if self.number == 1 and not self.deaths else {}
        self.process = subprocess.Popen(self._command, env={**self._environment, **more}, pass_fds=fds)
        log.info("worker started", worker=self.number, pid=self.process.pid)

    def listen(self) -> None:
        for line in self.ear.heard():
            name, _, value = line.partition("=")
            self._heard_ms = self._clock.monotonic_ms()
            if name == "READY":
                self.is_ready = True
                owed, self._owed = self._owed, set()
                for number in owed:
                    self.signal(number)
            elif name == "STATUS":
                self.status = value

    def is_still(self) -> bool:
        """Ready once, and silent for too long."""
        return self.process is not None and self.is_ready and self._clock.monotonic_ms() - self._heard_ms >= STALL_MS

    def ended(self) -> int | None:
        """Its exit code, once; a signal's number negative. When it may start again is set."""
        code = None if self.process is None else self.process.poll()
        if code is None:
            return None
        now_ms = self._clock.monotonic_ms()
        self.deaths = 1 if now_ms - self._started_ms >= STEADY_MS else self.deaths + 1
        self._again_ms = now_ms + backoff_ms(self.deaths)
        self.process, self.is_ready = None, False
        return code

    def may_start(self) -> bool:
        return self.process is None and self._clock.monotonic_ms() >= self._again_ms

    def tell(self, number: signal.Signals) -> None:
        """A signal that would end a process which has no handler for it yet: it waits until the worker is ready, or the next
        one in its place."""
        if self.is_ready and self.process is not None and self.process.poll() is None:
            self.signal(number)
        else:
            self._owed.add(number)

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)


class Supervisor:
    def __init__(self, settings: Settings, config_path: str, environment: Mapping[str, str], clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        given = dict(environment)
        self._notifier = Notifier.from_environment(given)
        self._feed_ms = watchdog_interval_ms(given)
        self._fed_ms = clock.monotonic_ms()
        here = given.get("LISTEN_PID") == str(os.getpid())
        count = int(given["LISTEN_FDS"]) if here and given.get("LISTEN_FDS", "").isdecimal() else 0
        self._fds = tuple(range(FIRST_FD, FIRST_FD + count))
        command = [sys.executable, "-m", "relay", "run", config_path]
        self._children = [Child(number, command, given, clock) for number in range(1, settings.relay.workers + 1)]
        self._stop: str = ""
        self._has_begun = False  # the first was ready once
        self._said_ready = False

    async def run(self) -> int:
        """Until somebody asks to stop, or the first worker cannot begin. Returns the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ask_to_stop, f"signal {number.name}")
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        loop.add_signal_handler(signal.SIGUSR2, self._children[0].tell, signal.SIGUSR2)  # the others follow it
        code = 0
        try:
            self._children[0].start(self._fds)
            while not self._stop:
                await asyncio.sleep(LOOK_MS / 1_000)
                code = self._look()
                self._feed()
        finally:
            await self._end()
        return code

    def _look(self) -> int:
        """Once around all workers. The exit code, where this ends it."""
        for child in self._children:
            child.listen()
            self._has_begun = self._has_begun or self._children[0].is_ready
            if child.is_still():
                log.error("worker stands still, and is killed", worker=child.number, still_ms=STALL_MS)
                child.signal(signal.SIGKILL)
            code = child.ended()
            if code is not None and not self._stop:
                log.error("worker ended", worker=child.number, code=code, deaths=child.deaths)
                if code == 0:
                    self._ask_to_stop(f"worker {child.number} was asked to end")
                elif not self._has_begun and child is self._children[0]:
                    self._ask_to_stop("the first worker could not begin")
                    return max(1, code)
        if not self._stop and self._has_begun:
            for child in self._children:
                if child.may_start():
                    child.start(self._fds)
        if not self._said_ready and all(child.is_ready for child in self._children):
            self._said_ready = True
            self._notifier.ready(f"serving with {len(self._children)} workers: {self._children[0].status}")
        return 0

    def _feed(self) -> None:
        now_ms = self._clock.monotonic_ms()
        if self._feed_ms is not None and now_ms - self._fed_ms >= self._feed_ms:
            self._fed_ms = now_ms
            self._notifier.watchdog()

    def _ask_to_stop(self, why: str) -> None:
        log.info("stopping", why=why)
        self._stop = self._stop or why

    def _reload(self) -> None:
        for child in self._children:
            child.tell(signal.SIGHUP)

    def _signal_all(self, number: signal.Signals) -> None:
        for child in self._children:
            child.signal(number)

    async def _end(self) -> None:
        """Each drains; what does not come to its end is ended."""
        self._notifier.stopping(self._stop or "stopping")
        self._signal_all(signal.SIGTERM)
        until_ms = self._clock.monotonic_ms() + self._settings.relay.drain_deadline_ms + END_MS
        while any(self._is_running(child) for child in self._children):
            if self._clock.monotonic_ms() >= until_ms:
                break
            await asyncio.sleep(LOOK_MS / 4 / 1_000)
        self._signal_all(signal.SIGKILL)
        for child in self._children:
            if child.process is not None:
                child.process.wait()
            child.ear.close()
        self._notifier.close()

    def _is_running(self, child: Child) -> bool:
        return child.process is not None and child.process.poll() is None


def supervise(settings: Settings, config_path: str, environment: Mapping[str, str]) -> int:
    """Run the workers until they are stopped. Returns the exit code."""
    configure_logging(settings.telemetry.log_level, settings.telemetry.log_format)
    return asyncio.run(Supervisor(settings, config_path, environment, SystemClock()).run())


def adopt_sockets(environment: dict[str, str]) -> None:
    """In a worker: the sockets that systemd gave to its parent came with it, and are announced for this process."""
    if environment.get("LISTEN_PID") == str(os.getppid()):
        environment["LISTEN_PID"] = str(os.getpid())
