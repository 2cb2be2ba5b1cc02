"""Parts at fixed places, both ways, with the example of every layout."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import FieldError, LocalMisuse
from protocols.iso8583 import subfields as sub

digits = st.text("0123456789", max_size=11)


def test_de90_as_iso8583tool_writes_it() -> None:
    text = "0200" + "223344" + "0604130105" + "0" * 22
    data = sub.parse_original_data(text)
    assert data == sub.OriginalData("0200", "223344", "0604130105")
    assert sub.build_original_data(data) == text


def test_institutions_lose_their_fill_and_get_it_back() -> None:
    text = "0200" + "000001" + "0604130105" + "00000012345" + "00000000678"
    data = sub.parse_original_data(text)
    assert (data.acquirer, data.forwarder) == ("12345", "678")
    assert sub.build_original_data(data) == text


@pytest.mark.parametrize(
    ("version", "text", "acquirer"),
    [
        ("1993", "1200" + "000001" + "260604130105" + "05" + "12345", "12345"),
        ("1993", "1200" + "000001" + "260604130105", ""),
        ("2003", "2200" + "000000000001" + "20260604130105" + "12345", "12345"),
        ("2003", "2200" + "000000000001" + "20260604130105", ""),
    ],
)
def test_de56(version: str, text: str, acquirer: str) -> None:
    data = sub.parse_original_data(text, version)
    assert data.acquirer == acquirer
    assert sub.build_original_data(data, version) == text


@given(digits, digits, st.sampled_from(["1987", "1993", "2003"]))
def test_original_data_both_ways(acquirer: str, forwarder: str, version: str) -> None:
    if version == "1987":
        data = sub.OriginalData("0200", "000009", "0102030405", acquirer.lstrip("0"), forwarder.lstrip("0"))
    else:
        stan, time = ("000009", "260102030405") if version == "1993" else ("000000000009", "20260102030405")
        data = sub.OriginalData("1200", stan, time, acquirer)
    assert sub.parse_original_data(sub.build_original_data(data, version), version) == data


@pytest.mark.parametrize(
    ("version", "text"),
    [
        ("1987", "0200"),
        ("1987", "0" * 41),
        ("1987", "0" * 43),
        ("1987", "0" * 41 + "x"),
        ("1993", "0" * 22 + "06" + "12345"),
        ("1993", "0" * 22 + "1"),
        ("1993", "0" * 22 + "12" + "1" * 12),
        ("2003", "0" * 30 + "1" * 12),
    ],
)
def test_broken_original_data(version: str, text: str) -> None:
    with pytest.raises(FieldError) as caught:
        sub.parse_original_data(text, version)
    assert caught.value.field == ("90" if version == "1987" else "56")


def test_original_data_that_cannot_be_written() -> None:
    for data, version in (
        (sub.OriginalData("0200", "1234567", ""), "1987"),
        (sub.OriginalData("0200", "x", ""), "1987"),
        (sub.OriginalData("1200", "1", "1", "1", "2"), "1993"),
        (sub.OriginalData("1200", "1", "1", "1" * 12), "1993"),
    ):
        with pytest.raises(LocalMisuse):
            sub.build_original_data(data, version)


def test_additional_amounts() -> None:
    text = "1001392C000000120000" + "1002392D000000000005"
    amounts = sub.parse_additional_amounts(text)
    assert amounts[0] == sub.AdditionalAmount("10", "01", "392", "C", 120000)
    assert amounts[1].sign == "D"
    assert sub.build_additional_amounts(amounts) == text
    later = "10028402C000000120000"
    (amount,) = sub.parse_additional_amounts(later, "2003")
    assert (amount.currency, amount.exponent, amount.minor) == ("840", 2, 120000)
    assert sub.build_additional_amounts([amount], "2003") == later
    assert sub.parse_additional_amounts("") == ()


@pytest.mark.parametrize("text", ["1001392C00000012000", "1001392E000000120000", "1001JPYC000000120000", "0" * 140])
def test_broken_additional_amounts(text: str) -> None:
    with pytest.raises(FieldError):
        sub.parse_additional_amounts(text)


def test_additional_amounts_that_cannot_be_written() -> None:
    good = sub.AdditionalAmount("10", "01", "392", "C", 1)
    for bad in (
        good._replace(minor=-1),
        good._replace(minor=10**12),
        good._replace(sign="X"),
        good._replace(currency="JPY"),
        good._replace(account_type="1"),
        good._replace(exponent=2),
    ):
        with pytest.raises(LocalMisuse):
            sub.build_additional_amounts([bad])
    with pytest.raises(LocalMisuse):
        sub.build_additional_amounts([good] * 7)


def test_replacement_amounts() -> None:
    text = "000000005000" + "000000000000" + "C00000000" + "D00000025"
    amounts = sub.parse_replacement_amounts(text)
    assert amounts == sub.ReplacementAmounts(5000, 0, "C00000000", "D00000025")
    assert sub.build_replacement_amounts(amounts) == text
    assert sub.build_replacement_amounts(sub.ReplacementAmounts(5000)) == text[:33] + "C00000000"
    for broken in (text[:-1], text.replace("D", "E"), "x" + text[1:]):
        with pytest.raises(FieldError):
            sub.parse_replacement_amounts(broken)
    with pytest.raises(LocalMisuse):
        sub.build_replacement_amounts(sub.ReplacementAmounts(1, 0, "0"))


def test_amounts_of_later_versions() -> None:
    assert sub.parse_original_amounts("000000005000" * 2) == ("000000005000", "000000005000")
    assert sub.parse_original_amounts("0" * 32, "2003") == ("0" * 16, "0" * 16)
    with pytest.raises(FieldError):
        sub.parse_original_amounts("1")
    amount = sub.parse_currency_amount("8402000000005000")
    assert amount == sub.CurrencyAmount("840", 2, 5000)
    assert sub.build_currency_amount(amount) == "8402000000005000"
    with pytest.raises(FieldError):
        sub.parse_currency_amount("84x")


def test_processing_code() -> None:
    assert sub.parse_processing_code("011020") == sub.ProcessingCode("01", "10", "20")
    assert sub.build_processing_code(sub.ProcessingCode("01", "10", "20")) == "011020"
    with pytest.raises(FieldError):
        sub.parse_processing_code("0110")
    with pytest.raises(LocalMisuse):
        sub.build_processing_code(sub.ProcessingCode("1", "10", "20"))


def test_positional_parts() -> None:
    text = "NAME".ljust(25) + "CITY".ljust(13) + "NZ"
    parts = sub.cut(text, sub.LOCATION_NAME, "43")
    assert parts == {"name": "NAME".ljust(25), "city": "CITY".ljust(13), "country": "NZ"}
    assert sub.join({"name": "NAME", "city": "CITY", "country": "NZ"}, sub.LOCATION_NAME, "43") == text
    with pytest.raises(FieldError):
        sub.cut(text[:-1], sub.LOCATION_NAME, "43")
    for wrong in ({"country": "NZL"}, {"planet": "Earth"}):
        with pytest.raises(LocalMisuse):
            sub.join(wrong, sub.LOCATION_NAME, "43")
    assert sum(width for _, width in sub.LOCATION_STREET) == 40
