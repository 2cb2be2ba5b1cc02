"""The long run goes on where it was interrupted, counts what its file says, and a history in it is the history alone."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from relay.exchange.exchange import TRANSITIONS
from tests.simulation import longrun
from tests.simulation.longrun import History, Results, long_run, summed
from tests.simulation.world import Figures


def made(seed: int, violation: str = "", faults: int = 10) -> History:
    figures = Figures(
        seed=seed,
        exchanges=100,
        faults=faults,
        crashes=1,
        simulated_ms=3_600_000,
        listed=2,
        trace="",
        answered_by_core=50,
        by_listener={"atm": 60, "ndc": 40},
        bank="plain",
    )
    return History(seed=seed, figures=None if violation else figures, rows={"ASKED OUTCOME_KNOWN": 99}, violation=violation)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seeds that were run, without running any."""
    seeds: list[int] = []

    def one(seed: int) -> History:
        seeds.append(seed)
        return made(seed, violation="law 2: posted twice" if seed == 3 else "")

    monkeypatch.setattr(longrun, "history", one)
    monkeypatch.setattr(longrun, "_prepare", lambda: None)
    return seeds


def test_it_goes_on_where_it_was_interrupted(tmp_path: Path, ran: list[int]) -> None:
    path = tmp_path / "long.jsonl"
    long_run(path, 1, 200, 1, lambda text: None)
    assert ran == [1, 2]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - 40])  # the machine went down in the middle of the second line
    total = long_run(path, 1, 400, 1, lambda text: None)
    assert ran == [1, 2, 2, 3, 4, 5], "the second is run again; the third broke a law, so its exchanges do not count"
    assert (total["exchanges"], total["violations"], total["violations_by_seed"]) == (400, 1, {3: "law 2: posted twice"})
    assert len(Results(path).histories) == 5


def test_the_sum_says_what_is_covered_and_whether_there_were_faults_enough() -> None:
    total = summed([made(1), made(2, faults=1)])
    assert (total["simulated_hours"], total["crash_points"], total["listed"]) == (2.0, 2, 4)
    assert total["by_listener"] == {"atm": 120, "ndc": 80}
    assert total["rows_taken_100_times"] == 1
    assert total["rows_of_the_exchange_table"] == len(TRANSITIONS)
    assert total["faults_are_enough"] is True
    assert summed([made(1, faults=4)])["faults_are_enough"] is False
    assert summed([made(1, faults=5)])["faults_are_enough"] is True


@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore:unclosed <StreamWriter:ResourceWarning")
def test_a_history_is_the_same_in_another_process(tmp_path: Path) -> None:
    total = long_run(tmp_path / "long.jsonl", 41, 1, 2, lambda text: None)
    kept = Results(tmp_path / "long.jsonl").histories
    alone = longrun.history(41)
    assert msgspec.structs.replace(kept[41], cpu_ms=0) == msgspec.structs.replace(alone, cpu_ms=0)
    assert total["violations"] == 0
