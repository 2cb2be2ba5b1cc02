"""The module that the manual shows, attached by name to the daemon as a process; the far end makes its own MACs.

Owns the far end's own idea of a MAC: AES in CBC by hand, as RFC 4493 has it, over bytes that pyiso8583 wrote.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import iso8583
import pytest_asyncio
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

from tests.support.daemonworld import ROOT, DaemonWorld
from tests.support.foreignatm import ForeignAtm

KEY = secrets.token_bytes(16)
HOOKED = """
[[listener]]
name = "switch"
endpoint = "tcp:{port}:interface=127.0.0.1"
reply_deadline_ms = 30000
[listener.profile]
mac = "required"
hooks = "manuals_hooks:switch_link"
"""


def cmac(key: bytes, data: bytes) -> bytes:
    """RFC 4493, section 2.4, from its text."""
    encryptor = Cipher(AES(key), ECB()).encryptor()
    zero = int.from_bytes(encryptor.update(bytes(16)))

    def doubled(value: int) -> int:
        return ((value << 1) & (2**128 - 1)) ^ (0x87 if value >> 127 else 0)

    k1 = doubled(zero)
    whole = data and len(data) % 16 == 0
    padded = data if whole else data + b"\x80" + bytes(-(len(data) + 1) % 16)
    last = int.from_bytes(padded[-16:]) ^ (k1 if whole else doubled(k1))
    chain = Cipher(AES(key), CBC(bytes(16))).encryptor()
    return (chain.update(padded[:-16]) + chain.update(last.to_bytes(16)))[-16:]


class SigningAtm(ForeignAtm):
    """As its parent, with DE 64 as 16 hex characters."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._spec["64"].update(data_enc="ascii", max_len=16)

    def ask_signed(self, message: dict[str, str], key: bytes = KEY) -> dict[str, str]:
        """Send with a MAC by `key`, and hear; the answer's own MAC must be right."""
        raw, _ = iso8583.encode(message | {"64": "0" * 16}, self._spec)
        covered = bytes(raw[:-16])
        self.send(covered + cmac(key, covered)[:8].hex().upper().encode())
        return self.hear_signed()

    def hear_signed(self) -> dict[str, str]:
        body = self._read(int(self._read(4)))
        assert body[-16:] == cmac(KEY, body[:-16])[:8].hex().upper().encode()
        decoded, _ = iso8583.decode(body, self._spec)
        return dict(decoded)


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[DaemonWorld]:
    manual = (ROOT / "docs" / "protocol-iso8583.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```python\n(.*?)^```", manual, re.MULTILINE | re.DOTALL)
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "manuals_hooks.py").write_text(shown)
    world = DaemonWorld(tmp_path)
    (tmp_path / "credentials" / "switch-mac-key").write_text(KEY.hex() + "\n")
    world.environment = {"PYTHONPATH": str(tmp_path / "python"), "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    await world.start_core()
    world.configure(HOOKED)
    yield world
    await world.close()


def day(world: DaemonWorld) -> None:
    with closing(SigningAtm(world.port)) as atm:
        assert atm.sign_on()["39"] == "00", "network management comes without a MAC"
        asked = atm.withdrawal("000002")
        assert atm.ask_signed(asked)["39"] == "00"
        wrong = atm.ask_signed(atm.withdrawal("000003"), secrets.token_bytes(16))
        assert (wrong["t"], wrong["39"], wrong["11"]) == ("0210", "96", "000003")
        atm.say(atm.withdrawal("000004"))
        missing = atm.hear_signed()
        assert (missing["39"], missing["11"]) == ("96", "000004")
        assert atm.ask_signed(atm.withdrawal("000005"))["39"] == "00", "the link lives on"
    assert not world.ledger.posted_twice()
    assert len(list(world.ledger.entries())) == 2


async def test_a_strangers_mac_is_taken_and_a_wrong_one_refused(world: DaemonWorld) -> None:
    await world.start()
    await asyncio.to_thread(day, world)
    metrics = await asyncio.to_thread(world.metrics)
    refused = [value for name, value in metrics.items() if name.startswith("relay_refusals_total") and "format-error" in name]
    assert sum(refused) == 2


async def test_without_the_module_the_relay_does_not_start_and_check_says_why(world: DaemonWorld) -> None:
    command = [sys.executable, "-m", "relay", "check", "--no-environment", str(world.config_path)]
    done = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False)
    line = 1 + world.config_path.read_text().splitlines().index('hooks = "manuals_hooks:switch_link"')
    assert done.returncode == 2
    assert f'relay.toml:{line}: listener[0].profile.hooks: there is no module "manuals_hooks"' in done.stdout
    assert "PYTHONPATH" in done.stdout
    world.environment = {}
    await world.spawn()
    assert await world.exit_code() == 2
    assert 'no module "manuals_hooks"' in world.log()


def test_the_far_ends_mac_is_the_standards() -> None:
    """RFC 4493, section 4, examples 1 to 3."""
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    data = bytes.fromhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411")
    assert cmac(key, b"").hex() == "bb1d6929e95937287fa37d129b756746"
    assert cmac(key, data[:16]).hex() == "070a16b46b4d4144f79bdd9dd04a287c"
    assert cmac(key, data).hex() == "dfa66747de9ae63030ca32611497c827"
