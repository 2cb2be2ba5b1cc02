"""A line keeps its order whatever is given back, cancelled or ended in it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.journal.outbound import OutboundTaken, outbound_taken
from relay.outbound.lines import Line, Message
from relay.outbound.states import State


def message(number: int) -> Message:
    record = OutboundTaken(
        outbound_id=number, key=f"k{number}", listener="a", line="b", kind="echo", body=b"{}", fingerprint=b"", recorded_ms=0
    )
    return Message(outbound_taken(record))


def test_one_is_under_way_and_the_rest_waits() -> None:
    line = Line()
    first, second = message(1), message(2)
    assert line.take_next() is None
    line.add(first)
    line.add(second)
    assert first.place == ("a", "b")
    assert line.take_next() is first
    assert line.take_next() is None
    assert len(line) == 1
    line.give_back(first)
    assert line.take_next() is first
    line.remove(first)
    assert line.take_next() is second
    assert not line.is_idle
    line.remove(second)
    line.remove(second)
    assert line.is_idle


def test_a_head_that_is_being_cancelled_holds_the_line() -> None:
    line = Line()
    first, second = message(1), message(2)
    line.add(first)
    line.add(second)
    first.state = State.CANCELLING
    assert line.take_next() is None
    line.remove(first)
    assert line.take_next() is second


@given(st.lists(st.sampled_from(["add", "take", "back", "end", "cancel"]), max_size=60))
def test_the_order_of_taking_is_the_order_of_ending(steps: list[str]) -> None:
    line = Line()
    ended: list[int] = []
    count = 0
    for step in steps:
        active = line.active
        if step == "add":
            count += 1
            line.add(message(count))
        elif step == "take":
            line.take_next()
        elif step == "back" and active is not None:
            line.give_back(active)
        elif step == "end" and active is not None:
            line.remove(active)
            ended.append(active.outbound_id)
        elif step == "cancel" and len(line):
            line.remove(list(line.waiting())[-1])
    assert ended == sorted(ended)
    assert len(set(ended)) == len(ended)


def test_what_a_former_life_left_has_its_old_place_again() -> None:
    line = Line()
    for number in (5, 6):
        line.add(message(number))
    older = [message(2), message(3)]
    line.questions += older
    assert line.take_next() is None, "the line is asked first"
    line.give_back(older[1])
    assert line.take_next() is None
    line.give_back(older[0])
    taken = []
    while (head := line.take_next()) is not None:
        taken.append(head.outbound_id)
        line.remove(head)
    assert taken == [2, 3, 5, 6]
    assert line.is_idle
