"""Two signatures: the second name that the first person types is no signature."""

from __future__ import annotations

from relay.failover.cosign import LONE_MS_MAX, WAITING_COUNT_MAX, Both, Cosigning, LoneRow, row_of
from relay.failover.people import Person

BABA, CHIBA, DOI = (Person(name=name, roles=("operations",)) for name in ("Baba", "Chiba", "Doi"))
WHAT = ("step", "r1", "seal-tokyo", "waived")


def test_both_say_it_and_name_each_other() -> None:
    signing = Cosigning()
    assert signing.sign(WHAT, BABA, CHIBA, "seen", 0) is None
    assert signing.sign(WHAT, BABA, CHIBA, "seen", 1) is None  # the same person again
    assert signing.sign(WHAT, CHIBA, DOI, "seen", 2) is None  # with somebody else
    assert signing.sign(("step", "r2", *WHAT[2:]), CHIBA, BABA, "seen", 3) is None  # of another run
    assert signing.sign(WHAT, CHIBA, BABA, "seen", 4) == Both("Baba", "Chiba", "seen")
    assert signing.sign(WHAT, CHIBA, BABA, "seen", 5) is None  # used up


def test_a_lone_signature_ends() -> None:
    signing = Cosigning()
    signing.sign(WHAT, BABA, CHIBA, "a", 0)
    assert signing.sign(WHAT, CHIBA, BABA, "b", LONE_MS_MAX) == Both("Baba", "Chiba", "a / b")
    signing.sign(WHAT, BABA, CHIBA, "a", 0)
    assert signing.sign(WHAT, CHIBA, BABA, "b", LONE_MS_MAX + 1) is None


def test_who_has_signed_is_shown_with_when_and_until_when() -> None:
    signing = Cosigning()
    signing.sign(WHAT, BABA, CHIBA, "its route is gone", 1_000)
    (lone,) = signing.waiting(61_000)
    row = row_of(lone, 61_000, 1_795_482_060_000, "host")
    assert row == LoneRow(
        what=WHAT,
        who="Baba",
        second="Chiba",
        text="its route is gone",
        left_ms=LONE_MS_MAX - 60_000,
        at_ms=1_795_482_000_000,
        until_ms=1_795_482_000_000 + LONE_MS_MAX,
        place="host",
    )
    assert signing.waiting(1_000 + LONE_MS_MAX) != ()
    assert signing.waiting(1_001 + LONE_MS_MAX) == ()


def test_what_waits_is_bounded() -> None:
    signing = Cosigning()
    signing.sign(WHAT, BABA, CHIBA, "a", 0)
    for number in range(WAITING_COUNT_MAX - 1):
        signing.sign(("other", str(number)), BABA, CHIBA, "a", 0)
    assert signing.sign(WHAT, CHIBA, BABA, "a", 1) is not None
    signing.sign(WHAT, BABA, CHIBA, "a", 2)
    for number in range(WAITING_COUNT_MAX):
        signing.sign(("more", str(number)), BABA, CHIBA, "a", 3)
    assert signing.sign(WHAT, CHIBA, BABA, "a", 4) is None
