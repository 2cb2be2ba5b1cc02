"""Histories of all dialects hold, the same seed is the same history, and what they are made of is what they should be."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from relay.loopback.faults import Fault
from tests.simulation.banks import PLAIN
from tests.simulation.rooms import Violation
from tests.simulation.shrink import shrink
from tests.simulation.weather import FAULTS
from tests.simulation.world import ROOMS, World

SEEDS = range(1, 21)
LISTENERS = {"atm", "ndc", "branch", "zengin", "files"}
PARTIES = ("books", "ndcbooks", "centerbooks", "filebooks", "branchtill")
pytestmark = [
    pytest.mark.timeout(600),  # thousands of simulated seconds each: what a loaded machine needs, not a goal
    # A peer that is cancelled in the middle of a call leaves its end of the line to the collector, in a life or in a test.
    pytest.mark.filterwarnings("ignore:unclosed <StreamWriter:ResourceWarning"),
]


@pytest.mark.parametrize("first", SEEDS[::5])
def test_every_history_keeps_the_laws(first: int) -> None:
    ends: set[str] = set()
    exchanges = faults = 0
    for seed in range(first, first + 5):
        figures = World(seed).run()
        ends |= set(figures.outbound)
        assert figures.exchanges > 1_000, "a history in which nothing happened proves nothing"
        assert set(figures.by_listener) == LISTENERS, "all dialects take part"
        exchanges += figures.exchanges
        faults += figures.faults
    assert faults * 20 >= exchanges, "at least one fault per twenty exchanges"
    assert {"acknowledged", "unknown", "cancelled", "failed"} >= ends >= {"acknowledged", "unknown"}


@pytest.mark.parametrize("seed", [3, 4])
def test_a_core_without_a_writer_for_45_seconds_costs_nobody_anything(seed: int) -> None:
    """Its database fails over: it reads, refuses most of what it is to write, and says nothing about the rest."""
    world = World(seed, kinds=("no-writer", "kill", "cut-link"), faults_ms=60_000, bank=PLAIN)
    figures = world.run()
    assert world.injector.counts[Fault.CORE_5XX] > 100, "else its database had a writer all the time"
    assert figures.exchanges > 1_000
    assert figures.listed < figures.exchanges / 20, "what the core did not take meanwhile is owed on, and nobody's work"


def test_the_same_seed_is_the_same_history() -> None:
    assert World(7).run() == World(7).run()


def test_the_books_know_neither_relay_nor_journal() -> None:
    """Two parties that share code share mistakes."""
    loopback = Path(__file__).parents[2] / "relay" / "loopback"
    for source in [*(loopback / f"{name}.py" for name in PARTIES), Path(__file__).with_name("handbook.py")]:
        imported = {
            module.split(".")[0]
            for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
            for module in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [])
            + ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [])
        }
        assert not imported & {"relay", "protocols"}, f"{source.name} imports {imported}"


def test_a_failing_seed_is_told_in_the_shortest_history_that_still_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = World._check_step

    def allergic(self: World) -> None:
        whole(self)
        if "branch" in self.rooms and any(line.endswith(" epoch") for line in self.transcript):
            raise Violation("law 99: an epoch among branches")

    monkeypatch.setattr(World, "_check_step", allergic)
    shortest = shrink(1)
    assert shortest is not None
    assert shortest.rooms == ("branch",)
    assert set(shortest.kinds) < set(FAULTS)
    assert "epoch" in shortest.kinds
    assert shortest.transcript[-1].endswith(" epoch")
    assert "law 99" in shortest.in_words()


def test_the_rooms_are_the_dialects() -> None:
    assert set(ROOMS) == LISTENERS
