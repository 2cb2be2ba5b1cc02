"""An ATM of a lost center at another one: what it says of a serial that this center never gave."""

from __future__ import annotations

import pytest

from protocols.dialect import Ask, Evidence, HandBack, LinkOpened, Store, TimerFired
from protocols.ndc.evidence import Sent
from protocols.ndc.inherited import InheritedSerials
from protocols.ndc.message import LastStatus
from protocols.ndc.serials import OPEN_COUNT_MAX, Serials
from tests.support.ndcplay import HOST, LINK, TERMINAL, arrived, asked, in_service, make_dialect, request
from tests.support.playbook import Playbook, like

NAME = f"tsn/{TERMINAL}"
THEIRS = "bank:ndc:001%40192.0.2.1:osaka-1.7"
QUIET = {"set_clock": False, "read_counters": False, "idle_probe_ms": 0}
APART = make_dialect(session=QUIET, tsn_range=(1, 4_999))
OVERLAPPING = make_dialect(session=QUIET)


def book_of(*numbers: int, key: str = THEIRS) -> bytes:
    serials = Serials(None, 5_000, 9_999)
    for tsn in numbers:
        serials.opened(Sent(key, tsn, "2", 15_000, (0, 1, 1, 0)))
    return serials.packed()


def came_over(variables: dict[str, bytes], stored: dict[str, bytes] | None = None, dialect: object = APART) -> Playbook:
    opened = LinkOpened(HOST, 40_000, realm="bank", link_id=LINK, stored=stored or {}, inherited=variables)
    return in_service(dialect, opened)  # type: ignore[arg-type]


def evidence(book: Playbook) -> list[tuple[str, str]]:
    return [(each.key, each.verdict) for each in book.rest() if isinstance(each, Evidence)]


def test_without_the_lost_centers_book_its_serial_says_nothing() -> None:
    book = came_over({})
    book >> arrived(request(last=LastStatus("5007", "1")), dialect=APART) << like(Store) << like(Ask)


def test_the_last_serial_of_the_lost_center_confirms_its_exchange_and_leaves_its_book() -> None:
    book = came_over({NAME: book_of(5_006, 5_007)})
    book >> arrived(request(last=LastStatus("5007", "1")), dialect=APART)
    book << Evidence(THEIRS, "confirmed", None, "last transaction status good")
    back = book.take(HandBack)
    assert (back.name, [sent.tsn for sent in Serials(back.value).open()]) == (NAME, [5_006])
    assert Serials(book.take(Store).value).take() == 2, "numbers go on from this center's own book"
    book.rest()


def test_a_bad_end_is_a_note_once_and_stays_in_the_book() -> None:
    book = came_over({NAME: book_of(5_007)})
    book >> arrived(request(last=LastStatus("5007", "0")), dialect=APART)
    assert evidence(book) == [(THEIRS, "unproven")]


def test_what_the_atm_said_before_the_adoption_is_understood_after_it() -> None:
    """The journal of the lost center is opened in the middle of the ATM's session here."""
    variables: dict[str, bytes] = {}
    book = came_over(variables)
    asked(book, request(last=LastStatus("5007", "1")), dialect=APART)
    variables[NAME] = book_of(5_007)
    book >> TimerFired("idle")
    assert evidence(book) == [(THEIRS, "confirmed")]
    book >> TimerFired("idle")
    assert evidence(book) == [], "it is said once"


def test_where_the_ranges_overlap_only_an_atm_that_never_had_a_number_here_is_certain() -> None:
    new = came_over({NAME: book_of(7)}, dialect=OVERLAPPING)
    new >> arrived(request(last=LastStatus("0007", "1")), dialect=OVERLAPPING)
    assert evidence(new) == [(THEIRS, "confirmed")]
    own = Serials(None)
    own.take()
    known = came_over({NAME: book_of(7)}, {NAME: own.packed()}, OVERLAPPING)
    known >> arrived(request(last=LastStatus("0007", "1")), dialect=OVERLAPPING)
    assert evidence(known) == [(THEIRS, "unproven")]


def test_a_serial_that_both_books_have_open_proves_neither() -> None:
    own = Serials(None)
    own.opened(Sent("ours", own.take(), "2", 15_000, (0, 1, 1, 0)))
    book = came_over({NAME: book_of(1)}, {NAME: own.packed()}, OVERLAPPING)
    book >> arrived(request(last=LastStatus("0001", "1")), dialect=OVERLAPPING)
    assert sorted(evidence(book)) == [(THEIRS, "unproven"), ("ours", "unproven")]


def test_a_number_that_is_open_there_is_not_given_here() -> None:
    book = came_over({NAME: book_of(1, 2)}, dialect=OVERLAPPING)
    assert asked(book, dialect=OVERLAPPING).tsn == 3


def test_a_word_of_before_the_adoption_about_a_number_of_ours_is_not_kept_for_it() -> None:
    variables: dict[str, bytes] = {}
    own = Serials(None)
    own.take()
    book = came_over(variables, {NAME: own.packed()}, OVERLAPPING)
    asked(book, request(last=LastStatus("0001", "1")), dialect=OVERLAPPING)
    variables[NAME] = book_of(1)
    book >> TimerFired("idle")
    assert evidence(book) == []


@pytest.mark.parametrize("own", [b"\xff", Serials(None).packed()])
def test_an_atm_whose_book_here_cannot_be_read_is_not_new(own: bytes) -> None:
    assert not Serials(own).is_unused


def test_what_was_proven_here_stays_so_when_the_view_is_behind() -> None:
    variables = {NAME: book_of(5_007)}
    inherited = InheritedSerials(variables, NAME, Serials(None, 1, 4_999))
    assert inherited.closed(5_007)
    assert inherited.find("5007") is None
    variables[NAME] = book_of(5_006, 5_007)  # the lost center's journal was opened anew, without what was handed back
    assert inherited.find("5007") is None
    assert inherited.find("5006") is not None
    assert inherited.closed(4) is None


def test_full_books_of_both_centers_leave_a_number() -> None:
    own = Serials(None, 1, 9_999)
    for tsn in range(1, OPEN_COUNT_MAX + 1):
        own.opened(Sent("", tsn, "", 0))
    elsewhere = frozenset(range(OPEN_COUNT_MAX + 1, 2 * OPEN_COUNT_MAX + 1))
    assert own.take(elsewhere) == 2 * OPEN_COUNT_MAX + 1


def test_an_atm_that_was_held_out_there_is_held_out_here_until_somebody_lets_it_in() -> None:
    held = {f"stopped/{TERMINAL}": b"1"}
    opened = LinkOpened(HOST, 40_000, realm="bank", link_id=LINK, inherited=held)
    with pytest.raises(AssertionError):
        in_service(APART, opened)
    book = came_over(held, {f"stopped/{TERMINAL}": b""})
    assert book.dialogue.is_signed_on
