"""The small functions of the contract, and what its structures refuse to read."""

from __future__ import annotations

import msgspec
import pytest

from relay.core import contract as c


@pytest.mark.parametrize(
    ("value", "key"), [('"abc"', "abc"), ('"a\\"b\\\\c"', 'a"b\\c'), ("abc", "abc"), (' "abc" ', "abc"), ('"', '"'), ("", "")]
)
def test_keys_in_headers(value: str, key: str) -> None:
    assert c.read_key_field(value) == key


@pytest.mark.parametrize("minor", ["1.0", "", "1e3", "0x1", "12345678901234567890", "+1", " 1"])
def test_an_amount_is_a_string_of_digits(minor: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"minor": minor, "currency": "JPY"}, c.Amount)


def test_an_amount_is_no_number() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"minor":173512.0,"currency":"JPY"}', type=c.Amount)


def test_members_that_we_do_not_know_are_ignored() -> None:
    body = b'{"key":"k","status":"approved","colour":"blue","card":{"loyalty":1}}'
    assert msgspec.json.decode(body, type=c.TransactionAnswer).status == "approved"
