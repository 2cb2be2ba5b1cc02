"""Data elements as shared words: amounts, cards, accounts, dates and the rest, compiled once per profile.

Owns one small compiler per word; each returns a closure that only looks up. It must never know an MTI or a key. The traps:
an amount is nothing without its currency's decimals, and some links write yen with two; the separator of track 2 is "=" or
"D"; and what goes into `extra` is stored, so that no element that may hold card data is allowed there (profile.py refuses).

Sources: ISO 8583:1987 and 1993 data elements 2-4, 14, 22, 23, 35, 36, 45, 49, 52, 55, 102, 103; ISO/IEC 7813 for the tracks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from protocols.errors import FieldError
from protocols.iso8583 import defaults
from protocols.iso8583.dates import check_date, dashed, date_part, expand_month_day, expand_year
from protocols.iso8583.profile import Iso8583Profile
from protocols.iso8583.subfields import parse_currency_amount
from protocols.primitives import CURRENCIES, by_alpha
from protocols.vocabulary import CardData, Money, Pan, Secret

Fields: TypeAlias = Mapping[int, str | bytes]
POWERS = tuple(10**n for n in range(10))
PAN_DIGITS_MAX = 19


class BadValue(Exception):
    """A data element is there and cannot be what the profile says: a format error. Names the element, never its value."""


class Currencies:
    """ISO 4217 with this link's decimals: wire amounts to minor units and back."""

    __slots__ = ("_by_code", "_by_name")

    def __init__(self, exponents: Mapping[str, int]) -> None:
        self._by_code: dict[str, tuple[str, int]] = {}  # numeric or alphabetic -> (alphabetic, wire decimals - ISO decimals)
        self._by_name: dict[str, tuple[str, int]] = {}  # alphabetic -> (numeric, the same difference)
        for numeric, currency in CURRENCIES.items():
            if currency.exponent is None:
                continue
            more = exponents.get(currency.alpha, currency.exponent) - currency.exponent
            self._by_code[numeric] = self._by_code[currency.alpha] = (currency.alpha, more)
            self._by_name[currency.alpha] = (numeric, more)

    def money(self, digits: str, code: str) -> Money:
        """`digits` of `code` (numeric or letters) as minor units. Raises BadValue."""
        found = self._by_code.get(code)
        if found is None:
            raise BadValue("DE 49: a currency of ISO 4217 with a minor unit")
        name, more = found
        minor = _number(digits, "DE 4")
        if more > 0:
            minor, rest = divmod(minor, POWERS[more])
            if rest:
                raise BadValue("DE 4: no fraction of a minor unit")
        elif more < 0:
            minor *= POWERS[-more]
        return Money(minor, name)

    def money_with_exponent(self, text: str) -> Money:
        """2003: currency (3), exponent (1), amount (12). Raises BadValue."""
        try:
            told = parse_currency_amount(text)
        except FieldError as error:
            raise BadValue(f"DE 4: {error.expected}") from None
        found = self._by_code.get(told.currency)
        if found is None:
            raise BadValue("DE 4: a currency of ISO 4217 with a minor unit")
        minor = told.minor
        more = told.exponent - (by_alpha(found[0])[1] or 0)
        if more > 0:
            minor, rest = divmod(minor, POWERS[more])
            if rest:
                raise BadValue("DE 4: no fraction of a minor unit")
        elif more < 0:
            minor *= POWERS[-more]
        return Money(minor, found[0])

    def at_exponent(self, money: Money, exponent: int) -> int:
        """`money` with so many decimals, as 2003 says them beside an amount; a fraction is cut towards zero."""
        more = exponent - (by_alpha(money.currency)[1] or 0)
        scaled: int = money.minor * POWERS[more] if more >= 0 else money.minor // POWERS[-more]
        return scaled

    def wire(self, money: Money) -> tuple[str, int]:
        """The numeric code and the amount as this link writes it. A fraction that the link cannot say is cut towards zero."""
        found = self._by_name.get(money.currency)
        if found is None:
            raise BadValue("a currency of ISO 4217 with a minor unit")
        numeric, more = found
        if not more:
            return numeric, money.minor
        sign = -1 if money.minor < 0 else 1
        amount = abs(money.minor)
        return numeric, sign * (amount * POWERS[more] if more >= 0 else amount // POWERS[-more])

    def alike(self) -> dict[str, str]:
        """Numeric or alphabetic code -> letters, for currencies that the link writes with the decimals of ISO 4217."""
        return {code: name for code, (name, more) in self._by_code.items() if not more}

    def decimals(self, name: str) -> int:
        """Decimals of a currency on this link."""
        return (by_alpha(name)[1] or 0) + self._by_name[name][1]


def compile_amount(profile: Iso8583Profile, currencies: Currencies) -> Callable[[Fields], Money | None]:
    """fields -> DE 4 in its currency, None where DE 4 is absent. The closure raises BadValue."""
    if profile.version == "2003":

        def with_exponent(fields: Fields) -> Money | None:
            value = fields.get(4)
            return None if value is None else currencies.money_with_exponent(_text(value))

        return with_exponent
    default = profile.currency_default
    convert = currencies.money

    def amount(fields: Fields) -> Money | None:
        value = fields.get(4)
        if value is None:
            return None
        code = fields.get(49, default)
        return convert(_text(value), _text(code))

    return amount


def card_of(fields: Fields) -> CardData | None:
    """Everything that identifies the card, None where the message has nothing of it. Raises BadValue."""
    get = fields.get
    number = get(2)
    track2 = get(35)
    track1 = get(45)
    track3 = get(36)
    expiry = get(14)
    sequence = get(23)
    pin = get(52)
    emv = get(55)
    entry = get(22)
    pan = None if number is None else _text(number)
    if track2 is not None:
        left, right = split_track2(_text(track2))
        if pan is None and left:
            pan = left
        if expiry is None and len(right) >= 4 and right[:4].isdecimal():
            expiry = right[:4]
    if pan is None and track1 is not None:
        pan = _pan_of_track1(_text(track1))
    if pan is None and track3 is not None:
        pan = split_track2(_text(track3)[2:])[0]
    if pan:
        if len(pan) > PAN_DIGITS_MAX or not (pan.isascii() and pan.isdigit()):
            raise BadValue("DE 2: up to 19 digits")
    elif track2 is None and pin is None and emv is None and entry is None and track1 is None and track3 is None:
        return None
    return CardData(
        pan=Pan(pan) if pan else None,
        expiry=None if expiry is None else _text(expiry),
        sequence=None if sequence is None else _text(sequence),
        track1=None if track1 is None else Secret(_text(track1)),
        track2=None if track2 is None else Secret(_text(track2)),
        track3=None if track3 is None else Secret(_text(track3)),
        pin_block=None if pin is None else Secret(_hex(pin)),
        emv=None if emv is None else Secret(_hex(emv)),
        entry_mode=None if entry is None else (_text(entry) if isinstance(entry, str) else entry.hex().upper()),
    )


def split_track2(track: str) -> tuple[str, str]:
    """Track 2 at its separator, "=" or "D": (PAN, the rest). Sentinels are left out. ("", "") without a separator."""
    bare = track.lstrip(";B").rstrip("?F")
    for mark in "=Dd":
        left, found, right = bare.partition(mark)
        if found:
            return left, right
    return "", ""


def _pan_of_track1(track: str) -> str | None:
    left, found, _ = track.lstrip("%").partition("^")
    return left[1:].replace(" ", "") if found and left[:1] == "B" else None


def compile_accounts(profile: Iso8583Profile) -> Callable[[str, Fields, dict[str, str]], tuple[str | None, str | None]]:
    """(DE 3, fields, extra) -> accounts from and to (DE 102, 103); the account types of DE 3 go into `extra` by name."""
    types = {**defaults.ACCOUNT_TYPES, **profile.account_types}

    def accounts(code: str, fields: Fields, extra: dict[str, str]) -> tuple[str | None, str | None]:
        first, second = code[2:4], code[4:6]
        if first != "00":
            extra["from_account_type"] = types.get(first, first)
        if second != "00":
            extra["to_account_type"] = types.get(second, second)
        one, other = fields.get(102), fields.get(103)
        return (
            None if one is None else _text(one).strip() or None,
            None if other is None else _text(other).strip() or None,
        )

    return accounts


def compile_extra(profile: Iso8583Profile) -> Callable[[Fields], dict[str, str]]:
    """fields -> the dialect-specific part of a request, by clear names. No element that may hold card data."""
    wanted = tuple(
        (element, name) for name, element in {**defaults.extra_fields(profile.version), **profile.extra_fields}.items()
    )

    def extra(fields: Fields) -> dict[str, str]:
        found = {}
        for element, name in wanted:
            if element in fields:
                value = fields[element]
                found[name] = value.rstrip() if isinstance(value, str) else value.hex().upper()
        return found

    return extra


def compile_business_date(profile: Iso8583Profile) -> Callable[[Fields, int], str | None]:
    """(fields, day of receipt) -> the business date as YYYY-MM-DD, None where the message has none. Raises BadValue."""
    if profile.business_date == "none":
        return lambda fields, day: None
    element = int(profile.business_date)

    def business_date(fields: Fields, day: int) -> str | None:
        value = fields.get(element)
        if value is None or not _text(value).strip("0"):  # terminals that do not know it send zeros
            return None
        whole = any_date(_text(value), day)
        if whole is None:
            raise BadValue(f"DE {element}: a date")
        return dashed(whole)

    return business_date


def any_date(text: str, day: int) -> str | None:
    """MMDD, YYMMDD, YYYYMMDD or a date with a time behind it, as YYYYMMDD; None where it is no date."""
    if len(text) == 4:
        return expand_month_day(text, day)
    if len(text) == 6:
        return expand_year(text, day)
    return check_date(text) if len(text) == 8 else date_part(text, day)


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise BadValue(f"{name}: digits")
    return int(text)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def _hex(value: str | bytes) -> str:
    return value.upper() if isinstance(value, str) else value.hex().upper()
