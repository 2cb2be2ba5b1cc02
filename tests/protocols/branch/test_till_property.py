"""Conservation at one till: whatever is cut, lost, repeated or cancelled twice, the book says what the notes say.

The teller here has hands and a memory of its own: notes move when the answer is heard, once for each number.
"""

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocols.branch.message import BranchMessage
from protocols.dialect import Action, BytesArrived, ReplyDecided, Send
from protocols.vocabulary import TAKEN, Answer, Approved, Declined, Refusal
from tests.support.branchlink import (
    BRANCH_P1,
    WALL_MS,
    BranchLink,
    cancel,
    correct,
    count,
    deposit,
    opening,
    telegram,
    withdrawal,
)

OPENING = 10_000_000
TRIES_MAX = 50


class Teller:
    def __init__(self, data: st.DataObject) -> None:
        self._data = data
        self._luck = 12
        self._stored: dict[str, bytes] = {}
        self._told: dict[str, Answer] = {}  # the desk: one answer per key, for ever
        self.cash = OPENING
        self.serial = 0
        self.standing: dict[int, tuple[int, int]] = {}  # serial -> (sign, yen that moved and still stand)
        self.connect()

    def connect(self) -> None:
        self.link = BranchLink(stored=self._stored).open(OPENING, terminal_kind="T")

    def _chance(self, share: int) -> bool:
        """Bad luck, a bounded number of times in all."""
        if self._luck == 0:
            return False
        is_bad = self._data.draw(st.integers(0, 99)) >= 100 - share
        self._luck -= is_bad
        return is_bad

    def _desk(self, message: BranchMessage) -> Answer:
        if message.message_type != "20":
            return TAKEN
        key = f"{message.serial}"
        if key not in self._told:
            self._told[key] = self._data.draw(
                st.sampled_from([Approved(authorisation_id="1"), Declined(reason="limit-exceeded"), Refusal.IN_DOUBT])
            )
        return self._told[key]

    def ask(self, message: BranchMessage) -> str:
        """The same number until a word is heard."""
        for tries in range(TRIES_MAX):
            told = msgspec.structs.replace(message, is_repeat=bool(tries))
            actions: list[Action] = list(
                self.link.step(BytesArrived(BRANCH_P1.codec.write(told)), lambda _: not self._chance(15))
            )
            asked, self.link.asked = self.link.asked, []
            if self._chance(15):  # the line breaks, or the relay dies, with the question at the desk
                self.connect()
            for one in asked:
                reply = BRANCH_P1.to_reply(one, self._desk(one), WALL_MS)
                actions += self.link.step(ReplyDecided(one, reply), lambda _: not self._chance(15))
            heard = [answer for answer in self.link.sent(actions) if answer.serial == message.serial]
            if self._chance(15):  # the answer is lost
                self.connect()
            elif heard and heard[-1].code not in ("3002", "2006"):
                return heard[-1].code
        raise AssertionError("never answered")

    def trade(self) -> None:
        self.serial += 1
        amount = self._data.draw(st.integers(1, 9)) * 1_000
        is_in = self._data.draw(st.booleans())
        message = (deposit if is_in else withdrawal)(self.serial, amount, terminal_kind="T")
        code = self.ask(message)
        if code == "0000" or (code == "4001" and is_in):
            self.cash += amount if is_in else -amount
            self.standing[self.serial] = (1 if is_in else -1, amount)

    def undo(self) -> None:
        if not self.standing:
            return
        original = self._data.draw(st.sampled_from(sorted(self.standing)))
        sign, stands = self.standing[original]
        self.serial += 1
        operation = "01001" if sign > 0 else "01002"
        lower = self._data.draw(st.integers(0, 3)) * 1_000
        if 0 < lower < 10_000 and self._data.draw(st.booleans()):
            message = correct(self.serial, original, 10_000, lower, operation)
            left = min(stands, lower)
        else:
            message, left = cancel(self.serial, original, operation=operation), 0
        assert self.ask(msgspec.structs.replace(message, terminal_kind="T")) == "0000"
        self.cash -= sign * (stands - left)
        self.standing[original] = (sign, left)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_the_book_says_what_the_notes_say(data: st.DataObject) -> None:
    teller = Teller(data)
    for _ in range(data.draw(st.integers(1, 8))):
        (teller.trade if data.draw(st.integers(0, 99)) < 60 else teller.undo)()
    actions = list(teller.link.say(telegram("12", terminal_kind="T")))
    actions += teller.link.say(msgspec.structs.replace(count(teller.cash), terminal_kind="T"))
    assert teller.link.codes(actions)[-1] == "13 0000", (teller.cash, teller.standing)
    assert [action for action in actions if isinstance(action, Send)]
    assert opening().message_type == "10"
