"""A terminal of a lost center at another one: its numbers, its repeats, its cash and its notices go on."""

from __future__ import annotations

import json

from msgspec.structs import replace

from protocols.branch.inherited import merged
from protocols.branch.notices import NoticeBook, together
from protocols.branch.till import RECENT_COUNT, Pending, Taken, TillBook, pack, unpack
from protocols.dialect import Delivery, Evidence, Note, OutboundOffered
from tests.support.branchlink import DAY, BranchLink, code_of, completion, count, deposit, opening, telegram, withdrawal

NAME = "till-9901-123-0042"
NOTICES = "notices-9901-123-0042"
CASH = 1_000_000


def lost_center() -> BranchLink:
    """A morning there: a deposit, a withdrawal that is proven, one that is not."""
    link = BranchLink().open(CASH)
    link.do(deposit(1))
    link.do(withdrawal(2))
    link.say(completion(2, 10_000))
    link.do(withdrawal(3))
    return link


def again(message: object) -> object:
    return replace(message, is_repeat=True)  # type: ignore[type-var]


def finding(about: int) -> object:
    body = {"finding": "2", "last_serial": "0", "pending_count": "0"}
    return telegram("31", body=body, approver="MGR00001", original_date=DAY, original_serial=about)


def book(link: BranchLink) -> TillBook:
    return unpack(link.stored[NAME])


def test_without_the_lost_centers_book_its_terminal_is_asked_where_its_numbers_are() -> None:
    link = BranchLink().open(CASH)
    assert link.codes(link.say(again(withdrawal(3)))) == ["30 0000"], "its repeat is held as if it were new"
    assert link.asked == []


def test_its_numbers_go_on_and_its_repeat_is_a_repeat() -> None:
    lost = lost_center()
    link = BranchLink(inherited=dict(lost.stored)).open(CASH)
    assert book(link).last == 3
    link.say(again(withdrawal(3)))
    assert [message.serial for message in link.asked] == [3], "the desk knows what it was told"
    link.do(deposit(4))
    assert (book(link).last, book(link).cash) == (4, book(lost).cash + 10_000)


def test_the_count_at_the_end_of_its_day_proves_what_was_unproven_there() -> None:
    lost = lost_center()
    link = BranchLink(inherited=dict(lost.stored)).open(CASH)
    link.do(deposit(4))
    link.say(telegram("12"))
    proven = link.say(count(CASH + 10_000 - 10_000 - 10_000 + 10_000))
    assert [(each.key[-6:], each.verdict) for each in proven if isinstance(each, Evidence)] == [("000003", "confirmed")]
    assert link.codes(proven) == ["13 0000"]


def test_the_lost_centers_journal_has_the_whole_day_when_it_goes_back() -> None:
    lost = lost_center()
    inherited = dict(lost.stored)
    link = BranchLink(inherited=inherited).open(CASH)
    link.do(deposit(4))
    link.do(withdrawal(5))
    assert inherited[NAME] == link.stored[NAME]
    home = BranchLink(stored=inherited).open(CASH)
    home.do(deposit(6))
    assert [message.serial for message in home.asked] == [6]


def test_a_terminal_that_is_not_of_the_lost_center_brings_nothing_into_its_journal() -> None:
    inherited = {"till-9901-123-0077": pack(TillBook(date=DAY, last=9))}
    link = BranchLink(inherited=inherited).open(CASH)
    link.do(deposit(1))
    assert set(inherited) == {"till-9901-123-0077"}


def test_the_journal_that_is_opened_in_the_middle_of_the_day_explains_a_held_number() -> None:
    """The terminal came over before the adoption: a gap. Its next try finds the book."""
    lost, inherited = lost_center(), dict[str, bytes]()
    link = BranchLink(inherited=inherited).open(CASH)
    assert link.codes(link.say(deposit(4))) == ["30 0000"]
    inherited.update(lost.stored)
    actions = link.say(again(withdrawal(3)))
    assert Note("till-book-inherited", "9901-123-0042") in actions
    assert [message.serial for message in link.asked] == [3, 4], "the repeat, and then what was held behind it"


def test_a_book_that_was_begun_here_behind_the_lost_centers_is_the_rest_of_one_day() -> None:
    """A person said that the numbers before were never used, because nobody here knew them."""
    lost, inherited = lost_center(), dict[str, bytes]()
    before = BranchLink(inherited=inherited).open(CASH)
    before.say(deposit(4), finding(4))
    before.answer(before.asked[0])
    assert (book(before).since, book(before).last, book(before).cash) == (3, 4, CASH + 10_000)
    inherited.update(lost.stored)
    link = BranchLink(stored=before.stored, inherited=inherited).open(CASH)
    whole = book(link)
    assert (whole.since, whole.last, whole.cash) == (0, 4, CASH + 10_000)
    assert [entry.serial for entry in whole.pending] == [3]
    assert merged(whole, book(lost)) == whole, "the same effect is counted once, however often they meet"
    assert merged(whole, whole) == whole


def test_where_the_two_openings_differ_the_later_word_about_the_notes_stands() -> None:
    own = TillBook(date=DAY, last=9, cash=700, since=5, opening=600)
    other = TillBook(date=DAY, last=5, cash=550, opening=500, pending=(Pending(5, "key", -50),))
    assert (merged(own, other).cash, merged(own, other).pending) == (700, ())


def test_the_newer_counts() -> None:
    own = TillBook(date=DAY, last=7, recent=(Taken(7, "own"),), cash=1)
    assert merged(own, TillBook()) is own
    assert merged(own, TillBook(date="20261120", last=99)) is own
    later = TillBook(date="20991231", last=1, cash=5)
    assert merged(own, later) == later
    ahead = TillBook(date=DAY, last=8, recent=(Taken(8, "theirs"),), cash=9)
    assert (merged(own, ahead).cash, [t.digest for t in merged(own, ahead).recent]) == (9, ["own", "theirs"])
    same = TillBook(date=DAY, last=7, recent=(Taken(7, "theirs"),), cash=9)
    assert merged(own, same) == own


def test_no_more_numbers_are_known_than_a_book_keeps() -> None:
    own = TillBook(date=DAY, last=99, recent=tuple(Taken(n, "own") for n in range(90, 100)))
    other = TillBook(date=DAY, last=89, recent=tuple(Taken(n, "theirs") for n in range(74, 90)))
    recent = merged(own, other).recent
    assert (len(recent), recent[0].serial, recent[-1].serial) == (RECENT_COUNT, 84, 99)


def test_the_last_complete_number_confirms_what_only_the_other_book_knows() -> None:
    own = TillBook(date=DAY, last=9, opening=600)
    other = TillBook(date=DAY, last=5, opening=500, pending=(Pending(5, "theirs", -50, True),))
    link = BranchLink(stored={NAME: pack(own)}, inherited={NAME: pack(other)}).open(CASH)
    assert Evidence("theirs", "confirmed") in link.say(replace(deposit(10), confirmed_serial=5))


def test_a_book_there_that_cannot_be_read_is_told_and_left_alone() -> None:
    link = BranchLink(inherited={NAME: b"{"})
    assert Note("till-book-unreadable", "9901-123-0042") in link.say(opening(CASH))


def test_what_another_body_says_under_a_number_of_there_is_still_a_conflict() -> None:
    link = BranchLink(inherited=dict(lost_center().stored)).open(CASH)
    assert link.codes(link.say(again(deposit(3)))) == [f"21 {code_of('serial-wrong')}"]


# ---- notices -------------------------------------------------------------------------------------------------------------
def test_notices_go_on_above_the_numbers_that_the_terminal_has_seen() -> None:
    inherited = {NOTICES: json.dumps({"last": 7, "recent": [[7, "there"]]}).encode()}
    link = BranchLink(inherited=inherited)
    shown = link.say(replace(opening(CASH), center_serial="0000000007"))
    assert Delivery("there", "acknowledged", "named at 開局") in shown
    link.step(OutboundOffered("here", "notice", b'{"text":"X"}'))
    assert json.loads(inherited[NOTICES]) == {"last": 8, "recent": [[7, "there"], [8, "here"]]}


def test_a_number_that_both_gave_names_neither_message() -> None:
    both = together(NoticeBook(2, ((1, "a"), (2, "b"))), NoticeBook(3, ((1, "x"), (2, "b"), (3, "c"))))
    assert both == NoticeBook(3, ((2, "b"), (3, "c")))


def test_a_notice_book_that_cannot_be_read_is_begun_above_it() -> None:
    link = BranchLink(inherited={NOTICES: b"{"}).open(CASH)
    link.step(OutboundOffered("here", "notice", b'{"text":"X"}'))
    assert json.loads(link.stored[NOTICES])["last"] > 1_000_000_000


def test_a_number_that_was_named_complete_before_the_adoption_confirms_after_it() -> None:
    lost, inherited = lost_center(), dict[str, bytes]()
    link = BranchLink(inherited=inherited)
    link.say(replace(opening(CASH), confirmed_serial=3))
    inherited.update(lost.stored)
    evidence = [action for action in link.say(deposit(4)) if isinstance(action, Evidence)]
    assert [(each.key[-6:], each.verdict) for each in evidence] == [("000003", "confirmed")]
    assert [message.serial for message in link.asked] == [4]


def test_so_many_numbers_are_kept_in_mind() -> None:
    link = BranchLink().open(CASH)
    for serial in range(1, RECENT_COUNT + 3):
        link.say(replace(withdrawal(90), confirmed_serial=serial))
    assert [serial for _, serial in link.dialogue._keeper.named] == list(range(3, RECENT_COUNT + 3))
