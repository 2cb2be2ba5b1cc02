"""People who have a page of the console open, without a browser: each asks as the page's script does.

`python -m tests.bench.viewers PORT COUNT`: signs in COUNT people, prints "ready", and looks until standard input closes and
each has looked once; then prints one JSON object. Owns the looking. The trap: a real browser would use the core that the
terminals are on, and slow those down; what the relay is asked for is the same.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from urllib.parse import urlencode

from tests.support.consoleroom import PASSWORD, fields_of

# As console.js: the next look begins when the last has ended, and rests twenty times as long as that took.
SLOWER, REST_S_MAX = 20, 15.0
PAGES = (("/", 2.0), ("/sessions", 5.0), ("/traffic", 5.0), ("/system", 5.0), ("/sessions?q=0310-01", 5.0))
PEOPLE = 8  # who each has an account; a person has eight sessions at most


class Viewer:
    def __init__(self, port: int, number: int) -> None:
        self.port, self.number = port, number
        self.path, self.every_s = PAGES[number % len(PAGES)]
        self.cookies: dict[str, str] = {}
        self.looks_ms: list[float] = []
        self.has_looked = asyncio.Event()

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        page = await self._ask("GET", "/login")
        form = {**fields_of(page, "/login"), "name": f"viewer{self.number % PEOPLE}", "password": PASSWORD}
        await self._ask("POST", "/login", urlencode(form))
        if "relay-session" not in self.cookies:
            raise RuntimeError("nobody was signed in")

    async def watch(self) -> None:
        while True:
            began = time.perf_counter()
            await self._ask("GET", self.path, refresh="1")
            took_s = time.perf_counter() - began
            self.looks_ms.append(took_s * 1_000)
            self.has_looked.set()
            await asyncio.sleep(max(self.every_s, min(REST_S_MAX, took_s * SLOWER)))

    async def _ask(self, method: str, path: str, body: str = "", refresh: str = "") -> str:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        kind = "Content-Type: application/x-www-form-urlencoded\r\n" if body else ""
        again = "X-Refresh: 1\r\n" if refresh else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nCookie: {cookies}\r\n{kind}{again}Content-Length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body.encode())
        answer = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        size = 0
        for line in answer.split("\r\n")[1:]:
            name, _, value = line.partition(": ")
            if name == "Set-Cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]
            elif name == "Content-Length":
                size = int(value)
        text = (await self._reader.readexactly(size)).decode()
        if not answer.startswith(("HTTP/1.1 200", "HTTP/1.1 303")):
            raise RuntimeError(f"{path}: {answer.splitlines()[0]}")
        return text


async def main(port: int, count: int) -> None:
    viewers = [Viewer(port, number) for number in range(count)]
    for viewer in viewers:
        await viewer.open()
    watching = [asyncio.ensure_future(viewer.watch()) for viewer in viewers]
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for viewer, each in zip(viewers, watching, strict=True):
        looked = asyncio.ensure_future(viewer.has_looked.wait())  # in a short round, on a slow machine: not yet
        await asyncio.wait({looked, each}, return_when=asyncio.FIRST_COMPLETED)
        looked.cancel()
        each.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    looks = sorted(ms for viewer in viewers for ms in viewer.looks_ms) or [0.0]
    print(json.dumps({"looks": len(looks), "p50_ms": looks[len(looks) // 2], "worst_ms": looks[-1]}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
