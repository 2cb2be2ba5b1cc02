"""The storm's terminals: plain sockets that sign on, trade once, hold the link, and come back by themselves when it breaks.

Owns a few thousand ATMs of one process: ISO 8583:1987 ASCII by concatenation, each from its own source address, with the
back-off of a real one (at once after a link that stood, else after 1 to 5 s by chance). It must stay far cheaper than what it
measures: no task, no transport, one loop callback per event. Whatever the relay says is checked: an answer to another
message, terminal or trace than ours is wrong and is counted; a refused trade is counted and tried again; an answer to a trade
of a link that broke before is late, as for a real one, and is counted apart.

With TLS each terminal makes a whole handshake each time, without a ticket of an earlier one: another center would not take it.
It does not look at the certificate: that is the terminals' CPU, scarcer here than in ten thousand branches.

`python -m tests.bench.stormroom HOST PORT FIRST COUNT NETWORK SEED [tls]` prints "ready", then takes words from its standard
input: "start" (connect all), "report" (one JSON object of what happened since "start" or "mark"), "mark" (forget that), "move
PORT" (whoever dials from now on is led there, as by a network whose route has moved). It ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import socket
import ssl
import struct
import sys
import time
from typing import Any

import uvloop

from tests.bench.terminals import BITMAP, NETWORK_BITMAP

BACK_OFF_S = (1.0, 5.0)
ANSWER_S = 15.0  # a terminal hangs up where nobody says anything for so long
HOSTS_PER_NETWORK = 250
_RESET = struct.pack("ii", 1, 0)


class Terminal:
    __slots__ = (
        "asked_s",
        "buffer",
        "earlier",
        "gave_up",
        "is_on",
        "name",
        "room",
        "sock",
        "source",
        "state",
        "trace",
        "waits_for",
    )

    def __init__(self, room: Room, number: int, source: str) -> None:
        self.room = room
        self.name = b"ATM%05d" % number
        self.source = source
        self.trace = room.first_trace
        self.sock: socket.socket | None = None
        self.state = "down"
        self.buffer = b""
        self.waits_for = b""  # what the next answer begins with, but for the bitmap: type, trace
        self.earlier: list[bytes] = []  # traces of trades whose link broke before the answer
        self.asked_s = 0.0
        self.is_on = False
        self.gave_up: asyncio.TimerHandle | None = None

    # ---- the line --------------------------------------------------------------------------------------------------------
    def connect(self) -> None:
        room = self.room
        room.attempts += 1
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT: a port is chosen by the whole address pair
        self.sock = sock
        try:
            sock.bind((self.source, 0))
            sock.connect(room.target)
        except BlockingIOError:
            pass
        except OSError:
            self.broken("refused")
            return
        self.state = "dialling"
        room.loop.add_writer(sock.fileno(), self.connected)
        self.gave_up = room.loop.call_later(ANSWER_S, self.broken, "timeout")

    def connected(self) -> None:
        sock = self.sock
        if sock is None:
            return
        self.room.loop.remove_writer(sock.fileno())
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.broken("refused")
            return
        if self.room.tls is None:
            self.sign_on()
            return
        self.state = "shaking-hands"
        try:
            self.sock = self.room.tls.wrap_socket(sock, do_handshake_on_connect=False)
        except OSError:  # reset already; the socket was closed with it
            self.broken("reset")
            return
        self.room.loop.add_reader(self.sock.fileno(), self.shake_hands)
        self.shake_hands()

    def shake_hands(self) -> None:
        sock = self.sock
        if not isinstance(sock, ssl.SSLSocket):
            return
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            return
        except OSError:
            self.broken("handshake")
            return
        self.sign_on()

    def sign_on(self) -> None:
        if self.sock is None:
            return
        self.state = "signing-on"
        self.room.loop.add_reader(self.sock.fileno(), self.readable)
        self.trace = self.trace % 999_999 + 1
        self.say(b"0800" + NETWORK_BITMAP + self.room.stamp + b"%06d" % self.trace + self.name + b"001", b"0810")

    def say(self, body: bytes, answer: bytes) -> None:
        self.waits_for = answer
        self.asked_s = time.perf_counter()
        try:
            if self.sock is not None:
                self.sock.send(b"%04d" % len(body) + body)
        except OSError:
            self.broken("reset")

    def readable(self) -> None:
        sock = self.sock
        if sock is None:
            return
        try:
            data = sock.recv(4096)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError:
            self.broken("reset")
            return
        if not data:
            self.broken("closed")
            return
        self.buffer += data
        while len(self.buffer) >= 4 and len(self.buffer) >= (end := 4 + int(self.buffer[:4])):
            body, self.buffer = self.buffer[4:end], self.buffer[end:]
            self.heard(body)

    def broken(self, why: str) -> None:
        room, sock = self.room, self.sock
        if sock is None:
            return
        stood = self.state == "up"
        self.sock, self.state, self.buffer = None, "down", b""
        if self.gave_up is not None:
            self.gave_up.cancel()
        if sock.fileno() >= 0:
            room.loop.remove_reader(sock.fileno())
            room.loop.remove_writer(sock.fileno())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            sock.close()
        if self.waits_for == b"0210":
            self.earlier = [*self.earlier[-7:], b"%06d" % self.trace]
        if self.is_on:
            self.is_on = False
            room.on_count -= 1
        room.broken[why] = room.broken.get(why, 0) + 1
        pause_s = 0.0 if stood else room.chance.uniform(*BACK_OFF_S)
        room.loop.call_later(pause_s, self.connect)

    # ---- what is said ----------------------------------------------------------------------------------------------------
    def heard(self, body: bytes) -> None:
        room = self.room
        if body[:4] == b"0800" and self.is_on:
            return  # an echo of the relay's; its own affair here
        if body[:4] == b"0210" and self.name in body and any(trace in body for trace in self.earlier):
            room.late += 1  # to a trade of a link before this one: nobody waits for it any more
            return
        if not self.waits_for or body[:4] != self.waits_for or b"%06d" % self.trace not in body or self.name not in body:
            room.wrong.append(f"{self.name.decode()} waits for {self.waits_for!r} {self.trace}: {body[:80]!r}")
            return
        took_s = time.perf_counter() - self.asked_s
        self.waits_for = b""
        if self.state == "signing-on":
            self.state = "up"
            self.is_on = True
            room.on_count += 1
            room.signed_on_s.append(time.monotonic())
            room.sign_on_ms.append(took_s * 1_000)
            self.trade()
            return
        if self.gave_up is not None:
            self.gave_up.cancel()
        # Field 38 is there where it is approved: what the core gave, and it stands before the response code.
        if b"00" + self.name not in body:
            room.refused += 1  # an honest no, of a relay that cannot ask its core: the customer tries again
            room.loop.call_later(room.chance.uniform(*BACK_OFF_S), self.trade)
            return
        room.traded_s.append(time.monotonic())
        room.trade_ms.append(took_s * 1_000)

    def trade(self) -> None:
        if not self.is_on:
            return
        self.trace = self.trace % 999_999 + 1
        trace, stamp = b"%06d" % self.trace, self.room.stamp
        self.say(
            b"0200" + BITMAP + b"164000001234567899" + b"010000" + b"000000010000" + stamp + trace + b"120000" + stamp[:4]
            + b"051" + b"06440011" + b"334000001234567899=3012201000001230" + b"000000" + trace + self.name
            + b"BRANCH 00000001" + b"392", b"0210",
        )  # fmt: skip


class Room:
    def __init__(
        self, target: tuple[str, int], first: int, count: int, network: str, seed: int, tls: ssl.SSLContext | None = None
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.target = target
        self.tls = tls
        self.chance = random.Random(seed)
        self.first_trace = int(time.time() * 50) % 900_000
        self.stamp = time.strftime("%m%d%H%M%S", time.gmtime()).encode()
        self.on_count = 0
        self.terminals = [
            Terminal(self, first + n, f"{network}.{n // HOSTS_PER_NETWORK}.{n % HOSTS_PER_NETWORK + 1}") for n in range(count)
        ]
        self.mark()

    def mark(self) -> None:
        self.attempts = 0
        self.broken: dict[str, int] = {}
        self.wrong: list[str] = []
        self.refused = self.late = 0
        self.signed_on_s: list[float] = []
        self.traded_s: list[float] = []
        self.sign_on_ms: list[float] = []
        self.trade_ms: list[float] = []

    def report(self) -> dict[str, Any]:
        return {
            "on": self.on_count,
            "attempts": self.attempts,
            "broken": self.broken,
            "wrong": len(self.wrong),
            "wrong_first": self.wrong[:3],
            "refused": self.refused,
            "late": self.late,
            "signed_on_s": self.signed_on_s,
            "traded_s": self.traded_s,
            "sign_on_ms": self.sign_on_ms,
            "trade_ms": self.trade_ms,
        }


def blind_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def main(host: str, port: int, first: int, count: int, network: str, seed: int, *, is_tls: bool) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    room = Room((host, port), first, count, network, seed, blind_context() if is_tls else None)
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    while word := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
        if word == "start":
            for terminal in room.terminals:
                terminal.connect()
        elif word == "mark":
            room.mark()
        elif word.startswith("move "):
            room.target = room.target[0], int(word.removeprefix("move "))
        elif word == "count":
            print(room.on_count, flush=True)
        elif word == "traded":
            print(len(room.traded_s), flush=True)
        elif word == "report":
            print(json.dumps(room.report()), flush=True)


if __name__ == "__main__":
    words = sys.argv[1:]
    uvloop.run(main(words[0], int(words[1]), int(words[2]), int(words[3]), words[4], int(words[5]), is_tls="tls" in words[6:]))
