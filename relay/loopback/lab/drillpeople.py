"""The people of a drill: what they say, and the voice of those who type it: `relay failover ...` under an account of their own.

Owns the sayings, and the starting of the words for them; another voice (a browser) says the same sayings. It must never say
anything for anybody else. The traps: the orchestrator asks the kernel who calls, so a person is a user id and not a name; that
account has no right in the lab but the group of its sockets, and may read the files of the interpreter, which may be in a
folder of root's; and an orchestrator that was just killed answers nobody, which a person answers by looking again.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Literal

import msgspec

from relay.loopback.lab.door import LabError, tool
from relay.loopback.lab.drillplan import Person

SAY_S = 60.0
RIGHT = "+dac_read_search"  # to read, as the packages of an installed relay are readable for everybody


class Said(msgspec.Struct, frozen=True):
    """What came back. `text` is the answer, or the complaint; `code` that of the command, where one was typed."""

    is_done: bool
    text: str
    code: int = 0


class Saying(msgspec.Struct, frozen=True, kw_only=True):
    """What one of them has to say. `seen`: the digits that an approval signs; `second`: who signs it, too; `plan`: a file."""

    verb: Literal["declare", "approve", "say", "again", "resume", "abort", "escalate"]
    why: str
    run: str = ""
    plan: str = ""
    gate: int = 0
    seen: str = ""
    topic: str = ""
    second: str = ""
    step: str = ""
    is_undo: bool = False


Voice = Callable[["Person", Saying], Said]  # an orchestrator that does not answer is an answer, and no error


def words_for(one: Person, saying: Saying) -> list[str]:
    """The saying as `relay failover` wants it typed."""
    match saying.verb:
        case "declare":
            words = ["declare", saying.plan, "--role", one.role]
        case "approve":
            words = ["approve", str(saying.gate), "--seen", saying.seen, "--role", one.role]
        case "say":
            words = ["say", saying.topic, *(("--second", saying.second) if saying.second else ())]
        case "again":
            words = ["step", "again", saying.step, *(("--undo",) if saying.is_undo else ())]
        case _:
            words = [saying.verb]
    return [*words, "--who", one.name, "--why", saying.why]


def typed(root: str, path: str) -> Voice:
    """The voice of people at terminals; `path` is the socket of the orchestrator."""
    return lambda one, saying: say(root, one, path, *words_for(one, saying))


def words_of(one: Person, path: str, words: list[str]) -> list[str]:
    """What runs `relay failover` as that person, against the orchestrator's socket at `path`. Raises LabError."""
    found = tool("setpriv")
    if found is None:
        raise LabError("there is no setpriv (util-linux): nobody can work under an account of their own.")
    account = [found, f"--reuid={one.uid}", "--regid=0", "--clear-groups", f"--inh-caps={RIGHT}", f"--ambient-caps={RIGHT}"]
    return [*account, sys.executable, "-m", "relay", "failover", "--socket", path, *words]


def say(root: str, one: Person, path: str, *words: str) -> Said:
    """To its end."""
    environment = {**os.environ, "PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            words_of(one, path, list(words)),
            capture_output=True,
            text=True,
            check=False,
            timeout=SAY_S,
            cwd="/",
            env=environment,
        )
    except subprocess.TimeoutExpired:
        return Said(
            False, f"relay failover {words[0]}: no answer within {SAY_S:g} s; what was said may have been heard: look again.", 1
        )
    text = done.stdout if not done.returncode else done.stderr or done.stdout
    return Said(not done.returncode, text.strip(), done.returncode)
