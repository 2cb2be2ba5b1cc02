"""A program: an argv and no shell, an environment that names what it sees, an exit code that means what the plan says."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from relay.failover.actions.command import WORDS_CHARS_MAX, CommandAction
from relay.failover.actions.port import ActionFailed, ActionRefused, Scene, Sight
from relay.failover.deeds import CommandDeed

SCENE = Scene(run="r1", step="s", token="r1/s", old_epoch=7, epoch=8, from_region="tokyo", to_region="osaka", center="tokyo")


def program(code: str, *words: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-c", code, *words)


def action(look: tuple[str, ...], argv: tuple[str, ...] = (), environment: tuple[str, ...] = ()) -> CommandAction:
    return CommandAction(CommandDeed(look=look, argv=argv, environment=environment), os.environ)


@pytest.mark.parametrize(
    ("code", "sight"),
    [(0, Sight.DONE), (1, Sight.ABSENT), (2, Sight.IN_PROGRESS), (3, Sight.FAILED), (4, Sight.UNKNOWN), (127, Sight.UNKNOWN)],
)
async def test_the_exit_code_of_a_look_is_what_was_seen(code: int, sight: Sight) -> None:
    look = await action(program(f"print('word'); raise SystemExit({code})")).observe(SCENE)
    assert (look.sight, look.detail) == (sight, "word")


async def test_a_word_stays_a_word_and_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANK_PROFILE", "dr")
    monkeypatch.setenv("BANK_SECRET", "no")
    code = "import os, sys; print(sys.argv[1:], sorted(os.environ))"
    made = action(("true",), program(code, "{region};touch /tmp/x", "$(id)", "{epoch}"), ("BANK_PROFILE", "ABSENT"))
    said = await made.act(SCENE)
    assert "['osaka;touch /tmp/x', '$(id)', '8']" in said
    assert "'BANK_PROFILE', 'LC_ALL', 'PATH', 'RELAY_FAILOVER_CALL', 'RELAY_FAILOVER_STEP', 'RELAY_FAILOVER_TOKEN'" in said
    assert "BANK_SECRET" not in said


async def test_an_act_that_fails_says_so_and_one_that_never_began_surely_did_nothing() -> None:
    with pytest.raises(ActionFailed, match="exit code 5: no such cluster"):
        await action(("true",), program("print('no such cluster'); raise SystemExit(5)")).act(SCENE)
    for made in (action(("true",)), action(("true",), ("/nowhere/program",))):
        with pytest.raises(ActionRefused):
            await made.act(SCENE)
    with pytest.raises(ActionRefused):
        await action(("true",)).compensate(SCENE)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_so():  # noqa: ASYNC110  a process of another program sets no event
            await asyncio.sleep(0.02)


def written(pids: Path) -> list[str]:
    return pids.read_text().split() if pids.exists() else []


def runs(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_a_program_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    child = f"import os, time\nopen({str(pids)!r}, 'a').write(f'{{os.getpid()}} ')\ntime.sleep(600)"
    parent = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-I', '-c', {child!r}])\n{child}"
    doing = asyncio.ensure_future(action(("true",), program(parent)).act(SCENE))
    await until(lambda: len(written(pids)) == 2)
    doing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await doing
    await until(lambda: not any(map(runs, written(pids))))


WRITING = "import os\nfrom time import sleep\nopen({pids!r}, 'a').write(f'{{os.getpid()}} ')\n"


def end_all(pids: Path) -> None:
    """Whatever became of the test."""
    for pid in filter(runs, written(pids)):
        os.kill(int(pid), signal.SIGKILL)


def leaving_behind(pids: Path, *, session: bool, then: str) -> tuple[str, ...]:
    """A program that starts another one, with its output, and then does something else."""
    child = WRITING.format(pids=str(pids)) + "sleep(600)"
    started = f"subprocess.Popen([sys.executable, '-I', '-c', {child!r}], start_new_session={session})"
    wait = f"\nwhile not os.path.exists({str(pids)!r}) or not os.path.getsize({str(pids)!r}): sleep(0.01)\n"
    return program(f"import os, subprocess, sys\nfrom time import sleep\n{started}{wait}{then}")


@pytest.mark.parametrize("then", ["sleep(600)", "os.close(1); os.close(2); sleep(600)"])
@pytest.mark.parametrize("session", [True, False])
async def test_a_grandchild_outside_the_process_group_does_not_outlive_the_time_out(
    tmp_path: Path, session: bool, then: str, request: pytest.FixtureRequest
) -> None:
    pids = tmp_path / "pids"
    request.addfinalizer(lambda: end_all(pids))
    doing = asyncio.ensure_future(action(("true",), leaving_behind(pids, session=session, then=then)).act(SCENE))
    await until(lambda: len(written(pids)) == 1)
    doing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await doing
    await until(lambda: not any(map(runs, written(pids))))


async def test_a_program_that_ended_has_ended_whoever_holds_its_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr("relay.failover.actions.command.GONE_S", 0.1)
    pids = tmp_path / "pids"
    request.addfinalizer(lambda: end_all(pids))
    made = leaving_behind(pids, session=False, then="print('done')")
    async with asyncio.timeout(60):
        assert await action(("true",), made).act(SCENE) == "done"
    assert all(map(runs, written(pids)))  # what it left running on purpose goes on


async def test_output_is_bounded_and_control_characters_are_not_passed_on() -> None:
    code = "import sys; sys.stdout.write('x' * 300_000 + '\\n' + '\\x1b[2Jlast' + 'y' * 999)"
    look = await action(program(code)).observe(SCENE)
    assert look.detail.startswith("?[2Jlast")
    assert len(look.detail) == WORDS_CHARS_MAX
    assert msgspec.json.encode(look)
