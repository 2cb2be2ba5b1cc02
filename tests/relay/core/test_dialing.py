"""The pace of connecting: at once while there are answers, seldom while there are none."""

from __future__ import annotations

from random import Random

from relay.core.dialing import DialPace

FIRST_MS, MAX_MS = 50, 500


def pace() -> DialPace:
    return DialPace(FIRST_MS, MAX_MS, Random(3))


def test_without_trouble_nothing_waits() -> None:
    each = pace()
    for now_ms in range(100):
        each.opened(now_ms)
        assert each.wait_ms(now_ms) == 0
    assert not each.is_troubled


def test_the_pause_doubles_up_to_its_limit_and_keeps_at_least_half() -> None:
    each, now_ms, pauses = pace(), 1_000, []
    each.troubled(now_ms)
    for _ in range(8):
        pauses.append(each.wait_ms(now_ms))
        now_ms += pauses[-1]
        assert each.wait_ms(now_ms) == 0
        each.opened(now_ms)
    whole = [50, 100, 200, 400, 500, 500, 500, 500]
    assert all(most // 2 <= pause <= most for pause, most in zip(pauses, whole, strict=True)), pauses
    assert len(set(pauses[4:])) > 1, "left to chance"


def test_many_troubles_at_once_are_one() -> None:
    each = pace()
    for _ in range(100):
        each.troubled(1_000)
    assert each.wait_ms(1_000) <= FIRST_MS


def test_an_answer_ends_it() -> None:
    each = pace()
    for now_ms in range(1_000, 9_000, 1_000):
        each.troubled(now_ms)
    each.answered()
    assert (each.is_troubled, each.wait_ms(8_001)) == (False, 0)
    each.troubled(8_001)
    assert each.wait_ms(8_001) <= FIRST_MS, "the next trouble begins anew"
