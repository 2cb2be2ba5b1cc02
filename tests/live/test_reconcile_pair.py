"""Two relay centers on one core: a day with traffic at both and terminals that change between them, and whose each line is.

Two daemons with a journal each, one fake core, terminals with a stranger's codec. Both reports have no difference, and their
lines sum to the core's; then a key that nobody made is in exactly one of them.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest_asyncio

from relay.control.client import Refused as NotNow
from relay.control.commands import ReconcileNowArgs, ReconcileReportArgs
from relay.core import contract as c
from relay.loopback.ledger import Caller, Ledger, Refused
from tests.support.daemonworld import PATIENCE_S, DaemonWorld, next_look
from tests.support.foreignatm import ForeignAtm
from tests.support.noon import NOON_MINUTES

RECONCILE = f"""
[reconcile]
utc_offset_minutes = {NOON_MINUTES}
margin_ms = 1
look_ms = 100
enabled = true
mending = "list"
"""
NAMES = ("tokyo", "osaka")
HOSTS = {"tokyo": "127.0.0.1", "osaka": "127.0.0.2"}


@pytest_asyncio.fixture(loop_scope="session")
async def centers(tmp_path: Path) -> AsyncIterator[dict[str, DaemonWorld]]:
    found: dict[str, DaemonWorld] = {}
    for name in NAMES:
        (tmp_path / name).mkdir()
        found[name] = DaemonWorld(tmp_path / name, NOON_MINUTES)
    tokyo, osaka = found.values()
    unused, osaka.core = osaka.core, tokyo.core
    await tokyo.start_core()
    port, secret = tokyo.hold_port(), secrets.token_hex(32)
    for (name, world), peer in zip(found.items(), reversed(NAMES), strict=True):
        world.reply_deadline_ms = 6_000  # it passes for what the core keeps silent about
        mac = world.directory / "credentials" / "pair-mac"
        mac.write_text(secret)
        mac.chmod(0o600)
        paths = f'paths = ["link={HOSTS[name]}>{HOSTS[peer]}"]\nport = {port}\nmac_credentials = ["pair-mac"]\n'
        world.configure(extra=f'{RECONCILE}[pair]\npeer = "{peer}"\n{paths}')
        text = world.config_path.read_text()
        world.config_path.write_text(text.replace("[relay]\n", f'[relay]\ncenter = "{name}"\n'))
        await world.start()
    yield found
    osaka.core = unused
    for world in found.values():
        await world.close()


class Silence:
    """The core takes what a center says, and that center hears nothing of it; `refused`: the problems of reversals since."""

    def __init__(self, ledger: Ledger) -> None:
        self.towards = ""
        self.refused: list[str] = []
        self._post, self._inquire, self._reverse = ledger.post, ledger.inquire, ledger.reverse
        ledger.post = self.post  # type: ignore[method-assign]
        ledger.inquire = self.inquire  # type: ignore[method-assign]
        ledger.reverse = self.reverse  # type: ignore[method-assign]

    def post(self, key: str, request: c.TransactionRequest, caller: Caller, wall_ms: int) -> Any:
        answer = self._post(key, request, caller, wall_ms)
        self._hush(caller)
        return answer

    def inquire(self, key: str, caller: Caller | None, **how: Any) -> Any:
        self._hush(caller)
        return self._inquire(key, caller, **how)

    def reverse(self, key: str, request: c.ReversalRequest, caller: Caller, wall_ms: int) -> Any:
        self._hush(caller)
        answer = self._reverse(key, request, caller, wall_ms)
        self.refused += [answer.type] if isinstance(answer, Refused) else []
        return answer

    def _hush(self, caller: Caller | None) -> None:
        if caller is not None and caller.center == self.towards:
            raise LookupError("nobody hears it")


class Terminals:
    """What terminals ask, each with a trace number of its own."""

    def __init__(self, centers: dict[str, DaemonWorld]) -> None:
        self._centers = centers
        self.trace = 100

    def withdraw(self, center: str, terminal: str, count: int) -> None:
        atm = self.at(center, terminal)
        for _ in range(count):
            self.trace += 1
            assert atm.ask(atm.withdrawal(f"{self.trace:06d}"))["39"] == "00"
        atm.close()

    def at(self, center: str, terminal: str) -> ForeignAtm:
        atm = ForeignAtm(self._centers[center].port, terminal=terminal)
        atm.sign_on()
        return atm


async def sweep(world: DaemonWorld, date: str) -> dict[str, Any]:
    """The report of a sweep that an operator asks for."""
    async with asyncio.timeout(PATIENCE_S):
        before = await newest(world)
        while True:
            try:
                await asyncio.to_thread(world.control.reconcile_now, ReconcileNowArgs(business_date=date))
                break
            except NotNow:
                await next_look()
        while True:
            found = await newest(world)
            if found.get("number") != before.get("number") and (found["layer"], found["business_date"]) == ("daily", date):
                return found
            await next_look()


async def newest(world: DaemonWorld) -> dict[str, Any]:
    try:
        said = await asyncio.to_thread(world.control.reconcile_report, ReconcileReportArgs(form="json"))
    except NotNow:
        return {}
    found: dict[str, Any] = json.loads(said.text)
    return found


async def test_each_line_is_in_exactly_one_report(centers: dict[str, DaemonWorld]) -> None:
    tokyo, osaka = centers["tokyo"], centers["osaka"]
    terminals = Terminals(centers)
    await asyncio.to_thread(terminals.withdraw, "tokyo", "ATM00001", 5)
    await asyncio.to_thread(terminals.withdraw, "osaka", "ATM00002", 4)
    for center in ("tokyo", "osaka", "tokyo"):
        await asyncio.to_thread(terminals.withdraw, center, "ATM00003", 2)

    def change_center() -> None:
        """Approved at Tokyo and repeated at Osaka; approved at Tokyo and reversed at Osaka; and the other way."""
        for first, second in (NAMES, tuple(reversed(NAMES))):
            here = terminals.at(first, "ATM00004")
            terminals.trace += 10
            repeated = here.withdrawal(f"{terminals.trace:06d}")
            taken_back = here.withdrawal(f"{terminals.trace + 1:06d}", 7_000)
            assert [here.ask(each)["39"] for each in (repeated, taken_back)] == ["00", "00"]
            here.close()
            there = terminals.at(second, "ATM00004")
            assert there.ask(repeated | {"t": "0201"})["39"] == "00"
            assert there.ask(there.reversal(taken_back, f"{terminals.trace + 2:06d}"))["39"] == "00"
            there.close()

    await asyncio.to_thread(change_center)
    silence = Silence(tokyo.ledger)

    def told_elsewhere() -> None:
        """Posted for Tokyo, which hears nothing and tells doubt; approved at Osaka, where the terminal repeats it."""
        silence.towards = "tokyo"
        here = terminals.at("tokyo", "ATM00005")
        doubtful = here.withdrawal("000900")
        assert here.ask(doubtful)["39"] != "00"
        here.close()
        there = terminals.at("osaka", "ATM00005")
        assert there.ask(doubtful | {"t": "0201"})["39"] == "00"
        there.close()
        silence.towards = ""

    await asyncio.to_thread(told_elsewhere)
    entries = list(tokyo.ledger.entries())
    async with asyncio.timeout(PATIENCE_S):
        while sum(not entry.standing_minor for entry in entries) < 2:
            await next_look()  # the reversals are on their way
        while c.PROBLEM_SUPERSEDED_ATTEMPT not in silence.refused:
            await next_look()  # and so is the undo that Tokyo owes
    date = entries[0].business_date
    found = {name: await sweep(world, date) for name, world in centers.items()}
    for name, report in found.items():
        assert report["differences"] == [], (name, report)
        assert report["totals"]["differs"] == 0, (name, report["totals"])
        assert report["totals"]["has_core"]
    lines = [entry for entry in entries if entry.business_date == date]
    assert sum(report["core_lines"] for report in found.values()) == len(lines)
    for name, report in found.items():
        assert report["core_lines"] == sum(entry.center == name for entry in lines)
        others = report["others"]
        assert others["held"] == {"tokyo": 1, "osaka": 2}[name], "posted there and repeated here"
        assert others["lines"] + others["held"] == sum(entry.center != name for entry in lines)
    touched = [
        row for report in found.values() for row in report["totals"]["terminals"] if "both centers" in row.get("why", "")
    ]
    assert {row["name"] for row in touched} == {"ATM00004", "ATM00005"}

    ghost = c.TransactionRequest(
        kind="withdrawal", channel="atm", realm="bank", terminal="GHOST", from_account="77", amount=c.Amount("900", "JPY")
    )
    for key, center in (("stray-tokyo", "tokyo"), ("stray-osaka", "osaka"), ("stray-kyoto", "kyoto")):
        request = msgspec.structs.replace(ghost, business_date=date)
        tokyo.ledger.post(key, request, Caller(f"{center}/1/1", center, 1, 1), entries[0].posted_at_ms)
    listed = {
        name: sorted((each["what"], each["key"]) for each in (await sweep(world, date))["differences"])
        for name, world in centers.items()
    }
    assert listed == {
        "tokyo": [("unknown-key", "stray-kyoto"), ("unknown-key", "stray-tokyo")],
        "osaka": [("unknown-key", "stray-kyoto"), ("unknown-key", "stray-osaka")],
    }
    said = await asyncio.to_thread(osaka.control.reconcile_report, ReconcileReportArgs())
    assert "lines of tokyo, for its own report; 2 more are here, too, and compared" in said.text
