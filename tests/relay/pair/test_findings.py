"""The table of findings: every pair of sights has its row, the rows that matter one by one, and what settles before it is
told.
"""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.control.pair import RUNBOOK, WORDS
from relay.pair.beat import Sight
from relay.pair.findings import TABLE, Finding, Paths, Settling, find, paths_of
from relay.pair.hearing import PathState

OK, BAD, UNKNOWN = Sight.OK, Sight.FAILING, Sight.UNKNOWN
UP, LOST, ONE_WAY, NEW = PathState.UP, PathState.LOST, PathState.ONE_WAY, PathState.UNKNOWN


@pytest.mark.parametrize("states", [*product(PathState, repeat=2), *product(PathState, repeat=1)])
@pytest.mark.parametrize(("ours", "peers"), [*product(Sight, repeat=2)])
def test_whatever_is_seen_means_something(ours: Sight, peers: Sight, states: tuple[PathState, ...]) -> None:
    assert find(ours, peers, states, ()) in Finding


@pytest.mark.parametrize(
    ("ours", "peers", "states", "others", "finding"),
    [
        (OK, OK, (UP, UP), (), Finding.NORMAL),
        (BAD, OK, (UP, UP), (), Finding.CROSS_CONNECT_LOST),
        (BAD, OK, (LOST, UP), (), Finding.CROSS_CONNECT_LOST),
        (OK, BAD, (UP, UP), (), Finding.PEER_CROSS_CONNECT_LOST),
        (BAD, BAD, (UP, UP), (), Finding.REGION_LOST),
        (BAD, BAD, (UP, LOST), (OK,), Finding.REGION_LOST),
        (OK, OK, (UP, LOST), (), Finding.PATH_LOST),
        (OK, OK, (UP, ONE_WAY), (), Finding.PATH_LOST),
        (OK, OK, (LOST, LOST), (), Finding.PEER_LOST),  # what the peer said before counts for nothing
        (OK, BAD, (LOST, ONE_WAY), (), Finding.PEER_LOST),
        (BAD, OK, (LOST, LOST), (OK, BAD), Finding.REGION_UNREACHABLE),
        (BAD, OK, (LOST, LOST), (BAD, BAD), Finding.CUT_OFF),
        (BAD, OK, (LOST, LOST), (), Finding.REGION_UNREACHABLE),  # nobody else to look at
        (BAD, OK, (LOST, LOST), (BAD, UNKNOWN), Finding.REGION_UNREACHABLE),
        (BAD, UNKNOWN, (UP, UP), (BAD, BAD), Finding.REGION_UNREACHABLE),
        (UNKNOWN, OK, (UP, UP), (), Finding.STARTING),
        (OK, UNKNOWN, (NEW, NEW), (), Finding.STARTING),
        (OK, UNKNOWN, (UP, UP), (), Finding.NORMAL),
    ],
)
def test_rows(ours: Sight, peers: Sight, states: tuple[PathState, ...], others: tuple[Sight, ...], finding: Finding) -> None:
    assert find(ours, peers, states, others) is finding


def test_only_a_peer_that_is_heard_and_sees_the_region_makes_it_our_cross_connect() -> None:
    """The one finding that moves calls: nothing else may lead to it."""
    rows = [row for row, finding in TABLE.items() if finding is Finding.CROSS_CONNECT_LOST]
    assert sorted(rows, key=str) == sorted([(BAD, OK, Paths.ALL), (BAD, OK, Paths.SOME)], key=str)


def test_ways() -> None:
    assert paths_of((UP, UP)) is Paths.ALL
    assert paths_of((UP, ONE_WAY)) is Paths.SOME
    assert paths_of((ONE_WAY, LOST)) is paths_of(()) is Paths.NONE


def test_every_finding_has_words_and_every_bad_one_a_page() -> None:
    assert set(WORDS) == {finding.value for finding in Finding}
    assert set(WORDS) - set(RUNBOOK) == {"starting", "normal"}


def test_a_lost_region_that_looks_like_a_cut_cross_connect_for_a_second_is_told_as_what_it_is() -> None:
    settling = Settling(2_000, 0)
    assert not settling.saw(Finding.NORMAL, 0)
    assert settling.saw(Finding.NORMAL, 2_000)
    assert not settling.saw(Finding.CROSS_CONNECT_LOST, 3_000)
    assert not settling.saw(Finding.CROSS_CONNECT_LOST, 4_999)
    assert not settling.saw(Finding.REGION_LOST, 5_000)
    assert settling.finding is Finding.NORMAL
    assert settling.saw(Finding.REGION_LOST, 7_000)
    assert (settling.finding, settling.since_ms) == (Finding.REGION_LOST, 7_000)


@given(st.lists(st.tuples(st.integers(1, 1_500), st.sampled_from(Finding)), max_size=80))
def test_what_is_told_has_stood_for_so_long(seen: list[tuple[int, Finding]]) -> None:
    settling, now_ms = Settling(2_000, 0), 0
    history: list[tuple[int, Finding]] = [(0, Finding.STARTING)]
    for pause_ms, finding in seen:
        now_ms += pause_ms
        history.append((now_ms, finding))
        if settling.saw(finding, now_ms):
            window = [what for at_ms, what in history if at_ms > now_ms - 2_000]
            assert set(window) == {finding}
