"""What is kept about the regions, in what order it becomes durable, and what a crash between two records leaves."""

from __future__ import annotations

from relay.journal.port import JournalFailed, StepResult
from relay.region.book import DEED_COUNT_MAX, LINK_NAME, Book, Deed, Done, Pin
from relay.region.record import RegionRecord

NEXT = RegionRecord(9, "osaka", "run-9")
PIN = Pin("osaka", 9, 1_000, "Sato", "Suzuki", "drill", 0)


class Disk:
    """A journal that makes everything durable at once, in order, until it is full."""

    def __init__(self, epoch: int = 8) -> None:
        self.epoch = epoch
        self.kept: dict[str, bytes] = {}
        self.room = 10_000
        self.order: list[str] = []

    def variables(self, link_name: str) -> dict[str, bytes]:
        assert link_name == LINK_NAME
        return self.kept

    def _write(self, what: str, done: Done) -> bool:
        self.room -= 1
        self.order.append(what)
        if self.room < 0:
            done(JournalFailed("the disk is full"))
        return self.room >= 0

    def store_variable(self, link_name: str, name: str, value: bytes | None, done: Done) -> None:
        if self._write(name, done):
            if value is None:
                self.kept.pop(name, None)
            else:
                self.kept[name] = value
            done(None)

    def raise_epoch(self, epoch: int, done: Done) -> None:
        if self._write("epoch", done):
            self.epoch = epoch
            done(None)


def test_the_region_is_durable_before_its_epoch_and_both_are_told_once() -> None:
    disk, told = Disk(), list[StepResult]()
    Book(disk).begin(NEXT, told.append)
    assert disk.order == ["claim", "epoch"]
    assert (told, disk.epoch, Book(disk).claim()) == ([None], 9, NEXT)


def test_a_crash_between_the_two_leaves_what_was_to_be_raised() -> None:
    disk, told = Disk(), list[StepResult]()
    disk.room = 1
    Book(disk).begin(NEXT, told.append)
    assert (disk.epoch, Book(disk).claim()) == (8, NEXT)
    assert told == [JournalFailed("the disk is full")]


def test_a_disk_without_room_leaves_everything_as_it_was() -> None:
    disk, told = Disk(), list[StepResult]()
    disk.room = 0
    Book(disk).begin(NEXT, told.append)
    assert (disk.epoch, Book(disk).claim()) == (8, None)
    assert told == [JournalFailed("the disk is full")]


def test_a_claim_from_below_the_ratchet_is_nobodys() -> None:
    disk = Disk()
    Book(disk).begin(NEXT, lambda _: None)
    disk.epoch = 10  # raised by the region itself, in a time when DNS was not asked
    assert Book(disk).claim() is None


def test_a_step_back_is_refused_and_nothing_is_written() -> None:
    """Told and not raised: whoever asks tries again, and would stand still after an error."""
    disk, told = Disk(10), list[StepResult]()
    Book(disk).begin(NEXT, told.append)
    assert told == [JournalFailed("the epoch never goes back: 10 -> 9")]
    assert disk.order == []


def test_where_a_region_was_found_is_kept_and_written_when_it_differs() -> None:
    disk = Disk()
    Book(disk).keep_addresses("osaka", ("10.2.0.1", "10.2.0.2"))
    Book(disk).keep_addresses("tokyo", ("10.1.0.1",))
    Book(disk).keep_addresses("osaka", ("10.2.0.1", "10.2.0.2"))
    Book(disk).keep_addresses("osaka", ())
    assert disk.order == ["addresses/osaka", "addresses/tokyo"]
    assert Book(disk).addresses("osaka") == ("10.2.0.1", "10.2.0.2")
    assert Book(disk).addresses("nagoya") == ()
    assert Book(disk).deeds() == []


def test_pin_seal_and_blocks_come_and_go() -> None:
    book = Book(Disk())
    assert (book.pin(), book.sealed(), book.blocked()) == (None, 0, frozenset())
    book.keep_pin(PIN, lambda _: None)
    book.keep_sealed(8, lambda _: None)
    book.keep_blocked(frozenset({"branch", "atm"}), lambda _: None)
    assert (book.pin(), book.sealed(), book.blocked()) == (PIN, 8, {"atm", "branch"})
    book.keep_pin(None, lambda _: None)
    book.keep_sealed(0, lambda _: None)
    book.keep_blocked(frozenset(), lambda _: None)
    assert (book.pin(), book.sealed(), book.blocked()) == (None, 0, frozenset())


def test_the_newest_deeds_are_kept() -> None:
    book = Book(Disk())
    for number in range(DEED_COUNT_MAX + 5):
        book.note(Deed(number, f"seal {number}", "Sato", "drill"), lambda _: None)
    assert [deed.at_ms for deed in book.deeds()] == list(range(5, DEED_COUNT_MAX + 5))
