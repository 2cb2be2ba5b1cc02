"""What two people sign, in a terminal: who has signed, until when it holds, what the second types; and the exit code that says
which of the two it was.

Owns the rows, that line and that code. It must never sign. The traps: the second signs the same words or they count for
nothing, so the line to type is made from what was signed and not from memory; and a script that asks for a decision must not
take half of one for the whole.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Final

from relay.cli.screen import safe
from relay.cli.when import show_moment
from relay.control.report import Done
from relay.failover.cosign import LoneRow

EXIT_DONE: Final = 0
EXIT_HALF: Final = 5
EXIT_WORDS: Final = "Exit code: 0 done, 5 signed by one of two: nothing is done until the second has said the same."


def tell(done: Done) -> int:
    """Prints the answer. Returns the exit code."""
    print(safe(done.text))
    return EXIT_HALF if done.is_half else EXIT_DONE


def lone_lines(rows: Sequence[LoneRow]) -> Iterator[str]:
    """Each first signature with the line that the second types; nothing where none waits."""
    for one in rows:
        where = " at the console" if one.place == "console" else ""
        yield f"SIGNED BY ONE OF TWO: {in_words(one)}"
        held = f"{show_moment(one.at_ms)}, holds until {show_moment(one.until_ms)[11:19]}"
        yield f"  by {safe(one.who)}{where} {held}: {safe(one.text)}"
        if one.place == "console":
            yield f"  nothing is done before {safe(one.second)} signs the same at the console"
        else:
            yield f"  nothing is done before {safe(one.second)} says, from their own account:"
            yield f"    {line_of(one)}"


def in_words(one: LoneRow) -> str:
    """What is signed, on one line."""
    return safe(line_of(one).removeprefix("relay ").partition(" --who ")[0])


def line_of(one: LoneRow) -> str:
    """What the second types."""
    match one.what:
        case ("step", _, step, how, is_undo):
            words = ["failover", "step", how, step, *(["--undo"] if is_undo == "True" else [])]
        case ("say", _, topic):
            words = ["failover", "say", topic]
        case ("lay-aside", run, seen):
            words = ["failover", "lay-aside", run, "--seen", seen]
        case ("adopt", _):
            words = ["failover", "adopt"]
        case ("pin", region, epoch, minutes):
            words = ["region", "pin", region, "--epoch", epoch, "--hours", f"{int(minutes) / 60:g}"]
        case ("take", line, is_by_hand):
            words = ["lease", "take", line, *(["--by-hand"] if is_by_hand == "True" else [])]
        case ("takeover", center):
            words = ["takeover", "begin", center]
        case ("give-back", _):
            words = ["takeover", "finish"]
        case _:
            words = list(one.what)
    signed = ["--who", one.second, "--second", one.who, "--why", "REASON"]
    return safe(shlex.join(["relay", *words, *signed]))
