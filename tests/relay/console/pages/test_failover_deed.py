"""The page on which somebody decides: the facts again, what may be chosen, and a sentence where it is another run."""

from __future__ import annotations

import pytest

from relay.console.deeds import DEEDS
from relay.console.pages.deed import deed_form
from relay.console.pages.failover_deed import NotHere, Offer, offer_of
from relay.console.words import Language
from relay.failover import events as e
from relay.failover.bankday import BankClock
from relay.failover.room import PersonRow, PlanRow, RoomView
from relay.failover.view import view_of
from tests.support.consoleroom import assert_page, fields_of, frame, words_of
from tests.support.failoverbook import Book

BABA = PersonRow(name="Baba", roles=("operations", "business"), has_authenticator=True)
CHIBA = PersonRow(name="Chiba", roles=("business", "audit"), has_authenticator=True)
ASKED = {"run": ("r1",), "gate": ("2",), "step": ("seal-tokyo",)}


def room_of(book: Book, me: PersonRow | None = CHIBA, plans: tuple[PlanRow, ...] = ()) -> RoomView:
    view = view_of(book.run, book.keeper.entries, book.time.wall_ms(), BankClock(), center="tokyo", may_act=True)
    return RoomView(view=view, me=me, people=(BABA, CHIBA), plans=plans)


def at_gate_2() -> Book:
    book = Book()
    book.to_gate(2)
    return book


def offered(room: RoomView, name: str, **asked: str) -> tuple[Offer, str]:
    given = {**ASKED, **{key: (value,) for key, value in asked.items()}}
    offer, _ = offer_of(frame(f"/deed/{name}"), DEEDS[name], room, given)
    return offer, words_of(offer.shown or "")


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("name", [name for name, deed in DEEDS.items() if deed.is_room])
def test_every_decision_has_its_page(name: str, language: Language) -> None:
    plans = (PlanRow(file="unplanned.toml", version="f" * 64, name="unplanned", kind="unplanned", to_region="osaka"),)
    room, seen = room_of(at_gate_2(), plans=plans), frame(f"/deed/{name}", language=language)
    offer, given = offer_of(seen, DEEDS[name], room, ASKED)
    made = deed_form(seen, DEEDS[name], "n", given, "", offer)
    assert_page(made)
    assert "Chiba" in made
    assert ("proof" in fields_of(made, f"/deed/{name}")) is (name not in ("failover-hold", "failover-escalate"))


def test_an_approval_carries_the_digits_of_what_the_page_shows() -> None:
    room = room_of(at_gate_2())
    assert room.view.gate is not None
    offer, given = offer_of(frame(), DEEDS["failover-approve"], room, {**ASKED, "seen": ("f" * 64,)})
    assert given["seen"] == (room.view.gate.binding,)
    assert "THERE IS NO WAY BACK" in words_of(offer.shown or "")
    assert offer.known["role"] == (("business", "business"),), "the gate does not ask for audit"
    assert given["role"] == ("business",)


def test_what_is_taken_back_is_named_before_it_is_called_off() -> None:
    _, said = offered(room_of(at_gate_2()), "failover-abort")
    assert "seal-tokyo" in said
    assert "promote" not in said


def test_a_denial_says_what_comes_of_it() -> None:
    assert "the run goes back" in offered(room_of(at_gate_2()), "failover-deny")[1]
    book = Book()
    book.to_gate(3)
    assert "the run is held" in offered(room_of(book), "failover-deny", gate="3")[1]


def test_open_lines_of_a_checklist_are_asked_for() -> None:
    book = at_gate_2()
    room = room_of(book)
    manual = next(step for step in room.view.steps if step.checklist)
    lines = [text.format(epoch=8, region="osaka", run="r1") for text in manual.checklist]
    assert lines[0].endswith("--epoch 8 --region osaka --run r1")
    offer, _ = offered(room, "failover-tick", step=manual.name)
    assert offer.lines == tuple(enumerate(lines, 1))
    book.write(e.Ticked(step=manual.name, line=1, who="Baba", saw="seen"))
    offer, _ = offered(room_of(book), "failover-tick", step=manual.name)
    assert offer.lines == tuple(enumerate(lines, 1))[1:]


def test_who_may_sign_second_is_chosen_and_never_oneself() -> None:
    offer, _ = offered(room_of(at_gate_2()), "failover-waive")
    assert [value for value, _ in offer.known["second"]] == ["Baba"]
    assert [value for value, _ in offered(room_of(at_gate_2()), "failover-say")[0].known["second"]] == ["", "Baba"]


def test_a_plan_with_a_fault_is_shown_and_not_offered() -> None:
    plans = (PlanRow(file="a.toml", version="a" * 64, problem="a cycle"), PlanRow(file="b.toml", version="b" * 64, name="b"))
    offer, said = offered(room_of(Book(), plans=plans), "failover-declare")
    assert [value for value, _ in offer.known["version"]] == ["b" * 64]
    assert "a cycle" in said


@pytest.mark.parametrize(
    ("name", "asked", "said"),
    [
        ("failover-approve", {"run": "r0"}, "r0 is not the one"),
        ("failover-approve", {"run": ""}, "not the one"),
        ("failover-approve", {"gate": "1"}, "gate 1 is not open"),
        ("failover-waive", {"step": "no-such"}, "no step no-such"),
        ("failover-waive", {"undo": "yes"}, "no step"),
    ],
)
def test_a_link_for_something_else(name: str, asked: dict[str, str], said: str) -> None:
    with pytest.raises(NotHere, match=said):
        offered(room_of(at_gate_2()), name, **asked)


def test_who_has_no_part_gets_no_form() -> None:
    with pytest.raises(NotHere, match="sato has no part"):
        offered(room_of(at_gate_2(), me=None), "failover-hold")
