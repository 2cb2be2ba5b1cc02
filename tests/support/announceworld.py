"""Two relay centers, a router and a terminal, each in a network namespace of its own, with BIRD between them.

Owns the network, the BIRDs, two daemons with a journal each, one fake core that both reach, and a terminal that asks all the
time and writes down when it was answered. BIRD's configuration and the firewall are those that docs/announce.md shows. The
traps: everything is held by this process and ends with it; and a gap is measured at the terminal, between the last answer on
the old link and the first on a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from relay.control.announce import AnnounceReport
from tests.support.daemonworld import PATIENCE_S, ROOT, DaemonWorld
from tests.support.foreignatm import ForeignAtm
from tests.support.netns import Namespace, cable
from tests.support.tools import need_tool

SERVICE = "198.18.0.10"
PORT = 8583
CORE = "10.77.9.1"
SILENCE_S = 30.0  # the terminal's own patience
# Three unheard hellos are a loss, and a BIRD without CPU says none: shorter is for a machine that has nothing else to do.
BFD_MS = int(os.environ.get("RELAY_FAILOVER_BFD_MS", "1000"))
PAGE = ROOT / "docs" / "announce.md"


def example(first_line: str) -> str:
    """The block of docs/announce.md that begins with this comment."""
    found = re.search(
        rf"^```\n(# {re.escape(first_line)}\n.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert found, first_line
    return found[1]


async def until(holds: Callable[[], bool], what: Callable[[], object]) -> None:
    """Look again and again, without a pause that somebody could find too long or too short."""
    loop, turn = asyncio.get_running_loop(), asyncio.Event()
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                loop.call_later(0.02, turn.set)
                await turn.wait()
                turn.clear()
    except TimeoutError:
        raise AssertionError(f"never so: {what()}") from None


class Bird:
    """One BIRD in a namespace; configuration checked before it starts."""

    def __init__(self, namespace: Namespace, folder: Path, configuration: str) -> None:
        self._namespace = namespace
        self.socket = folder / f"{namespace.name}.ctl"
        self._file = folder / f"{namespace.name}.conf"
        self._log = folder / f"{namespace.name}.log"
        self._file.write_text(f'log "{self._log}" all;\n{configuration}'.replace("300 ms", f"{BFD_MS} ms"))
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        bird = need_tool("bird")
        self._namespace.run(bird, "-p", "-c", str(self._file))
        words = [
            *self._namespace.words,
            "nice",
            "-n",
            "-15",
            bird,
            "-f",
            "-c",
            str(self._file),
            "-s",
            str(self.socket),
            "-P",
            f"{self._file}.pid",
        ]
        self._process = await asyncio.create_subprocess_exec(*words)

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def show(self, what: str) -> str:
        """What birdc prints; "Network not found" is a failure to it and an answer here."""
        words = [*self._namespace.words, need_tool("birdc"), "-s", str(self.socket), "show", *what.split()]
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=30).stdout


class Center(DaemonWorld):
    """A daemon in its namespace, with BIRD beside it. Its core is somebody else's."""

    def __init__(self, name: str, directory: Path, namespace: Namespace, bird: Bird) -> None:
        directory.mkdir()
        super().__init__(directory)
        self.name, self.namespace, self.bird = name, namespace, bird
        self.announce_extra = ""
        self.environment["WATCHDOG_USEC"] = "1000000"
        self._supervisor: socket.socket | None = None

    def configure_center(self, core_port: int) -> None:
        self.configure(
            listeners=f'[[listener]]\nname = "atm"\nendpoint = "tcp:{PORT}:interface={SERVICE}"\nreply_deadline_ms = 6000\n',
            extra=f"""
[announce]
adapter = "bird"
addresses = ["{SERVICE}"]
device = "svc0"
control_socket = "{self.bird.socket}"
look_ms = 100
rise_count = 2
fall_count = 2
stay_ms = 2000
stay_ms_max = 2000
changes_per_minute_max = 60
settle_ms = 200
speaker_look_ms = 100
ask_ms = 3000
region_silent_ms = 20000
text_port = 9584
{self.announce_extra}
""",
        )
        text = self.config_path.read_text()
        text = re.sub(r'name = "127.0.0.1"\nport = \d+', f'name = "{CORE}"\nport = {core_port}', text)
        self.config_path.write_text(text.replace("[relay]\n", f'[relay]\ncenter = "{self.name}"\n'))

    async def spawn(self, *holder: str, **environment: str) -> None:
        await super().spawn(*self.namespace.words, *holder, **environment)

    async def start(self) -> None:
        """As ever; and from then on the supervisor's socket is heard by nobody until `watchdog_ends_it`."""
        await super().start()
        self._close_supervisor()
        (self.directory / "notify.sock").unlink(missing_ok=True)
        self._supervisor = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._supervisor.bind(str(self.directory / "notify.sock"))
        self._supervisor.setblocking(False)
        asyncio.get_running_loop().add_reader(self._supervisor, self._supervisor.recv, 4096)

    async def watchdog_ends_it(self, silent_ms: int) -> None:
        """What systemd does: the daemon is killed when it was not heard for so long."""
        assert self._supervisor is not None
        loop, heard_s = asyncio.get_running_loop(), time.monotonic()
        loop.remove_reader(self._supervisor)
        with contextlib.suppress(TimeoutError):
            while True:
                async with asyncio.timeout(heard_s + silent_ms / 1000 - time.monotonic()):
                    if b"WATCHDOG=1" in await loop.sock_recv(self._supervisor, 4096):
                        heard_s = time.monotonic()
        await self.kill()

    def _close_supervisor(self) -> None:
        if self._supervisor is not None:
            asyncio.get_running_loop().remove_reader(self._supervisor)
            self._supervisor.close()
            self._supervisor = None

    async def close(self) -> None:
        self._close_supervisor()
        await super().close()

    def report(self) -> AnnounceReport:
        return self.control.announce_status()

    def is_role(self, role: str) -> bool:
        return self.report().role == role

    def has_problem(self, text: str) -> bool:
        return text in self.report().problem

    def has_no_links(self) -> bool:
        return self.control.status().listeners[0].links == 0

    async def role(self, role: str) -> None:
        """Wait until it is announced so, and seen to be."""

        def holds() -> bool:
            try:
                report = self.report()
            except Exception:  # noqa: BLE001 (it is starting)
                return False
            return report.role == role and (role not in ("standby", "holding") or (report.seen == role and not report.problem))

        await until(holds, lambda: f"{self.name} {role}: {self.report()}\n{self.log()[-3000:]}")


class Answer(msgspec.Struct, frozen=True):
    at_s: float
    link: int
    code: str


class Terminal(threading.Thread):
    """Asks all the time from its namespace, and dials again as soon as its link ends. `ends` says how each link ended."""

    def __init__(self, namespace: Namespace) -> None:
        super().__init__(daemon=True)
        self._namespace = namespace
        self.answers: list[Answer] = []
        self.ends: list[str] = []
        self._trace = 0
        self._is_stopped = threading.Event()

    def run(self) -> None:
        with self._namespace.entered():
            link = 0
            while not self._is_stopped.is_set():
                link += 1
                try:
                    self._talk(link)
                except TimeoutError:
                    self.ends.append("timeout")
                except ConnectionResetError:
                    self.ends.append("reset")
                except ConnectionRefusedError:
                    self.ends.append("refused")
                except OSError as error:
                    self.ends.append(f"{type(error).__name__}: {error}")
                self._is_stopped.wait(0.005)

    def _talk(self, link: int) -> None:
        """A withdrawal every 20 ms, whether or not the one before is answered: who only waits would not be told of a moved
        route by anybody."""
        with socket.create_connection((SERVICE, PORT), timeout=SILENCE_S) as connected:
            atm = ForeignAtm.on(connected)
            atm.sign_on()
            said_s = heard_s = 0.0
            while not self._is_stopped.is_set():
                now_s = time.monotonic()
                if now_s - said_s >= 0.02:
                    self._trace = self._trace % 999_999 + 1
                    atm.say(atm.withdrawal(f"{self._trace:06}", 100))
                    said_s = now_s
                if select.select([connected], [], [], 0.005)[0]:
                    answer = atm.hear()
                    heard_s = time.monotonic()
                    self.answers.append(Answer(heard_s, link, answer["39"]))
                elif heard_s and now_s - heard_s > SILENCE_S:
                    raise TimeoutError

    def stop(self) -> None:
        self._is_stopped.set()
        if self.is_alive():
            self.join(30)

    async def is_answered(self) -> None:
        """Wait for the next answer."""
        seen = len(self.answers)
        await until(lambda: len(self.answers) > seen, lambda: self.ends[-5:])

    async def moved(self, since: int) -> float:
        """Seconds between the last answer on the link of answer number `since` and the first on a later one."""
        link = self.answers[since].link
        await until(lambda: self.answers[-1].link > link, lambda: (self.answers[-1], self.ends[-5:]))
        answers = list(self.answers)
        first = next(n for n, answer in enumerate(answers) if answer.link > link)
        assert answers[first].code == "00", answers[first]
        return answers[first].at_s - answers[first - 1].at_s


class AnnounceWorld:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._closing = contextlib.ExitStack()
        self.router, self.client, self.tokyo_net, self.osaka_net = (
            self._namespace(name) for name in ("router", "client", "tokyo", "osaka")
        )
        self.terminal = Terminal(self.client)
        try:
            self._cables()
        except BaseException:
            self._closing.close()
            raise
        relay, router = example("relay, Tokyo"), example("router")
        self.router_bird = Bird(self.router, folder, router)
        self.tokyo = Center("tokyo", folder / "t", self.tokyo_net, Bird(self.tokyo_net, folder, relay))
        osaka = relay.replace("10.77.1.", "10.77.2.").replace("bgp_med = 10;", "bgp_med = 20;").replace("1010", "1020")
        self.osaka = Center("osaka", folder / "o", self.osaka_net, Bird(self.osaka_net, folder, osaka))
        self.tokyo.core.zones = (CORE,)

    @property
    def centers(self) -> tuple[Center, Center]:
        return self.tokyo, self.osaka

    def _namespace(self, name: str) -> Namespace:
        namespace = Namespace(name)
        self._closing.callback(namespace.close)
        return namespace

    def _cables(self) -> None:
        router = self.router
        cable(router, "rc", "10.77.0.1/30", self.client, "c0", "10.77.0.2/30")
        cable(router, "to-tokyo", "10.77.1.1/30", self.tokyo_net, "t0", "10.77.1.2/30")
        cable(router, "to-osaka", "10.77.2.1/30", self.osaka_net, "o0", "10.77.2.2/30")
        for number, namespace in enumerate((self.client, self.tokyo_net, self.osaka_net)):
            namespace.run("ip", "route", "add", "default", "via", f"10.77.{number}.1")
        router.run("ip", "addr", "add", f"{CORE}/32", "dev", "lo")
        router.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        chains = "\n".join(f"chain {name} {{ type filter hook {name}routing priority raw; }}" for name in ("pre", "post"))
        router.run("nft", "-f", "-", given=f"table inet cut {{\n{chains}\n}}\n")
        for namespace in (self.tokyo_net, self.osaka_net):
            namespace.run("nft", "-f", "-", given=example("nftables, both relay hosts"))

    async def start(self) -> None:
        """Everything, until Tokyo holds the role and Osaka is standby."""
        with self.router.entered():
            await self.tokyo.start_core()
        for bird in (self.router_bird, self.tokyo.bird, self.osaka.bird):
            await bird.start()
        for center in self.centers:
            center.configure_center(self.tokyo.core.port)
        await asyncio.gather(*(center.start() for center in self.centers))
        await self.tokyo.role("standby")
        await self.osaka.role("standby")
        self.terminal.start()
        await self.tokyo.role("holding")

    def cut(self, center: Center) -> None:
        """The line of a center goes silent in both directions; no link goes down."""
        device = "to-tokyo" if center is self.tokyo else "to-osaka"
        self.router.run("nft", f'add rule inet cut pre iifname "{device}" drop; add rule inet cut post oifname "{device}" drop')

    def mend(self) -> None:
        self.router.run("nft", "flush chain inet cut pre; flush chain inet cut post")

    def route(self) -> str:
        """By which cable the router reaches the service address; "" for none."""
        found = re.search(r"dev (\S+)", self.router.run("ip", "route", "show", SERVICE))
        return found[1] if found else ""

    async def close(self) -> None:
        try:
            self.terminal.stop()
            for center in self.centers:
                with contextlib.suppress(ProcessLookupError):
                    center.signal(signal.SIGCONT)
                await center.close()
            for bird in (self.router_bird, self.tokyo.bird, self.osaka.bird):
                await bird.kill()
        finally:
            self._closing.close()
