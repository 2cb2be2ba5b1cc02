"""The newest link of a terminal wins, and nobody else loses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.wire.roster import Roster, RosterEntry


class FakeLink:
    def __init__(self, name: str, terminal: str = "") -> None:
        self.name = name
        self.terminal = terminal

    def entry(self) -> RosterEntry:
        return RosterEntry(terminal="", listener=self.name, peer="", since_ms=0, signed_on=False, messages_in=0, messages_out=0)

    def is_of(self, listener: str) -> bool:
        return self.name == listener

    @property
    def is_whole_line(self) -> bool:
        return not self.terminal


def test_a_reconnect_replaces_and_the_old_link_unbinds_nothing() -> None:
    roster: Roster[FakeLink] = Roster()
    old, new = FakeLink("old"), FakeLink("new")
    roster.opened(old)
    assert roster.bind(old, "bank", "ATM1") is None
    assert roster.bind(old, "bank", "ATM1") is None
    roster.opened(new)
    assert roster.bind(new, "bank", "ATM1") is old
    roster.closed(old)
    roster.closed(old)
    assert roster.find("bank", "ATM1") is new
    roster.closed(new)
    assert roster.find("bank", "ATM1") is None
    assert (roster.link_count, roster.terminal_count) == (0, 0)


def test_the_same_number_in_another_realm_is_another_terminal() -> None:
    roster: Roster[FakeLink] = Roster()
    one, two = FakeLink("one"), FakeLink("two")
    roster.opened(one)
    roster.opened(two)
    roster.bind(one, "bank", "ATM1")
    assert roster.bind(two, "network", "ATM1") is None
    assert roster.terminal_count == 2


def test_a_link_speaks_for_one_terminal_at_a_time() -> None:
    roster: Roster[FakeLink] = Roster()
    link = FakeLink("line")
    roster.opened(link)
    roster.bind(link, "bank", "ATM1")
    roster.bind(link, "bank", "ATM2")
    assert roster.find("bank", "ATM1") is None
    assert roster.find("bank", "ATM2") is link


def test_a_link_that_is_not_open_cannot_be_bound() -> None:
    with pytest.raises(ValueError, match="not open"):
        Roster[FakeLink]().bind(FakeLink("x"), "bank", "ATM1")


def test_when_empty_calls_now_or_after_the_last() -> None:
    roster: Roster[FakeLink] = Roster()
    called: list[str] = []
    roster.when_empty(lambda: called.append("now"))
    one, two = FakeLink("one"), FakeLink("two")
    roster.opened(one)
    roster.opened(two)
    roster.when_empty(lambda: called.append("later"))
    roster.closed(one)
    assert called == ["now"]
    roster.closed(two)
    roster.opened(one)
    roster.closed(one)
    assert called == ["now", "later"]


def test_the_listing_is_in_order_of_opening() -> None:
    roster: Roster[FakeLink] = Roster()
    links = [FakeLink(name) for name in "cab"]
    for link in links:
        roster.opened(link)
    assert [entry.listener for entry in roster.entries()] == ["c", "a", "b"]
    assert roster.links() == tuple(links)


def test_the_link_of_a_line() -> None:
    roster: Roster[FakeLink] = Roster()
    first, second, elsewhere = FakeLink("switch"), FakeLink("switch"), FakeLink("atm")
    for link in (elsewhere, first, second):
        roster.opened(link)
    roster.bind(elsewhere, "bank", "ATM1")
    assert roster.find_line("bank", "switch", "") is first
    assert roster.find_line("bank", "atm", "ATM1") is elsewhere
    assert roster.find_line("bank", "switch", "ATM1") is None, "the terminal of another listener"
    assert roster.find_line("bank", "atm", "ATM2") is None
    assert roster.find_line("bank", "nobody", "") is None
    roster.closed(first)
    assert roster.find_line("bank", "switch", "") is second
    second.terminal = "ATM3"
    assert roster.find_line("bank", "switch", "") is None, "a message for nobody reaches no single terminal"


@given(st.lists(st.tuples(st.sampled_from(["open", "close", "bind"]), st.integers(0, 5), st.integers(0, 3)), max_size=80))
def test_like_a_plain_model(steps: list[tuple[str, int, int]]) -> None:
    roster: Roster[FakeLink] = Roster()
    links = [FakeLink(str(number)) for number in range(6)]
    is_open: set[int] = set()
    bound: dict[int, int] = {}  # link -> terminal
    for verb, number, terminal in steps:
        if verb == "open" and number not in is_open:
            roster.opened(links[number])
            is_open.add(number)
        elif verb == "close":
            roster.closed(links[number])
            is_open.discard(number)
            bound.pop(number, None)
        elif verb == "bind" and number in is_open:
            older = next((n for n, t in bound.items() if t == terminal and n != number), None)
            assert roster.bind(links[number], "bank", str(terminal)) is (None if older is None else links[older])
            if older is not None:
                del bound[older]
            bound[number] = terminal
        assert roster.link_count == len(is_open)
        assert roster.terminal_count == len(bound)
        for n, t in bound.items():
            assert roster.find("bank", str(t)) is links[n]
