"""What a fake ATM counts by itself, and the 0500 that states it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from protocols.iso8583.codec import compile_codec
from protocols.iso8583.spec import load_spec
from relay.loopback.atmtotals import DayCount
from relay.loopback.slips import PROCESSING_CODES, Stamps

STAMPS = Stamps("1124235959", "085959", "1125")
CODEC = compile_codec(load_spec("1987", "ascii"))
KINDS = st.sampled_from(sorted(PROCESSING_CODES))


@given(st.lists(st.tuples(KINDS, st.integers(0, 10**7))), st.lists(st.integers(0, 10**7)), st.integers(0, 1_000))
def test_it_states_what_happened_to_its_notes(acts: list[tuple[str, int]], back: list[int], off: int) -> None:
    count = DayCount(off)
    for kind, minor in acts:
        count.did(kind, minor)
    for minor in back:
        count.took_back(minor)
    message = count.message("ATM1", "000009", STAMPS)
    fields = {number: str(value) for number, value in CODEC.decode(CODEC.encode(message)).fields.items()}
    out = [minor for kind, minor in acts if kind in ("withdrawal", "purchase")]
    into = [minor for kind, minor in acts if kind == "deposit"]
    assert (int(fields[76]), int(fields[88])) == (len(out), sum(out) + off)
    assert (int(fields[74]), int(fields[86])) == (len(into), sum(into))
    assert (int(fields[77]), int(fields[89])) == (len(back), sum(back))
    net = sum(out) + off - sum(back) - sum(into)
    assert fields[97] == f"{'D' if net >= 0 else 'C'}{abs(net):016d}"
    assert fields[15] == "1124", "the day in UTC, not the ATM's local one"
