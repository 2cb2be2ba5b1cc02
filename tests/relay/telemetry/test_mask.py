"""Card numbers disappear from any text, in every spelling; trace and reference numbers stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.telemetry.mask import is_luhn, mask_text

PAN = "4539578763621486"
ALPHABET = st.text(alphabet="abcXYZ :,;'\"{}[]()/\n", max_size=20)


def with_check_digit(body: str) -> str:
    return next(body + digit for digit in "0123456789" if is_luhn(body + digit))


pans = st.integers(12, 18).flatmap(
    lambda count: st.text(alphabet="0123456789", min_size=count - 1, max_size=count - 1).map(
        lambda rest: with_check_digit("4" + rest)
    )
)


@given(pan=pans, before=ALPHABET, after=ALPHABET)
def test_a_card_number_never_survives_in_any_text(pan: str, before: str, after: str) -> None:
    masked = mask_text(f"{before}{pan}{after}")
    assert pan not in masked
    assert masked == f"{before}{pan[:6]}{'*' * (len(pan) - 10)}{pan[-4:]}{after}"


@given(
    pan=pans, before=st.text(alphabet="0123456789", min_size=7, max_size=20), after=st.text(alphabet="0123456789", max_size=20)
)
def test_nor_inside_a_longer_run_of_digits(pan: str, before: str, after: str) -> None:
    assert pan not in mask_text(before + pan + after)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("card 4539 5787 6362 1486 refused", "card 453957******1486 refused"),
        ("4539-5787-6362-1486", "453957******1486"),
        ("3782-822463-10005", "378282*****0005"),
        (f";{PAN}=25121010000012300000?", ";453957**********=***?"),
        (f"{PAN}D25121010000012300000F", "453957**********D***F"),
        ("1234567890123=2512101", "123456*******=***"),  # track 2 of a card without a check digit
        ("B%4539578763621486^", "B%453957******1486^"),
    ],
)
def test_spellings(text: str, masked: str) -> None:
    assert mask_text(text) == masked


def test_ebcdic_as_hex_and_as_escaped_bytes() -> None:
    ebcdic = PAN.encode("cp037")
    for text in (ebcdic.hex(), ebcdic.hex().upper(), repr(ebcdic)):
        masked = mask_text(f"data {text} end")
        assert "*" * 16 in masked
        assert text not in masked
        assert masked.startswith("data ")
        assert masked.endswith(" end")


def test_ascii_as_hex() -> None:
    text = PAN.encode().hex()
    assert text not in mask_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "stan 123456 rrn 012345678901 amount 000000010000",
        "4539578763621487",  # one digit off: no card number
        "1764000000000",  # milliseconds since 1970
        "1764000000000000003",  # nanoseconds since 1970
        "2026-11-23 10:00:00",
        "",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert mask_text(text) == text


def test_masking_twice_changes_nothing_more() -> None:
    once = mask_text(f"{PAN} and 164539578763621486000000")
    assert mask_text(once) == once
