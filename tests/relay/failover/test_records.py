"""Damaged logs beside a run: the orchestrator starts, writes nothing into them, goes on with none, and declares nothing over
one that may not be over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from relay.errors import RelayError
from relay.failover import events as e
from relay.failover.chain import read_log
from relay.failover.evidence import binding_of
from relay.failover.keeper import Keeper
from relay.failover.records import DAMAGED, Records
from relay.failover.register import Over
from relay.failover.run import fold
from relay.failover.states import State
from relay.failover.store import FileShelf, StoreFailed
from tests.support.failoverbook import DIGEST, Book
from tests.support.failoverdisk import MemoryShelf

LOGS = {path.stem: path.read_bytes() for path in sorted((Path(__file__).parent / "logs").glob("*.run"))}
OVER = {stem: data for stem, data in LOGS.items() if stem.startswith(("DONE", "ABORTED"))}


def name_of(data: bytes) -> str:
    return fold(read_log(data).entries).run_id


def loaded(book: Book) -> Keeper:
    keeper = Keeper(MemoryShelf(book.executioner, book.files, register=book.register), book.time, "tokyo")
    keeper.load()
    return keeper


def ended(book: Book, name: str = "r1") -> None:
    book.declare(name)
    book.write(e.AbortAsked(who="Doi", why="x"))
    book.write(e.Undone())


DAMAGES = {
    "a byte": lambda data: data[:400] + bytes([data[400] ^ 1]) + data[401:],
    "the end cut off": lambda data: data[: data[:-1].rfind(b"\n") + 1],
    "the end torn": lambda data: data[:-1],
    "half": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "zeros": lambda data: b"\0" * len(data),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_run_that_ended_long_ago_is_in_nobodys_way(damage: str) -> None:
    """Its end was kept in the register when its log was whole."""
    book = Book()
    ended(book)
    data = bytes(book.files["r1"])
    book.files["r1"][:] = left = DAMAGES[damage](data)
    keeper = loaded(book)
    assert (keeper.name, keeper.run.state, keeper.term) == ("", State.IDLE, 1)
    assert keeper.records.damaged["r1"].standing == "over"
    assert "ABORTED with line 3" in keeper.records.damaged["r1"].proof
    book.keeper = keeper
    book.declare("r2")
    assert book.run.term == 2
    assert bytes(book.files["r1"]) == left
    again = loaded(book)
    assert (again.name, list(again.records.damaged)) == ("r2", ["r1"])
    with pytest.raises(StoreFailed, match="used once"):
        ended(book, "r1")


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_run_that_may_not_be_over_forbids_another_one(damage: str) -> None:
    """Which it does not where its own lines are whole: a torn or a cut end is what a crash leaves, and it is gone on with."""
    book = Book()
    book.to_gate(2)
    data = bytes(book.files["r1"])
    book.files["r1"][:] = left = DAMAGES[damage](data)
    keeper = loaded(book)
    if damage in ("the end cut off", "the end torn", "half"):
        assert (keeper.name, keeper.records.damaged) == ("r1", {})
        assert bytes(book.files["r1"]) == left  # until something is added
        return
    assert (keeper.name, keeper.records.unclear) == ("", ("r1",))
    book.keeper = keeper
    with pytest.raises(RelayError, match="r1 is damaged, and nothing says that it is over"):
        book.declare("r2")
    assert {name: bytes(data) for name, data in book.files.items()} == {"r1": left}


def test_any_damage_anywhere_starts_and_goes_on_with_nothing_that_was_over() -> None:
    chance = Random(7)
    for stem, data in OVER.items():
        name = name_of(data)
        book = Book()
        book.files[name] = bytearray(data)
        assert loaded(book).records.damaged == {}  # and now it stands in the register
        for _ in range(25):
            left = bytearray(data)
            at = chance.randrange(len(data))
            match chance.randrange(3):
                case 0:
                    left[at] ^= 1 << chance.randrange(8)
                case 1:
                    del left[at:]
                case _:
                    left[at : at + 512] = bytes(len(left[at : at + 512]))
            book.files[name] = bytearray(left)
            keeper = loaded(book)
            assert keeper.run.state in (State.IDLE, State.DONE, State.ABORTED), (stem, at)
            assert not keeper.records.unclear, (stem, at)
            assert book.files[name] == left


def test_a_mistake_of_ours_over_one_log_is_that_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    book = Book()
    ended(book)
    ended(book, "r2")
    book.register.clear()
    known = Records.known

    def stumble(self: Records, name: str, entries: Sequence[e.Entry]) -> None:
        if name == "r1":
            raise KeyError("x")
        known(self, name, entries)

    monkeypatch.setattr(Records, "known", stumble)
    keeper = loaded(book)
    assert (keeper.name, list(keeper.records.damaged)) == ("r2", ["r1"])
    assert "KeyError in the orchestrator" in keeper.records.damaged["r1"].why
    assert keeper.records.damaged["r1"].standing == "over"  # as its lines have it


def test_before_the_register_had_it_only_its_own_lines_speak() -> None:
    """The first start with a register finds the log damaged: nothing is guessed from names, places or moments."""
    for stem, data in LOGS.items():
        book = Book()
        name = name_of(data)
        at = data.index(b"\n", len(data) // 2) + 80
        book.files[name] = bytearray(data[:at] + b"~" + data[at + 1 :])
        ended(book, "r-later")
        keeper = loaded(book)
        assert (keeper.name, keeper.records.unclear) == ("r-later", (name,)), stem


def test_an_open_run_goes_on_beside_a_damaged_one() -> None:
    """It began when the damaged one was over, or it would not have begun; the next one waits for people."""
    book = Book()
    book.to_gate(1)
    book.files["r0"] = bytearray(b"damage\n")
    keeper = loaded(book)
    assert (keeper.name, keeper.run.state, keeper.records.unclear) == ("r1", State.G1_WAIT, ("r0",))
    keeper.write(e.Held(why="goes on"))


def test_terms_and_sealed_codes_of_a_damaged_run_are_not_forgotten() -> None:
    book = Book()
    book.keeper.term = 8
    book.declare()
    book.open(1)
    binding = binding_of("r1", 1, "", book.run.plan_version, DIGEST)
    book.write(e.BrokeGlass(gate=1, who="Abe", seal="envelope-1", evidence_digest=DIGEST, binding=binding, why="alone"))
    book.files["r1"] += b"damage\n"
    keeper = loaded(book)
    assert (keeper.term, keeper.used_seals, keeper.records.unclear) == (9, {"envelope-1"}, ("r1",))
    book = Book()
    book.keeper.term = 8
    book.declare()
    book.open(1)
    binding = binding_of("r1", 1, "", book.run.plan_version, DIGEST)
    book.write(e.BrokeGlass(gate=1, who="Abe", seal="envelope-1", evidence_digest=DIGEST, binding=binding, why="alone"))
    book.write(e.AbortAsked(who="Doi", why="x"))
    book.write(e.Undone())
    book.files["r1"].clear()
    keeper = loaded(book)
    assert (keeper.term, keeper.used_seals, keeper.records.unclear) == (9, {"envelope-1"}, ())


def test_the_other_centers_word_is_kept_and_an_older_term_is_none() -> None:
    book = Book()
    book.to_gate(1)
    book.files["r1"] += b"damage\n"
    book.keeper = keeper = loaded(book)
    records = keeper.records
    assert records.unasked == ("r1",)
    for state in ("", DAMAGED, "G1_WAIT"):
        records.heard("r1", 5, state, 1)
        assert (records.unclear, records.unasked) == (("r1",), ())
    records.heard("r1", 0, "ABORTED", 1)  # of another center's life of it, before this one took the term
    assert records.unclear == ("r1",)
    records.heard("r1", 1, "ABORTED", 1)
    assert (records.unclear, records.damaged["r1"].proof) == ((), "ABORTED in the other center's copy")
    assert loaded(book).records.unclear == ()
    assert loaded(book).known_of("r1") == (1, DAMAGED)  # whose word that was is not passed on as this log's


def test_a_word_that_cannot_be_kept_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    book = Book()
    book.files["r1"] = bytearray(b"damage\n")
    keeper = loaded(book)

    def sick(self: MemoryShelf, data: bytes) -> None:
        raise StoreFailed("sick")

    monkeypatch.setattr(MemoryShelf, "write_register", sick)
    said = Over(run="r1", how="people", who="Baba", second="Chiba", seen=keeper.records.damaged["r1"].digest)
    with pytest.raises(StoreFailed):
        keeper.records.say_over(said)
    assert keeper.records.unclear == ("r1",)
    monkeypatch.undo()
    keeper.records.say_over(said)
    assert keeper.records.unclear == ()


def test_a_register_that_cannot_be_kept_or_read_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def sick(self: MemoryShelf, *data: bytes) -> bytes:
        raise StoreFailed("sick")

    for what in ("write_register", "read_register"):
        book = Book()
        monkeypatch.setattr(MemoryShelf, what, sick)
        ended(book)
        assert loaded(book).run.state is State.ABORTED
        monkeypatch.undo()
        loaded(book)  # it is made good at the next start
        book.files["r1"].clear()
        assert loaded(book).records.unclear == ()


def test_on_a_real_disk_a_damaged_log_is_not_even_opened_for_writing(tmp_path: Path) -> None:
    """Nor touched by reading it: its bytes and its moment stay, for whoever has to find out what happened."""
    stem = "DONE-plain"
    name, data = name_of(LOGS[stem]), bytearray(LOGS[stem])
    data[len(data) // 3] ^= 1
    file = tmp_path / f"{name}.run"
    file.write_bytes(bytes(data))
    (tmp_path / "folder.run").mkdir()  # what cannot be read at all
    before = file.stat()
    book = Book()
    book.keeper = Keeper(FileShelf(tmp_path), book.time, "tokyo")
    book.keeper.load()
    assert set(book.keeper.records.unclear) == {name, "folder"}
    for run in (name, "folder"):
        digest = book.keeper.records.damaged[run].digest
        book.keeper.records.say_over(Over(run=run, how="people", who="Baba", second="Chiba", seen=digest))
    ended(book, "r9")
    after = file.stat()
    assert (after.st_mtime_ns, after.st_ino, file.read_bytes()) == (before.st_mtime_ns, before.st_ino, bytes(data))
    again = Keeper(FileShelf(tmp_path), book.time, "tokyo")
    again.load()
    assert (again.name, again.run.state, again.records.unclear) == ("r9", State.ABORTED, ())
