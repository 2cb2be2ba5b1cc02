"""FIFO per terminal, fair between terminals, limits at the door."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from relay.exchange.lanes import LaneLimits, Lanes


@dataclass(eq=False)
class Item:
    lane: str
    number: int = 0
    group: str = ""


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


def test_a_group_has_a_line_of_its_own() -> None:
    sut = lanes()
    hot = [Item(f"H{n}", n, group="hot") for n in range(3)]
    cold = Item("COLD")
    for item in (*hot, cold):
        sut.offer(item)
    assert sut.take_next() is cold
    assert sut.take_next() is None
    assert [sut.take_next("hot") for _ in range(4)] == [*hot, None]


def test_a_terminal_keeps_its_order_whatever_group_its_messages_are_in() -> None:
    sut = lanes()
    first, second, third = Item("A", 1), Item("A", 2, group="hot"), Item("A", 3)
    for item in (first, second, third):
        sut.offer(item)
    assert sut.take_next("hot") is None, "its older message is with everybody else"
    assert sut.take_next() is first
    sut.finish("A")
    assert sut.take_next() is None
    assert sut.take_next("hot") is second
    sut.finish("A")
    assert sut.take_next() is third


def test_a_message_behind_a_withdrawn_one_is_in_line_in_its_own_group() -> None:
    sut = lanes()
    gone, stays = Item("A", 1, group="hot"), Item("A", 2)
    sut.offer(gone)
    sut.offer(stays)
    assert sut.take_next() is None
    sut.withdraw(gone)
    assert (sut.ready_of("hot"), sut.ready_of("")) == (0, 1)
    assert sut.take_next() is stays


def test_regrouping_keeps_the_line_and_the_counts() -> None:
    sut = lanes()
    items = [Item(f"{branch}{n}", n) for n in range(3) for branch in "HC"]
    for item in items:
        sut.offer(item)
    sut.regroup(lambda item: "hot" if item.lane.startswith("H") else "")
    assert (sut.waiting_of("hot"), sut.waiting_of(""), sut.waiting_count) == (3, 3, 6)
    assert [sut.take_next("hot") for _ in range(3)] == items[0::2]
    sut.regroup(lambda item: "")
    assert [sut.take_next() for _ in range(3)] == items[1::2]
    assert sut.waiting_count == 0


@given(
    st.lists(
        st.tuples(st.sampled_from("ABC"), st.sampled_from(["offer", "take", "finish", "withdraw", "heat", "cool"])), max_size=80
    )
)
def test_no_history_of_groups_breaks_a_terminals_order_or_loses_a_message(history: list[tuple[str, str]]) -> None:
    """Law 7: what leaves is always the oldest of its terminal, one at a time, whatever was hot when."""
    sut = lanes()
    waiting: dict[str, list[Item]] = {"A": [], "B": [], "C": []}
    busy: set[str] = set()
    hot: set[str] = set()

    def group_of(item: Item) -> str:
        return f"terminal {item.lane}" if item.lane in hot else "even" if "even" in hot and item.number % 2 == 0 else ""

    number = 0
    for lane, what in history:
        if what == "offer":
            number += 1
            item = Item(lane, number)
            item.group = group_of(item)
            sut.offer(item)
            waiting[lane].append(item)
        elif what == "take":
            groups = ["", *(f"terminal {name}" for name in "ABC"), "even"]
            taken = next((item for group in groups if (item := sut.take_next(group)) is not None), None)
            ready = {name for name, queue in waiting.items() if queue and name not in busy}
            assert (taken is None) == (not ready), "whoever may go is found in some group"
            if taken is not None:
                assert waiting[taken.lane].pop(0) is taken
                busy.add(taken.lane)
        elif what == "finish" and lane in busy:
            busy.discard(lane)
            sut.finish(lane)
        elif what == "withdraw" and waiting[lane]:
            assert sut.withdraw(waiting[lane].pop(number % len(waiting[lane])))
        elif what in ("heat", "cool"):
            who = "even" if lane == "C" else lane
            (hot.add if what == "heat" else hot.discard)(who)
            sut.regroup(group_of)
        assert sut.waiting_count == sum(len(queue) for queue in waiting.values())
