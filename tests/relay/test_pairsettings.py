"""The bounds of `[pair]`, at their limits."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from relay.pairsettings import PATHS_MAX, PairSettings


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("peer", "osaka", "Osaka"),
        ("paths", ("a",) * PATHS_MAX, ("a",) * (PATHS_MAX + 1)),
        ("mac_credentials", ("a",) * 4, ("a",) * 5),
        ("port", 65_535, 65_536),
        ("beat_ms", 100, 99),
        ("beat_ms", 10_000, 10_001),
        ("lost_after_ms", 60_000, 60_001),
        ("probe_ms", 100, 99),
        ("probe_timeout_ms", 50, 49),
        ("rise_count", 1, 0),
        ("fall_count", 100, 101),
        ("settle_ms", 1, 0),
        ("forward_count_max", 10_000, 10_001),
        ("forward_bytes_max", 1_048_576, 1_048_575),
        ("forward_bytes_max", 1_073_741_824, 1_073_741_825),
        ("forward_buffer_bytes_max", 4_096, 4_095),
        ("forward_buffer_bytes_max", 1_048_576, 1_048_577),
        ("forward_head_ms", 1, 0),
        ("use_peer", True, "yes"),
    ],
)
def test_bounds(name: str, good: Any, bad: Any) -> None:
    PairSettings(**{name: good})
    with pytest.raises(ValidationError):
        PairSettings(**{name: bad})


def test_without_a_peer_there_is_no_pair_and_nothing_goes_through_anybody() -> None:
    settings = PairSettings()
    assert (settings.peer, settings.use_peer, settings.serve_peer) == (None, False, False)
