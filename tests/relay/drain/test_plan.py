"""Who is told to sign off, and when: classes in their order, idle first, busy ones as soon as they may, all in the end."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.machine import Unexpected
from relay.drain.plan import CLASSES, Drain, DrainRules, Session
from relay.drain.stages import Stage

STEP_MS = 1_000
RULES = DrainRules(step_ms=STEP_MS, sign_off_ms=2_000, told_per_s_max=100_000)
DEADLINE_MS = 20_000


@dataclass
class Room:
    """Sessions by name; an idle one that is told is gone at the next look."""

    rules: DrainRules = RULES
    now_ms: int = 0
    busy: dict[str, bool] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    reset: list[str] = field(default_factory=list)
    is_shut: bool = False
    is_over: bool = False

    def __post_init__(self) -> None:
        self.drain: Drain[str] = Drain(self.rules)

    def look(self, after_ms: int = 200) -> list[str]:
        """Names told now."""
        self.now_ms += after_ms
        classes = self.drain.classes
        sessions = [
            Session(name, name.split("-")[0], is_busy, name in self.told)
            for name, is_busy in self.busy.items()
            if name.split("-")[0] in classes
        ]
        deeds = self.drain.look(self.now_ms, sessions)
        self.is_shut |= deeds.shut
        self.is_over |= deeds.is_over
        self.told += deeds.tell
        self.reset += deeds.reset
        for name in deeds.reset:
            self.busy.pop(name, None)
        for name in [name for name, is_busy in self.busy.items() if name in self.told and not is_busy]:
            del self.busy[name]
        return list(deeds.tell)

    def start(self, *classes: str, deadline_ms: int = DEADLINE_MS) -> Room:
        self.drain.start(classes or CLASSES, deadline_ms, self.now_ms)
        return self


def test_no_session_is_compared_with_another_however_many_wait() -> None:
    class Line:
        def __eq__(self, other: object) -> bool:
            raise AssertionError("compared")

        __hash__ = None  # type: ignore[assignment]

    atms = [Session(Line(), "atm", is_busy, False) for is_busy in (False, False, True, True)]
    branches = [Session(Line(), "branch", False, False) for _ in range(10)]
    drain: Drain[Line] = Drain(RULES)
    drain.start(CLASSES, DEADLINE_MS, 0)
    assert drain.look(0, []).shut
    drain.look(200, [*atms, *branches])
    told = drain.look(400, [*atms, *branches]).tell
    assert [id(line) for line in told] == [id(each.link) for each in atms[:2]]


def test_doors_first_then_idle_atms_and_so_on_in_the_order() -> None:
    room = Room(busy={"atm-1": False, "atm-2": True, "branch-1": False, "zengin-1": False}).start()
    assert room.look() == []
    assert room.is_shut
    first = room.look()
    assert first[0] == "atm-1"
    assert "branch-1" not in first, "a busy ATM has its step before the branches' turn comes"
    room.busy["atm-2"] = False
    assert room.look() == ["atm-2", "branch-1", "zengin-1"]
    room.look()
    assert room.is_over
    assert room.drain.stage is Stage.DRAINED


def test_a_busy_session_holds_its_class_up_for_one_step_and_is_watched_on() -> None:
    room = Room(busy={"atm-1": True, "branch-1": False}).start()
    room.look()
    room.look()
    assert room.look(STEP_MS) == ["branch-1"]
    assert room.drain.stage is Stage.FINISHING
    room.busy["atm-1"] = False
    assert room.look() == ["atm-1"]


def test_another_order_is_another_turn_and_classes_left_out_go_last() -> None:
    room = Room(DrainRules(order=("zengin",), step_ms=STEP_MS, told_per_s_max=100_000)).start()
    room.busy = {"atm-1": False, "zengin-1": True}
    room.look()
    assert room.look() == []
    assert room.look(STEP_MS) == ["atm-1"]


def test_the_busy_sign_off_before_the_deadline_and_are_reset_at_it() -> None:
    room = Room(busy={"atm-1": True}).start()
    room.look()
    room.look(DEADLINE_MS - RULES.sign_off_ms - 200 - 1)
    assert room.told == []
    assert room.look(1) == ["atm-1"]
    assert room.drain.stage is Stage.SIGNING_OFF
    room.look(RULES.sign_off_ms - 1)
    assert room.reset == []
    room.look(1)
    assert room.reset == ["atm-1"]
    room.look()
    assert room.drain.stage is Stage.DRAINED


def test_other_classes_are_left_alone() -> None:
    room = Room(busy={"atm-1": False, "branch-1": False}).start("branch")
    for _ in range(5):
        room.look()
    assert room.told == ["branch-1"]
    assert room.drain.stage is Stage.DRAINED
    assert "atm-1" in room.busy


def test_the_pace_is_kept() -> None:
    room = Room(DrainRules(told_per_s_max=50, step_ms=60_000), busy={f"atm-{n}": False for n in range(100)})
    room.start(deadline_ms=60_000)
    room.look()
    room.look()
    told = len(room.told)
    room.look(200)
    assert len(room.told) - told == 10


def test_the_pause_after_the_announcement_and_the_deadline_that_is_shorter() -> None:
    room = Room(DrainRules(depreference_ms=5_000, sign_off_ms=0)).start()
    room.look(4_999)
    assert not room.is_shut
    room.look(1)
    assert room.is_shut
    short = Room(DrainRules(depreference_ms=5_000, sign_off_ms=0)).start(deadline_ms=1_000)
    short.look(1_000)
    assert short.is_shut, "the deadline counts from the order"


def test_an_abort_and_a_second_start() -> None:
    room = Room(busy={"atm-1": True}).start()
    with pytest.raises(Unexpected):
        room.start()
    room.look()
    room.drain.abort()
    assert room.drain.stage is Stage.SERVING
    assert room.look() == []
    room.start("atm")
    assert room.drain.classes == {"atm"}


def test_what_was_drained_at_the_last_life_is_drained() -> None:
    room = Room(busy={"atm-1": False})
    room.drain.found(("atm",))
    assert room.look() == []
    assert room.drain.stage is Stage.DRAINED


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from([f"{name}-{n}" for name in CLASSES for n in range(4)]), st.booleans(), max_size=12),
    st.lists(st.tuples(st.integers(1, 3_000), st.booleans()), max_size=40),
    st.permutations(("idle-atm", *CLASSES)),
)
def test_whatever_happens_all_are_gone_one_look_after_the_deadline(
    busy: dict[str, bool], looks: list[tuple[int, bool]], order: tuple[str, ...]
) -> None:
    room = Room(DrainRules(order=tuple(order), step_ms=STEP_MS, sign_off_ms=2_000), busy=dict(busy)).start()
    for after_ms, flips in looks:
        told = room.look(after_ms)
        before_sign_off = room.now_ms < DEADLINE_MS - 2_000
        assert not before_sign_off or all(not busy_then for busy_then in (room.busy.get(name, False) for name in told))
        if flips and room.busy:
            name = sorted(room.busy)[0]
            room.busy[name] = not room.busy[name]
    for after_ms in (max(1, DEADLINE_MS - room.now_ms), 1, 1, 1, 1):
        room.look(after_ms)
    assert not room.busy
    assert room.drain.stage is Stage.DRAINED
