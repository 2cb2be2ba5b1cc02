"""The way of the core calls: when it turns, when it turns back, and that it does not swing."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from relay.pair.beat import Sight
from relay.pair.detour import TABLE, Detour, DetourRules, Turn, Way
from relay.pair.findings import Finding

RULES = DetourRules(return_after_ms=10_000, return_max_ms=35_000, damping_window_ms=600_000)
CUT, NORMAL = Finding.CROSS_CONNECT_LOST, Finding.NORMAL
OK, BAD = Sight.OK, Sight.FAILING


def gone(at_ms: int = 0) -> Detour:
    detour = Detour(RULES)
    assert detour.look(CUT, BAD, True, at_ms)
    assert detour.way is Way.THROUGH_PEER
    return detour


def test_every_pair_has_a_row() -> None:
    assert set(TABLE) == set(product(Way, Turn))


def test_only_one_finding_and_a_peer_that_serves_lead_through_it() -> None:
    for finding in Finding:
        for serves in (True, False):
            detour = Detour(RULES)
            detour.look(finding, BAD, serves, 0)
            assert (detour.way is Way.THROUGH_PEER) == (finding is CUT and serves)


def test_back_when_the_direct_way_was_good_for_so_long_without_a_break() -> None:
    detour = gone()
    assert not detour.look(NORMAL, OK, True, 5_000)
    assert not detour.look(NORMAL, OK, True, 14_999)
    assert detour.look(NORMAL, OK, True, 15_000)
    assert detour.way is Way.DIRECT


def test_a_break_begins_it_anew() -> None:
    detour = gone()
    detour.look(NORMAL, OK, True, 5_000)
    detour.look(CUT, Sight.UNKNOWN, True, 14_000)
    assert not detour.look(NORMAL, OK, True, 16_000)
    assert not detour.look(NORMAL, OK, True, 25_999)
    assert detour.look(NORMAL, OK, True, 26_000)


def test_a_peer_that_is_no_use_any_more_is_left_at_once() -> None:
    detour = gone()
    assert detour.look(CUT, BAD, False, 1)
    assert detour.way is Way.DIRECT


def test_who_leaves_again_soon_waits_twice_as_long_up_to_a_limit_and_who_does_not_begins_anew() -> None:
    detour, now_ms, waits = Detour(RULES), 0, []
    for _ in range(4):
        assert detour.look(CUT, BAD, True, now_ms)
        waits.append(detour.return_after_ms)
        detour.look(NORMAL, OK, True, now_ms)
        now_ms += detour.return_after_ms
        assert detour.look(NORMAL, OK, True, now_ms)
    assert waits == [10_000, 20_000, 35_000, 35_000]
    assert detour.look(CUT, BAD, True, now_ms + RULES.damping_window_ms)
    assert detour.return_after_ms == 10_000


@given(
    st.lists(st.tuples(st.integers(100, 3_000), st.sampled_from(Finding), st.sampled_from(Sight), st.booleans()), max_size=120)
)
def test_it_never_goes_back_to_a_direct_way_that_was_not_good_unless_the_peer_is_no_use(
    looks: list[tuple[int, Finding, Sight, bool]],
) -> None:
    detour, now_ms, good_since_ms = Detour(RULES), 0, None
    for pause_ms, finding, direct, serves in looks:
        now_ms += pause_ms
        good_since_ms = None if direct is not OK else now_ms if good_since_ms is None else good_since_ms
        if detour.look(finding, direct, serves, now_ms) and detour.way is Way.DIRECT and serves:
            assert good_since_ms is not None
            assert now_ms - good_since_ms >= RULES.return_after_ms
        assert serves or detour.way is Way.DIRECT
        assert RULES.return_after_ms <= detour.return_after_ms <= RULES.return_max_ms
