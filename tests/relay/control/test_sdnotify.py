"""What systemd hears, over real datagram sockets; and a watchdog that is fed only after a check."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from twisted.internet.task import Clock as TwistedClock

from relay.clock import Cancellable
from relay.control.sdnotify import HealthCheck, Notifier, Watchdog, watchdog_interval_ms
from relay.telemetry.metrics import Metrics


class Supervisor:
    """The far end of $NOTIFY_SOCKET."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self.socket.setblocking(False)

    def heard(self) -> list[str]:
        lines = []
        while True:
            try:
                lines.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return lines


@pytest.fixture(params=["path", "abstract"])
def supervisor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Supervisor]:
    address = str(tmp_path / "notify") if request.param == "path" else f"@relay-test-{secrets.token_hex(8)}"
    supervisor = Supervisor(address)
    yield supervisor
    supervisor.socket.close()


def test_the_words_of_a_life(supervisor: Supervisor) -> None:
    environ = {"NOTIFY_SOCKET": supervisor.address, "PATH": "/bin"}
    notifier = Notifier.from_environment(environ)
    assert environ == {"PATH": "/bin"}
    assert notifier.ready("2 listeners\nopen")
    assert notifier.status("draining")
    assert notifier.reloading(12_345)
    assert notifier.stopping("drained")
    assert notifier.watchdog()
    notifier.close()
    assert supervisor.heard() == [
        "READY=1\nSTATUS=2 listeners open",
        "STATUS=draining",
        "RELOADING=1\nMONOTONIC_USEC=12345000",
        "STOPPING=1\nSTATUS=drained",
        "WATCHDOG=1",
    ]


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}])
def test_without_a_supervisor_nothing_happens(environ: dict[str, str]) -> None:
    notifier = Notifier.from_environment(environ)
    assert not notifier.ready("ready")
    notifier.close()
    assert not notifier.watchdog()


def test_a_supervisor_that_went_away_stops_nobody(tmp_path: Path) -> None:
    notifier = Notifier(str(tmp_path / "nobody"))
    assert not notifier.ready("ready")
    notifier.close()


def test_a_supervisor_that_does_not_read_stops_nobody(supervisor: Supervisor) -> None:
    notifier = Notifier(supervisor.address)
    told = [notifier.watchdog() for _ in range(2_000)]
    assert told[0]
    assert not told[-1]
    notifier.close()


@pytest.mark.parametrize(
    ("environ", "interval_ms"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 10_000),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "77"}, 10_000),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "78"}, None),
        ({"WATCHDOG_USEC": "1"}, 1),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_interval_is_a_third_of_what_systemd_waits(environ: dict[str, str], interval_ms: int | None) -> None:
    assert watchdog_interval_ms(environ, pid=77) == interval_ms
    assert not environ


def test_health_late_loop() -> None:
    check = HealthCheck(lag_ms_max=100, journal_still_ms_max=1_000)
    assert check.judge(0, 99, 0, 0) == ""
    assert check.judge(10, 100, 0, 0) == "loop-late"
    assert check.judge(20, 0, 0, 0) == ""


def test_health_journal_that_stands_still_while_records_wait() -> None:
    check = HealthCheck(lag_ms_max=100, journal_still_ms_max=1_000)
    assert check.judge(0, 0, 5, 40) == ""
    assert check.judge(999, 0, 6, 40) == ""
    assert check.judge(1_000, 0, 7, 40) == "journal-still"
    assert check.judge(1_100, 0, 7, 41) == ""


def test_health_an_idle_journal_is_healthy_and_the_clock_starts_when_something_waits() -> None:
    check = HealthCheck(lag_ms_max=100, journal_still_ms_max=1_000)
    for now_ms in range(0, 10_000, 500):
        assert check.judge(now_ms, 0, 0, 40) == ""
    assert check.judge(10_900, 0, 1, 40) == ""
    assert check.judge(11_899, 0, 1, 40) == ""
    assert check.judge(11_900, 0, 1, 40) == "journal-still"


class Loop:
    """Twisted's test clock as the relay's clock and timers; `late_ms` makes it wake late, like a busy loop."""

    def __init__(self) -> None:
        self.twisted = TwistedClock()
        self.late_ms = 0

    def monotonic_ms(self) -> int:
        return round(self.twisted.seconds() * 1000)

    def wall_ms(self) -> int:
        return self.monotonic_ms()

    def after(self, delay_ms: int, callback: Callable[[], None]) -> Cancellable:
        return self.twisted.callLater((delay_ms + self.late_ms) / 1000, callback)

    def advance(self, by_ms: int) -> None:
        self.twisted.advance(by_ms / 1000)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


def test_the_watchdog_is_fed_while_the_daemon_works_and_not_a_moment_longer(supervisor: Supervisor, metrics: Metrics) -> None:
    loop, journal = Loop(), {"waiting": 0, "answered": 0}
    notifier = Notifier(supervisor.address)
    watchdog = Watchdog(
        notifier,
        loop,
        loop,
        10_000,
        lambda: journal["waiting"],
        lambda: journal["answered"],
        metrics.loop_lag_seconds,
        metrics.watchdog_held,
    )
    watchdog.start()
    assert supervisor.heard() == []
    for _ in range(3):
        loop.advance(10_000)
    assert supervisor.heard() == ["WATCHDOG=1"] * 3

    journal["waiting"] = 1  # a record waits, and nothing is answered any more
    loop.advance(10_000)
    assert supervisor.heard() == ["WATCHDOG=1"]
    loop.advance(10_000)
    assert supervisor.heard() == []
    assert metrics.registry.get_sample_value("relay_watchdog_held_total", {"reason": "journal-still"}) == 1
    journal["answered"], journal["waiting"] = 1, 0
    loop.advance(10_000)
    assert supervisor.heard() == ["WATCHDOG=1"]

    loop.late_ms = 3_000  # the beat that is already asked for is on time, the one after it is late
    loop.advance(10_000)
    loop.advance(13_000)
    assert metrics.registry.get_sample_value("relay_loop_lag_seconds") == 3.0
    assert metrics.registry.get_sample_value("relay_watchdog_held_total", {"reason": "loop-late"}) == 1

    watchdog.stop()
    supervisor.heard()
    loop.advance(60_000)
    assert supervisor.heard() == []
    notifier.close()
