"""Wrong passwords, a thousand of them: who guesses waits, the owner hardly, others not at all; and nothing is for ever."""

from __future__ import annotations

from relay.console.lockout import (
    ACCOUNT_FREE_TRIES,
    ACCOUNT_WAIT_MS,
    FIRST_WAIT_MS,
    FORGET_MS,
    FREE_TRIES,
    LONGEST_WAIT_MS,
    Lockout,
)


def test_the_first_few_cost_nothing_then_the_wait_doubles_to_its_longest() -> None:
    lockout, now_ms, waits = Lockout(), 0, []
    for _ in range(FREE_TRIES + 12):
        waits.append(lockout.wait_ms("sato", "a", now_ms))
        now_ms += waits[-1]
        lockout.failed("sato", "a", now_ms)
    assert waits[: FREE_TRIES + 1] == [0] * (FREE_TRIES + 1)
    assert waits[FREE_TRIES + 1 : FREE_TRIES + 4] == [FIRST_WAIT_MS, FIRST_WAIT_MS * 2, FIRST_WAIT_MS * 4]
    assert max(waits) == waits[-1] == LONGEST_WAIT_MS


def test_a_thousand_wrong_ones_lock_nobody_else_out() -> None:
    lockout = Lockout()
    lockout.succeeded("sato", "home")
    for _ in range(1_000):
        lockout.failed("sato", "evil", 0)
    assert lockout.wait_ms("sato", "evil", 0) == LONGEST_WAIT_MS
    assert lockout.wait_ms("sato", "home", 0) == 0, "where he signs in from"
    assert lockout.wait_ms("sato", "elsewhere", 0) == ACCOUNT_WAIT_MS, "seconds"
    assert lockout.wait_ms("suzuki", "evil", 0) == 0, "behind the same gateway"
    assert lockout.wait_ms("sato", "evil", LONGEST_WAIT_MS) == 0


def test_a_thousand_addresses_cost_the_account_seconds_only() -> None:
    lockout = Lockout()
    for number in range(1_000):
        lockout.failed("sato", f"a{number}", number)
    assert 0 < lockout.wait_ms("sato", "home", 1_000) <= ACCOUNT_WAIT_MS
    few = Lockout()
    for number in range(ACCOUNT_FREE_TRIES):
        few.failed("sato", f"a{number}", 0)
    assert few.wait_ms("sato", "home", 0) == 0, "the limit itself is free"


def test_a_right_one_and_a_calm_hour_begin_anew() -> None:
    lockout = Lockout()
    for _ in range(FREE_TRIES + 1):
        lockout.failed("sato", "a", 0)
    lockout.succeeded("sato", "a")
    assert lockout.wait_ms("sato", "a", 0) == 0
    for _ in range(FREE_TRIES + 5):
        lockout.failed("sato", "b", 0)
    lockout.failed("sato", "b", FORGET_MS + 1)
    assert lockout.wait_ms("sato", "b", FORGET_MS + 1) == 0


def test_the_table_is_bounded_and_what_is_locked_stays() -> None:
    lockout = Lockout(entries_count_max=10)
    for _ in range(FREE_TRIES + 3):
        lockout.failed("sato", "evil", 0)
    for number in range(100):
        lockout.failed(f"n{number}", "evil", 1)
    assert lockout.wait_ms("sato", "evil", 1) > 0
    assert len(lockout._tries) <= 11
