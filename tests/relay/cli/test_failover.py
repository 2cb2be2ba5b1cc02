"""What is typed about a failover arrives named and signed; the plan is checked on paper without anybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocols.vocabulary import Secret
from relay.control import failover as c
from relay.control.report import Done
from relay.errors import RelayError
from relay.failover.codes import secret_bytes
from relay.failover.people import hash_code
from relay.failover.view import RunView
from relay.main import main
from tests.support.controlroom import answering
from tests.support.failoverworld import ROOT, sample_plan

PLAN = str(ROOT / "config" / "failover" / "unplanned.toml")
SIGNED = ["--who", "Sato", "--why", "tokyo is gone"]
VIEW = RunView(now_ms=1, center="tokyo", run="r1")


def test_a_plan_is_checked_on_paper(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["failover", "check", "--paper", PLAN]) == 0
    assert "nothing is wrong on paper" in capsys.readouterr().out
    (tmp_path / "bad.toml").write_text(sample_plan().replace('to_region = "osaka"', 'to_region = "tokyo"'), encoding="utf-8")
    assert main(["failover", "check", "--paper", str(tmp_path / "bad.toml")]) == 1
    assert "leads from tokyo to itself" in capsys.readouterr().out
    assert main(["failover", "check", "--paper", str(tmp_path / "none.toml")]) == 2


def test_everything_that_is_decided_arrives_named_and_signed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ("declare", "gate", "run", "step", "say", "lay-aside", "report")
    answers = {"failover-status": VIEW, **{f"failover-{name}": Done(f"{name} done") for name in names}}
    with answering(tmp_path, {**answers}) as daemon:
        reach = ["failover", "--socket", daemon.path]
        words = [
            ["declare", PLAN, "--role", "operations", *SIGNED],
            ["approve", "2", "--role", "business", "--seen", "abcdef012345", *SIGNED],
            ["deny", "1", "--role", "business", *SIGNED],
            ["withdraw", "1", *SIGNED],
            ["hold", *SIGNED],
            ["abort", *SIGNED],
            ["escalate", *SIGNED],
            ["adopt", "--second", "Kato", *SIGNED],
            ["step", "waived", "seal-tokyo", "--second", "Kato", *SIGNED],
            ["step", "tick", "by-hand", "--line", "2", *SIGNED],
            ["say", "accept-loss", "--second", "Kato", *SIGNED],
            ["lay-aside", "r0", "--seen", "abcdef012345", "--second", "Kato", *SIGNED],
            ["report", "--html"],
        ]
        for typed in words:
            assert main([*reach, *typed]) == 0, typed
        assert main([*reach, "report", "--output", str(tmp_path / "report.json")]) == 0
    signed = {"run": "r1", "who": "Sato", "why": "tokyo is gone"}
    told = [one for one in daemon.asked if type(one).__name__ != "StatusArgs"]
    assert told == [
        c.FailoverDeclareArgs(plan_text=sample_plan(), role="operations", who="Sato", why="tokyo is gone"),
        c.FailoverGateArgs(how="approve", gate=2, role="business", seen="abcdef012345", **signed),
        c.FailoverGateArgs(how="deny", gate=1, role="business", **signed),
        c.FailoverGateArgs(how="withdraw", gate=1, **signed),
        c.FailoverRunArgs(how="hold", **signed),
        c.FailoverRunArgs(how="abort", **signed),
        c.FailoverRunArgs(how="escalate", **signed),
        c.FailoverRunArgs(how="adopt", second="Kato", **signed),
        c.FailoverStepArgs(how="waived", run="r1", step="seal-tokyo", who="Sato", second="Kato", saw="tokyo is gone"),
        c.FailoverStepArgs(how="tick", run="r1", step="by-hand", who="Sato", line=2, saw="tokyo is gone"),
        c.FailoverSayArgs(topic="accept-loss", run="r1", text="tokyo is gone", who="Sato", second="Kato"),
        c.FailoverLayAsideArgs(run="r0", seen="abcdef012345", who="Sato", second="Kato", why="tokyo is gone"),
        c.FailoverReportArgs(form="html"),
        c.FailoverReportArgs(form="json"),
    ]
    assert (tmp_path / "report.json").read_text() == "report done"


@pytest.mark.parametrize(
    "typed",
    [
        ["approve", "1", "--role", "business", *SIGNED],  # not said what was seen
        ["approve", "4", "--role", "business", "--seen", "abcdef012345", *SIGNED],
        ["approve", "1", "--role", "business", "--seen", "abcdef012345", "--who", "Sato"],
        ["abort", "--why", "x"],
        ["lay-aside", "r0", "--seen", "abcdef012345", *SIGNED],  # alone
        ["lay-aside", "r0", "--second", "Kato", *SIGNED],  # not said what was seen
        ["declare", PLAN, *SIGNED],
    ],
)
def test_nothing_is_decided_without_a_signature(typed: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["failover", "--socket", str(tmp_path / "none"), *typed])


def test_a_no_is_said_and_without_a_run_nothing_is_sent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    no = RelayError("gate 1 is not approved: the evidence is too old.", "relay failover status")
    with answering(tmp_path, {"failover-status": VIEW, "failover-gate": no}) as daemon:
        typed = ["failover", "--socket", daemon.path, "approve", "1", "--role", "x", "--seen", "abcdef012345", *SIGNED]
        assert main(typed) == 1
        assert "too old" in capsys.readouterr().err
        daemon.answers["failover-status"] = RunView(now_ms=1, center="tokyo")
        assert main(typed) == 2
    assert sum(isinstance(one, c.FailoverGateArgs) for one in daemon.asked) == 1


def test_a_sealed_code_is_made_and_only_its_hash_is_for_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["failover", "seal-code"]) == 0
    lines = capsys.readouterr().out.splitlines()
    code = lines[0].split()[-1]
    values = dict(line.replace('"', "").split(" = ") for line in lines if " = " in line)
    assert values["hash"] == hash_code(code.lower(), bytes.fromhex(values["salt"]))


def test_an_orchestrator_that_is_not_there_is_not_called_a_relay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["failover", "--socket", str(tmp_path / "f.sock"), "status"]) == 1
    said = capsys.readouterr().err
    assert "the orchestrator is not running" in said
    assert "systemctl status relay-failover" in said
    assert "the relay is not running" not in said


def test_an_authenticator_is_made_for_one_person(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["failover", "authenticator", "Sato \x1b[31mTaro"]) == 0
    first = capsys.readouterr().out
    assert main(["failover", "authenticator", "佐藤"]) == 0
    second = capsys.readouterr().out
    texts = [said.splitlines()[0].rsplit("  ", 1)[1] for said in (first, second)]
    assert len({secret_bytes("x", Secret(text)) for text in texts}) == 2
    assert "\x1b" not in first
    assert f"secret={texts[0]}" in first
    assert 'authenticator = "failover-sato-31mtaro"' in first
    assert 'authenticator = "failover-person"' in second
