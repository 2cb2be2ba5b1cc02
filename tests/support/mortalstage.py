"""A stage whose daemon dies at named points: the one of `relay load`, on either engine, its start timed by READY=1.

Owns the daemon's lives: the point that each one dies at, the journal's lines of the configuration, and the change of keys
that a point may need. It must never know a dialect. The trap: a start that ends by a planned death is no error, so whoever
starts is told whether the daemon came up.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from relay.errors import RelayError
from relay.loopback.customers import Customers
from relay.loopback.stage import Stage, StageSettings
from relay.loopback.troupe import Site

ROOT = Path(__file__).resolve().parents[2]
READY_S = 120.0
SOONER = "retry_max_ms = 1000\nsaf_head_tries_max = 10\n"  # what is stubborn comes to a person within seconds
WINDOWS = "body_window_days = 1\nduplicate_window_days = 400\n"
OLDER_KEYS_MAX = 7  # as the setting older_key_credentials allows


class MortalStage(Stage):
    """`journal` are the lines of [journal] that name engine and place; "{directory}" is the stage's."""

    def __init__(
        self,
        directory: Path,
        settings: StageSettings,
        customers: Customers,
        sites: Sequence[Site],
        journal: str = 'path = "{directory}/journal.sqlite"',
        module: str = "tests.support.mortalrelay",
    ) -> None:
        super().__init__(directory, settings, customers, sites)
        self.module = module
        self.keys = ["journal-key"]  # the newest last
        self.spawned_s = self.ready_s = 0.0  # of the running loop's clock
        self._journal = journal.replace("{directory}", str(directory))
        self._notify_path = directory / "notify.sock"

    def new_key(self) -> None:
        """From the next start on, records are sealed with another key."""
        if len(self.keys) <= OLDER_KEYS_MAX:
            self.keys.append(f"journal-key-{len(self.keys)}")
            path = self.directory / "credentials" / self.keys[-1]
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(32))

    async def start_daemon(self) -> None:
        if not await self.live_once():
            raise RelayError(f"the relay ended while starting.\n{self.last_words()}")

    async def live_once(self, dies_at: str = "", nth: int = 1) -> bool:
        """Start; True when it is ready, False when it died before, which only a planned death may do."""
        self._notify_path.unlink(missing_ok=True)
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
            listening.bind(str(self._notify_path))
            listening.setblocking(False)
            await self.spawn(dies_at, nth)
            ended = asyncio.ensure_future(self._process().wait())
            heard = asyncio.ensure_future(loop.sock_recv(listening, 4096))
            try:
                async with asyncio.timeout(READY_S):
                    await asyncio.wait({heard, ended}, return_when=asyncio.FIRST_COMPLETED)
                    if heard.done() and b"READY=1" in heard.result():
                        self.ready_s = loop.time()
                        return True
                    code = await ended
            finally:
                heard.cancel()
                ended.cancel()
        if code != -signal.SIGKILL:
            raise RelayError(f"the relay ended with exit code {code} while starting.\n{self.last_words()}")
        self.kills += 1
        return False

    async def spawn(self, dies_at: str = "", nth: int = 1) -> None:
        """Start the daemon without waiting for it."""
        self._write_journal_lines()
        environment = dict(os.environ)
        environment |= {
            "CREDENTIALS_DIRECTORY": str(self.directory / "credentials"),
            "NOTIFY_SOCKET": str(self._notify_path),
            "RELAY_DIES_AT": dies_at,
            "RELAY_DIES_NTH": str(nth),
        }
        self.spawned_s = asyncio.get_running_loop().time()
        with self.log_path.open("ab") as log:
            self._daemon = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self.module,
                "run",
                str(self.config_path),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=ROOT,
                start_new_session=True,
            )

    def make_mortal(self) -> None:
        """The point that it was started with counts from now on."""
        self._process().send_signal(signal.SIGUSR1)

    def ask_to_end(self) -> None:
        self._process().terminate()

    async def died(self, patience_s: float) -> bool:
        """Whether it dies by itself within this time; by anything but kill -9 is an error."""
        try:
            async with asyncio.timeout(patience_s):
                code = await self._process().wait()
        except TimeoutError:
            return False
        if code != -signal.SIGKILL:
            raise RelayError(f"the relay ended with exit code {code}.\n{self.last_words()}")
        self.kills += 1
        return True

    def _process(self) -> asyncio.subprocess.Process:
        if self._daemon is None:
            raise RuntimeError("no daemon was started")
        return self._daemon

    def _write_journal_lines(self) -> None:
        older = ", ".join(f'"{name}"' for name in reversed(self.keys[:-1]))
        lines = f'[journal]\n{self._journal}\nkey_credential = "{self.keys[-1]}"\nolder_key_credentials = [{older}]\n{WINDOWS}'
        text = self.config_path.read_text()
        text = re.sub(r"\[journal\]\n(?:.+\n)*", lambda _: lines, text, count=1)
        self.config_path.write_text(re.sub(r"retry_max_ms = .*\n(?:saf_head_tries_max.*\n)?", SOONER, text, count=1))
