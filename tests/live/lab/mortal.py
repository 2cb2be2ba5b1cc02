"""`python -m tests.live.lab.mortal FILE LINE HOW DELAY_MS NOTES`: an orchestrator that kills itself at a line of its log.

Owns the moment: LINE is a number of this life's lines, or `what/step` for the first of that kind; `before` it is written,
`after` it is durable, or DELAY_MS `later`. It must never change what an orchestrator does before. The trap: what it was
killed at is written down first, by the one process that knows, and that line must not be lost with it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import msgspec

from relay.failover.store import FileStore
from relay.orchestrator.serve import serve
from relay.orchestrator.settings import load_settings


class Note(msgspec.Struct, frozen=True):
    """What the log's last line was, or the one that was not written any more."""

    how: str
    what: str
    step: str = ""


def arm(at: str, how: str, delay_ms: int, notes: Path) -> None:
    """From now on this process has so many lines to live."""
    whole, lines = FileStore.append, [0]

    def die(note: Note) -> None:
        with notes.open("ab") as file:
            file.write(msgspec.json.encode(note) + b"\n")
        os.kill(os.getpid(), signal.SIGKILL)

    def append(store: FileStore, line: bytes) -> None:
        lines[0] += 1
        event = msgspec.json.decode(line[line.index(b"{") :])["event"]
        note = Note(how, event["what"], str(event.get("step", "")))
        is_last = at in (str(lines[0]), f"{note.what}/{note.step}")
        if how == "before" and is_last:
            die(note)
        whole(store, line)
        if how == "after" and is_last:
            die(note)
        if how == "later" and is_last:
            threading.Timer(delay_ms / 1_000, die, (note,)).start()

    setattr(FileStore, "append", append)  # noqa: B010  a method is not assigned to


def main(words: list[str]) -> int:
    file, at, how, delay_ms, notes = words
    arm(at, how, int(delay_ms), Path(notes))
    return serve(load_settings(file))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
