"""Faults come from a seed, at their rates, and windows know what is inside."""

from __future__ import annotations

import pytest

from relay.loopback.faults import STORM, Drawn, Fault, FaultInjector, Window, is_outside


def test_the_same_seed_draws_the_same_faults() -> None:
    one, two = FaultInjector(seed=7), FaultInjector(seed=7)
    one.set_rates(STORM)
    two.set_rates(STORM)
    assert [one.draw() for _ in range(500)] == [two.draw() for _ in range(500)]


def test_every_fault_strikes_about_as_often_as_asked() -> None:
    faults = FaultInjector(seed=3)
    faults.set_rates(STORM)
    for _ in range(20_000):
        faults.draw()
    for fault, rate in STORM.items():
        assert rate * 0.7 < faults.counts[fault] / 20_000 < rate * 1.3


def test_off_means_off_and_certain_means_always() -> None:
    faults = FaultInjector()
    assert faults.draw() is None
    faults.set_rates({Fault.DROP_AFTER_COMMIT: 1.0})
    assert faults.is_on
    assert faults.draw() == Drawn(Fault.DROP_AFTER_COMMIT, True)
    faults.set_rates({})
    assert not faults.is_on
    assert faults.draw() is None


def test_a_late_commit_never_commits_at_once() -> None:
    faults = FaultInjector(late_commit_ms_max=50)
    faults.set_rates({Fault.LATE_COMMIT: 1.0})
    drawn = [faults.draw() for _ in range(50)]
    assert all(d is not None and not d.commits and 1 <= d.delay_ms <= 50 for d in drawn)


@pytest.mark.parametrize("rates", [{Fault.HANG: 0.6, Fault.SLOW: 0.5}, {Fault.HANG: -0.1}])
def test_impossible_rates_are_refused(rates: dict[Fault, float]) -> None:
    with pytest.raises(ValueError, match="rate"):
        FaultInjector().set_rates(rates)


def test_windows_have_tails() -> None:
    windows = [Window(1_000, 2_000, "storm")]
    assert is_outside(windows, 0, 999)
    assert not is_outside(windows, 900, 1_100)
    assert not is_outside(windows, 2_500, 2_600)
    assert is_outside(windows, 2_501, 2_600, tail_ms=500)
