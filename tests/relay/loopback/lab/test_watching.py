"""What terminals see: the longest pause, who was missing, when all were back."""

from __future__ import annotations

from relay.loopback.lab.watching import Watcher


def test_the_longest_pause_is_between_two_answers_and_counts_while_it_lasts() -> None:
    watcher = Watcher("atm", 2, (10, 0, 0, 0), 1_000.0)
    watcher.look(2, (11, 0, 0, 0), 1_100.0)
    watcher.look(2, (11, 1, 0, 0), 1_700.0)
    assert watcher.seen().pause_ms == 600.0, "a refusal is no service"
    watcher.look(2, (12, 1, 1, 2), 1_800.0)
    seen = watcher.seen()
    assert (seen.pause_ms, seen.answers, seen.refused, seen.doubted, seen.timed_out) == (700.0, 2, 1, 1, 2)


def test_sessions_are_back_when_all_of_them_are() -> None:
    watcher = Watcher("atm", 3, (0, 0, 0, 0), 0.0)
    assert watcher.seen().back_ms == 0.0
    watcher.look(1, (0, 0, 0, 0), 10.0)
    watcher.look(2, (0, 0, 0, 0), 20.0)
    assert (watcher.seen().missing_most, watcher.seen().back_ms) == (2, -1.0)
    watcher.look(3, (0, 0, 0, 0), 30.0)
    watcher.look(3, (0, 0, 0, 0), 40.0)
    assert watcher.seen().back_ms == 30.0
    watcher.look(2, (0, 0, 0, 0), 50.0)
    assert watcher.seen().back_ms == -1.0
