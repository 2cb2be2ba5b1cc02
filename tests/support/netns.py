"""Network namespaces that vanish with the test: each is held by a process that ends when this one does, however that is.

Owns making, joining and leaving them. Nothing is named in the machine's own list of namespaces and nothing is changed in its
own network, so nothing is left to be deleted. The traps: a namespace belongs to a thread, so `entered` is for a thread of its
own or for a few lines without an await; and a program that is started in one dies with this process by PR_SET_PDEATHSIG.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


@cache
def _why_not() -> str:
    """What this machine lacks for namespaces with TUN devices; "" where it has all."""
    for tool in ("unshare", "nsenter", "setpriv", "ip"):
        if shutil.which(tool) is None and shutil.which(tool, path="/usr/sbin:/sbin") is None:
            return f"there is no {tool} (util-linux, iproute2)"
    if not Path("/dev/net/tun").exists():
        return "there is no /dev/net/tun"
    tried = subprocess.run(
        ["unshare", "-n", "ip", "tuntap", "add", "t0", "mode", "tun"], capture_output=True, text=True, check=False
    )
    return f"it may not make a network namespace with a TUN device ({tried.stderr.strip()[:80]})" if tried.returncode else ""


def need_namespaces() -> list[str]:
    """The words before a program that is to run in a namespace of its own. Skips where this machine cannot."""
    if why := _why_not():
        pytest.skip(f"this machine has no use of network namespaces: {why}")
    return ["unshare", "-n"]


class Namespace:
    """A network namespace, with its loopback up. Holds no path; `pid` is the process that holds it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._holder = subprocess.Popen(
            [*need_namespaces(), "sh", "-c", "ip link set lo up && echo up && exec cat"],
            stdin=subprocess.PIPE,  # cat ends when it is closed: with this process
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"up\n", name

    @property
    def pid(self) -> int:
        return self._holder.pid

    @property
    def words(self) -> list[str]:
        """Before a program that is to run here, and to die with this process."""
        return ["setpriv", "--pdeathsig", "KILL", "nsenter", f"--net=/proc/{self.pid}/ns/net"]

    def run(self, *words: str, given: str | None = None) -> str:
        """A program to its end. Raises AssertionError with what it complained of."""
        told = subprocess.run([*self.words, *words], input=given, capture_output=True, text=True, check=False, timeout=30)
        assert told.returncode == 0, f"{self.name}: {' '.join(words)}: {told.stderr}"
        return told.stdout

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread's sockets are made here meanwhile."""
        with open("/proc/thread-self/ns/net") as before:
            self._join(f"/proc/{self.pid}/ns/net")
            try:
                yield
            finally:
                _set(before.fileno())

    @staticmethod
    def _join(path: str) -> None:
        with open(path) as there:
            _set(there.fileno())

    def close(self) -> None:
        self._holder.kill()
        self._holder.communicate()


def _set(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def cable(a: Namespace, a_name: str, a_address: str, b: Namespace, b_name: str, b_address: str) -> None:
    """A veth pair between two namespaces, up and with addresses (`10.77.1.1/30`)."""
    with a.entered():
        subprocess.run(
            ["ip", "link", "add", a_name, "type", "veth", "peer", "name", b_name, "netns", str(b.pid)], check=True, timeout=30
        )
    for side, name, address in ((a, a_name, a_address), (b, b_name, b_address)):
        side.run("ip", "addr", "add", address, "dev", name)
        side.run("ip", "link", "set", name, "up")
