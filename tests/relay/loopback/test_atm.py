"""One fake ATM's mind as transcripts: `>>` what happened to it, `<<` what it did, and what its books say then."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.iso8583.message import IsoMessage, Value
from protocols.vocabulary import Pan
from relay.loopback.atm import WORDLESS_MAX, AtmMind, AtmState
from relay.loopback.books import Books, Fate
from relay.loopback.customers import Card, Order
from relay.loopback.deeds import AtmPolicy, Connect, Deed, HangUp, Ready, Say, Wake
from relay.loopback.tally import Tally

PAN = "4000000000000002"
WALL_MS = 1_763_596_800_000  # 2025-11-20 00:00 UTC


class Room:
    """One ATM, its books and a clock."""

    def __init__(self, first_trace: int = 1, **policy: float) -> None:
        self.books, self.tally = Books(), Tally()
        settings = {"repeat_share": 0.0, "not_taken_share": 0.0} | policy
        self.mind = AtmMind(
            "ATM00001",
            self.books,
            self.tally,
            AtmPolicy(**settings),  # type: ignore[arg-type]  # all of them are numbers
            random.Random(1),
            WALL_MS,
            first_trace,
        )
        self.now_ms = 0.0
        self.deeds: Sequence[Deed] = ()

    def did(self, deeds: Sequence[Deed]) -> list[IsoMessage]:
        self.deeds = deeds
        return [deed.message for deed in deeds if isinstance(deed, Say)]

    def sign_on(self) -> None:
        (asked,) = self.did(self.mind.link_opened(self.now_ms))
        assert (asked.mti, asked.fields[70]) == ("0800", "001")
        self.hear(answer_to(asked))
        assert self.mind.state is AtmState.READY

    def order(self, kind: str = "withdrawal", amount: int = 3_000) -> IsoMessage:
        order = Order(kind, amount, Card(Pan(PAN), "3012", by_track=False), self.now_ms)
        (asked,) = self.did(self.mind.begin(order, self.now_ms))
        return asked

    def hear(self, message: IsoMessage) -> list[IsoMessage]:
        return self.did(self.mind.received(message, self.now_ms))

    def fire(self, name: str, after_ms: float = 0.0) -> list[IsoMessage]:
        self.now_ms += after_ms
        return self.did(self.mind.timer_fired(name, self.now_ms))

    @property
    def owed(self) -> int:
        return self.books.net_by_account().get(("ATM00001", PAN), 0)

    def fate(self, asked: IsoMessage) -> Fate:
        act = self.books.find("ATM00001", str(asked.fields[11]))
        assert act is not None
        return act.fate


def answer_to(asked: IsoMessage, code: str = "00", **changes: str) -> IsoMessage:
    fields: dict[int, Value] = {n: asked.fields[n] for n in (3, 4, 7, 11, 12, 13, 32, 37, 41, 42, 49, 70) if n in asked.fields}
    fields[39] = code
    fields.update({int(name[2:]): value for name, value in changes.items()})
    return IsoMessage(asked.response_mti(), fields)


def test_an_approved_withdrawal_pays_and_the_terminal_is_free_again() -> None:
    room = Room()
    room.sign_on()
    asked = room.order()
    assert (asked.mti, asked.fields[3], asked.fields[4]) == ("0200", "011000", "000000003000")
    assert room.owed == 0  # nothing out before the answer
    assert not room.mind.is_free
    room.hear(answer_to(asked))
    assert room.owed == -3_000
    assert any(isinstance(deed, Ready) for deed in room.deeds)
    assert (room.tally.approved, room.fate(asked)) == (1, Fate.ANSWERED)


@pytest.mark.parametrize(("code", "counter"), [("51", "declined"), ("91", "refused"), ("68", "doubted")])
def test_no_notes_without_an_approval(code: str, counter: str) -> None:
    room = Room()
    room.sign_on()
    room.hear(answer_to(room.order(), code))
    assert (room.owed, getattr(room.tally, counter)) == (0, 1)
    assert room.mind.is_free


def test_in_progress_is_neither_yes_nor_no() -> None:
    room = Room()
    room.sign_on()
    asked = room.order()
    assert room.hear(answer_to(asked, "09")) == []
    assert not room.mind.is_free
    room.hear(answer_to(asked))
    assert room.owed == -3_000


def test_silence_is_answered_with_a_reversal_repeated_until_acknowledged() -> None:
    room = Room()
    room.sign_on()
    asked = room.order()
    (undo,) = room.fire("reply", 10_000)
    original = str(asked.fields[11]) + str(asked.fields[7])
    assert (undo.mti, undo.fields[90]) == ("0420", f"0200{original}00000440011{'0' * 11}")
    for number in (2, 3, 4, 12, 13, 32, 37, 41, 42, 49):
        assert undo.fields[number] == asked.fields[number]
    assert undo.fields[11] != asked.fields[11]
    (again,) = room.fire("reversal", 2_000)
    assert (again.mti, again.fields[11], again.fields[90]) == ("0421", undo.fields[11], undo.fields[90])
    assert again.fields[7] != undo.fields[7]  # restamped
    assert room.fate(asked) is Fate.REVERSAL_OWED
    room.hear(answer_to(again, "96"))
    assert not room.mind.is_free  # not taken over
    room.hear(answer_to(again))
    assert (room.fate(asked), room.mind.is_free, room.owed) == (Fate.REVERSED, True, 0)
    assert room.fire("reversal", 2_000) == []


def test_an_approval_after_the_timeout_pays_nothing() -> None:
    room = Room()
    room.sign_on()
    asked = room.order()
    (undo,) = room.fire("reply", 10_000)
    room.hear(answer_to(asked))
    assert (room.owed, room.tally.late_approvals) == (0, 1)
    room.hear(answer_to(undo))
    room.hear(answer_to(asked))
    assert (room.owed, room.tally.late_approvals, room.tally.violations) == (0, 2, [])


def test_a_repeat_keeps_everything_but_the_sent_time_and_two_equal_answers_are_fine() -> None:
    room = Room(repeat_share=1.0)
    room.sign_on()
    asked = room.order()
    assert Wake("repeat", 4_000) in room.deeds
    (again,) = room.fire("repeat", 4_000)
    assert again.mti == "0201"
    assert {n: v for n, v in again.fields.items() if n != 7} == {n: v for n, v in asked.fields.items() if n != 7}
    room.hear(answer_to(asked))
    room.hear(answer_to(again))
    assert (room.owed, room.tally.duplicate_replies, room.tally.violations) == (-3_000, 1, [])


def test_two_answers_that_differ_are_a_violation() -> None:
    room = Room()
    room.sign_on()
    asked = room.order()
    room.hear(answer_to(asked, "91"))
    room.hear(answer_to(asked, "00"))
    assert room.owed == 0
    assert "answered 91, then 00" in room.tally.violations[0]


@pytest.mark.parametrize(
    "changes",
    [{"de4": "000000004000"}, {"de41": "ATM00002"}, {"de3": "000000"}, {"de13": "0101"}, {"de49": "840"}],
)
def test_a_reply_that_contradicts_what_was_asked_is_a_violation_and_pays_nothing(changes: dict[str, str]) -> None:
    room = Room()
    room.sign_on()
    room.hear(answer_to(room.order(), "00", **changes))
    assert (room.owed, room.tally.violation_count) == (0, 1)
    assert PAN not in room.tally.violations[0]


def test_an_answer_to_nobody_is_a_violation() -> None:
    room = Room()
    room.sign_on()
    asked = room.order()
    room.hear(answer_to(asked, "00", de11="999999"))
    assert (room.owed, room.tally.violation_count) == (0, 1)


def test_a_deposits_notes_are_in_the_books_before_the_question_and_come_back_on_a_clear_no() -> None:
    room = Room()
    room.sign_on()
    asked = room.order("deposit", 5_000)
    assert room.owed == 5_000
    room.hear(answer_to(asked, "51"))
    assert (room.owed, room.fate(asked)) == (0, Fate.ANSWERED)


def test_a_deposit_in_doubt_keeps_the_notes_and_is_unresolved() -> None:
    room = Room()
    room.sign_on()
    asked = room.order("deposit", 5_000)
    room.hear(answer_to(asked, "68"))
    assert (room.owed, room.fate(asked), room.mind.is_free) == (5_000, Fate.UNRESOLVED, True)


def test_a_silent_deposit_is_repeated_never_reversed_and_asked_about_until_there_is_a_word() -> None:
    """The customer goes after two tries; the notes are in the machine, and perhaps no relay ever recorded the message."""
    room = Room(deposit_tries_max=2)
    room.sign_on()
    asked = room.order("deposit", 5_000)
    (again,) = room.fire("reply", 10_000)
    assert (again.mti, again.fields[11]) == ("0201", asked.fields[11])
    assert room.fire("reply", 10_000) == []
    assert (room.owed, room.fate(asked), room.tally.reversals_sent) == (5_000, Fate.UNRESOLVED, 0)
    assert room.mind.is_free


@pytest.mark.parametrize(
    ("code", "owed", "fate"),
    [("00", 5_000, Fate.ANSWERED), ("91", 0, Fate.ANSWERED), ("68", 5_000, Fate.UNRESOLVED), ("09", 5_000, Fate.UNRESOLVED)],
)
def test_a_deposit_without_a_word_is_asked_about_until_there_is_one(code: str, owed: int, fate: Fate) -> None:
    """It may be on no disk at all: lost with its link, or with a relay that died before it was recorded."""
    room = Room(deposit_tries_max=1)
    room.sign_on()
    asked = room.order("deposit", 5_000)
    room.mind.link_closed(room.now_ms)
    assert room.fire("reply", 10_000) == []
    assert not room.mind.is_settled
    assert room.fire("wordless", 2_000) == [], "there is no link"
    (sign_on,) = room.did(room.mind.link_opened(room.now_ms))
    (again,) = room.hear(answer_to(sign_on))
    assert (again.mti, again.fields[11], room.mind.is_free) == ("0201", asked.fields[11], True)
    other = room.order()
    assert [message.fields[11] for message in room.fire("wordless", 2_000)] == [asked.fields[11]]
    room.hear(answer_to(asked, code))
    assert (room.owed, room.fate(asked)) == (owed, fate)
    room.hear(answer_to(other, "51"))
    assert room.mind.is_settled is (code != "09")
    room.hear(answer_to(asked, code))
    assert not room.tally.violation_count


def test_with_too_many_deposits_without_a_word_it_takes_no_customer() -> None:
    room = Room(deposit_tries_max=1)
    room.sign_on()
    asked = []
    for _ in range(WORDLESS_MAX):
        assert room.mind.is_free
        asked.append(room.order("deposit", 1_000))
        room.fire("reply", 10_000)
    assert not room.mind.is_free
    room.hear(answer_to(asked[0], "51"))
    assert room.mind.is_free
    assert isinstance(room.deeds[0], Ready)


def test_a_customer_who_leaves_the_notes_makes_an_approved_withdrawal_a_reversal() -> None:
    room = Room(not_taken_share=1.0)
    room.sign_on()
    (undo,) = room.hear(answer_to(room.order(), "00", de38="123456"))
    assert (undo.mti, undo.fields[38], room.owed) == ("0420", "123456", 0)
    room.hear(answer_to(undo))
    assert room.mind.is_free


def test_a_broken_link_backs_off_signs_on_again_and_delivers_what_it_owes_first() -> None:
    room = Room()
    room.sign_on()
    asked = room.order()
    (first,) = [deed for deed in room.mind.link_closed(room.now_ms) if isinstance(deed, Connect)]
    (second,) = room.mind.link_failed(room.now_ms)
    assert isinstance(second, Connect)
    assert 100 <= first.after_ms <= 200 <= second.after_ms <= 400
    assert room.fire("reply", 10_000) == []  # no link: the reversal is owed
    assert room.fate(asked) is Fate.REVERSAL_OWED
    (sign_on,) = room.did(room.mind.link_opened(room.now_ms))
    (undo,) = room.hear(answer_to(sign_on))
    assert undo.mti == "0421"
    assert not any(isinstance(deed, Ready) for deed in room.deeds)
    room.hear(answer_to(undo))
    assert room.mind.is_free


def test_a_repeater_asks_again_on_the_new_link() -> None:
    room = Room(repeat_share=1.0)
    room.sign_on()
    asked = room.order()
    room.mind.link_closed(room.now_ms)
    (sign_on,) = room.did(room.mind.link_opened(room.now_ms))
    (again,) = room.hear(answer_to(sign_on))
    assert (again.mti, again.fields[11]) == ("0201", asked.fields[11])
    room.hear(answer_to(again))
    assert room.owed == -3_000


def test_a_refused_or_unanswered_sign_on_hangs_up() -> None:
    room = Room()
    (asked,) = room.did(room.mind.link_opened(0))
    room.hear(answer_to(asked, "58"))
    assert room.deeds == [HangUp("the sign-on was refused with 58")]
    room.did(room.mind.link_opened(0))
    assert room.fire("sign-on") == []
    assert isinstance(room.deeds[0], HangUp)


def test_the_relays_echo_and_sign_off_are_answered() -> None:
    room = Room()
    room.sign_on()
    for code in ("301", "002"):
        (reply,) = room.hear(IsoMessage("0800", {7: "1120000000", 11: "000077", 70: code}))
        assert (reply.mti, reply.fields[39], reply.fields[70], reply.fields[11]) == ("0810", "00", code, "000077")


def test_its_own_echo_goes_out_when_nothing_was_heard_and_a_missed_one_hangs_up() -> None:
    room = Room(echo_after_ms=1_000)
    room.sign_on()
    room.now_ms = 400
    room.hear(answer_to(room.order()))
    assert room.fire("echo", 600) == []  # heard 600 ms ago
    assert room.deeds == [Wake("echo", 400.0)]
    (echo,) = room.fire("echo", 400)
    assert echo.fields[70] == "301"
    assert room.fire("echo", 1_000) == []
    assert room.deeds == [HangUp("no answer to an echo")]


def test_traces_wrap_after_a_million() -> None:
    room = Room(first_trace=999_998)
    room.sign_on()  # 999998
    traces = []
    for _ in range(3):
        asked = room.order()
        traces.append(asked.fields[11])
        room.hear(answer_to(asked))
    assert traces == ["999999", "000001", "000002"]


def test_stopping_signs_off() -> None:
    room = Room()
    room.sign_on()
    (said,) = room.did(room.mind.stop(0))
    assert said.fields[70] == "002"
    assert isinstance(room.deeds[-1], HangUp)
    assert room.mind.link_closed(0) == []


@given(st.data())
def test_whatever_a_peer_answers_the_mind_never_raises_and_pays_only_on_approval(data: st.DataObject) -> None:
    room = Room(repeat_share=0.5, not_taken_share=0.2)
    room.sign_on()
    approved: set[str] = set()
    for _ in range(data.draw(st.integers(1, 12))):
        if room.mind.is_free:
            asked = room.order(data.draw(st.sampled_from(["withdrawal", "balance-inquiry", "purchase"])), 1_000)
        step = data.draw(st.sampled_from(["good", "bad", "late", "timer", "break"]))
        room.now_ms += 500
        if step == "good":
            code = data.draw(st.sampled_from(["00", "51", "09", "68"]))
            if code == "00":
                approved.add(str(asked.fields[11]))
            room.hear(answer_to(asked, code))
        elif step == "bad":
            fields = data.draw(
                st.dictionaries(st.sampled_from([3, 4, 11, 13, 39, 41, 70]), st.text("0123456789AT", max_size=12))
            )
            room.hear(IsoMessage(data.draw(st.sampled_from(["0210", "0430", "0810", "0200", "0800", "1210"])), dict(fields)))
        elif step == "timer":
            room.fire(data.draw(st.sampled_from(["reply", "repeat", "reversal", "echo", "sign-on"])))
        elif step == "break":
            room.mind.link_closed(room.now_ms)
            room.mind.link_opened(room.now_ms)
    assert {act.trace for act in room.books.acts() if act.paid} <= approved
