"""How many notes may be ordered."""

from __future__ import annotations

from protocols.ndc.cassettes import Cassettes
from protocols.ndc.message import DeviceStatus
from protocols.ndc.status import SupplyCounters


def counters(*notes: int) -> SupplyCounters:
    return SupplyCounters("0001", 1, notes, (), (), ())


def test_unknown_counts_bound_nothing() -> None:
    cassettes = Cassettes(4)
    assert cassettes.available() == (99, 99, 99, 99)
    cassettes.counted(counters(0, 0, 0, 0))
    assert cassettes.available() == (99, 99, 99, 99), "a site that never sets its counters is not empty"


def test_known_counts_go_down_with_what_is_ordered() -> None:
    cassettes = Cassettes(4)
    cassettes.counted(counters(200, 3))
    cassettes.ordered((1, 2, 5, 0))
    assert cassettes.available() == (99, 1, 0, 0)


def test_a_cassette_that_is_out_stays_out_until_it_is_not() -> None:
    cassettes = Cassettes(4)
    cassettes.reported(DeviceStatus("E", "2", "", "", "13121"))
    assert cassettes.available() == (0, 99, 99, 99)
    cassettes.reported(DeviceStatus("E", "2", "", "", "10000"))
    assert cassettes.available() == (0, 99, 99, 99)
    cassettes.reported(DeviceStatus("E", "2", "", "", "11000"))
    assert cassettes.available() == (99, 99, 99, 99)
    cassettes.reported(DeviceStatus("G", "2", "", "", "13333"))
    assert cassettes.available() == (99, 99, 99, 99)
