"""What a center remembers of its exclusive lines: the standing, the token, and the last two hundred deeds."""

from __future__ import annotations

from collections.abc import Callable

from relay.journal.port import JournalFailed, StepResult
from relay.lease.book import DEED_COUNT_MAX, LINK_NAME, LeaseBook, LineDeed, Standing


class Variables:
    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.is_failing = False

    def variables(self, link_name: str) -> dict[str, bytes]:
        assert link_name == LINK_NAME
        return dict(self.kept)

    def store_variable(self, link_name: str, name: str, value: bytes | None, done: Callable[[StepResult], None]) -> None:
        if self.is_failing:
            done(JournalFailed("full"))
            return
        if value is None:
            self.kept.pop(name, None)
        else:
            self.kept[name] = value
        done(None)


def test_a_standing_is_read_back_and_unknown_lines_have_none() -> None:
    variables = Variables()
    heard: list[StepResult] = []
    LeaseBook(variables).keep("zengin-01", Standing("fault", 7, "no renewal", 5), heard.append)
    assert heard == [None]
    assert LeaseBook(variables).standing("zengin-01") == Standing("fault", 7, "no renewal", 5)
    assert LeaseBook(variables).standing("zengin-02") == Standing()


def test_what_the_journal_refuses_is_told() -> None:
    variables = Variables()
    variables.is_failing = True
    heard: list[StepResult] = []
    LeaseBook(variables).keep("zengin-01", Standing("fault"), heard.append)
    assert isinstance(heard[0], JournalFailed)


def test_deeds_are_kept_in_their_order_and_the_oldest_goes() -> None:
    variables = Variables()
    book = LeaseBook(variables)
    for number in range(DEED_COUNT_MAX + 1):
        book.note(LineDeed(number, f"take {number}", "Sato", "drill", "Suzuki"), lambda result: None)
    deeds = book.deeds()
    assert len(deeds) == DEED_COUNT_MAX
    assert (deeds[0].at_ms, deeds[-1].at_ms) == (1, DEED_COUNT_MAX)
    assert deeds[-1].second == "Suzuki"
