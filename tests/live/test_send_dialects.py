"""`relay send`, as a person types it, against the running daemon: each dialect that one message can be said in."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from relay.loopback.report import lines_of
from tests.support.daemonworld import ROOT, DaemonWorld

LISTENERS = """
[[listener]]
name = "branch"
dialect = "branch-p1"
channel = "branch"
endpoint = "tcp:{port}:interface=127.0.0.1"
[listener.profile]
mac = "required"
[listener.profile.mac_keys]
0001 = "credential:branch-mac-1"

[[listener]]
name = "hooked"
dialect = "branch-p1"
channel = "branch"
endpoint = "tcp:HOOKEDPORT:interface=127.0.0.1"
[listener.profile]
mac = "required"
hooks = "bank_branch:HOOKS"

[[listener]]
name = "ndc"
dialect = "ndc"
channel = "atm"
endpoint = "tcp:NDCPORT:interface=127.0.0.1"
"""


# The bank's own module, as docs/protocol-branch.md shows it: AES-CMAC cut to eight bytes.
HOOKS = """
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from protocols.branch.hooks import Hooks

KEYS = {"0002": bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")}


class AesCmac:
    def compute(self, key_version, covered):
        key = KEYS.get(key_version)
        if key is None:
            return None
        code = CMAC(AES(key))
        code.update(covered)
        return code.finalize()[:8]


HOOKS = Hooks(mac=AesCmac())
"""


@pytest_asyncio.fixture(loop_scope="session")
async def world(tmp_path: Path) -> AsyncIterator[DaemonWorld]:
    world = DaemonWorld(tmp_path)
    key = tmp_path / "credentials" / "branch-mac-1"
    key.write_text("0f" * 32)
    key.chmod(0o600)
    await world.start_core()
    world.ndc_port = world.hold_port()  # type: ignore[attr-defined]  # of this file only
    world.hooked_port = world.hold_port()  # type: ignore[attr-defined]
    (tmp_path / "bank_branch.py").write_text(HOOKS)
    world.environment["PYTHONPATH"] = str(tmp_path)
    world.configure(LISTENERS.replace("HOOKEDPORT", str(world.hooked_port)).replace("NDCPORT", str(world.ndc_port)))  # type: ignore[attr-defined]
    await world.start()
    yield world
    await world.close()


async def said(world: DaemonWorld, port: int, listener: str, *words: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "relay", "send", f"127.0.0.1:{port}"),
        *("--config", str(world.config_path), "--listener", listener, *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=ROOT,
        env={**os.environ, **world.environment},
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, output.decode()


def items(*given: str) -> list[str]:
    return [word for item in given for word in ("--field", item)]


async def test_a_branch_telegram_by_its_code(world: DaemonWorld) -> None:
    who = items("bank=9901", "branch=123", "terminal=9999", "key_version=0001")
    money = items("operation=01001", "account_branch=123", "account_type=1", "account=0000001", "amount=5000")
    words = ["--type", "20", *who, *money, "--repeat", "--expect", "0000", "--json"]
    code, output = await said(world, world.port, "branch", *words)
    assert code == 0, output
    assert [one["name"] for one in json.loads(output)] == ["10", "11", "20", "21", "20", "21"]
    assert [line.delta_minor for line in lines_of(world.ledger.entries())] == [5_000], "once, though said twice"
    code, output = await said(world, world.port, "branch", "--type", "12", *who, *items("cash=5000"))
    assert (code, "← 13" in output) == (0, True), output


async def test_a_transaction_request_of_an_atm_without_notes(world: DaemonWorld) -> None:
    card = items("luno=001", "track2=;4000001234567899=2912?", "pin_block=0412:4;=<>?99999")
    port: int = world.ndc_port  # type: ignore[attr-defined]
    code, output = await said(world, port, "ndc", *card, *items("operation=B       "))
    assert (code, "← transaction reply" in output) == (0, True), output
    assert "4000001234567899" not in output
    code, output = await said(world, port, "ndc", *card, *items("operation=A       ", "amount=00010000"))
    assert (code, output.count("← transaction reply")) == (0, 1), output
    assert "notes 00000000" in output, "its counters say that the cassettes are empty"
    async with asyncio.timeout(60):
        while (await asyncio.to_thread(world.control.status)).exchanges:  # noqa: ASYNC110  another process does it
            await asyncio.sleep(0.02)
    assert sum(line.delta_minor for line in lines_of(world.ledger.entries())) == 0, "nothing was paid"


async def test_the_banks_own_authentication_is_attached_by_name(world: DaemonWorld) -> None:
    who = items("bank=9901", "branch=123", "terminal=9998")
    port: int = world.hooked_port  # type: ignore[attr-defined]
    words = ["--type", "30", *who, "--expect", "0000"]
    code, output = await said(world, port, "hooked", *words, *items("key_version=0002"))
    assert code == 0, output
    code, output = await said(world, port, "hooked", *words, *items("key_version=0001"))
    assert (code, "key" in output) == (2, True), output
    code, output = await said(world, port, "branch", *words, *items("key_version=0001"))
    assert code == 5, "another key, and the relay says so"
    assert "1102" in output or "1101" in output, output
