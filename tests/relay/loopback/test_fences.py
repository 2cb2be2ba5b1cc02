"""Whose lives the fake core listens to: the newest of each center, and none below a fence, whoever says it how often."""

from __future__ import annotations

from relay.core import contract as c
from relay.loopback.fences import RelayEpochs

FENCE = c.FenceRequest(relay_epoch=10_000_000, run="osaka-1", reason="no power")


def test_a_newer_life_shuts_out_the_older() -> None:
    epochs = RelayEpochs()
    assert epochs.admits("tokyo", 7)
    assert epochs.admits("tokyo", 8)
    assert not epochs.admits("tokyo", 7)
    assert epochs.admits("osaka", 1), "another center has lives of its own"


def test_a_fence_stands_against_every_restart_below_it_and_is_the_same_when_asked_for_again() -> None:
    epochs = RelayEpochs()
    epochs.saw("tokyo", 7)
    assert epochs.raise_fence("tokyo", FENCE, "osaka")
    assert not any(epochs.admits("tokyo", life) for life in (7, 8, 9_999_999))
    assert epochs.admits("tokyo", 10_000_003), "its heir"
    assert epochs.raise_fence("tokyo", FENCE, "osaka"), "the same one, though the heir has spoken above it"
    standing = epochs.standing("tokyo")
    assert (standing.newest, standing.fence, standing.run, standing.by) == (10_000_003, 10_000_000, "osaka-1", "osaka")


def test_a_fence_that_a_life_has_passed_is_none() -> None:
    epochs = RelayEpochs()
    epochs.saw("tokyo", 10_000_000)
    assert not epochs.raise_fence("tokyo", FENCE, "osaka")
    assert epochs.standing("tokyo") == c.CenterAnswer(center="tokyo", newest=10_000_000)
    assert epochs.admits("tokyo", 10_000_000)


def test_a_copy_goes_its_own_way() -> None:
    epochs = RelayEpochs()
    copied = epochs.copy()
    epochs.raise_fence("tokyo", FENCE, "osaka")
    assert copied.admits("tokyo", 1)
    assert not epochs.copy().admits("tokyo", 1)
