"""Cards are valid test cards, orders come from a seed, a mix is read strictly."""

from __future__ import annotations

import pytest

from relay.loopback.customers import ISSUER, NOTE_MINOR, Customers, luhn_digit, parse_mix


def is_luhn(pan: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(pan)):
        number = int(digit) * (1 if place % 2 == 0 else 2)
        total += number - 9 if number > 9 else number
    return total % 10 == 0


def test_every_card_has_a_valid_check_digit_and_some_are_refused() -> None:
    cards = Customers(card_count=300).cards
    pans = [card.pan.reveal() for card in cards]
    assert all(is_luhn(pan) and pan.startswith(ISSUER) and len(pan) == 16 for pan in pans)
    assert len(set(pans)) == 300
    assert sum(bool(card.refusal) for card in cards) == 9
    assert all(card.track2.startswith(f"{card.pan.reveal()}=3012") for card in cards)
    assert pans[0] not in repr(cards[0])
    assert luhn_digit("7992739871") == "3"


def test_the_same_seed_gives_the_same_orders() -> None:
    one, two = Customers(7), Customers(7)
    assert [one.next(0) for _ in range(50)] == [two.next(0) for _ in range(50)]
    assert Customers(8).next(0) != Customers(7).next(0) or Customers(8).next(1) != Customers(7).next(1)


def test_amounts_are_whole_notes_and_an_inquiry_has_none() -> None:
    customers = Customers(mix=parse_mix("balance-inquiry=1,withdrawal=1"))
    for order in (customers.next(0) for _ in range(200)):
        assert (order.amount_minor == 0) == (order.kind == "balance-inquiry")
        assert order.amount_minor % NOTE_MINOR == 0
    assert customers.think_ms(0) == 0


@pytest.mark.parametrize("text", ["", "lottery=1", "deposit=x", "deposit=-1", "deposit=0"])
def test_a_mix_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not one of|weight"):
        parse_mix(text)


def test_a_mix_may_leave_weights_out() -> None:
    assert parse_mix("deposit, withdrawal=3") == {"deposit": 1.0, "withdrawal": 3.0}
