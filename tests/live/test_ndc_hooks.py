"""The module that the NDC manual shows, attached by name to the daemon as a process; the far end makes its own MACs."""

from __future__ import annotations

import hashlib
import re
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.support.daemonworld import ROOT, DaemonWorld
from tests.support.foreignndc import FS, ForeignNdc

KEY = secrets.token_bytes(32)
HOOKED = """
[[listener]]
name = "ndc"
dialect = "ndc"
endpoint = "tcp:{port}:interface=127.0.0.1"
reply_deadline_ms = 6000
[listener.profile]
config_id = "0001"
hooks = "manuals_hooks:atm_link"
[listener.profile.security]
requests = true
replies = true
"""


def mac(covered: bytes) -> str:
    """HMAC-SHA-256 from the text of RFC 2104, cut to four bytes."""
    inner, outer = (bytes(one ^ pad for one in KEY.ljust(64, b"\x00")) for pad in (0x36, 0x5C))
    return hashlib.sha256(outer + hashlib.sha256(inner + covered).digest()).hexdigest()[:8].upper()


class SigningNdc(ForeignNdc):
    """As its parent, with security on: keys answered by their check value, requests signed."""

    check_value = "02A68B"
    forges = False

    def say(self, *fields: str) -> None:
        if fields[0] == "11":
            fields = (*fields[:3], "01BAFC14", *fields[4:])
            signed = mac(FS.join(field.encode("latin-1") for field in fields))
            fields = (*fields, signed[::-1] if self.forges else signed)
        super().say(*fields)

    def obey(self, command: list[str]) -> str:
        if command[0] == "3" and command[3][0] == "4":
            self.commands.append("key")
            self.say("23", "000", "", "3", self.check_value)
            return "key"
        return super().obey(command)


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[DaemonWorld]:
    manual = (ROOT / "docs" / "protocol-ndc.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```python\n(.*?)^```", manual, re.MULTILINE | re.DOTALL)
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "manuals_hooks.py").write_text(shown)
    world = DaemonWorld(tmp_path)
    (tmp_path / "credentials" / "atm-mac-key").write_text(KEY.hex() + "\n")
    world.environment = {"PYTHONPATH": str(tmp_path / "python"), "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    await world.start_core()
    world.configure(HOOKED)
    yield world
    await world.close()


@pytest_asyncio.fixture(loop_scope="session")
async def atm(world: DaemonWorld) -> AsyncIterator[SigningNdc]:
    atm = SigningNdc(world.port)
    yield atm
    await atm.close()


def noted(world: DaemonWorld, note: str) -> float:
    return sum(
        value for name, value in world.metrics().items() if "relay_link_notes_total" in name and f'note="{note}"' in name
    )


async def test_a_strangers_mac_is_taken_and_a_wrong_one_refused(world: DaemonWorld, atm: SigningNdc) -> None:
    await world.start()
    await atm.start()
    assert atm.commands == ["12", "key", "14", "31C", "11"]
    atm.ask(15_000)
    reply = await atm.reply()
    assert (reply[2], reply[4]) == ("01BAFC14", "00010100")
    assert reply[-1] == mac(FS.join(field.encode("latin-1") for field in reply[:-1]))
    atm.pay(reply)
    atm.status("9")
    atm.forges = True
    atm.ask(10_000, mcn="2")
    declined = await atm.reply()
    assert (declined[4], declined[5][:4]) == ("00000000", "0000")
    atm.status("9")
    assert noted(world, "key-alarm") == 1
    assert len(list(world.ledger.entries())) == 1


async def test_a_wrong_check_value_is_an_alarm_and_no_service(world: DaemonWorld, atm: SigningNdc) -> None:
    await world.start()
    atm.check_value = "FFFFFF"
    await atm.connect()
    atm.event("B0001")
    for _ in range(2):
        atm.obey(await atm.hear())
    await world.logged("configuration-error")
    assert noted(world, "key-alarm") == 1
    assert noted(world, "signed-on") == 0


async def test_without_the_module_check_says_why(world: DaemonWorld) -> None:
    command = [sys.executable, "-m", "relay", "check", "--no-environment", str(world.config_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: ASYNC221  nothing else runs
    assert done.returncode == 2
    assert 'listener[0].profile.hooks: there is no module "manuals_hooks"' in done.stdout
