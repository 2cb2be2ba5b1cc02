"""The table of needs, row by row, and what the defaults promise."""

from __future__ import annotations

import itertools

import pytest

from protocols.vocabulary import MessageClass
from relay.needs import ALONE, IN_PAIR, POSSIBLE, REACHABLE, AckClass, Need, Peer, class_of, is_met, need_now

PEER, CORE, LOCAL = Need.PEER, Need.CORE, Need.LOCAL
AWAY = (Peer.AWAY, Peer.STARTING, Peer.NONE)


def test_the_table_has_a_row_for_everything() -> None:
    assert set(REACHABLE) == set(itertools.product(Need, (True, False), (True, False)))


@pytest.mark.parametrize(
    ("needs", "here_and_asked", "here_only", "asked_only", "neither"),
    [
        ((PEER, CORE), PEER, PEER, CORE, None),
        ((PEER, LOCAL), PEER, PEER, LOCAL, LOCAL),
        ((PEER, CORE, LOCAL), PEER, PEER, CORE, LOCAL),
        ((CORE, PEER), CORE, PEER, CORE, None),
        ((CORE, LOCAL), CORE, LOCAL, CORE, LOCAL),
        ((PEER,), PEER, PEER, None, None),
        ((CORE,), CORE, None, CORE, None),
        ((LOCAL,), LOCAL, LOCAL, LOCAL, LOCAL),
    ],
)
def test_the_first_that_can_be_reached_holds(
    needs: tuple[Need, ...],
    here_and_asked: Need | None,
    here_only: Need | None,
    asked_only: Need | None,
    neither: Need | None,
) -> None:
    assert need_now(needs, Peer.FOLLOWS, True) is here_and_asked
    assert need_now(needs, Peer.FOLLOWS, False) is here_only
    for peer in AWAY:
        assert need_now(needs, peer, True) is asked_only
        assert need_now(needs, peer, False) is neither


def test_a_need_that_is_met_is_met_whatever_holds() -> None:
    for holds in (*Need, None):
        assert is_met((PEER, CORE), holds, at_peer=True, at_core=False)
        assert is_met((PEER, CORE), holds, at_peer=False, at_core=True)
        assert is_met((PEER,), holds, at_peer=False, at_core=True) is (holds is LOCAL), "the core is no need of this class"
    assert not is_met((PEER, CORE), PEER, at_peer=False, at_core=False)
    assert not is_met((PEER, CORE), None, at_peer=False, at_core=False)
    assert not is_met((PEER, LOCAL), PEER, at_peer=False, at_core=False), "while the standby follows, this disk is not enough"
    assert is_met((PEER, LOCAL), LOCAL, at_peer=False, at_core=False)


def test_a_pair_never_acknowledges_an_advice_by_this_disk_alone() -> None:
    for ack_class in (AckClass.ADVICE, AckClass.TELEGRAM, AckClass.EJ, AckClass.OUTWARD):
        for peer, may_ask in itertools.product(Peer, (True, False)):
            assert need_now(IN_PAIR[ack_class], peer, may_ask) is not LOCAL, ack_class


def test_atm_requests_go_on_whatever_is_away() -> None:
    for ack_class in (AckClass.REQUEST, AckClass.SERIAL):
        for peer, may_ask in itertools.product(Peer, (True, False)):
            assert need_now(IN_PAIR[ack_class], peer, may_ask) is not None
    assert need_now(IN_PAIR[AckClass.REQUEST], Peer.FOLLOWS, True) is LOCAL, "and do not wait for the other center"


def test_defaults_are_possible() -> None:
    for order in (ALONE, IN_PAIR):
        assert set(order) == set(AckClass)
        assert all(set(order[each]) <= POSSIBLE[each] for each in AckClass)


@pytest.mark.parametrize(
    ("message_class", "channel", "kind", "ack_class"),
    [
        (MessageClass.FINANCIAL, "atm", "withdrawal", AckClass.REQUEST),
        (MessageClass.FINANCIAL, "partner", "interbank-transfer", AckClass.REQUEST),
        (MessageClass.ADVICE, "atm", "withdrawal", AckClass.ADVICE),
        (MessageClass.REVERSAL, "branch", "reversal", AckClass.ADVICE),
        (MessageClass.ADVICE, "partner", "interbank-credit", AckClass.TELEGRAM),
        (MessageClass.ADVICE, "atm", "journal-upload", AckClass.EJ),
    ],
)
def test_the_class_of_a_message(message_class: MessageClass, channel: str, kind: str, ack_class: AckClass) -> None:
    assert class_of(message_class, channel, kind) is ack_class
