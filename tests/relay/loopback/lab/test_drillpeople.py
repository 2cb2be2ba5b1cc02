"""A person of the drill is an account, not a name; and what one says is typed as `relay failover` reads it."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

import pytest

from relay.cli import failover
from relay.loopback.lab import drillpeople
from relay.loopback.lab.drillpeople import Saying, say, words_for, words_of
from relay.loopback.lab.drillplan import PEOPLE


def test_everybody_works_under_an_account_of_their_own_in_the_group_of_the_sockets() -> None:
    for one in PEOPLE:
        words = words_of(one, "/x.sock", ["status"])
        assert f"--reuid={one.uid}" in words
        assert words[-4:] == ["failover", "--socket", "/x.sock", "status"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may take another account")
def test_the_kernel_sees_that_account() -> None:
    words = words_of(PEOPLE[1], "/x.sock", [])
    program = [*words[: words.index(sys.executable)], sys.executable, "-I", "-c", "import os; print(os.getuid(), os.getgid())"]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(PEOPLE[1].uid), "0"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may take another account")
def test_no_answer_in_time_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drillpeople, "SAY_S", 0.001)
    said = say("/", PEOPLE[1], "/x.sock", "status")
    assert (said.is_done, said.code) == (False, 1)
    assert "look again" in said.text


@pytest.mark.parametrize(
    ("saying", "read"),
    [
        (Saying(verb="declare", why="gone", plan="/p.toml"), {"what": "declare", "plan": "/p.toml", "role": "operations"}),
        (Saying(verb="approve", why="ok", gate=2, seen="ab12"), {"what": "approve", "gate": 2, "seen": "ab12"}),
        (Saying(verb="say", why="ok", topic="accept-loss", second="Kato"), {"topic": "accept-loss", "second": "Kato"}),
        (Saying(verb="say", why="ok", topic="remark"), {"topic": "remark", "second": ""}),
        (Saying(verb="again", why="ok", step="seal-osaka"), {"what": "step", "how": "again", "undo": False}),
        (Saying(verb="again", why="ok", step="scale-up", is_undo=True), {"step": "scale-up", "undo": True}),
        (Saying(verb="abort", why="back"), {"what": "abort"}),
        (Saying(verb="resume", why="ok"), {"what": "resume"}),
        (Saying(verb="escalate", why="ok"), {"what": "escalate"}),
    ],
)
def test_every_saying_is_read_by_the_command_line(saying: Saying, read: dict[str, object]) -> None:
    parser = argparse.ArgumentParser()
    failover.configure(parser)
    found = vars(parser.parse_args(words_for(PEOPLE[1], saying)))
    assert (found["who"], found["why"]) == (PEOPLE[1].name, saying.why)
    assert {name: found[name] for name in read} == read
