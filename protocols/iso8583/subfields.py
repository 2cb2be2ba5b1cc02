"""What stands at fixed places inside a data element: original data, amounts, processing code, name and location.

Owns the layouts of DE 3, 4 (2003), 30, 43, 54, 56, 90 and 95 in the three versions, both ways. It must never convert money:
an amount stays an amount of minor units beside its currency's number. The traps: DE 90 fills unknown parts with zeros and
institutions from the left, so that "no acquirer" and the acquirer zero look alike; DE 54 counts its sign as a letter in the
middle. Reading raises FieldError (the peer's fault), building LocalMisuse (ours). Source: facts of ISO 8583 section 4.6.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from protocols.errors import FieldError, LocalMisuse

INSTITUTION_DIGITS = 11
ADDITIONAL_AMOUNTS_MAX = 6

# Digits of the date and time of transmission (1987) or of the local transaction (1993, 2003), and of the trace number.
_ORIGINAL_TRACE = {"1987": 6, "1993": 6, "2003": 12}
_ORIGINAL_TIME = {"1987": 10, "1993": 12, "2003": 14}

# DE 43 of 1987 as most networks divide it; the widths are characters.
LOCATION_STREET = (("street", 23), ("city", 13), ("state", 2), ("country", 2))
LOCATION_NAME = (("name", 25), ("city", 13), ("country", 2))


class OriginalData(NamedTuple):
    """Which message a reversal, advice or completion is about.

    `transmitted_at` is DE 7 (MMDDhhmmss) in 1987, and DE 12 in 1993 (YYMMDDhhmmss) and 2003 (CCYYMMDDhhmmss). Institutions come
    without the zeros that fill them; unknown ones are empty. There is no `forwarder` in 1993 and 2003.
    """

    mti: str
    stan: str
    transmitted_at: str
    acquirer: str = ""
    forwarder: str = ""


class AdditionalAmount(NamedTuple):
    """One amount of DE 54: types as in the standard (account 00 default, 10 savings, 20 cheque; amount 01 ledger, 02
    available), currency by number, sign C or D. `exponent` is written in 2003 only."""

    account_type: str
    amount_type: str
    currency: str
    sign: str
    minor: int
    exponent: int | None = None


class ReplacementAmounts(NamedTuple):
    """DE 95 of 1987: what actually happened, in minor units; fees carry their sign, C or D."""

    transaction: int
    settlement: int = 0
    transaction_fee: str = "C00000000"
    settlement_fee: str = "C00000000"


class ProcessingCode(NamedTuple):
    """DE 3: kind of transaction, account from, account to; two characters each."""

    transaction: str
    from_account: str
    to_account: str


class CurrencyAmount(NamedTuple):
    """An amount of 2003: currency by number, its exponent, minor units."""

    currency: str
    exponent: int
    minor: int


def parse_original_data(text: str, version: str = "1987") -> OriginalData:
    """DE 90 (1987) or DE 56 (1993, 2003). Raises FieldError."""
    field = "90" if version == "1987" else "56"
    trace, time = _ORIGINAL_TRACE[version], _ORIGINAL_TIME[version]
    head = 4 + trace + time
    if not (text.isascii() and text.isdecimal()) or len(text) < head:
        raise FieldError(field, 0, f"original data of at least {head} digits")
    tail = text[head:]
    if version == "1987":
        if len(tail) != 2 * INSTITUTION_DIGITS:
            raise FieldError(field, head, f"two institutions of {INSTITUTION_DIGITS} digits")
        acquirer, forwarder = tail[:INSTITUTION_DIGITS].lstrip("0"), tail[INSTITUTION_DIGITS:].lstrip("0")
    else:
        forwarder = ""
        if version == "1993" and tail:
            if int(tail[:2]) != len(tail) - 2:
                raise FieldError(field, head, "an acquirer as long as the two digits before it say")
            tail = tail[2:]
        if len(tail) > INSTITUTION_DIGITS:
            raise FieldError(field, head, f"an acquirer of at most {INSTITUTION_DIGITS} digits")
        acquirer = tail
    return OriginalData(text[:4], text[4 : 4 + trace], text[4 + trace : head], acquirer, forwarder)


def build_original_data(data: OriginalData, version: str = "1987") -> str:
    """DE 90 (1987) or DE 56 (1993, 2003); missing parts as zeros. Raises LocalMisuse."""
    trace, time = _ORIGINAL_TRACE[version], _ORIGINAL_TIME[version]
    head = (
        _digits(data.mti, 4, "mti") + _digits(data.stan, trace, "stan") + _digits(data.transmitted_at, time, "transmitted_at")
    )
    if version == "1987":
        institutions = ((data.acquirer, "acquirer"), (data.forwarder, "forwarder"))
        return head + "".join(_digits(text, INSTITUTION_DIGITS, path) for text, path in institutions)
    if data.forwarder:
        raise LocalMisuse("only DE 90 of 1987 has one", "original.forwarder")
    if len(data.acquirer) > INSTITUTION_DIGITS or (data.acquirer and not data.acquirer.isdecimal()):
        raise LocalMisuse(f"at most {INSTITUTION_DIGITS} digits", "original.acquirer")
    count = f"{len(data.acquirer):02}" if version == "1993" and data.acquirer else ""
    return head + count + data.acquirer


def parse_additional_amounts(text: str, version: str = "1987") -> tuple[AdditionalAmount, ...]:
    """DE 54: amounts of 20 characters, or 21 in 2003. Raises FieldError."""
    width = 21 if version == "2003" else 20
    if len(text) % width or len(text) > width * ADDITIONAL_AMOUNTS_MAX:
        raise FieldError("54", 0, f"up to {ADDITIONAL_AMOUNTS_MAX} amounts of {width} characters")
    return tuple(_parse_additional(text[at : at + width], at) for at in range(0, len(text), width))


def _parse_additional(text: str, at: int) -> AdditionalAmount:
    exponent, rest = (text[7:8], text[8:]) if len(text) == 21 else ("", text[7:])
    sign, amount = rest[:1], rest[1:]
    if sign not in ("C", "D") or not (text[4:7] + exponent + amount).isdecimal() or not text.isascii():
        raise FieldError("54", at, "currency, letter C or D, and digits")
    return AdditionalAmount(text[:2], text[2:4], text[4:7], sign, int(amount), int(exponent) if exponent else None)


def build_additional_amounts(amounts: Sequence[AdditionalAmount], version: str = "1987") -> str:
    """DE 54 of at most six amounts. Raises LocalMisuse."""
    if len(amounts) > ADDITIONAL_AMOUNTS_MAX:
        raise LocalMisuse(f"at most {ADDITIONAL_AMOUNTS_MAX} amounts", "additional_amounts")
    return "".join(_build_additional(amount, version) for amount in amounts)


def _build_additional(amount: AdditionalAmount, version: str) -> str:
    path = "additional_amounts"
    if len(amount.account_type) != 2 or len(amount.amount_type) != 2:
        raise LocalMisuse("account and amount types have two characters", path)
    if len(amount.currency) != 3 or not amount.currency.isdecimal() or amount.sign not in ("C", "D"):
        raise LocalMisuse("a currency of three digits and the sign C or D", path)
    if (version == "2003") != (amount.exponent is not None):
        raise LocalMisuse("the exponent is written in 2003, and only there", path)
    exponent = "" if amount.exponent is None else _number(amount.exponent, 1, path)
    kinds = amount.account_type + amount.amount_type
    return kinds + amount.currency + exponent + amount.sign + _number(amount.minor, 12, path)


def parse_replacement_amounts(text: str) -> ReplacementAmounts:
    """DE 95 of 1987: 12 + 12 digits, two fees of a letter and 8 digits. Raises FieldError."""
    fees = text[24:33], text[33:42]
    is_signed = all(fee[:1] in ("C", "D") and fee[1:].isdecimal() for fee in fees)
    if len(text) != 42 or not text.isascii() or not text[:24].isdecimal() or not is_signed:
        raise FieldError("95", 0, "two amounts of 12 digits and two fees of a letter C or D and 8 digits")
    return ReplacementAmounts(int(text[:12]), int(text[12:24]), *fees)


def build_replacement_amounts(amounts: ReplacementAmounts) -> str:
    """DE 95 of 1987. Raises LocalMisuse."""
    fees = amounts.transaction_fee, amounts.settlement_fee
    if any(len(fee) != 9 or fee[0] not in "CD" or not fee[1:].isdecimal() for fee in fees):
        raise LocalMisuse("fees are the letter C or D and 8 digits", "replacement_amounts")
    return "".join((_number(amounts.transaction, 12, "transaction"), _number(amounts.settlement, 12, "settlement"), *fees))


def parse_original_amounts(text: str, version: str = "1993") -> tuple[str, str]:
    """DE 30 of 1993 (12 digits each) and 2003 (16 each): transaction and reconciliation amount. Raises FieldError."""
    width = 16 if version == "2003" else 12
    if len(text) != 2 * width or not (text.isascii() and text.isdecimal()):
        raise FieldError("30", 0, f"two amounts of {width} digits")
    return text[:width], text[width:]


def parse_currency_amount(text: str, field: str = "4") -> CurrencyAmount:
    """An amount of 2003: currency 3, exponent 1, then the amount (DE 4, 5, 6: 12 digits; DE 8: 8). Raises FieldError."""
    if len(text) < 5 or not (text.isascii() and text.isdecimal()):
        raise FieldError(field, 0, "currency, exponent and amount in digits")
    return CurrencyAmount(text[:3], int(text[3]), int(text[4:]))


def build_currency_amount(amount: CurrencyAmount, digits: int = 12) -> str:
    """An amount of 2003 with `digits` digits after currency and exponent. Raises LocalMisuse."""
    return (
        _digits(amount.currency, 3, "currency")
        + _number(amount.exponent, 1, "exponent")
        + _number(amount.minor, digits, "minor")
    )


def parse_processing_code(text: str) -> ProcessingCode:
    """DE 3. Raises FieldError."""
    if len(text) != 6:
        raise FieldError("3", 0, "six characters")
    return ProcessingCode(text[:2], text[2:4], text[4:])


def build_processing_code(code: ProcessingCode) -> str:
    """DE 3. Raises LocalMisuse."""
    if any(len(part) != 2 for part in code):
        raise LocalMisuse("three parts of two characters", "processing_code")
    return "".join(code)


def cut(text: str, layout: Sequence[tuple[str, int]], field: str) -> dict[str, str]:
    """Positional parts by name, blanks kept: `layout` gives name and width in characters. Raises FieldError."""
    if len(text) != sum(width for _, width in layout):
        raise FieldError(field, 0, f"{sum(width for _, width in layout)} characters")
    parts: dict[str, str] = {}
    at = 0
    for name, width in layout:
        parts[name] = text[at : at + width]
        at += width
    return parts


def join(parts: dict[str, str], layout: Sequence[tuple[str, int]], field: str) -> str:
    """The inverse of `cut`; short parts are filled with blanks on the right. Raises LocalMisuse for long ones."""
    unknown = parts.keys() - {name for name, _ in layout}
    if unknown:
        raise LocalMisuse(f"no such part: {', '.join(sorted(unknown))}", f"fields.{field}")
    for name, width in layout:
        if len(parts.get(name, "")) > width:
            raise LocalMisuse(f"{name} has at most {width} characters", f"fields.{field}")
    return "".join(parts.get(name, "").ljust(width) for name, width in layout)


def _digits(text: str, width: int, path: str) -> str:
    if len(text) > width or (text and not (text.isascii() and text.isdecimal())):
        raise LocalMisuse(f"at most {width} digits", f"original.{path}")
    return text.rjust(width, "0")


def _number(number: int, width: int, path: str) -> str:
    text = f"{number:0{width}}"
    if number < 0 or len(text) != width:
        raise LocalMisuse(f"a number of at most {width} digits", path)
    return text
