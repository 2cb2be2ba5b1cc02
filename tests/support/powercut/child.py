"""The process whose disk is watched: it gives the workload to a real journal and marks what was answered.

Run by tests only: python -m tests.support.powercut.child FOLDER {work SYNCHRONOUS | full | sync}. The end is os._exit,
without closing: the last thing on the disk is what the last commit left there.
"""

from __future__ import annotations

import ctypes
import json
import os
import queue
import sys
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from relay.clock import SystemClock
from relay.journal import writer
from relay.journal.outbound import OutboundStep, OutboundTaken
from relay.journal.port import JournalFailed, JournalState
from relay.journal.records import Step, Taken
from relay.journal.sqlite import SqliteJournal
from relay.settings import JournalSettings
from relay.telemetry.metrics import Metrics
from tests.support.powercut.workload import KEY, Item, Variable, lives

PATIENCE_S = 30.0
BURSTS = (1, 3, 1, 8, 2, 5)


class Child:
    def __init__(self, folder: str, synchronous: str) -> None:
        self.calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.marks = os.open(folder + "/marks", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.path = folder + "/journal.sqlite"
        self.synchronous = synchronous
        self.journal = self.open()

    def open(self) -> SqliteJournal:
        return SqliteJournal.open(
            JournalSettings(path=self.path),
            KEY,
            call_soon_threadsafe=self.calls.put,
            clock=SystemClock(),
            metrics=Metrics(),
            synchronous=self.synchronous,
        )

    def mark(self, word: str) -> None:
        os.write(self.marks, word.encode() + b"\n")

    def give(self, item: Item, done: Callable[[Any], None]) -> None:
        self.mark("given")
        if isinstance(item, Taken):
            self.journal.take(item, done)
        elif isinstance(item, Step):
            self.journal.step(item, done)
        elif isinstance(item, OutboundTaken):
            self.journal.take_outbound(item, done)
        elif isinstance(item, OutboundStep):
            self.journal.step_outbound(item, done)
        elif isinstance(item, Variable):
            self.journal.store_variable("link", item.name, item.value, done)
        else:
            self.journal.raise_epoch(item.epoch, done)

    def settle(self) -> None:
        while self.journal.waiting_count():
            self.turn()

    def turn(self) -> None:
        self.calls.get(timeout=PATIENCE_S)()


def work(child: Child) -> None:
    """Everything the journal does: groups of all sizes, folding the log, closing, opening again."""
    writer.CHECKPOINT_RECORDS = 25  # type: ignore[misc]  # often enough to be cut in the middle

    def answered(result: object) -> None:
        if isinstance(result, JournalFailed):
            raise SystemExit(f"refused: {result}")
        child.mark("answered")

    for life, items in enumerate(lives()):
        if life:
            child.journal.close()
            child.journal = child.open()
        at = burst = 0
        while at < len(items):
            count = BURSTS[burst % len(BURSTS)]
            for item in items[at : at + count]:
                child.give(item, answered)
            child.settle()
            at += count
            burst += 1


def trouble(child: Child, shim: ctypes.CDLL, kind: str) -> None:
    """The disk fills, or a sync fails, then is well again. Prints what was answered when."""
    items = [item for item in lives()[0] if isinstance(item, Taken)]
    phases: dict[str, list[str]] = {}

    def run(phase: str, some: list[Taken]) -> None:
        words = phases.setdefault(phase, [])
        for item in some:
            child.give(item, lambda result: words.append(_word(result)))
            child.settle()
        phases[phase + " state"] = [child.journal.state.value]

    run("before", items[:5])
    if kind == "full":
        shim.powercut_room(ctypes.c_int64(30_000))
        run("during", items[5:25])
        shim.powercut_room(ctypes.c_int64((1 << 63) - 1))
        while child.journal.state is not JournalState.WRITABLE:
            child.turn()
        run("after", [replace(item, exchange_id=item.exchange_id + 1_000) for item in items[5:25]])
    else:
        shim.powercut_fail_sync(1)
        run("during", items[5:8])
        shim.powercut_fail_sync(0)
        run("after", items[8:12])
        child.mark("closing")
        child.journal.close()
    print(json.dumps(phases))


def _word(result: object) -> str:
    if isinstance(result, JournalFailed):
        return "refused" if result.certain else "uncertain"
    return type(result).__name__.lower()


def main() -> None:
    folder, kind, *rest = sys.argv[1:]
    child = Child(folder, rest[0] if rest else "FULL")
    if kind == "work":
        work(child)
    else:
        trouble(child, ctypes.CDLL(None), kind)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
