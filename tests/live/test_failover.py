"""The orchestrator as a process: declared, approved by two, killed -9 in the middle, resumed, called off; one per folder."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import msgspec
import pytest

from relay.clock import SystemClock
from relay.control import failover as f
from relay.control import regions as c
from relay.control.client import NotReachable, Refused
from relay.control.failoverclient import FailoverClient
from relay.control.report import Done, StatusReport
from relay.failover.chain import ROOT, read_log, seal_line
from relay.failover.codes import SECRET_BYTES, STEP_S, code_at, secret_text
from relay.failover.room import PersonRow, RoomView
from relay.failover.view import RunView
from relay.loopback.stage import free_port
from tests.support.controlroom import Answering, answering
from tests.support.failoverworld import sample_plan

PATIENCE_S = 90.0
PEOPLE = {"Abe": "operations", "Baba": "operations", "Chiba": "business", "Doi": "operations", "Eda": "operations"}
SECRETS = {name: bytes([number]) * SECRET_BYTES for number, name in enumerate(PEOPLE, 1)}
REGIONS = c.RegionsReport(region="tokyo", epoch=7, has_permit=True, sites=(c.SiteRow(name="osaka", result="good"),))


def plan_here() -> str:
    """The drill's plan for one center, with programs of this machine: whatever a program would do is there already."""
    lines = sample_plan("drill").splitlines()
    text = "\n".join("look = ['/bin/true']" if line.startswith("look = ") else line for line in lines)
    steps = text.replace('centers = ["tokyo", "osaka"]', 'centers = ["tokyo"]').split("[[plan.step]]")
    kept = [step for step in steps if 'center = "osaka"' not in step or "standby-is-alive" in step]
    joined = "[[plan.step]]".join(kept).replace('center = "osaka"', 'center = "tokyo"')
    return joined.replace('needs = ["seal-tokyo", "seal-osaka"]', 'needs = ["seal-tokyo"]').replace(
        'needs = ["epoch-at-osaka"]', 'needs = ["epoch-at-tokyo"]'
    )


class Process:
    def __init__(self, folder: Path, relay_socket: str) -> None:
        self.folder = folder
        self.file = folder / "orchestrator.toml"
        people = ""
        for name, role in PEOPLE.items():
            login = name.lower()
            people += f'[[person]]\nname = "{name}"\nroles = ["{role}"]\nlogins = ["{login}"]\nauthenticator = "code-{login}"\n'
            (folder / f"code-{login}").write_text(secret_text(SECRETS[name]))
            (folder / f"code-{login}").chmod(0o600)
        lag = f"lag = ['{sys.executable}', '-I', '-c', 'print(0)']\n"
        places = {"folder": "runs", "plans": ".", "socket": "f.sock"}
        self.metrics = free_port()
        (folder / "log-1").write_text("5" * 63 + "a")
        (folder / "log-1").chmod(0o600)
        lines = f'center = "tokyo"\ncredentials_directory = "{folder}"\nlog_key = "log-1"\n'
        lines += f'metrics = "127.0.0.1:{self.metrics}"\n'
        lines += "".join(f'{name} = "{folder}/{place}"\n' for name, place in places.items())
        self.file.write_text(f'relay_socket = "{relay_socket}"\n{lines}speakers = [{os.getuid()}]\n{lag}{people}')
        (folder / "plan.toml").write_text(plan_here())
        self.client = FailoverClient(f"{folder}/f.sock")
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "relay", "failover", "serve", str(self.file), stdout=log, stderr=log
            )
        await self.until(lambda view: True)

    async def until(self, is_so: Callable[[RunView], bool]) -> RunView:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    view = await asyncio.to_thread(self.client.view)
                    if is_so(view):
                        return view
                except NotReachable:
                    assert self.process is None or self.process.returncode is None, (self.folder / "log").read_text()
                await asyncio.sleep(0.05)

    async def scraped(self, expected: str) -> str:
        """The metrics page, once it knows of the state `expected`."""
        return await self.scraped_line(f'{{state="{expected}"}} 1.0')

    async def scraped_line(self, expected: str) -> str:
        """The metrics page, once it has `expected`."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with await asyncio.to_thread(urlopen, f"http://127.0.0.1:{self.metrics}/metrics") as answer:
                    page: str = answer.read().decode()
                if expected in page:
                    return page
                await asyncio.sleep(0.2)

    def rewrite(self) -> None:
        """As somebody would who can write the file and has no key: another reason, and all hashes made anew."""
        (file,) = (self.folder / "runs").glob("*.run")
        last, lines = ROOT, b""
        for entry in read_log(file.read_bytes()).entries:
            line = seal_line(msgspec.structs.replace(entry, before=last))
            last, lines = line[:64].decode(), lines + line
        file.write_bytes(lines)

    def end(self) -> None:
        """Whatever became of the test."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()

    async def kill(self, number: int = signal.SIGKILL) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return await self.process.wait()


def code(name: str) -> str:
    """What that person's authenticator shows: everybody here speaks through a service, and acts once in half a minute."""
    return code_at(SECRETS[name], SystemClock().wall_ms() // (STEP_S * 1_000))


def relay_of(folder: Path) -> dict[str, msgspec.Struct]:
    names = ("region-block", "region-release", "region-seal", "region-unseal")
    return {"region-status": REGIONS, "status": StatusReport(), **{name: Done("done") for name in names}}


def said(relay: Answering, kind: type[msgspec.Struct]) -> int:
    return sum(type(one) is kind for one in relay.asked)


@pytest.mark.timeout(400)
async def test_declared_approved_killed_resumed_and_called_off(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with answering(tmp_path, {**relay_of(tmp_path)}) as relay:
        one = Process(tmp_path, relay.path)
        request.addfinalizer(one.end)
        await one.start()
        looked = await one.until(lambda view: any(plan.checked_ms for plan in view.plans))  # by itself, between runs
        assert [plan.file for plan in looked.plans if plan.checked_ms and not plan.is_good] == ["plan.toml"]
        checked = await asyncio.to_thread(one.client.check, f.FailoverCheckArgs(plan_text=plan_here()))
        assert {row.where for row in checked.findings} == {"move-the-record"}, checked  # its credentials are not here
        foreign = f.FailoverCheckArgs(plan_text=plan_here().replace("/bin/true", "/bin/false"))
        with pytest.raises(Refused, match="none of"):  # it would start programs
            one.client.check(foreign)
        declared = f.FailoverDeclareArgs(plan_text=plan_here(), who="abe", role="operations", why="drill", proof=code("Abe"))
        await asyncio.to_thread(one.client.declare, declared)
        opened = await one.until(lambda view: view.gate is not None)
        seen = await asyncio.to_thread(one.client.told, "failover-room", f.FailoverRoomArgs(login="BABA"))
        assert isinstance(seen, RoomView)
        assert seen.me == PersonRow(name="Baba", roles=("operations",), has_authenticator=True)
        known = f.FailoverSayArgs(
            topic="batch-checkpoint", run=opened.run, text="step 12 is done", who="doi", proof=code("Doi")
        )
        await asyncio.to_thread(one.client.say, known)  # it is night in Japan when this runs, or it is not
        view = await one.until(lambda view: view.gate is not None and not view.gate.stops)
        gate = view.gate
        assert gate is not None
        signed = {"run": view.run, "gate": 1, "seen": gate.binding[:16], "why": "drill"}
        with pytest.raises(Refused, match="not the code"):
            one.client.gate(f.FailoverGateArgs(how="approve", who="baba", role="operations", **signed))
        first = f.FailoverGateArgs(how="approve", who="baba", role="operations", proof=code("Baba"), **signed)
        one.client.gate(first)
        with pytest.raises(Refused, match="each counts once"):
            one.client.gate(first)
        assert said(relay, c.RegionBlockArgs) == 0
        one.client.gate(f.FailoverGateArgs(how="approve", who="chiba", role="business", proof=code("Chiba"), **signed))
        await one.until(lambda view: said(relay, c.RegionBlockArgs) == 1)
        await one.kill()  # asked of the relay, and nobody wrote down what became of it
        blocked = ("atm", "branch", "inquiry", "partner")
        relay.answers["region-status"] = msgspec.structs.replace(REGIONS, blocked=blocked)
        await one.start()
        await one.until(lambda view: said(relay, c.RegionSealArgs) >= 1)
        assert said(relay, c.RegionBlockArgs) == 1  # it looked first
        second = Process(tmp_path, relay.path)
        beside = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "relay", "failover", "serve", str(second.file), stderr=asyncio.subprocess.PIPE
        )
        assert b"another orchestrator" in (await beside.communicate())[1]
        assert beside.returncode == 3
        relay.answers["region-status"] = msgspec.structs.replace(REGIONS, blocked=blocked, sealed_epoch=7, has_permit=False)
        await one.until(lambda view: view.state == "G2_WAIT")
        one.client.change_run(f.FailoverRunArgs(how="abort", run=view.run, who="eda", why="drill", proof=code("Eda")))
        await one.until(lambda view: said(relay, c.RegionSealArgs) >= 2)  # unsealed, in the relay's own words
        relay.answers["region-status"] = REGIONS
        done = await one.until(lambda view: view.state == "ABORTED")
        back = {step.name: step.standing for step in done.steps if step.is_undo}
        assert set(back) >= {"seal-tokyo"}
        assert set(back.values()) <= {"done", "found"}
        page = one.client.run_report(f.FailoverReportArgs(form="html")).text
        assert "Chiba" in page
        assert 'relay_failover_run_state{state="ABORTED"} 1.0' in await one.scraped("ABORTED")
        assert await one.kill(signal.SIGTERM) == 0
        one.rewrite()
        (log,) = (tmp_path / "runs").glob("*.run")
        left = log.read_bytes()
        await one.start()  # hashes are not enough: it is damage, and the register knows that the run was over
        (damaged,) = (await one.until(lambda view: True)).damaged
        assert "is not signed up to line" in damaged.why
        assert (damaged.run, damaged.standing) == (view.run, "over")
        assert await one.kill(signal.SIGTERM) == 0
        assert log.read_bytes() == left


@pytest.mark.timeout(120)
async def test_a_damaged_log_is_shown_and_forbids_a_run_until_two_have_looked(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Nothing but two people says that its run was over; then one is declared, and the log is as it was."""
    with answering(tmp_path, {**relay_of(tmp_path)}) as relay:
        one = Process(tmp_path, relay.path)
        request.addfinalizer(one.end)
        (tmp_path / "runs").mkdir(mode=0o700)
        log = tmp_path / "runs" / "20240101-000000-before.run"
        log.write_bytes(b"\0" * 4096 + b"\n")
        await one.start()
        (damaged,) = (await one.until(lambda view: True)).damaged
        assert (damaged.run, damaged.standing) == ("20240101-000000-before", "unknown")
        declared = f.FailoverDeclareArgs(plan_text=plan_here(), who="abe", role="operations", why="drill", proof=code("Abe"))
        with pytest.raises(Refused, match="nothing says that it is over"):
            await asyncio.to_thread(one.client.declare, declared)
        page = await one.scraped_line('relay_failover_damaged_logs{standing="unknown"} 1.0')
        assert "relay_failover_copy_refused 0.0" in page
        signed = {"run": damaged.run, "seen": damaged.digest[:16], "why": "it was a drill"}
        words = f.FailoverLayAsideArgs(who="baba", second="Chiba", proof=code("Baba"), **signed)
        assert (await asyncio.to_thread(one.client.lay_aside, words)).is_half
        words = f.FailoverLayAsideArgs(who="chiba", second="Baba", proof=code("Chiba"), **signed)
        assert "Baba and Chiba" in (await asyncio.to_thread(one.client.lay_aside, words)).text
        assert await one.kill() != 0  # it is on the disk
        await one.start()
        (damaged,) = (await one.until(lambda view: True)).damaged
        assert damaged.standing == "laid-aside"
        declared = f.FailoverDeclareArgs(plan_text=plan_here(), who="doi", role="operations", why="drill", proof=code("Doi"))
        await asyncio.to_thread(one.client.declare, declared)
        await one.until(lambda view: view.gate is not None)
        assert await one.kill(signal.SIGTERM) == 0
        assert log.read_bytes() == b"\0" * 4096 + b"\n"
    said = (tmp_path / "log").read_text()
    assert "a run log is damaged" in said
    assert "a damaged run was laid aside" in said
