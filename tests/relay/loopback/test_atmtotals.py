"""What a fake ATM counts by itself, and the 0500 that states it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from protocols.iso8583.codec import compile_codec
from protocols.iso8583.spec import load_spec
from relay.loopback.atmtotals import DayCount
from relay.loopback.deeds import Say
from relay.loopback.slips import PROCESSING_CODES, Stamps
from tests.relay.loopback.test_atm import Room, answer_to

STAMPS = Stamps("1124235959", "085959", "1125", "1123")
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
    assert fields[15] == "1123", "the bank's day, which is neither that of UTC nor the ATM's local one"


def test_the_totals_are_stated_when_asked_and_again_until_they_are_answered() -> None:
    room = Room()
    room.sign_on()
    room.hear(answer_to(room.order()))
    room.hear(answer_to(room.order("deposit", 500)))
    room.hear(answer_to(room.order(), "51"))  # declined: not counted
    (stated,) = room.did(room.mind.state_totals(room.now_ms))
    assert stated.mti == "0500"
    assert [int(str(stated.fields[n])) for n in (76, 88, 74, 86)] == [1, 3_000, 1, 500]
    assert not room.mind.is_settled
    (again,) = room.fire("totals", 2_000)
    assert (again.mti, again.fields[11]) == ("0501", stated.fields[11])
    assert room.hear(answer_to(again, "91")) == []
    assert not room.mind.is_settled, "refused is not taken"
    room.did(room.mind.link_closed(room.now_ms))
    room.did(room.mind.link_opened(room.now_ms))
    (sign_on,) = [deed.message for deed in room.deeds if isinstance(deed, Say)]
    (resaid,) = room.hear(answer_to(sign_on))
    assert resaid == again
    room.hear(answer_to(resaid, "95", de66="2"))
    assert room.mind.is_settled
    assert (room.tally.totals_in_balance, room.tally.totals_out_of_balance) == (0, 1)
    room.hear(answer_to(resaid, de66="1"))
    assert room.tally.duplicate_replies == 1


def test_what_was_given_up_on_is_no_debit_and_notes_that_came_back_are_both() -> None:
    room = Room()
    room.sign_on()
    room.order()
    (reversal,) = room.fire("reply", 10_000)
    room.hear(answer_to(reversal))
    (stated,) = room.did(room.mind.state_totals(room.now_ms))
    assert (stated.fields[76], stated.fields[77]) == ("0" * 10, "0" * 10)
    room = Room(not_taken_share=1.0)
    room.sign_on()
    (reversal,) = room.hear(answer_to(room.order()))
    room.hear(answer_to(reversal))
    (stated,) = room.did(room.mind.state_totals(room.now_ms))
    assert [int(str(stated.fields[n])) for n in (76, 77, 88, 89)] == [1, 1, 3_000, 3_000]
