"""The generation of a journal: in its variables, and above whatever a restart can reach."""

from __future__ import annotations

from relay.journal.generation import (
    NAME,
    PER_GENERATION,
    Generation,
    next_generation,
    pack_generation,
    read_generation,
    relay_epoch,
)
from relay.journal.items import IDS_PER_INCARNATION


def test_a_journal_that_was_never_taken_over_speaks_with_its_incarnation() -> None:
    assert read_generation({}) == Generation()
    assert relay_epoch(0, 7) == 7


def test_what_was_packed_is_read() -> None:
    generation = Generation(2, "osaka-1", "osaka")
    assert read_generation({NAME: pack_generation(generation)}) == generation


def test_no_number_of_restarts_reaches_the_next_generation() -> None:
    """Exchange numbers are 63 bits: there is no incarnation as high as a generation."""
    assert PER_GENERATION * IDS_PER_INCARNATION > 2**63
    for newest in (0, 7, PER_GENERATION - 1, PER_GENERATION, PER_GENERATION + 3):
        fence = relay_epoch(next_generation(newest), 0)
        assert fence > newest
        assert fence - PER_GENERATION <= newest


def test_relay_epochs_have_room_in_a_header() -> None:
    assert relay_epoch(900_000_000, PER_GENERATION - 1) <= 2**53 - 1
