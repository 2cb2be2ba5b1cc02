"""The one door from the lab to the machine: programs to their end, programs that stay, and taking all of it away again.

Owns `ip`, `nsenter`, processes and signals. It must never decide what to run. The traps: everything that stays is started in
a session of its own and noted with its number; and what has been started between the starting and the noting is still found,
for it is in one of the lab's namespaces, which the kernel can list.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from relay.errors import RelayError
from relay.loopback.lab.laying import Command, namespace
from relay.loopback.lab.registry import Made, Registry, lives, started

CLONE_NEWNET = 0x40000000
RUN_S = 60
END_S = 10.0
ROUNDS = 5
TOOLS = ("ip", "nft", "sysctl", "setpriv", "openssl", "bird", "birdc", "named", "knotd", "psql")
_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
_libc = ctypes.CDLL(None, use_errno=True)


class LabError(RelayError):
    """The lab cannot be laid, or something in it did not do what it should."""


def tool(name: str) -> str | None:
    return shutil.which(name, path=_PATH)


def postgresql() -> Path | None:
    """The folder of PostgreSQL's own programs, which the distribution keeps off PATH."""
    found = shutil.which("initdb", path=_PATH)
    if found:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3].partition(".")[0]))
    return folders[-1].parent if folders else None


def missing_tools() -> list[str]:
    """Programs of a lab that are not installed."""
    return [name for name in TOOLS if tool(name) is None] + ([] if postgresql() else ["PostgreSQL server"])


def why_not() -> str:
    """What this machine lacks for a lab; "" where it has all."""
    if os.geteuid() != 0:
        return "network namespaces are made by root only"
    if missing := missing_tools():
        return f"there is no {', '.join(missing)}; `make tools` installs them"
    if not Path("/dev/net/tun").exists():
        return "there is no /dev/net/tun"
    tried = subprocess.run(
        ["unshare", "-n", tool("ip") or "ip", "tuntap", "add", "t0", "mode", "tun"], capture_output=True, text=True, check=False
    )
    return f"it may not make a network namespace with a TUN device ({tried.stderr.strip()[:80]})" if tried.returncode else ""


def has_netem() -> bool:
    """Whether the kernel can delay frames by itself; asked of a namespace that is gone again."""
    if tool("tc") is None:
        return False
    words = ["unshare", "-n", tool("tc") or "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def entered(name: str) -> Iterator[None]:
    """This thread's sockets are made in namespace `name` meanwhile; "" changes nothing."""
    if not name:
        yield
        return
    with open("/proc/thread-self/ns/net") as before, open(f"/run/netns/{name}") as there:
        _set(there.fileno())
        try:
            yield
        finally:
            _set(before.fileno())


def enter(name: str) -> None:
    """For good, and for every thread that this one starts from now on."""
    if name:
        with open(f"/run/netns/{name}") as there:
            _set(there.fileno())


def _set(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Door:
    """Of one lab. `node` "" is the machine's own network."""

    def __init__(self, lab: str, folder: Path) -> None:
        self.lab = lab
        self.folder = folder
        self.registry = Registry(folder)

    def inside(self, node: str, words: Sequence[str], user: str = "") -> list[str]:
        """The words that run `words` there, and as `user`."""
        found = tool(words[0]) or words[0]
        told = [found, *words[1:]]
        if user:
            told = [tool("setpriv") or "setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", *told]
        return [tool("ip") or "ip", "netns", "exec", namespace(self.lab, node), *told] if node else told

    def run(self, command: Command, user: str = "", timeout_s: float = RUN_S) -> str:
        """To its end; what it printed. Raises LabError with what it complained of."""
        where = f" at {command.node}" if command.node else ""
        try:
            done = subprocess.run(
                self.inside(command.node, command.words, user),
                input=command.given,
                capture_output=True,
                text=True,
                check=False,
                timeout=timeout_s,
                cwd="/",
            )
        except subprocess.TimeoutExpired:
            raise LabError(
                f"{' '.join(command.words)}{where}: no end after {timeout_s:g} s.",
                "Is the machine too busy? What was begun may still be done: `relay lab status`, then again.",
            ) from None
        if done.returncode:
            raise LabError(f"{' '.join(command.words)}{where}: {(done.stderr or done.stdout).strip()[-2000:]}")
        return done.stdout

    def make_namespace(self, node: str) -> None:
        """Noted before it is made."""
        name = namespace(self.lab, node)
        self.registry.note(Made("namespace", name))
        self.run(Command(("ip", "netns", "add", name)))

    def spawn(
        self, note: str, node: str, words: Sequence[str], user: str = "", environment: Mapping[str, str] | None = None
    ) -> int:
        """Start and leave; its words go to NOTE.log. Returns its number."""
        told = self.inside(node, ["env", "-C", "/", *words], user)
        with (self.folder / f"{note}.log").open("ab") as log, open(os.devnull, "rb") as nothing:
            number = os.posix_spawn(
                told[0],
                told,
                {**os.environ, "PATH": _PATH, **(environment or {})},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, nothing.fileno(), 0),
                    (os.POSIX_SPAWN_DUP2, log.fileno(), 1),
                    (os.POSIX_SPAWN_DUP2, log.fileno(), 2),
                ],
                setsid=True,
            )
        self.registry.note(Made("process", note, number, started(number), node))
        return number

    # ---- what stays ------------------------------------------------------------------------------------------------------
    def process(self, note: str) -> Made | None:
        """The youngest process of that name that lives."""
        living = [made for made in self.registry.of("process") if made.name == note and lives(made)]
        return living[-1] if living else None

    def signal(self, note: str, number: int) -> bool:
        """False where there is none."""
        made = self.process(note)
        if made is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(made.pid, number)
        return True

    def log(self, note: str) -> str:
        path = self.folder / f"{note}.log"
        return path.read_text(errors="replace")[-4_000:] if path.exists() else ""

    def kill_all(self, node: str) -> int:
        """Whoever is in a node's namespace, as a loss of power does; how many they were."""
        return _kill(set(), [namespace(self.lab, node)])

    # ---- the end ---------------------------------------------------------------------------------------------------------
    def take_away(self) -> list[str]:
        """Everything noted, and everybody in the lab's namespaces; what it was. Safe to repeat, and after any kind of death."""
        names = list(dict.fromkeys(made.name for made in self.registry.of("namespace")))
        count = _kill({made.pid for made in self.registry.of("process") if lives(made)}, names)
        with ThreadPoolExecutor(len(names) + 1) as pool:
            pool.map(_delete, names)
        shutil.rmtree(self.folder, ignore_errors=True)
        return [f"{count} processes", f"{len(names)} namespaces"]


def _kill(pids: set[int], names: Sequence[str]) -> int:
    """These, and everybody in these namespaces; gone when it returns."""
    count = 0
    for _ in range(ROUNDS):  # again, for children may be born meanwhile; not for ever, for the kernel may hold one back
        pids = (pids | _pids_in(names)) - {os.getpid()}
        if not pids:
            break
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in pids:
            _wait_gone(pid)
        count, pids = count + len(pids), set()
    return count


def _delete(name: str) -> None:
    if Path(f"/run/netns/{name}").exists():
        subprocess.run([tool("ip") or "ip", "netns", "del", name], capture_output=True, check=False)


def _pids_in(names: Sequence[str]) -> set[int]:
    """Whoever is in one of these namespaces, in one look at all processes."""
    wanted = set()
    for name in names:
        with contextlib.suppress(OSError):
            wanted.add(os.stat(f"/run/netns/{name}").st_ino)
    found = set()
    for path in Path("/proc").iterdir() if wanted else ():
        if path.name.isdecimal() and started(int(path.name)):
            with contextlib.suppress(OSError):
                if os.stat(path / "ns" / "net").st_ino in wanted:
                    found.add(int(path.name))
    return found


def _wait_gone(pid: int) -> None:
    """A killed process is gone when its parent has heard of it; where that is us, we have to listen."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
        return
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return
    try:
        select.select([descriptor], [], [], END_S)
    finally:
        os.close(descriptor)
