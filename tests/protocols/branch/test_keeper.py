"""The keeper: nothing comes out before the book is durable, and in the order in which it was kept."""

from protocols.branch.keeper import Keeper
from protocols.branch.till import TillBook, pack
from protocols.dialect import Action, Note, Store

NAME = "till-9901-123-0042"


def kept() -> tuple[Keeper, list[Action]]:
    keeper = Keeper()
    actions: list[Action] = []
    keeper.opened("bank", {}, {})
    keeper.take_over("9901-123-0042", actions)
    keeper.keep(TillBook(last=1), actions, [Note("one")], [Note("lost")])
    keeper.keep(TillBook(last=2), actions, [Note("two")])
    return keeper, actions


def test_what_waits_comes_out_in_order() -> None:
    keeper, actions = kept()
    assert [action.name for action in actions if isinstance(action, Store)] == [NAME, NAME]
    keeper.after(actions, [Note("after")])
    assert len(actions) == 2
    out: list[Action] = []
    keeper.stored(NAME, True, out)
    assert out == [Note("one")]
    keeper.stored(NAME, True, out)
    assert out == [Note("one"), Note("two"), Note("after")]
    assert not keeper.is_waiting
    keeper.after(out, [Note("now")])
    assert out[-1] == Note("now")


def test_what_is_not_durable_is_told_otherwise() -> None:
    keeper, _ = kept()
    out: list[Action] = []
    keeper.stored(NAME, False, out)
    keeper.stored(NAME, False, out)
    assert [action.name for action in out if isinstance(action, Note)] == [
        "till-book-not-stored",
        "lost",
        "till-book-not-stored",
        "two",
    ]


def test_what_costs_something_is_made_only_where_the_journal_does_not_take_the_book() -> None:
    for ok, wanted in ((True, []), (False, ["made"])):
        made: list[str] = []

        def refusal(made: list[str] = made) -> list[Action]:
            made.append("made")
            return [Note("lost")]

        keeper = Keeper()
        keeper.keep(TillBook(last=1), [], [Note("one")], refusal)
        out: list[Action] = []
        keeper.stored("", ok, out)
        assert made == wanted
        assert out[-1] == Note("one" if ok else "lost")


def test_what_comes_behind_a_costly_refusal_comes_out_either_way() -> None:
    for ok in (True, False):
        keeper = Keeper()
        keeper.keep(TillBook(last=1), [], [Note("one")], lambda: [Note("lost")])
        keeper.after([], [Note("after")])
        out: list[Action] = []
        keeper.stored("", ok, out)
        assert [action for action in out if action != Note("till-book-not-stored")] == [
            Note("one" if ok else "lost"),
            Note("after"),
        ]


def test_stores_of_others_are_not_ours() -> None:
    keeper, _ = kept()
    out: list[Action] = []
    keeper.stored("till-other", True, out)
    assert not out


def test_the_book_is_taken_over_as_last_stored() -> None:
    keeper = Keeper()
    actions: list[Action] = []
    keeper.opened("bank", {NAME: pack(TillBook(last=7)), "till-other": pack(TillBook(last=9))}, {})
    keeper.take_over("9901-123-0042", actions)
    assert (keeper.book.last, actions) == (7, [])


def test_a_book_that_cannot_be_read_is_told() -> None:
    keeper = Keeper()
    actions: list[Action] = []
    keeper.opened("bank", {NAME: b"{"}, {})
    keeper.take_over("9901-123-0042", actions)
    assert actions == [Note("till-book-unreadable", "9901-123-0042")]


def test_what_the_older_link_stored_since_this_one_opened_is_taken_over() -> None:
    variables = {NAME: pack(TillBook(last=7))}
    keeper = Keeper()
    actions: list[Action] = []
    keeper.opened("bank", variables, {})
    variables[NAME] = pack(TillBook(last=8))
    keeper.take_over("9901-123-0042", actions)
    assert keeper.book.last == 8
