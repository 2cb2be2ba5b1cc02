"""What ExaBGP runs, between its pipes and the relay's socket: `python -m relay.announce.bridge SOCKET PREFIX...`.

Owns the withdrawal that ExaBGP itself does not make: it keeps what it was told to announce when the program that told it has
died (seen on 5.0.15, whatever `respawn` and the terminate option say). So the one who tells is this small program and not the
relay; its first act is a withdrawal, which a respawned one makes too; and it withdraws when the relay hangs up or says nothing
for `--hold` milliseconds, which is a dead, a hanging or a cut-off relay alike. It must never decide a level: the relay says
what is wanted, again and again, and is answered what is. The traps: ExaBGP answers each command by `done` or `error` on its
standard output, our input, so there is one command under way at a time; and without an answer nothing is known.

Lines of the relay: `want none`, `want 10` (a MED). Lines to it: `have none`, `have 10`, `trouble WORDS`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import socket
import sys
from collections.abc import Sequence
from typing import Final

from relay.clock import Clock, SystemClock

HOLD_MS = 3_000
ACK_MS = 2_000
AGAIN_MS = 500  # between two tries to reach the relay
LINE_BYTES_MAX = 4_096
NONE: Final = "none"


class ExaGone(Exception):
    """ExaBGP has closed its pipe: so have its sessions, and there is nothing to withdraw."""


class Lines:
    """Lines from a descriptor, bounded."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._rest = b""

    def read(self) -> list[str] | None:
        """What has come, after select said so; None at the end, or where a line is too long to be one of ours."""
        try:
            data = os.read(self.descriptor, LINE_BYTES_MAX)
        except OSError:
            return None
        if not data or len(self._rest) + len(data) > 4 * LINE_BYTES_MAX:
            return None
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [line.decode("utf-8", "replace").strip() for line in lines]


class ExaPipe:
    """ExaBGP's side: one command per prefix and a wait for each answer."""

    def __init__(self, prefixes: Sequence[str], read: int, write: int, clock: Clock, ack_ms: int = ACK_MS) -> None:
        self._prefixes = tuple(prefixes)
        self._lines = Lines(read)
        self._write = write
        self._clock = clock
        self._ack_ms = ack_ms
        self.has: str | None = None  # what ExaBGP has confirmed; None while unknown

    @property
    def descriptor(self) -> int:
        return self._lines.descriptor

    def set(self, med: str) -> str:
        """Announce at a MED, or "none". Returns what went wrong, "" where nothing did. Raises ExaGone."""
        if med == self.has:
            return ""
        self.has = None
        verb, by = ("withdraw", "") if med == NONE else ("announce", f" med {med}")
        # All of them, whatever becomes of the first: a withdrawal of one address is not to wait for the other's.
        troubles = [self._say(f"{verb} route {prefix} next-hop self{by}") for prefix in self._prefixes]
        trouble = next(filter(None, troubles), "")
        if not trouble:
            self.has = med
        return trouble

    def drain(self) -> None:
        """Something came that answers no command. Raises ExaGone at the end of the pipe."""
        if self._lines.read() is None:
            raise ExaGone

    def _say(self, command: str) -> str:
        try:
            os.write(self._write, command.encode() + b"\n")
        except OSError as error:
            raise ExaGone from error
        until_ms = self._clock.monotonic_ms() + self._ack_ms
        while (left_ms := until_ms - self._clock.monotonic_ms()) > 0:
            if not select.select([self.descriptor], [], [], left_ms / 1000)[0]:
                break
            lines = self._lines.read()
            if lines is None:
                raise ExaGone
            if "done" in lines:
                return ""
            if any(line.startswith("error") for line in lines):
                return f"ExaBGP refused `{command}`"
        return f"ExaBGP did not answer `{command}` (exabgp_api_ack has to be on)"


class Bridge:
    def __init__(self, path: str, pipe: ExaPipe, hold_ms: int, clock: Clock) -> None:
        self._path, self._pipe, self._hold_ms, self._clock = path, pipe, hold_ms, clock

    def run(self) -> None:
        """Until ExaBGP is gone."""
        with contextlib.suppress(ExaGone):
            while True:
                self._pipe.set(NONE)
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as relay:
                    relay.settimeout(self._hold_ms / 1000)
                    try:
                        relay.connect(self._path)
                    except OSError:
                        self._wait(AGAIN_MS)
                        continue
                    self._serve(relay)
                self._pipe.set(NONE)
                self._wait(AGAIN_MS)  # where another bridge is served, each would throw the other out without a pause

    def _wait(self, delay_ms: int) -> None:
        if select.select([self._pipe.descriptor], [], [], delay_ms / 1000)[0]:
            self._pipe.drain()

    def _serve(self, relay: socket.socket) -> None:
        """While the relay speaks. Returns when it has hung up, or was silent for too long."""
        lines = Lines(relay.fileno())
        heard_ms = self._clock.monotonic_ms()
        while (left_ms := heard_ms + self._hold_ms - self._clock.monotonic_ms()) > 0:
            ready = select.select([self._pipe.descriptor, lines.descriptor], [], [], left_ms / 1000)[0]
            if self._pipe.descriptor in ready:
                self._pipe.drain()
            if lines.descriptor in ready:
                said = lines.read()
                if said is None:
                    return
                wants = [line.split()[1] for line in said if line.startswith("want ") and len(line.split()) == 2]
                if wants:
                    heard_ms = self._clock.monotonic_ms()
                    trouble = self._pipe.set(wants[-1] if wants[-1].isdecimal() else NONE)
                    answer = f"trouble {trouble}" if trouble else f"have {self._pipe.has}"
                    try:
                        relay.sendall(answer.encode() + b"\n")
                    except OSError:
                        return


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="relay.announce.bridge", description="Between ExaBGP and the relay.")
    parser.add_argument("socket", help="announce.control_socket of the relay")
    parser.add_argument("prefix", nargs="+", help="each service address as 198.18.0.10/32")
    parser.add_argument("--hold", type=int, default=HOLD_MS, metavar="MS", help="silence of the relay that withdraws")
    args = parser.parse_args(argv)
    clock = SystemClock()
    Bridge(args.socket, ExaPipe(args.prefix, 0, 1, clock), args.hold, clock).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
