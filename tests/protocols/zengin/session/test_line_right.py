"""An exclusive line under its token: numbers of another center are gone on from, prove nothing about ours, and a lower token
gives none."""

from __future__ import annotations

import msgspec

from protocols.dialect import LineRight, LinkOpened
from protocols.zengin.session.session import State
from protocols.zengin.session.state import Outward, unpack
from protocols.zengin.telegram.message import RESPONSE
from tests.support.zrcline import LineRig, deliveries, hang_ups, notes

OUT = "zrc-01-01/out"


def connect(rig: LineRig, right: LineRight | None) -> list[object]:
    return list(rig.step(LinkOpened("192.0.2.7", 5_000, dialled=True, stored=dict(rig.disk), right=right)))


def opens(rig: LineRig, right: LineRight | None, last_sent: int = 0, last_received: int = 0) -> list[object]:
    actions = connect(rig, right)
    rig.acks(0)
    answer = rig.control("open", RESPONSE, last_sent=last_sent, last_received=last_received)
    return [*actions, *rig.info(0, answer)]


def outward(rig: LineRig) -> Outward:
    return unpack(Outward, rig.disk[OUT])


def test_the_token_is_durable_with_the_numbers_given_under_it() -> None:
    rig = LineRig()
    opens(rig, LineRight(3))
    rig.offer("K1")
    assert outward(rig).token == 3
    assert outward(rig).serial == 1


def test_a_lower_token_than_the_record_knows_says_nothing_on_the_line() -> None:
    rig = LineRig()
    opens(rig, LineRight(3))
    rig.disconnect()
    rig.link()
    actions = connect(rig, LineRight(2))
    assert hang_ups(actions) == ["token-stale"]  # type: ignore[arg-type]  # actions, one by one
    assert rig.sent(actions) == []  # type: ignore[arg-type]  # as above
    assert rig.dialogue.state is not State.OPENING


def test_a_lower_token_gives_no_number_even_where_it_was_open() -> None:
    rig = LineRig()
    opens(rig, LineRight(3))
    line = rig.dialogue._line
    line.outward = msgspec.structs.replace(line.outward, token=4)  # as an adopted journal would say it
    actions = rig.offer("K1")
    assert deliveries(actions) == [("K1", "failed")]
    assert outward(rig).serial == 0


def test_numbers_above_ours_are_a_contradiction_without_another_holder() -> None:
    for right in (None, LineRight(1), LineRight(5, 0)):
        rig = LineRig()
        actions = opens(rig, right, last_received=4)
        assert hang_ups(actions) == ["opening-fault"]  # type: ignore[arg-type]  # as above


def test_numbers_of_another_center_are_shown_and_gone_on_from() -> None:
    rig = LineRig()
    actions = opens(rig, LineRight(5, 4, "tokyo"), last_received=4)
    assert "numbers-of-other-center" in notes(actions)  # type: ignore[arg-type]  # as above
    assert rig.dialogue.state is State.OPEN
    sent = rig.telegrams(rig.offer("K1"))
    assert [sequence for sequence, _ in sent] == [5]
    assert outward(rig).token == 5


def test_a_number_of_another_center_never_proves_that_ours_arrived() -> None:
    rig = LineRig()
    opens(rig, LineRight(1))
    rig.offer("K1")  # number 1, no word about it
    rig.disconnect()
    rig.link()
    # Osaka had the line: the center names 1, and it may be osaka's.
    actions = opens(rig, LineRight(3, 2, "osaka"), last_received=1)
    assert ("K1", "acknowledged") not in deliveries(actions)  # type: ignore[arg-type]  # as above
    assert [intent.state for intent in outward(rig).open if intent.id == "K1"] == ["unknown"]
    enquiries = rig.telegrams(actions)[-1:]  # type: ignore[arg-type]  # as above
    assert enquiries[0][1].head.original_serial == 1, "it is asked about by its 発信通番"
    # Later numbers prove nothing either.
    rig.disconnect()
    rig.link()
    assert ("K1", "acknowledged") not in deliveries(opens(rig, LineRight(3, 2, "osaka"), last_received=2))  # type: ignore[arg-type]  # as above
    assert [intent.state for intent in outward(rig).open if intent.id == "K1"] == ["unknown"]


def test_a_crash_between_two_agreements_asks_anew_as_after_another_holder() -> None:
    rig = LineRig(line={"lcns": [0, 1]})
    connect(rig, LineRight(5, 4, "tokyo"))
    rig.acks(0)
    rig.info(0, rig.control("open", RESPONSE, last_received=4))
    assert outward(rig).token == 0, "not before every LCN has agreed"
    rig.disconnect()
    rig.link()
    connect(rig, LineRight(6, 4, "tokyo"))
    for lcn in (0, 1):
        rig.acks(0, lcn)
        actions = rig.info(0, rig.control("open", RESPONSE, last_received=4), lcn)
    assert rig.dialogue.state is State.OPEN
    assert hang_ups(actions) == []
    assert outward(rig).token == 6
