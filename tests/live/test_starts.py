"""What a start imports, and what it does not: the price of each command that somebody waits for, and of each restart.

By structure and not by the clock: each process says at its end what it has imported. A name below is a heavy library, or the
front of a part that brings many modules with it. Whoever adds an import that fails here first asks who would wait for it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from relay.loopback.nameserver import FakeZone, NameServer
from tests.support.daemonworld import LISTENER, PATIENCE_S, ROOT, DaemonWorld

LIBRARIES = (
    "twisted",
    "pydantic",
    "asyncio",
    "ssl",
    "cryptography",
    "dns",
    "httpx2",
    "prometheus_client",
    "sqlite3",
    "asyncpg",
)
# Who asks a running daemon by its socket: no library that a daemon is made of, no configuration, no dialect, no other front.
ASKING = [
    "status",
    "status --json",
    "control links",
    "control parked",
    "announce status",
    "drain status",
    "lease status",
    "outbound list",
    "pair",
    "region status",
    "report pressure",
    "takeover status",
    "top --once --pane sessions",
]
NOT_BY_ASKING = (*LIBRARIES, "relay.settings", "relay.configfile", "relay.daemon", "relay.orchestrator.settings")
NOT_BY_ASKING += ("relay.loopback", "protocols.dialects", "protocols.iso8583", "protocols.ndc")
# Of a daemon with one listener, whose core is an address: what other configurations have.
WANTED_BY_OTHERS = {
    "relay.consoling": "[console]",
    "relay.console.site": "[console]",
    "relay.failover.view": "[console]",
    "relay.control.failoverclient": "[console]",
    "relay.core.dns": "a core with a name",
    "dns": "a core with a name",
    "relay.wire.dialer": "[[dialer]]",
    "twisted.application": "[[dialer]]",
    "protocols.ndc": "an NDC listener",
    "protocols.zengin.session": "an RC line",
}
NOT_BY_A_DAEMON = ("relay.orchestrator", "relay.loopback", "relay.cli.status", "relay.cli.check", "httpx2", "boto3", "asyncpg")
NOT_BY_A_DAEMON += ("protocols.branch.dialect", "protocols.zengin.file.dialect", "relay.core.notify", "relay.core.zone")

EVERYTHING = """
[console]
endpoint = "tcp:{console}:interface=127.0.0.1"
accounts_path = "{directory}/accounts.json"
[[listener]]
name = "atm"
dialect = "ndc"
endpoint = "tcp:{port}:interface=127.0.0.1"
reply_deadline_ms = 6000
[[dialer]]
name = "zengin"
dialect = "zrc"
channel = "partner"
endpoint = "tcp:host=127.0.0.1:port={nobody}"
"""


class TellingWorld(DaemonWorld):
    """A daemon that says at its end what it has imported."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.module = "tests.support.tellingrelay"
        self._told = directory / "told"
        self.environment = {"RELAY_TELLS": str(self._told)}

    async def imported(self) -> set[str]:
        """After its end."""
        assert await self.stop() == 0, self.log()
        return set(self._told.read_text().splitlines())

    async def asked(self, words: str, *exit_codes: int) -> set[str]:
        """What a command has imported that asked on this daemon's socket."""
        told = self.directory / "told-by-a-tool"
        command, *rest = words.split()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.tellingrelay", command),
            *("--socket", str(self.directory / "control.sock"), *rest),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=ROOT,
            env={**os.environ, "RELAY_TELLS": str(told)},
        )
        async with asyncio.timeout(PATIENCE_S):
            said, _ = await process.communicate()
        assert process.returncode in exit_codes, said.decode()
        return set(told.read_text().splitlines())


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[TellingWorld]:
    world = TellingWorld(tmp_path)
    await world.start_core()
    yield world
    await world.close()


@pytest.mark.parametrize("name", [*NOT_BY_ASKING, *WANTED_BY_OTHERS, *NOT_BY_A_DAEMON])
def test_the_names_are_those_of_modules(name: str) -> None:
    assert importlib.util.find_spec(name) is not None


async def test_a_daemon_imports_what_its_configuration_names_and_who_asks_it_next_to_nothing(world: TellingWorld) -> None:
    world.configure(LISTENER)
    await world.start()
    for words in ASKING:
        imported = await world.asked(words, 0, 2)  # 2: answered, and something is not as it should be
        assert [name for name in NOT_BY_ASKING if name in imported] == [], f"relay {words}"
        assert "relay.control.client" in imported
    imported = await world.asked("failover status", 1)  # a relay is no orchestrator; the client is the same
    assert [name for name in NOT_BY_ASKING if name in imported] == []
    imported = await world.imported()
    assert {"twisted", "relay.daemon", "protocols.iso8583"} <= imported
    assert [name for name in (*WANTED_BY_OTHERS, *NOT_BY_A_DAEMON) if name in imported] == []


async def test_a_daemon_imports_what_another_configuration_names(world: TellingWorld) -> None:
    zone = FakeZone({("core.test.", "A"): ["127.0.0.1"]})
    names = NameServer(zone)
    await names.start()
    try:
        places = {"directory": world.directory, "console": world.hold_port(), "nobody": world.hold_port()}
        world.configure(EVERYTHING.format(port="{port}", **places))
        text = world.config_path.read_text()
        core = f'name = "core.test"\nname_servers = ["127.0.0.1:{names.port}"]'
        world.config_path.write_text(text.replace('name = "127.0.0.1"', core))
        await world.start()
        imported = await world.imported()
    finally:
        await names.stop()
    assert [name for name in WANTED_BY_OTHERS if name not in imported] == []
    assert [name for name in NOT_BY_A_DAEMON if name in imported] == []
