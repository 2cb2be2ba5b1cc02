"""What is kept about announcing: a withdrawal by people until they take it back, and who did what, bounded."""

from __future__ import annotations

from relay.announce.book import DEED_COUNT_MAX, LINK_NAME, Book, Deed, Done
from relay.journal.port import StepResult


class Disk:
    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def variables(self, link_name: str) -> dict[str, bytes]:
        assert link_name == LINK_NAME
        return self.kept

    def store_variable(self, link_name: str, name: str, value: bytes | None, done: Done) -> None:
        if value is None:
            self.kept.pop(name, None)
        else:
            self.kept[name] = value
        done(None)


def deed(number: int) -> Deed:
    return Deed(number, "withdraw", "Sato", "drill")


def test_a_withdrawal_is_there_in_the_next_life_until_it_is_taken_back() -> None:
    disk, told = Disk(), list[StepResult]()
    Book(disk).keep_paused(deed(1), told.append)
    assert Book(disk).paused() == deed(1)
    Book(disk).keep_paused(None, told.append)
    assert Book(disk).paused() is None
    assert told == [None, None]


def test_of_more_deeds_than_are_kept_the_oldest_goes() -> None:
    disk = Disk()
    for number in range(DEED_COUNT_MAX + 1):
        Book(disk).note(deed(number), lambda _: None)
    kept = Book(disk).deeds()
    assert [kept[0].at_ms, kept[-1].at_ms, len(kept)] == [1, DEED_COUNT_MAX, DEED_COUNT_MAX]
