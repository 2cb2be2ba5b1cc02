"""When terminals go to the other center because only that one reaches the region: row by row."""

from __future__ import annotations

import msgspec
import pytest

from relay.announce.role import Role
from relay.pair.beat import Beat
from relay.pair.better import DETOUR_PATIENCE_MS, serves_better
from relay.pair.detour import Way
from relay.pair.findings import Finding
from tests.relay.pair.test_beat import BEAT


def heard(role: Role) -> Beat:
    return msgspec.structs.replace(BEAT, role=role.value)


@pytest.mark.parametrize("finding", Finding)
def test_only_where_we_alone_have_lost_the_region(finding: Finding) -> None:
    """Where both have lost it, or nobody knows, nothing moves: sessions without a region are better than none."""
    better = serves_better(finding, heard(Role.STANDBY), False, Way.DIRECT, 60_000)
    assert better is (finding is Finding.CROSS_CONNECT_LOST)


@pytest.mark.parametrize("role", Role)
def test_only_where_the_other_is_announced_itself(role: Role) -> None:
    better = serves_better(Finding.CROSS_CONNECT_LOST, heard(role), False, Way.DIRECT, 60_000)
    assert better is (role in (Role.STANDBY, Role.HOLDING))


def test_nobody_is_better_who_is_not_heard() -> None:
    assert not serves_better(Finding.CROSS_CONNECT_LOST, None, False, Way.DIRECT, 60_000)


@pytest.mark.parametrize(
    ("way", "on_way_ms", "better"),
    [
        (Way.DIRECT, 60_000, False),  # the turn is still to come
        (Way.THROUGH_PEER, DETOUR_PATIENCE_MS - 1, False),
        (Way.THROUGH_PEER, DETOUR_PATIENCE_MS, True),  # and the region is still silent
    ],
)
def test_the_way_through_the_other_center_comes_first(way: Way, on_way_ms: int, better: bool) -> None:
    assert serves_better(Finding.CROSS_CONNECT_LOST, heard(Role.STANDBY), True, way, on_way_ms) is better
