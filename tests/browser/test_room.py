"""A whole failover run at the console: declared, three gates, released; every person in a browser of their own, against a real
relay's console and a real orchestrator with a plan of harmless actions.

The trap: it is night in Japan when this runs, or it is not, and at night the third gate opens twice and the batch's
checkpoint is asked for; so people answer what the room shows, and not what a script expects.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from protocols.vocabulary import Secret
from relay.console.accounts import account, write_accounts
from relay.console.identity import Role
from relay.control import regions as c
from relay.errors import RelayError
from relay.failover.actions.relay import CLASSES
from relay.failover.codes import SECRET_BYTES, secret_text
from relay.failover.view import RunView
from tests.live.test_failover import PEOPLE, REGIONS, SECRETS, Process, plan_here, relay_of
from tests.support.chromium import PHONE, Chromium
from tests.support.consoleroom import CHEAP, PASSWORD
from tests.support.controlroom import Answering
from tests.support.daemonworld import DaemonWorld
from tests.support.hall import Chair, Hall

FUJI = bytes([9]) * SECRET_BYTES  # a second one for the business, so that nobody waits for the next code
ROLES = {**PEOPLE, "Fuji": "business"}
KEYS = {**SECRETS, "Fuji": FUJI}


class LivingRelay(dict[str, msgspec.Struct | RelayError]):
    """Answers that follow from what was asked: suspended, sealed; in the new region as soon as the record moved."""

    def __init__(self, answers: dict[str, msgspec.Struct]) -> None:
        super().__init__(answers)
        self.asked: Sequence[msgspec.Struct] = ()
        self.is_moved = False

    def __getitem__(self, name: str) -> msgspec.Struct | RelayError:
        return self._regions() if name == "region-status" else super().__getitem__(name)

    def _regions(self) -> c.RegionsReport:
        blocked: set[str] = set()
        sealed = 0
        for one in self.asked:
            if isinstance(one, c.RegionBlockArgs):
                meant = set(CLASSES) if "all" in one.classes else {"partner" if n == "zengin" else n for n in one.classes}
                blocked = blocked - meant if isinstance(one, c.RegionReleaseArgs) else blocked | meant
            elif isinstance(one, c.RegionSealArgs):
                sealed = one.epoch
        told = msgspec.structs.replace(REGIONS, blocked=tuple(sorted(blocked)), sealed_epoch=sealed, has_permit=sealed == 0)
        if self.is_moved:
            tail = c.TailRow(epoch=8, is_finished=True)
            told = msgspec.structs.replace(told, region="osaka", epoch=8, has_permit=True, tail=tail)
        return told


def harmless(text: str) -> str:
    """The record moves by a program that finds it moved already."""
    steps = text.split("[[plan.step]]")
    moving = next(at for at, step in enumerate(steps) if 'name = "move-the-record"\n' in step)
    head = steps[moving].partition("[plan.step.do]")[0]
    steps[moving] = f'{head}[plan.step.do]\naction = "command"\nmoves_dns = true\nlook = ["/bin/true"]\n\n'
    return "[[plan.step]]".join(steps)


def orchestrator(folder: Path, relay_socket: str) -> Process:
    folder.mkdir()
    one = Process(folder, relay_socket)
    (folder / "code-fuji").write_text(secret_text(FUJI))
    (folder / "code-fuji").chmod(0o600)
    fuji = '[[person]]\nname = "Fuji"\nroles = ["business"]\nlogins = ["fuji"]\nauthenticator = "code-fuji"\n'
    one.file.write_text(one.file.read_text() + fuji)
    (folder / "plan.toml").write_text(harmless(plan_here()))
    return one


def chairs(address: str) -> dict[str, Chair]:
    """Chiba and Fuji are at home, with a phone."""
    made = {name: Chair(name.lower(), PASSWORD, KEYS[name], address) for name in ROLES}
    return made | {name: made[name]._replace(width=PHONE, language="ja") for name in ("Chiba", "Fuji")}


async def approve(hall: Hall, view: RunView, names: Sequence[str]) -> None:
    gate = view.gate
    assert gate is not None
    for name in names:
        said = await hall.do(
            name, f"/deed/failover-approve?run={view.run}&gate={gate.gate}", role="", why=f"{name} has read it"
        )
        assert "approve" in said.lower() or "承認" in said, said


@pytest.mark.timeout(400)
async def test_a_whole_run_by_people_in_browsers(tmp_path: Path, chromium: Chromium, request: pytest.FixtureRequest) -> None:
    living = LivingRelay(relay_of(tmp_path))
    control = Answering(str(tmp_path / "told.sock"), living)
    request.addfinalizer(control.stop)
    living.asked = control.asked
    one = orchestrator(tmp_path / "orchestrator", control.path)
    request.addfinalizer(one.end)
    (tmp_path / "relay").mkdir()
    world = DaemonWorld(tmp_path / "relay")
    port = world.hold_port()
    accounts = str(tmp_path / "accounts.json")
    write_accounts(accounts, [account(name.lower(), Role.OPERATOR, Secret(PASSWORD), 0, CHEAP) for name in ROLES])
    hall = Hall(chromium, chairs(f"http://127.0.0.1:{port}"))
    try:
        await world.start_core()
        world.configure(
            extra=f'[console]\nendpoint = "tcp:{port}:interface=127.0.0.1"\naccounts_path = "{accounts}"\n'
            f'failover_socket = "{one.folder}/f.sock"\n'
        )
        await asyncio.gather(world.start(), one.start())

        said = await hall.do("Abe", "/deed/failover-declare", version="", role="", epoch="7", why="the drill of this night")
        assert "refused" not in said, said
        view = await one.until(lambda view: view.gate is not None)
        checkpoint = await hall.do("Doi", "/deed/failover-say", topic="batch-checkpoint", why="step 12 is done")
        assert "refused" not in checkpoint, checkpoint
        view = await one.until(lambda view: view.gate is not None and not view.gate.stops)

        # ---- whoever declared cannot approve, and one alone passes nothing
        said = await hall.do("Abe", f"/deed/failover-approve?run={view.run}&gate=1", role="", why="it is mine")
        assert "refused" in said, said
        assert not [one_asked for one_asked in control.asked if isinstance(one_asked, c.RegionBlockArgs)]
        await approve(hall, view, ["Baba"])
        view = await one.until(lambda view: view.gate is not None and view.gate.missing == ("business",))
        assert view.gate is not None
        assert view.gate.gate == 1, "one role alone opens nothing"
        seat = await hall.look("Baba")
        assert "Gate 1" in await seat.text(".rail li.here")
        assert "business" in await seat.text("#live")
        await approve(hall, view, ["Chiba"])

        # ---- gate 2: from here there is no way back
        view = await one.until(lambda view: view.state == "G2_WAIT" and view.gate is not None and not view.gate.stops)
        seat = await hall.look("Eda")
        assert "Gate 2" in await seat.text(".rail li.here")
        assert await seat.page.locator(".rail li.past").count() == 2
        living.is_moved = True
        await approve(hall, view, ["Eda", "Fuji"])

        # ---- gate 3, once or twice
        pairs = [("Baba", "Chiba"), ("Eda", "Fuji")]
        while True:
            view = await one.until(
                lambda view: view.state == "DONE" or (view.state == "G3_WAIT" and view.gate is not None and not view.gate.stops)
            )
            if view.state == "DONE":
                break
            part = view.gate.part if view.gate is not None else ""
            await approve(hall, view, pairs.pop(0))
            await one.until(lambda view, part=part: view.gate is None or view.gate.part != part)  # type: ignore[misc]

        seat = await hall.look("Abe")
        assert await seat.page.locator(".rail li.past").count() == 8
        assert "osaka" in await seat.text(".rail")
        async with seat.page.expect_download() as waiting:
            await seat.page.click('a[href="/failover/keep?form=html"]')
        report = (await (await waiting.value).path()).read_text(encoding="utf-8")
        assert all(name in report for name in ("Abe", "Baba", "Chiba", "Eda", "Fuji"))
        assert await hall.close() == []
    finally:
        await hall.close()
        one.end()
        await world.close()
