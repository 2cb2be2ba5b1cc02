"""What identifies a card is masked whatever prints it, and only `reveal()` shows it."""

import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.vocabulary import CardData, DoubtPolicy, MessageClass, Pan, Request, Secret, mask_pan

PAN = "4000001234567899"


@given(st.text("0123456789", min_size=13, max_size=19))
def test_a_masked_pan_shows_six_and_four_and_never_the_middle(digits: str) -> None:
    masked = mask_pan(digits)
    assert len(masked) == len(digits)
    assert masked[:6] == digits[:6]
    assert masked[-4:] == digits[-4:]
    assert set(masked[6:-4]) == {"*"}


@given(st.text("0123456789", max_size=12))
def test_what_is_too_short_for_a_pan_is_all_stars(digits: str) -> None:
    assert mask_pan(digits) == "*" * len(digits)


@pytest.mark.parametrize("value", [Pan(PAN), Secret("4000001234567899=3012")])
def test_no_way_of_printing_shows_it(value: Pan | Secret) -> None:
    for text in (
        str(value),
        repr(value),
        f"{value}",
        f"{value!r:>40}",
        f"{value:>40}",
        f"{value}",
        str([value]),
        str({1: value}),
    ):
        assert "1234567899" not in text
        assert "=3012" not in text


def test_a_request_prints_without_its_card() -> None:
    request = Request(
        key="k",
        message_class=MessageClass.FINANCIAL,
        kind="withdrawal",
        doubt_policy=DoubtPolicy.UNDO,
        channel="atm",
        realm="bank",
        terminal="A",
        acquirer="1",
        fingerprint_text=Secret(PAN),
        card=CardData(pan=Pan(PAN), track2=Secret(f"{PAN}=3012"), pin_block=Secret("0123456789ABCDEF")),
    )
    assert PAN not in repr(request)
    assert "0123456789ABCDEF" not in repr(request)


@pytest.mark.parametrize("value", [Pan(PAN), Secret("x")])
def test_it_is_never_pickled_nor_encoded_by_accident(value: Pan | Secret) -> None:
    with pytest.raises(TypeError):
        pickle.dumps(value)
    with pytest.raises(TypeError):
        msgspec.json.encode(value)


def test_equal_by_what_they_hold() -> None:
    assert Pan(PAN) == Pan(PAN)
    assert len({Pan(PAN), Pan(PAN), Secret(PAN), Secret(PAN)}) == 2
    assert Pan(PAN) != Secret(PAN)
    assert Pan(PAN).reveal() == Secret(PAN).reveal() == PAN
