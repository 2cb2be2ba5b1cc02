"""FIFO per terminal, fair between terminals, limits at the door."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from relay.exchange.lanes import LaneLimits, Lanes


@dataclass(eq=False)
class Item:
    lane: str
    number: int = 0


def lanes(**limits: int) -> Lanes[Item]:
    return Lanes(LaneLimits(**limits))


def test_one_terminal_is_asked_one_message_at_a_time_in_order() -> None:
    sut = lanes()
    first, second = Item("A", 1), Item("A", 2)
    sut.offer(first)
    sut.offer(second)
    assert sut.take_next() is first
    assert sut.take_next() is None
    sut.finish("A")
    assert sut.take_next() is second


def test_a_terminal_with_many_waiting_does_not_hold_up_another() -> None:
    sut = lanes()
    hot = [Item("HOT", n) for n in range(5)]
    for item in hot:
        sut.offer(item)
    cold = Item("COLD")
    sut.offer(cold)
    assert [sut.take_next(), sut.take_next()] == [hot[0], cold]


def test_terminals_take_turns() -> None:
    sut = lanes()
    for number in range(2):
        for lane in ("A", "B"):
            sut.offer(Item(lane, number))
    order = []
    for _ in range(4):
        item = sut.take_next()
        assert item is not None
        order.append((item.lane, item.number))
        sut.finish(item.lane)
    assert order == [("A", 0), ("B", 0), ("A", 1), ("B", 1)]


def test_queue_count_max_is_the_last_message_admitted() -> None:
    sut = lanes(queue_count_max=2)
    sut.offer(Item("A"))
    assert sut.may_admit("X", 10_000, 0)
    sut.offer(Item("B"))
    assert not sut.may_admit("X", 10_000, 0)


def test_terminal_queue_count_max_is_the_last_message_admitted_behind_one_terminal() -> None:
    sut = lanes(terminal_queue_count_max=1)
    sut.offer(Item("A", 1))
    sut.take_next()
    assert sut.may_admit("A", 10_000, 0)
    sut.offer(Item("A", 2))
    assert not sut.may_admit("A", 10_000, 0)
    assert sut.may_admit("B", 10_000, 0)


def test_a_message_that_cannot_be_asked_before_its_deadline_is_not_admitted() -> None:
    sut = lanes(margin_ms=200)
    assert sut.may_admit("A", 1_000, 800)
    assert not sut.may_admit("A", 1_000, 801)


def test_a_withdrawn_message_is_never_asked_and_counts_no_longer() -> None:
    sut = lanes()
    gone, stays = Item("A", 1), Item("A", 2)
    sut.offer(gone)
    sut.offer(stays)
    assert sut.withdraw(gone)
    assert not sut.withdraw(gone)
    assert sut.waiting_count == 1
    assert sut.take_next() is stays


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from(["offer", "take", "finish", "withdraw"])), max_size=60))
def test_any_history_keeps_order_and_count(history: list[tuple[str, str]]) -> None:
    sut = lanes()
    waiting: dict[str, list[Item]] = {"A": [], "B": [], "C": []}
    busy: set[str] = set()
    number = 0
    for lane, what in history:
        if what == "offer":
            number += 1
            item = Item(lane, number)
            sut.offer(item)
            waiting[lane].append(item)
        elif what == "take":
            taken = sut.take_next()
            ready = {name for name, queue in waiting.items() if queue and name not in busy}
            if taken is None:
                assert not ready
            else:
                assert taken.lane in ready
                assert waiting[taken.lane].pop(0) is taken
                busy.add(taken.lane)
        elif what == "finish" and lane in busy:
            busy.discard(lane)
            sut.finish(lane)
        elif what == "withdraw" and waiting[lane]:
            assert sut.withdraw(waiting[lane].pop())
        assert sut.waiting_count == sum(len(queue) for queue in waiting.values())
