"""Two journals at one center: a message goes to the one that knows its chain, this center's own first, and never to both."""

from __future__ import annotations

from protocols.vocabulary import Approved
from relay.exchange.front import WORDS_KEPT_MAX, FrontDesk
from tests.support.deskworld import W1, DeskWorld, ListLink, Message, reversal, stored


class Pair:
    """Osaka's world, with what tokyo's journal holds beside it."""

    def __init__(self) -> None:
        self.tokyo, self.osaka = DeskWorld(), DeskWorld()
        self.front = FrontDesk(self.osaka.desk, self.osaka.time)

    def at_tokyo(self, message: Message, answer: Approved | None = None) -> None:
        """Tokyo took it, and answered it or died before it could."""
        self.tokyo.say(self.tokyo.link(), message)
        if answer is not None:
            self.tokyo.core.calls[-1].reply(answer)
            self.tokyo.time.run(5)

    def adopt(self) -> None:
        self.tokyo.crash()
        self.tokyo.core.calls.clear()
        self.front.adopted = self.tokyo.desk

    def say(self, message: Message) -> ListLink:
        link = self.osaka.link()
        self.front.open(message, link)
        for _ in range(3):
            self.osaka.time.run(5)
            self.tokyo.time.run(5)
        return link


def test_without_another_journal_it_is_the_desk_itself() -> None:
    pair = Pair()
    link = pair.say(Message(trace="1"))
    pair.osaka.core.calls[-1].reply(Approved())
    pair.osaka.time.run(5)
    assert link.said == [("1", "approved")]


def test_what_the_other_center_had_answered_is_answered_from_its_journal() -> None:
    pair = Pair()
    pair.at_tokyo(Message(trace="1"), Approved(authorisation_id="A"))
    pair.adopt()
    assert pair.say(Message(trace="1", repeat=True)).said == [("1", "approved")]
    assert not pair.osaka.journal.disk.exchanges, "and never taken as new here"
    assert not pair.osaka.core.calls


def test_what_it_had_under_way_is_joined_there() -> None:
    pair = Pair()
    pair.at_tokyo(Message(trace="1"))
    pair.adopt()
    assert pair.tokyo.states() == {W1: "UNDOING"}
    assert pair.say(Message(trace="1", repeat=True)).said == [("1", "in-doubt")]
    assert not pair.osaka.journal.disk.exchanges


def test_its_reversal_goes_to_the_journal_of_the_original() -> None:
    pair = Pair()
    pair.at_tokyo(Message(trace="1"), Approved())
    pair.adopt()
    assert pair.say(reversal("2", "1")).said == [("2", "taken")]
    assert stored(pair.tokyo, "ATM1-reversal-2").taken.original_key == W1
    assert pair.say(Message(trace="1", repeat=True)).said == [("1", "reversed")]
    assert not pair.osaka.journal.disk.exchanges


def test_what_nobody_knows_is_this_centers_own() -> None:
    pair = Pair()
    pair.at_tokyo(Message(trace="1"), Approved())
    pair.adopt()
    pair.say(Message(trace="9"))
    assert list(pair.osaka.journal.disk.ids) == ["ATM1-financial-9"]
    assert list(pair.tokyo.journal.disk.ids) == [W1]


def test_what_both_know_is_answered_as_it_was_answered_last() -> None:
    """The terminal came here before there was another journal, and was told; its reversal is known here, too."""
    pair = Pair()
    pair.at_tokyo(Message(trace="1"), Approved(authorisation_id="T"))
    pair.say(Message(trace="1", repeat=True))
    pair.osaka.core.calls[-1].reply(Approved(authorisation_id="O"))
    pair.osaka.time.run(5)
    pair.say(reversal("2", "3"))
    pair.at_tokyo(Message(trace="3"), Approved())
    pair.adopt()
    assert pair.say(Message(trace="1", repeat=True)).said == [("1", "approved")]
    assert stored(pair.osaka, W1).intent is not None
    pair.say(Message(trace="3", repeat=True))
    assert stored(pair.osaka, "ATM1-financial-3").taken.key, "its reversal was taken here, so is it"


def test_what_was_answered_here_binds_also_while_the_other_still_has_it_open() -> None:
    """Else the reversal would lie in the one journal, and the approval that it ends in the other."""
    pair = Pair()
    pair.at_tokyo(Message(trace="1"))
    pair.say(Message(trace="1", repeat=True))
    pair.osaka.core.calls[-1].reply(Approved())
    pair.osaka.time.run(5)
    pair.adopt()
    assert pair.tokyo.states() == {W1: "UNDOING"}
    assert pair.say(reversal("2", "1")).said == [("2", "taken")]
    assert pair.say(Message(trace="1", repeat=True)).said == [("1", "reversed")]
    assert list(pair.tokyo.journal.disk.ids) == [W1]


def test_while_the_other_journal_is_not_at_hand_a_repeat_gets_silence_and_business_goes_on() -> None:
    pair = Pair()
    pair.front.is_awaited = True
    assert pair.say(Message(trace="1", repeat=True)).said == []
    assert not pair.osaka.journal.disk.exchanges
    pair.say(Message(trace="2"))
    pair.say(reversal("4", "3"))
    assert sorted(pair.osaka.journal.disk.ids) == ["ATM1-financial-2", "ATM1-reversal-4"]


def test_where_it_cannot_be_read_it_is_the_same() -> None:
    pair = Pair()
    pair.adopt()
    pair.tokyo.journal.disk.sync_fails = True
    pair.tokyo.journal.store_variable("x", "y", b"", lambda result: None)
    pair.tokyo.time.run(5)
    assert pair.say(Message(trace="1", repeat=True)).said == []
    pair.say(Message(trace="2"))
    assert list(pair.osaka.journal.disk.ids) == ["ATM1-financial-2"]


def test_what_the_other_journal_knows_is_nothing_new_here_when_that_fails_before_it_is_led_there() -> None:
    pair = Pair()
    pair.at_tokyo(Message(trace="1"), Approved())
    pair.adopt()
    link = pair.osaka.link()
    pair.front.open(Message(trace="1", repeat=True), link)
    pair.front.adopted, pair.front.is_awaited = None, True
    for _ in range(3):
        pair.osaka.time.run(5)
        pair.tokyo.time.run(5)
    assert link.said == [], "its terminal asks again"
    assert not pair.osaka.journal.disk.exchanges
    pair.front.open(Message(trace="1", repeat=True), link)
    pair.front.lead_to(pair.tokyo.desk)
    assert pair.say(Message(trace="1", repeat=True)).said == [("1", "approved")]


def test_evidence_reaches_the_exchange_that_waits_for_it() -> None:
    pair = Pair()
    pair.at_tokyo(Message(trace="1", needs_completion=True), Approved())
    pair.adopt()
    assert pair.tokyo.states() == {W1: "AWAITING_COMPLETION"}
    pair.front.evidence(W1, "confirmed", None)
    pair.tokyo.time.run(5)
    assert stored(pair.tokyo, W1).state.value == "confirmed"


def test_late_evidence_finds_the_list_of_the_journal_that_has_it() -> None:
    pair = Pair()
    pair.at_tokyo(Message(trace="1", needs_completion=True), Approved())
    pair.adopt()
    pair.tokyo.time.run(pair.tokyo.limits.completion_deadline_ms + 10)
    assert stored(pair.tokyo, W1).state.value == "unproven"
    pair.front.evidence(W1, "confirmed", None)
    pair.front.evidence("nobody's", "confirmed", None)
    pair.tokyo.time.run(20)
    assert stored(pair.tokyo, W1).state.value == "confirmed"


def test_what_a_terminal_said_before_the_adoption_is_told_at_it() -> None:
    """A completion is said once and not acknowledged; a terminal may say it here before the journal that waits for it is."""
    pair = Pair()
    pair.at_tokyo(Message(trace="1", needs_completion=True), Approved())
    pair.front.evidence(W1, "confirmed", None)
    pair.front.evidence("nobody's", "confirmed", None)
    pair.tokyo.crash()
    assert pair.tokyo.states() == {W1: "AWAITING_COMPLETION"}
    pair.front.lead_to(pair.tokyo.desk)
    pair.tokyo.time.run(5)
    assert stored(pair.tokyo, W1).state.value == "confirmed"


def test_what_a_terminal_said_while_the_other_journal_failed_is_told_when_it_is_at_work_again() -> None:
    pair = Pair()
    pair.at_tokyo(Message(trace="1", needs_completion=True), Approved())
    pair.adopt()
    pair.tokyo.time.run(pair.tokyo.limits.completion_deadline_ms + 10)
    assert stored(pair.tokyo, W1).state.value == "unproven", "on the list, and so not among what is open"
    pair.tokyo.journal.disk.sync_fails = True
    pair.tokyo.journal.store_variable("x", "y", b"", lambda result: None)
    pair.tokyo.time.run(5)
    pair.front.evidence(W1, "confirmed", None)
    pair.tokyo.time.run(5)
    pair.tokyo.journal.disk.sync_fails = False
    pair.tokyo.crash()
    pair.front.lead_to(pair.tokyo.desk)
    pair.tokyo.time.run(20)
    assert stored(pair.tokyo, W1).state.value == "confirmed"


def test_so_many_words_are_kept_and_the_oldest_leave() -> None:
    pair = Pair()
    for number in range(WORDS_KEPT_MAX + 1):
        pair.front.evidence(str(number), "confirmed", None)
    assert len(pair.front._unmatched) == WORDS_KEPT_MAX
    assert pair.front._unmatched[0].key == "1"


def test_once_it_has_gone_back_messages_are_this_centers_again() -> None:
    pair = Pair()
    pair.at_tokyo(Message(trace="1"), Approved())
    pair.adopt()
    link = pair.osaka.link()
    pair.front.open(Message(trace="1", repeat=True), link)
    pair.front.adopted = None  # while both journals are being asked
    for time in (pair.osaka.time, pair.tokyo.time, pair.osaka.time):
        time.run(5)
    assert list(pair.osaka.journal.disk.ids) == [W1]
