"""What `[pair]` must be: each mistake is found, named at its place, and told with a way out."""

from __future__ import annotations

from typing import Any

import pytest

from relay.configuration.pair import PairPath, check_pair, held_bytes_max, parse_path
from relay.errors import ConfigurationError
from relay.pairsettings import PairSettings

PATHS = ("link=10.30.0.11>10.30.0.12", "region=10.20.0.11>10.21.0.11")
TLS = {"certificate": "/c.pem", "key": "credential:pair-key", "authorities": "/a.pem"}
GOOD: dict[str, Any] = {"peer": "osaka", "paths": PATHS, "mac_credentials": ("pair-mac",), **TLS, "use_peer": True}


def found(**changes: Any) -> list[tuple[str, bool]]:
    """Paths of what is wrong, and whether it is a warning only."""
    settings = PairSettings(**{**GOOD, **changes})
    return [(".".join(map(str, wrong.path)), wrong.is_warning) for wrong in check_pair(settings, "tokyo", is_core_tls=True)]


def test_a_whole_pair_and_none_at_all_are_well() -> None:
    assert found() == []
    assert not list(check_pair(PairSettings(), "tokyo", is_core_tls=False))


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"peer": None}, [("pair.authorities", True)]),
        ({"peer": "tokyo"}, [("pair.peer", False)]),
        ({"paths": ()}, [("pair.paths", False)]),
        ({"paths": PATHS[:1]}, [("pair.paths", True)]),
        ({"paths": ("link", PATHS[1])}, [("pair.paths.0", False)]),
        ({"paths": ("link=10.30.0.300>10.30.0.12", PATHS[1])}, [("pair.paths.0", False)]),
        ({"paths": ("link=10.30.0.11>2001:db8::1", PATHS[1])}, [("pair.paths.0", False)]),
        ({"paths": ("link=10.30.0.11>10.30.0.11", PATHS[1])}, [("pair.paths.0", False)]),
        ({"paths": (PATHS[0], "link=10.20.0.11>10.21.0.11")}, [("pair.paths.1", False)]),
        ({"paths": (PATHS[0], "region=10.30.0.11>10.21.0.11")}, [("pair.paths.1", False)]),
        ({"paths": (PATHS[0], "region=10.20.0.11>10.30.0.12")}, [("pair.paths.1", False)]),
        ({"mac_credentials": ()}, [("pair.mac_credentials", False)]),
        ({"beat_ms": 1_000, "lost_after_ms": 2_000}, []),
        ({"beat_ms": 1_000, "lost_after_ms": 1_999}, [("pair.lost_after_ms", False)]),
        ({"beat_ms": 100, "lost_after_ms": 6_000}, []),
        ({"beat_ms": 100, "lost_after_ms": 6_001}, [("pair.lost_after_ms", False)]),
        ({"probe_ms": 500, "probe_timeout_ms": 500}, []),
        ({"probe_ms": 500, "probe_timeout_ms": 501}, [("pair.probe_timeout_ms", False)]),
        ({"forward_bytes_max": 128 * held_bytes_max(65_536)}, []),
        ({"forward_bytes_max": 128 * held_bytes_max(65_536) - 1}, [("pair.forward_bytes_max", True)]),
        ({"forward_buffer_bytes_max": 1_048_576, "forward_bytes_max": 2_621_439}, [("pair.forward_bytes_max", False)]),
        ({"return_after_ms": 300_001}, [("pair.return_after_ms", False)]),
        ({"key": None}, [("pair.use_peer", False)]),
        ({"use_peer": False, "serve_peer": True, "authorities": None}, [("pair.serve_peer", False)]),
        ({"use_peer": False}, [("pair.use_peer", True)]),
    ],
)
def test_mistakes(changes: dict[str, Any], wrong: list[tuple[str, bool]]) -> None:
    assert found(**changes) == wrong


def test_nothing_goes_through_the_peer_that_it_could_read() -> None:
    (wrong,) = check_pair(PairSettings(**GOOD), "tokyo", is_core_tls=False)
    assert (wrong.path, wrong.is_warning) == (("pair", "use_peer"), False)


def test_every_mistake_has_a_way_out() -> None:
    settings = PairSettings(peer="tokyo", paths=("x",), lost_after_ms=1_000, return_after_ms=300_001, use_peer=True)
    assert all(wrong.suggestion for wrong in check_pair(settings, "tokyo", is_core_tls=True))


def test_a_path_is_read_with_its_addresses_in_one_form() -> None:
    assert parse_path(PATHS[0]) == PairPath("link", "10.30.0.11", "10.30.0.12")
    assert parse_path("link=2001:DB8:0::1>2001:db8::2") == PairPath("link", "2001:db8::1", "2001:db8::2")
    with pytest.raises(ConfigurationError, match="no path"):
        parse_path("link=host>10.0.0.1")
