"""No card number is left in a journal block, wherever blocks are cut; and a block keeps its identity."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.ndc.ejournal import continues, identity, masked
from protocols.ndc.message import JournalUpload
from protocols.vocabulary import Secret

PAN = "4000001234567899"


def block(text: str = "x", previous: str = "000010") -> JournalUpload:
    return JournalUpload(
        machine="000001", date="261102", time="142640", previous=previous, last="000011", length="001", text=Secret(text)
    )


def test_a_card_number_is_shown_as_first_six_and_last_four() -> None:
    assert masked(f"CARD {PAN} IN") == "CARD 400000******7899 IN"
    assert masked("TSN 0042 AMT 000000015000 12:30") == "TSN 0042 AMT 000000015000 12:30"


def test_track_data_is_not_kept_at_all() -> None:
    text = masked(f"T2 ;{PAN}=30122010000012300?\nOK")
    assert "3012" not in text
    assert "400000" not in text
    assert text.endswith("\nOK")


@given(at=st.integers(0, 60), digits=st.text("123456789", min_size=13, max_size=19))
def test_a_card_number_cut_between_two_blocks_shows_ten_digits_at_most(at: int, digits: str) -> None:
    text = f"CARD INSERTED {digits} ACCEPTED AND READ BY HEAD 1"
    both = masked(text[:at]) + masked(text[at:])
    assert digits not in both
    shown = sum(1 for one in both[14 : 14 + len(digits)] if one.isdigit())
    assert shown <= 10


@pytest.mark.parametrize("shown", ["4000 0012 3456 7899", "4000-0012-3456-7899", "3782 822463 10005"])
def test_a_card_number_in_groups_is_one_too(shown: str) -> None:
    kept = masked(f"CARD {shown} IN")
    assert [one for one in kept if one.isdigit()] == list("".join(filter(str.isdigit, shown))[:6] + shown[-4:])
    assert len(kept) == len(f"CARD {shown} IN")
    for cut in range(4, len(shown) + 8):
        text = f"AT 21:40 CARD {shown} IN"
        both = masked(text[:cut]) + masked(text[cut:])
        assert sum(one.isdigit() for one in both[14 : 14 + len(shown)]) <= 12, both
    assert masked("2026-11-25 21:40 TSN 0042") == "2026-11-25 21:40 TSN 0042"


def test_identity_is_the_span_of_characters_and_the_time() -> None:
    assert identity(block()) == "000001:261102142640:000010-000011"
    assert identity(block("other")) == identity(block())


def test_a_block_continues_where_the_last_acknowledged_one_ended() -> None:
    assert continues(block(previous="000010"), "000010")
    assert continues(block(previous="000010"), "")
    assert not continues(block(previous="000009"), "000010")
