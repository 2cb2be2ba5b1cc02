"""The fake center against the relay's own dialogue: quiet days, each fault, and days full of crashes; nothing lost, nothing
doubled."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.zengin.session import state
from protocols.zengin.session.session import State
from protocols.zengin.session.state import Day, Inward, Outward, unpack
from relay.loopback.center import CenterState
from relay.loopback.centerbooks import Known
from relay.loopback.centerdeeds import CenterFault
from tests.support.zrcworld import ZrcWorld

LCNS = ((0,), (3, 0, 9, 15))  # the first carries control telegrams


def traffic(world: ZrcWorld, count: int) -> None:
    for number in range(1, count + 1):
        world.order(number, 1_000 + number)
        world.post(str(5_000 + number))


def close(world: ZrcWorld) -> Day:
    """閉局, as often as it takes; returns the day as it is on the relay's disk."""

    def asked() -> bool:
        if world.is_quiet and world.state is State.OPEN:
            world.command("close")
        return world.mind.state is CenterState.CLOSED and world.state is not State.CLOSING

    assert world.run(asked), f"never closed: {world.state}, {world.mind.counts}, {world.notes[-20:]}"
    assert world.run(lambda: unpack(Day, world.rig.disk["zrc-01-01/day"]).phase == "closed")
    return unpack(Day, world.rig.disk["zrc-01-01/day"])


def check(world: ZrcWorld) -> None:
    assert world.lost() == []
    assert world.books.doubles() == []
    assert world.conflicts == 0
    assert world.wrong_outbound() == []
    amounts = [got.amount for got in world.books.got() if got.amount]
    assert len(set(amounts)) == len(amounts), "a telegram of the core arrived twice, under two numbers"
    assert all(one.known is Known.TAKEN for one in world.books.given())


def test_a_quiet_day_matches() -> None:
    world = ZrcWorld(Random(1))
    traffic(world, 10)
    assert world.run(lambda: world.is_quiet)
    check(world)
    assert set(world.outbound.values()) == {"acknowledged"}
    assert len(world.journal) == 10
    assert close(world).unsigned == ()
    assert sum(figures.count for figures in world.mind.relay_figures if figures.direction == "1") == 10
    assert sum(figures.count for figures in world.mind.relay_figures if figures.direction == "2") == 10
    assert world.mind.counts.get("gap", 0) == 0


def test_all_sixteen_lcns_carry_both_ways_and_match() -> None:
    world = ZrcWorld(Random(4), lcns=tuple(range(16)))
    traffic(world, 40)
    assert {given.lcn for given in world.books.given()} == set(range(16))
    assert world.run(lambda: world.is_quiet)
    check(world)
    assert set(world.outbound.values()) == {"acknowledged"}
    used = unpack(Outward, world.rig.disk["zrc-01-01/out"]).sequences
    assert {lcn for lcn, last in used.items() if last} == {0, 1, 2, 3}, "by kind"
    taken = unpack(Inward, world.rig.disk["zrc-01-01/in"]).lcns
    assert {lcn: state.last for lcn, state in taken.items()} == {lcn: 3 if lcn < 8 else 2 for lcn in range(16)}
    assert close(world).unsigned == ()


@pytest.mark.parametrize("lcns", LCNS)
@pytest.mark.parametrize("fault", list(CenterFault))
def test_each_fault_has_its_defined_end(fault: CenterFault, lcns: tuple[int, ...]) -> None:
    world = ZrcWorld(Random(2), lcns=lcns)
    world.mind.faults.append(fault)
    traffic(world, 5)
    assert world.run(lambda: world.is_quiet), f"{world.state} {world.mind.counts} {world.notes}"
    assert world.mind.struck == [fault]
    check(world)
    wanted = {
        CenterFault.GAP: "sequence-gap",
        CenterFault.LOST_ACK: "delivery-unknown",
        CenterFault.DUPLICATE: "duplicate",
        CenterFault.NAK: "nak-received",
        CenterFault.WRONG_LINE: "wrong-line",
        CenterFault.SILENCE: "line-silent",
        CenterFault.CUT: "opening-gap",
    }[fault]
    assert wanted in world.notes
    ends = set(world.outbound.values())
    if fault in (CenterFault.GAP, CenterFault.LOST_ACK, CenterFault.DUPLICATE):
        assert ends == {"acknowledged"}
    else:  # a telegram whose numbers were given as the line went is failed once the center has said that it is not there
        assert ends <= {"acknowledged", "failed"}
        assert list(world.outbound.values()).count("failed") <= 1
    assert close(world).unsigned == ()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.sampled_from(list(CenterFault)), max_size=5), st.sampled_from(LCNS))
def test_a_day_full_of_faults_and_crashes_conserves(seed: int, faults: list[CenterFault], lcns: tuple[int, ...]) -> None:
    """kill -9 at any durable step, a dozen times: what the center gave is in the journal once, what it got it got once."""
    chance = Random(seed)
    world = ZrcWorld(chance, lcns=lcns)
    crashes_left = [12]

    def crashes(where: str) -> bool:
        if crashes_left[0] and chance.random() < 0.05:
            crashes_left[0] -= 1
            return True
        return False

    world.crashes = crashes
    world.mind.faults.extend(faults)
    traffic(world, 12)
    assert world.run(lambda: world.is_quiet), f"{world.state} {world.mind.counts} {world.notes[-20:]}"
    crashes_left[0] = 0
    check(world)
    unknown = [id for id, state in world.outbound.items() if state == "unknown"]
    arrived = {str(got.amount) for got in world.books.got()}
    assert not set(unknown) & arrived, "what arrived is known to have arrived once the line was open again"
    # What never left was sent after all, what left was asked about. Only a line that never gave a number yet cannot say so.
    first_begun = min(world.orders[id] for id in world.outbound if id not in unknown)
    assert all(world.orders[id] < first_begun for id in unknown)
    day = close(world)
    check(world)
    assert day.unsigned == (), day.unsigned


@pytest.mark.parametrize("where", ["before-offer", "before-store", "after-store", "before-send"])
def test_a_kill_with_a_telegram_in_hand_costs_a_person_nothing(where: str) -> None:
    """At every point between the intent of the desk and the first byte: it is sent after all, or known not to have arrived."""
    world = ZrcWorld(Random(4))
    traffic(world, 1)
    assert world.run(lambda: world.is_quiet)
    world.crashes = lambda at: at == where and world.offered == "5999" and not world.crash_count
    world.post("5999")
    world.post("6000")
    assert world.run(lambda: world.is_quiet)
    assert world.crash_count == 1
    check(world)
    left = where in ("after-store", "before-send")
    assert world.requeued == ([] if left else ["5999"])
    assert world.outbound["5999"] == ("failed" if left else "acknowledged")
    arrived = [got.amount for got in world.books.got() if got.amount >= 5_999]
    assert arrived == ([6_000] if left else [5_999, 6_000]), "in the order of the posts"


def test_an_answer_that_ignores_what_was_forgotten_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that remembers one end, and a desk that asks late: without the mark it would say that an old one never left."""
    monkeypatch.setattr(state, "ENDED_KEPT", 1)
    world = ZrcWorld(Random(5))
    traffic(world, 4)
    assert world.run(lambda: world.is_quiet)
    world.questioned = "5002"
    world.outbound["5002"] = "sent"
    assert world.run(lambda: world.is_quiet)
    assert world.outbound["5002"] == "unknown"
    assert world.requeued == []
    check(world)


def test_the_world_would_notice_a_lost_telegram() -> None:
    """The check itself: a journal that forgets."""
    world = ZrcWorld(Random(3))
    traffic(world, 3)
    assert world.run(lambda: world.is_quiet)
    world.journal.popitem()
    assert len(world.lost()) == 1
