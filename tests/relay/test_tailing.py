"""A lost tail as people see it and speak of it: its row, why service should wait, and evidence that reaches too far."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from relay.control import regions as c
from relay.errors import RelayError
from relay.reconcile.tail import Tail
from relay.settings import Settings
from relay.tailing import HOUR_MS, measure_again, tail_row, unfinished_in_words, work_ms

NOW_MS = 1_795_478_400_000


class Tails:
    """As far as words go."""

    def __init__(self, tail: Tail | None, is_finished: bool = False) -> None:
        self.tail = tail
        self.is_finished = is_finished
        self.trouble = "unreachable"
        self.measured: list[tuple[int, int, str, str]] = []

    def measure_again(self, lag_ms: int, from_ms: int, who: str, why: str) -> None:
        self.measured.append((lag_ms, from_ms, who, why))


def tail(**changes: Any) -> Tail:
    return Tail(**{"epoch": 9, "began_ms": NOW_MS - 1_000, "lag_ms": 5_000, **changes})


def daemon(tails: Tails, adopted: Tails | None = None) -> Any:
    return SimpleNamespace(
        regions=SimpleNamespace(tails=tails, taking_over=SimpleNamespace(tails=adopted)),
        settings=Settings(),
        clock=SimpleNamespace(wall_ms=lambda: NOW_MS),
    )


def test_the_row_says_how_far_it_is_and_on_whose_word() -> None:
    assert tail_row(Tails(None)) == c.TailRow()  # type: ignore[arg-type]
    row = tail_row(Tails(tail(since_ms=7, asked=3, missing=2, mended=1, listed=1)))  # type: ignore[arg-type]
    assert (row.epoch, row.since_ms, row.asked, row.missing, row.mended, row.listed) == (9, 7, 3, 2, 1, 1)
    assert (row.evidence, row.is_finished, row.trouble) == ("a lag of 5000 ms, assumed", False, "unreachable")
    given = tail_row(Tails(tail(from_ms=3, who="Sato", why="LSN 0/5"), is_finished=True))  # type: ignore[arg-type]
    assert (given.evidence, given.is_finished) == ("from a given time, by Sato: LSN 0/5", True)


def test_why_service_should_wait() -> None:
    assert unfinished_in_words(Tails(tail(), is_finished=True)) == ""  # type: ignore[arg-type]
    assert "not been asked for yet" in unfinished_in_words(Tails(None))  # type: ignore[arg-type]
    assert "not been asked for yet" in unfinished_in_words(Tails(tail()))  # type: ignore[arg-type]
    assert "1 rows" in unfinished_in_words(Tails(tail(is_measured=True, pending=(1,))))  # type: ignore[arg-type]


def test_evidence_is_taken_up_where_its_messages_are_kept() -> None:
    window_ms = Settings().region.tail_replay_window_hours * HOUR_MS
    oldest_ms = NOW_MS - 1_000 - window_ms
    tails = Tails(tail())
    for from_ms in (oldest_ms, NOW_MS):
        measure_again(daemon(tails), c.RegionTailArgs(from_ms=from_ms, who="Sato", why="LSN"))
    measure_again(daemon(tails), c.RegionTailArgs(lag_ms=9, who="Sato", why="LSN"))
    assert tails.measured == [(0, oldest_ms, "Sato", "LSN"), (0, NOW_MS, "Sato", "LSN"), (9, 0, "Sato", "LSN")]
    for from_ms in (oldest_ms - 1, NOW_MS + 1):
        with pytest.raises(RelayError, match="not within"):
            measure_again(daemon(tails), c.RegionTailArgs(from_ms=from_ms, who="Sato", why="LSN"))
    with pytest.raises(RelayError, match="nothing can be lost"):
        measure_again(daemon(Tails(None)), c.RegionTailArgs(lag_ms=1, who="Sato", why="LSN"))


def test_another_centers_journal_has_a_tail_of_its_own_and_both_must_end() -> None:
    own, adopted = Tails(tail(), is_finished=True), Tails(tail(is_measured=True, pending=(1, 2)))
    row = tail_row(own, adopted)  # type: ignore[arg-type]
    assert (row.is_finished, row.left) == (False, 2)
    assert "2 rows" in unfinished_in_words(own, adopted)  # type: ignore[arg-type]
    adopted.is_finished = True
    assert tail_row(own, adopted).is_finished  # type: ignore[arg-type]
    assert unfinished_in_words(own, adopted) == ""  # type: ignore[arg-type]
    measure_again(daemon(own, adopted), c.RegionTailArgs(lag_ms=9, who="Sato", why="LSN"))
    assert own.measured == adopted.measured == [(9, 0, "Sato", "LSN")], "one region, one lag"


def test_a_message_is_in_work_as_long_as_its_reply_or_its_completion_takes() -> None:
    assert work_ms(Settings()) == 120_000 + 4_000
    slow = Settings.model_validate({"listener": ({"name": "a", "reply_deadline_ms": 300_000},)})
    assert work_ms(slow) == 300_000 + 4_000
