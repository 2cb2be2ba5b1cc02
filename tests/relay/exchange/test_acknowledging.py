"""An advice is acknowledged when its class's need is met and never before; questions do not wait; nothing is lost meanwhile."""

from __future__ import annotations

import pytest

from protocols.vocabulary import Approved, Declined, DoubtPolicy, MessageClass, Unknown
from relay.core.port import Permit
from relay.exchange.people import resolve
from relay.journal.acks import Acks
from relay.journal.records import StoredState
from relay.journal.standby import Standby, StandbyRules
from relay.needs import IN_PAIR, AckClass, Need, Peer
from tests.support.copieddisk import CopiedDisk
from tests.support.deskworld import DEADLINE_MS, W1, DeskWorld, ListLink, Message, reversal, stored

RETURN_MS, TIMEOUT_MS = 2_000, 1_000
A1 = "ATM1-advice-1"


class PairWorld(DeskWorld):
    """A desk whose journal has a standby at the other center."""

    def __init__(self, needs: dict[AckClass, tuple[Need, ...]] | None = None) -> None:
        self.needs = {**IN_PAIR, **(needs or {})}
        self.copy: CopiedDisk | None = None
        super().__init__()
        self.time.run(10)

    def _start(self) -> None:
        super()._start()
        if self.copy is None:
            self.copy = CopiedDisk(self.journal.disk, self.time)
        rules = StandbyRules(ack_timeout_ms=TIMEOUT_MS, return_after_ms=RETURN_MS)
        self.standby = Standby(self.copy.ask, self.time, self.time, rules)
        self.desk.acks.use(Acks(self.needs, self.standby, lambda: self.permit is not None, self.time, self.metrics))
        self.standby.start()
        self.time.run(5)

    def crash(self) -> None:
        self.standby.stop()
        super().crash()

    def lose_standby(self) -> None:
        assert self.copy is not None
        self.copy.is_gone = True
        self.time.run(600)
        assert self.standby.peer is Peer.AWAY

    def bring_back(self) -> None:
        assert self.copy is not None
        self.copy.heal()
        self.time.run(RETURN_MS + 1_100)
        assert self.standby.peer is Peer.FOLLOWS

    def count(self, need: str, ack_class: str = "advice") -> float:
        labels = {"class": ack_class, "need": need}
        return self.metrics.registry.get_sample_value("relay_acknowledgements_total", labels) or 0.0


def advice(trace: str = "1", *, repeat: bool = False) -> Message:
    return Message(trace=trace, message_class=MessageClass.ADVICE, policy=DoubtPolicy.REPEAT, repeat=repeat)


def told(link: ListLink) -> list[str]:
    return [code for _, code in link.said]


# ---- while the standby follows -------------------------------------------------------------------------------------------


def test_an_advice_is_acknowledged_when_the_standby_has_it() -> None:
    world = PairWorld()
    link = world.link()
    assert world.copy is not None
    world.copy.is_paused = True
    world.say(link, advice())
    world.time.run(200)
    assert stored(world, A1).state is StoredState.DELIVERING, "it is on this disk, and owed"
    assert A1 not in world.copy.keys
    assert told(link) == []
    world.copy.heal()
    world.time.run(20)
    assert told(link) == ["taken"]
    assert world.count("local+peer") == 1


def test_it_is_on_its_way_to_the_core_meanwhile_and_the_cores_word_is_as_good() -> None:
    world = PairWorld()
    link = world.link()
    assert world.copy is not None
    world.copy.is_paused = True
    world.say(link, advice())
    assert [call.key for call in world.core.pending] == [A1]
    world.core.pending[0].reply(Approved())
    world.time.run(5)
    assert told(link) == ["taken"]
    assert world.count("core") == 1
    assert stored(world, A1).state is StoredState.SETTLED


def test_questions_do_not_wait_for_the_standby() -> None:
    world = PairWorld()
    link = world.link()
    assert world.copy is not None
    world.copy.is_paused = True
    world.say(link, Message(trace="1"))
    world.core.pending[0].reply(Approved())
    world.time.run(5)
    assert told(link) == ["approved"]
    assert W1 not in world.copy.keys


def test_replies_wait_where_they_are_told_to_and_fall_back_to_this_disk() -> None:
    world = PairWorld({AckClass.REQUEST: (Need.PEER, Need.LOCAL)})
    link = world.link()
    assert world.copy is not None
    world.say(link, Message(trace="1"))
    world.copy.is_paused = True
    world.say(link, Message(trace="2", terminal="ATM2"))
    for call in list(world.core.pending):
        call.reply(Approved())
    world.time.run(5)
    assert told(link) == []
    world.time.run(TIMEOUT_MS + 20)
    assert told(link) == ["approved", "approved"]
    assert world.count("local", "request") >= 1
    assert world.unexpected() == 0
    assert not world.desk.register.by_key


# ---- fall back, and back -------------------------------------------------------------------------------------------------


def test_a_paused_standby_makes_it_fall_back_to_the_core_within_the_set_time() -> None:
    world = PairWorld()
    link = world.link()
    assert world.copy is not None
    world.copy.is_paused = True
    world.say(link, advice("1"))
    world.time.run(TIMEOUT_MS + 10)
    assert world.standby.peer is Peer.AWAY
    assert told(link) == [], "and nobody is acknowledged by this disk alone"
    world.say(link, advice("2"))
    for call in world.core.pending:
        call.reply(Approved())
    world.time.run(5)
    assert told(link) == ["taken", "taken"]
    assert world.count("core") == 2


def test_after_the_deadline_silence_and_the_repeat_finds_it() -> None:
    world = PairWorld()
    world.lose_standby()
    first, again = world.link(), world.link()
    world.say(first, advice())
    world.time.run(DEADLINE_MS + 10)
    assert told(first) == []
    assert world.count("silent") == 1
    world.say(again, advice(repeat=True))
    assert told(again) == [], "it is open here, and still nowhere else"
    world.core.pending[-1].reply(Approved())
    world.time.run(5)
    assert told(again) == ["taken"]
    assert told(first) == [], "whose time was over"
    assert len(world.journal.disk.ids) == 1


def test_repeats_wait_together() -> None:
    world = PairWorld()
    world.lose_standby()
    link, other = world.link(), world.link()
    world.say(link, advice())
    for _ in range(3):
        world.say(other, advice(repeat=True))
    world.core.pending[-1].reply(Approved())
    world.time.run(5)
    assert told(link) == ["taken"]
    assert told(other) == ["taken"] * 3


def test_when_the_standby_comes_back_what_was_held_is_acknowledged() -> None:
    world = PairWorld()
    world.lose_standby()
    link = world.link()
    world.say(link, advice())
    world.core.pending[0].reply(Unknown(why="hang"))
    world.bring_back()
    assert told(link) == ["taken"]
    assert world.count("local+peer") == 1
    assert world.copy is not None
    assert A1 in world.copy.keys


# ---- neither ---------------------------------------------------------------------------------------------------------------


def test_neither_reachable_and_it_is_refused_with_the_dialects_code() -> None:
    world = PairWorld()
    world.lose_standby()
    world.permit = None
    link = world.link()
    world.say(link, advice())
    assert told(link) == ["no-journal"]
    assert world.journal.disk.ids == {}, "nothing is kept of it: it is its terminal's still"
    assert world.count("refused") == 1
    world.permit = Permit(1, "tokyo")
    world.say(link, advice(repeat=True))
    world.core.pending[0].reply(Approved())
    world.time.run(5)
    assert told(link) == ["no-journal", "taken"]


def test_a_reversal_is_refused_like_an_advice_and_its_question_goes_on() -> None:
    world = PairWorld({AckClass.ADVICE: (Need.PEER,)})
    world.lose_standby()
    link = world.link()
    world.say(link, Message(trace="1"))
    world.say(link, reversal("2", "1"))
    assert told(link) == ["no-journal"]
    world.core.pending[0].reply(Approved())
    world.time.run(5)
    assert told(link) == ["no-journal", "approved"]


def test_what_was_taken_before_and_meets_nothing_now_is_not_acknowledged_by_a_repeat() -> None:
    world = PairWorld()
    world.lose_standby()
    first, again = world.link(), world.link()
    world.say(first, advice())
    world.permit = None
    world.say(again, advice(repeat=True))
    assert told(again) == []
    world.bring_back()
    assert (told(first), told(again)) == (["taken"], ["taken"])


def test_what_the_core_refused_is_on_a_list_here_only_and_waits_for_the_standby() -> None:
    world = PairWorld()
    world.lose_standby()
    link, again = world.link(), world.link()
    world.say(link, advice())
    world.core.pending[0].reply(Declined(reason="closed-account"))
    world.time.run(5)
    assert stored(world, A1).state is StoredState.LISTED
    world.say(again, advice(repeat=True))
    assert (told(link), told(again)) == ([], []), "neither the core nor the other center has it"
    world.bring_back()
    world.say(again, advice(repeat=True))
    world.time.run(20)
    assert told(again) == ["taken"]


# ---- after a restart -------------------------------------------------------------------------------------------------------


def test_after_a_restart_the_intent_on_disk_is_not_told_before_the_need_is_met() -> None:
    world = PairWorld()
    world.lose_standby()
    world.say(world.link(), advice())
    world.crash()
    link = world.link()
    world.say(link, advice(repeat=True))
    assert told(link) == [], "the standby is away: this disk alone has it"
    world.core.pending[-1].reply(Approved())
    world.time.run(5)
    assert told(link) == ["taken"]


def test_after_a_restart_the_standbys_word_is_asked_anew() -> None:
    world = PairWorld()
    world.say(world.link(), advice())
    world.crash()
    link = world.link()
    world.say(link, advice(repeat=True))
    world.time.run(20)
    assert told(link) == ["taken"]
    world.say(link, advice(repeat=True))
    assert told(link) == ["taken", "taken"], "what was acknowledged in this life is told at once"


def test_what_the_core_confirmed_is_told_from_the_journal_while_the_standby_is_away() -> None:
    world = PairWorld()
    world.say(world.link(), advice())
    world.core.pending[0].reply(Approved())
    world.time.run(5)
    world.lose_standby()
    link = world.link()
    world.say(link, advice(repeat=True))
    world.time.run(5)
    assert told(link) == ["taken"]


def test_what_a_person_settled_is_not_what_the_core_confirmed() -> None:
    world = PairWorld()
    world.say(world.link(), advice())
    world.core.pending[0].reply(Declined(reason="closed-account"))
    world.time.run(5)
    said: list[str] = []
    resolve(world.desk.register, world.desk.saf, A1, "Sato", "booked by hand", said.append)
    world.time.run(20)
    assert said == [""]
    assert stored(world, A1).state is StoredState.SETTLED
    world.lose_standby()
    link = world.link()
    world.say(link, advice(repeat=True))
    world.time.run(20)
    assert told(link) == []


# ---- one host ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("needs", [(Need.CORE,), (Need.CORE, Need.LOCAL)])
def test_a_single_host_may_wait_for_the_core(needs: tuple[Need, ...]) -> None:
    world = DeskWorld()
    order = {**dict.fromkeys(AckClass, (Need.LOCAL,)), AckClass.ADVICE: needs}
    world.desk.acks.use(Acks(order, None, lambda: world.permit is not None, world.time, world.metrics))
    link = world.link()
    world.say(link, advice("1"))
    assert told(link) == []
    world.core.pending[0].reply(Approved())
    world.time.run(5)
    assert told(link) == ["taken"]
    world.permit = None
    world.say(link, advice("2"))
    assert told(link) == ["taken", "taken" if Need.LOCAL in needs else "no-journal"]


def test_a_fenced_relay_says_nothing_any_more() -> None:
    world = PairWorld()
    world.lose_standby()
    link = world.link()
    world.say(link, advice())
    pending = world.core.pending[0]
    world.desk.fence()
    assert world.desk.acks.held_count == 0
    pending.reply(Approved())
    world.time.run(DEADLINE_MS)
    assert told(link) == []
