"""What a drill may have done, by the count of those to whom it was done."""

from __future__ import annotations

import msgspec

from relay.loopback.lab.drillworld import Effects, too_early, twice
from relay.loopback.lab.topology import CENTERS

NONE = dict.fromkeys(CENTERS, 0)
NOTHING = Effects(
    promotions=0,
    halts=0,
    resumes=0,
    scales=0,
    rules=0,
    records=NONE,
    blocks=NONE,
    seals=NONE,
    unseals=NONE,
    releases=NONE,
)
EACH = dict.fromkeys(CENTERS, 1)
WHOLE = Effects(
    promotions=1,
    halts=1,
    resumes=0,
    scales=1,
    rules=1,
    records={"tokyo": 0, "osaka": 1},
    blocks=EACH,
    seals=EACH,
    unseals=NONE,
    releases=dict.fromkeys(CENTERS, 3),
)


def test_nothing_before_its_gate() -> None:
    for gate in (1, 2, 3):
        assert too_early(gate, NOTHING) == []
    sealed = msgspec.structs.replace(NOTHING, seals={"tokyo": 1, "osaka": 0})
    assert len(too_early(1, sealed)) == 1
    assert too_early(2, sealed) == []
    promoted = msgspec.structs.replace(sealed, promotions=1)
    assert [len(too_early(gate, promoted)) for gate in (1, 2, 3)] == [2, 1, 0]
    assert len(too_early(3, msgspec.structs.replace(NOTHING, rules=1))) == 1


def test_everything_exactly_once() -> None:
    assert twice(WHOLE, ("osaka",), False) == []
    assert len(twice(msgspec.structs.replace(WHOLE, promotions=2), ("osaka",), False)) == 1
    both = msgspec.structs.replace(WHOLE, records=EACH)
    assert len(twice(both, ("osaka",), False)) == 1
    assert twice(both, CENTERS, False) == [], "both servers could be told"
    assert len(twice(WHOLE, CENTERS, False)) == 1, "one of the two ways was not taken"
    assert len(twice(WHOLE, ("tokyo",), False)) == 1, "the record moved at the other server"
    back = msgspec.structs.replace(WHOLE, promotions=0, rules=0, records=NONE, releases=EACH, unseals=EACH, resumes=1)
    assert twice(back, ("osaka",), True) == []
    assert len(twice(msgspec.structs.replace(back, promotions=1), ("osaka",), True)) == 1


def test_counted_from_the_beginning_of_the_drill() -> None:
    assert WHOLE.since(WHOLE) == NOTHING
    assert WHOLE.since(NOTHING) == WHOLE
