"""The way between door and core: shares at the limit, groups, refusals with their reason, no card data."""

from __future__ import annotations

from hashlib import blake2b
from typing import cast

import msgspec
import pytest

from protocols.dialect import Dialect
from protocols.vocabulary import CardData, DoubtPolicy, MessageClass, Pan, Request, Secret
from relay.exchange.hotspots import HotLimits
from relay.exchange.lanes import LaneLimits
from relay.exchange.limits import DeskLimits
from relay.exchange.ports import ListenerFacts
from relay.exchange.pressure import Why
from relay.exchange.register import Open
from relay.exchange.traffic import Traffic, branch_of
from relay.telemetry.metrics import Metrics

FACTS = ListenerFacts("atm", "bank", "atm", 15_000, cast(Dialect, None), branch_name_chars=2)
PAN = "4111111111111111"
HOT = HotLimits(branch_per_s_min=20.0, learning_ms=1_000_000)  # held against the others: no past is needed


class Street:
    def __init__(self, queue_count_max: int = 2_000, inflight: int = 64, hot: HotLimits = HOT) -> None:
        self.metrics = Metrics()
        self.traffic = Traffic(
            DeskLimits(
                inflight_count_min=inflight,
                inflight_count_max=inflight,
                lanes=LaneLimits(queue_count_max=queue_count_max),
                hot=hot,
            ),
            lambda text: blake2b(text.encode(), digest_size=16).digest(),
            self.metrics,
        )
        self.now_ms = 0
        self._number = 0

    def message(self, terminal: str, pan: str = "", to_account: str | None = None) -> Open:
        self._number += 1
        request = Request(
            key=f"{terminal}-{self._number}",
            message_class=MessageClass.FINANCIAL,
            kind="withdrawal",
            doubt_policy=DoubtPolicy.UNDO,
            channel="atm",
            realm="bank",
            terminal=terminal,
            acquirer="1",
            fingerprint_text=Secret(""),
            card=CardData(pan=Pan(pan)) if pan else None,
            to_account=to_account,
        )
        return Open(self._number, request, b"", 1, None, None, None, self.now_ms, 0)

    def refuses(self, entry: Open, remaining_ms: int = 15_000) -> bool:
        return self.traffic.refuses(entry, FACTS, remaining_ms, self.now_ms)

    def storm(self, branch: str = "B7", seconds: int = 3, terminals: int = 40) -> None:
        """Usual traffic of four branches, and forty a second of one; nothing is kept."""
        for number in range(seconds * 40):
            self.now_ms += 25
            self.refuses(self.message(f"{branch}{number % terminals:04}"))
            if number % 40 == 0:
                for other in ("B1", "B2", "B3", "B4"):
                    self.refuses(self.message(f"{other}0001"))

    def begin(self) -> Open | None:
        entry = self.traffic.take_next(self.now_ms)
        if entry is not None:
            entry.started_ms = self.now_ms
            self.traffic.started(entry)
        return entry


def branched(street: Street, terminal: str) -> Open:
    """A message as it comes out of the door."""
    entry = street.message(terminal)
    assert not street.refuses(entry)
    street.traffic.offer(entry, street.now_ms)
    return entry


def test_a_storm_is_seen_and_leaves_everybody_elses_line() -> None:
    street = Street()
    waiting = [branched(street, f"B7{n:04}") for n in range(30)]
    cold = branched(street, "B10001")
    street.storm()
    assert list(street.traffic.spots.lanes) == ["branch B7"]
    assert {entry.group for entry in waiting} == {"branch B7"}
    assert street.traffic.lanes.waiting_of("branch B7") == 30
    first = [street.begin() for _ in range(8)]
    assert cold in first, "ahead of the thirty that came before it, but for the hot lane's guarantee"
    assert first.index(cold) <= street.traffic.budget.guaranteed(64)


def test_hot_lanes_use_what_is_free_up_to_their_budget_and_no_further() -> None:
    street = Street(inflight=20)
    street.storm()
    for number in range(30):
        branched(street, f"B7{number:04}")
    begun = [street.begin() for _ in range(20)]
    assert sum(entry is not None for entry in begun) == street.traffic.budget.slots == 10
    cold = branched(street, "B10002")
    assert street.begin() is cold, "everybody else keeps the other half"


def test_the_guarantee_is_served_while_everybody_else_wants_everything() -> None:
    street = Street(inflight=20)
    street.storm()
    for number in range(30):
        branched(street, f"B7{number:04}")
        branched(street, f"B1{number:04}")
    groups = [entry.group for _ in range(20) if (entry := street.begin())]
    assert groups.count("branch B7") == 2, "a tenth"


def test_two_hot_lanes_take_turns_and_neither_has_it_all() -> None:
    street = Street(inflight=40)
    street.storm("B7")
    street.storm("B8")
    for number in range(30):
        branched(street, f"B7{number:04}")
    for number in range(30):
        branched(street, f"B8{number:04}")
    groups = [entry.group for _ in range(40) if (entry := street.begin())]
    assert len(groups) == 20
    assert groups.count("branch B7") == groups.count("branch B8") == 10


def test_a_call_counts_in_the_group_it_was_started_in() -> None:
    street = Street()
    street.storm()
    branched(street, "B70001")
    entry = street.begin()
    assert entry is not None
    assert street.traffic.hot_calls == 1
    street.traffic.use(HotLimits(enabled=False), street.now_ms)
    street.traffic.ended(entry, False, 1, street.now_ms + 50)
    assert street.traffic.hot_calls == 0


def test_a_hot_lanes_calls_do_not_move_the_cores_target() -> None:
    street = Street()
    street.traffic.target = type(street.traffic.target)(4, 512)
    street.storm()
    for number in range(400):
        branched(street, f"B7{number % 40:04}")
        entry = street.begin()
        assert entry is not None
        street.now_ms += 30
        street.traffic.ended(entry, True, 1, street.now_ms)
        street.traffic.lanes.finish(entry.lane)
    assert street.traffic.target.target == 64
    assert street.traffic.budget.slots < 32, "the hot lanes gave way instead"


@pytest.mark.parametrize(("waiting", "is_refused"), [(24, False), (25, True)])
def test_lane_share_percent_is_one_hot_lanes_part_of_the_queue(waiting: int, is_refused: bool) -> None:
    street = Street(queue_count_max=100)
    street.storm()
    for number in range(waiting):
        branched(street, f"B7{number:04}")
    assert street.refuses(street.message("B70039")) == is_refused
    assert not street.refuses(street.message("B10009"))


@pytest.mark.parametrize(("share_percent", "is_refused"), [(40, True), (41, False)])
def test_share_percent_is_all_hot_lanes_part_of_the_queue(share_percent: int, is_refused: bool) -> None:
    street = Street(queue_count_max=100, hot=msgspec.structs.replace(HOT, share_percent=share_percent, lane_share_percent=25))
    street.storm("B7")
    street.storm("B8")
    for number in range(20):
        branched(street, f"B7{number:04}")
        branched(street, f"B8{number:04}")
    assert street.refuses(street.message("B70039")) == is_refused


def test_everybody_else_keeps_the_queue_less_the_hot_share_even_when_the_storm_filled_it_first() -> None:
    street = Street(queue_count_max=100)
    for number in range(100):
        branched(street, f"B7{number:04}")
    full = street.message("B10001")
    assert street.refuses(full)
    street.storm()
    assert street.traffic.lanes.waiting_of("branch B7") == 100
    for number in range(50):
        branched(street, f"B1{number:04}")
    assert street.refuses(street.message("B19999")), "the fiftieth was the last"
    assert street.traffic.pressure.refusals(street.now_ms)[False, Why.QUEUE_FULL] >= 1


def test_refusals_say_why() -> None:
    street = Street(queue_count_max=5)
    late = street.message("B10001")
    assert street.refuses(late, remaining_ms=199)
    street.traffic.expired(late, 0)
    for number in range(5):
        branched(street, f"B1{number:04}")
    assert street.refuses(street.message("B10001"))
    behind = Street()
    for _ in range(8):
        branched(behind, "B10001")
    assert behind.refuses(behind.message("B10001"))
    assert street.traffic.pressure.refusals(0) == {
        (False, Why.TOO_LATE): 1,
        (False, Why.WAITED_TOO_LONG): 1,
        (False, Why.QUEUE_FULL): 1,
    }
    assert behind.traffic.pressure.refusals(0) == {(False, Why.TERMINAL_QUEUE_FULL): 1}
    sample = street.metrics.registry.get_sample_value("relay_door_refusals_total", {"lane": "other", "why": "waited-too-long"})
    assert sample == 1


def test_a_lane_that_came_while_the_message_was_written_is_its_lane() -> None:
    street = Street()
    entry = street.message("B70001")
    assert not street.refuses(entry)
    assert entry.group == ""
    street.storm()
    street.traffic.offer(entry, street.now_ms)
    assert entry.group == "branch B7"


def test_other_limits_end_every_lane_and_lose_nobody() -> None:
    street = Street()
    street.storm()
    waiting = [branched(street, f"B7{n:04}") for n in range(20)]
    street.traffic.use(HotLimits(enabled=False), street.now_ms)
    assert street.traffic.spots.lanes == {}
    assert [street.begin() for _ in range(20)] == waiting
    street.storm()
    assert street.traffic.spots.lanes == {}
    moves = {
        move: street.metrics.registry.get_sample_value("relay_hot_lane_moves_total", {"scope": "branch", "move": move})
        for move in ("entered", "left")
    }
    assert moves == {"entered": 1, "left": 1}


def test_an_account_is_never_known_by_its_number(capsys: pytest.CaptureFixture[str]) -> None:
    street = Street(hot=HotLimits(account_per_s_min=5.0, learning_ms=1_000_000))
    for number in range(200):
        street.now_ms += 25
        street.refuses(street.message(f"{10 + number % 90}-{number}", pan=PAN, to_account=f"999-{number % 100}"))
    (lane,) = street.traffic.spots.lanes.values()
    assert lane.scope == "account"
    spoken = "".join([*street.traffic.spots.lanes, *street.traffic.examples, *capsys.readouterr()])
    assert PAN not in spoken
    assert "999-" not in spoken


@pytest.mark.parametrize(
    ("channel", "chars", "terminal", "branch"),
    [
        ("atm", 0, "ATM00123", ""),
        ("atm", 5, "ATM00123", "ATM00"),
        ("branch", 0, "0001-123-0456", "0001-123"),
        ("branch", 4, "0001-123-0456", "0001"),
        ("partner", 0, "0005-001", "zengin-rc"),
    ],
)
def test_which_branch_a_terminal_belongs_to(channel: str, chars: int, terminal: str, branch: str) -> None:
    facts = ListenerFacts("zengin-rc", "bank", channel, 15_000, cast(Dialect, None), branch_name_chars=chars)
    assert branch_of(facts, terminal) == branch
