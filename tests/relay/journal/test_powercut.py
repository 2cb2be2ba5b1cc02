"""Every disk that a power cut may leave: what was answered is there, what is there is whole, and the journal opens.

The stream is the real library's (tests/support/powercut). With less than full syncs the same check must find losses, or it
would prove nothing.
"""

from __future__ import annotations

import json
import random
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.clock import SystemClock
from relay.errors import JournalUnusable
from relay.journal.records import StoredExchange, Taken
from relay.journal.rows import SELECT_EXCHANGE, read_exchange, read_history
from relay.journal.sqlite import SqliteJournal
from relay.settings import JournalSettings
from relay.telemetry.metrics import Metrics
from tests.support.powercut import Disk, Op, build_shim, read_stream, run_child
from tests.support.powercut.workload import KEY, Model, lives

SEED = 20_261_124


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def quick_folder(tmp_path: Path) -> Iterator[Path]:
    """Memory where there is some: thousands of disks are laid out here, and their syncs prove nothing any more."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        yield Path(folder)


def record(shim: Path, tmp_path: Path, synchronous: str) -> list[Op]:
    folder = tmp_path / "watched"
    folder.mkdir()
    child = run_child(shim, folder, tmp_path / "stream", "work", synchronous)
    assert child.returncode == 0, child.stderr
    return read_stream(tmp_path / "stream")


def open_journal(folder: Path) -> SqliteJournal:
    return SqliteJournal.open(
        JournalSettings(path=str(folder / "journal.sqlite")),
        KEY,
        call_soon_threadsafe=lambda _: None,
        clock=SystemClock(),
        metrics=Metrics(),
    )


class Cut:
    """One laid-out disk after another, each opened by the engine and compared with the first K items given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.items = [item for life in lives() for item in life]
        self.opened = 0
        self._known: dict[int, set[int]] = {}  # by hash of the disk: what it holds, as numbers of items

    def problem(self, files: dict[str, bytes], given: int, answered: int) -> str | None:
        """None when the disk holds the first K items with answered <= K <= given."""
        files = {name: content for name, content in files.items() if name.startswith("journal.sqlite")}
        fingerprint = hash(tuple(sorted(files.items())))
        counts = self._known.get(fingerprint)
        if counts is None:
            try:
                counts = self._known[fingerprint] = self._open(files)
            except (JournalUnusable, sqlite3.Error, ValueError) as error:
                return f"does not open: {error!r}"
        if not counts:
            return "holds something that was never given, or half of it"
        if not any(answered <= count <= given for count in counts):
            return f"holds {sorted(counts)} items of {given} given, {answered} answered"
        return None

    def _open(self, files: dict[str, bytes]) -> set[int]:
        self.opened += 1
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            for file, content in files.items():
                (Path(name) / file).write_bytes(content)
            journal = open_journal(Path(name))
            try:
                return self._holds(journal)
            finally:
                journal.close()

    def _holds(self, journal: SqliteJournal) -> set[int]:
        """All K for which the journal is what the first K items make. More than one where an item changed nothing."""
        reader, keys = journal._reader, journal._keys
        stored: dict[int, StoredExchange] = {}
        for row in reader.execute(SELECT_EXCHANGE):
            exchange = read_exchange(row, keys)
            stored[exchange.taken.exchange_id] = exchange
        lines = read_history(
            reader.execute("SELECT exchange_id, at_ms, event, state, detail FROM history ORDER BY line_id").fetchall()
        )
        variables = journal.variables("link")
        outbound = {each.taken.outbound_id: each for each in journal.newest_outbound((), 1_000)}
        model = Model()
        counts = set()
        for count in range(len(self.items) + 1):
            if count:
                model.give(self.items[count - 1])
            if (
                len(model.exchanges) == len(stored)
                and len(model.lines) == len(lines)
                and (model.epoch, model.variables) == (journal.epoch, variables)
                and model.lines == lines
                and model.exchanges == stored
                and model.outbound == outbound
            ):
                counts.add(count)
        return counts


def problems(ops: list[Op], cut: Cut) -> Iterator[str]:
    """Cut the power after every single operation of the stream, in three ways."""
    disk, chance = Disk(), random.Random(SEED)
    given = answered = 0
    for number, op in enumerate(ops):
        if op.name == "marks":
            given += op.data == b"given\n"
            answered += op.data == b"answered\n"
            continue
        disk.do(op)
        for kind, files in (("dropped", disk.dropped()), ("kept", disk.kept()), ("torn", disk.torn(chance))):
            problem = cut.problem(files, given, answered)
            if problem:
                yield f"after operation {number} ({op.kind} {op.name}), {kind}: {problem}"
    assert given == answered == len(cut.items)


@pytest.mark.timeout(600)
def test_no_power_cut_loses_what_was_answered(shim: Path, tmp_path: Path, quick_folder: Path) -> None:
    ops = record(shim, tmp_path, "FULL")
    kinds = {(op.kind, op.name) for op in ops}
    assert {("S", "journal.sqlite"), ("S", "journal.sqlite-wal"), ("W", "journal.sqlite"), ("W", "journal.sqlite-wal")} <= kinds
    cut = Cut(quick_folder)
    assert list(problems(ops, cut)) == []
    print(f"{len(ops)} operations, {cut.opened} different disks opened")
    assert cut.opened > 300


@pytest.mark.timeout(600)
@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
def test_the_check_finds_what_fewer_syncs_lose(shim: Path, tmp_path: Path, quick_folder: Path, synchronous: str) -> None:
    ops = record(shim, tmp_path, synchronous)
    assert any("answered" in problem for problem in problems(ops, Cut(quick_folder)))


def test_a_disk_that_fills_in_the_middle_of_a_write_costs_no_answered_record(shim: Path, tmp_path: Path) -> None:
    """ENOSPC after a short write, below the real library: refused with certainty, back by itself, nothing lost."""
    phases, _ = trouble(shim, tmp_path, "full")
    assert phases["before"] == ["fresh"] * 5
    during = phases["during"]
    assert set(during) == {"fresh", "refused"}
    assert during == sorted(during), "once full, full until there is room"
    assert phases["during state"] == ["full"]
    assert phases["after state"] == ["writable"]
    assert phases["after"] == ["existing" if word == "fresh" else "fresh" for word in during]
    assert reopened(tmp_path) == {item.key for item in takes()[:25]}


def test_after_a_failed_sync_not_a_byte_is_written(shim: Path, tmp_path: Path) -> None:
    """EIO from the real fsync: in doubt once, refused for good, and neither closing nor a healed disk changes the files."""
    phases, ops = trouble(shim, tmp_path, "sync")
    assert phases["during"] == ["uncertain", "refused", "refused"]
    assert phases["after"] == ["refused"] * 4
    assert phases["after state"] == ["failed"]
    failed_at = next(number for number, op in enumerate(ops) if op.kind == "F")
    assert [op for op in ops[failed_at:] if op.name != "marks"] == [ops[failed_at]]
    stored = reopened(tmp_path)
    assert {item.key for item in takes()[:5]} <= stored <= {item.key for item in takes()[:6]}


def takes() -> list[Taken]:
    return [item for item in lives()[0] if isinstance(item, Taken)]


def trouble(shim: Path, tmp_path: Path, kind: str) -> tuple[dict[str, list[str]], list[Op]]:
    folder = tmp_path / "watched"
    folder.mkdir()
    child = run_child(shim, folder, tmp_path / "stream", kind)
    assert child.returncode == 0, child.stderr
    return json.loads(child.stdout), read_stream(tmp_path / "stream")


def reopened(tmp_path: Path) -> set[str]:
    journal = open_journal(tmp_path / "watched")
    try:
        return {each.taken.key for each in journal.open_exchanges()}
    finally:
        journal.close()
