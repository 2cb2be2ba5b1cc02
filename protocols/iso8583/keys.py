"""Who said this: the key of a message, the key of the message it reverses, and the text its fingerprint is made of.

Owns law 2 for this dialect. A key is realm, dialect, acquirer, terminal, MTI class, trace and the sender's own date, with the
repeat digit and the origin folded, so that the same message again has the same key on any link, worker or center. It must
never hold card data, nor anything that the relay assigns or that the peer restamps on a repeat. The traps: DE 90 writes the
acquirer with leading zeros that DE 32 has not; DE 7 is the time of *sending* and changes on a repeat, which is why it is no
default; and a key that cannot be made is a format error, never a shorter key.

Source: ISO 8583:1987 and 1993, data elements 7, 11, 12, 13, 32, 41, 42, 56, 90, and the message type identifier.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias
from urllib.parse import quote

from protocols.errors import FieldError
from protocols.iso8583.dates import date_part, expand_month_day
from protocols.iso8583.mti import fold
from protocols.iso8583.profile import Iso8583Profile
from protocols.iso8583.subfields import OriginalData, parse_original_data

KEY_CHARACTERS_MAX = 255
KEY_FORM = "%s:iso8583:%s:%s:%s:%s:%s"  # realm, acquirer, terminal, folded MTI, trace, date
NONE = "-"

Fields: TypeAlias = Mapping[int, str | bytes]
DateReader: TypeAlias = Callable[[Fields, int], str | None]
Identity: TypeAlias = tuple[str, str, str]  # key, terminal, acquirer
IdentityMaker: TypeAlias = Callable[[str, Fields, str, int], Identity | None]
KeyMaker: TypeAlias = Callable[[str, Fields, str, int], str | None]


def printable(text: str) -> str:
    """`text` without outer blanks, everything but letters, digits, "-", "." and "_" written as %XX."""
    text = text.strip()
    return text if text.isalnum() and text.isascii() else quote(text, safe="")


def compile_terminal(profile: Iso8583Profile) -> Callable[[Fields], str]:
    """fields -> the terminal's name as the roster and the keys know it; "" where the sender left it out."""

    def terminal(fields: Fields) -> str:
        value = fields.get(41)
        return value.strip() if isinstance(value, str) else ""

    def acceptor_and_terminal(fields: Fields) -> str:
        name, acceptor = terminal(fields), fields.get(42)
        if not name or not isinstance(acceptor, str) or not acceptor.strip():
            return ""
        return f"{acceptor.strip()}/{name}"

    return terminal if profile.key.terminal == "41" else acceptor_and_terminal


def compile_acquirer(profile: Iso8583Profile) -> Callable[[Fields], str]:
    """fields -> the acquirer without leading zeros; "-" where the profile or the message has none."""
    if profile.key.acquirer == "none":
        return lambda fields: NONE

    def acquirer(fields: Fields) -> str:
        value = fields.get(32)
        return without_zeros(value) if isinstance(value, str) else NONE

    return acquirer


def without_zeros(acquirer: str) -> str:
    """DE 32 as keys write it: DE 90 fills it with zeros on the left, DE 32 does not."""
    return printable(acquirer).lstrip("0") or NONE


def compile_identity(profile: Iso8583Profile) -> IdentityMaker:
    """(mti, fields, realm, day of receipt) -> key, terminal and acquirer; None where a mandatory part or the date is missing.

    A reversal without the date field of the recipe is dated by the original it names, which a repeat does not change.
    """
    terminal_of = compile_terminal(profile)
    acquirer_of = compile_acquirer(profile)
    date_of = date_reader(profile)
    named = _compile_named(profile)
    date_inside = _compile_date_inside(profile)

    def identity(mti: str, fields: Fields, realm: str, day: int) -> Identity | None:
        trace = fields.get(11)
        date = date_of(fields, day)
        terminal = terminal_of(fields)
        if date is None and mti[1] == "4":
            original = named(fields)
            date = None if original is None else date_inside(original, day)
        if date is None or not terminal or not isinstance(trace, str):
            return None
        acquirer = acquirer_of(fields)
        key = _join(realm, acquirer, terminal, mti, trace, date)
        return None if key is None else (key, terminal, acquirer)

    return identity


def compile_key(profile: Iso8583Profile) -> KeyMaker:
    """(mti, fields, realm, day of receipt) -> the key, or None where there is none."""
    identity_of = compile_identity(profile)

    def key(mti: str, fields: Fields, realm: str, day: int) -> str | None:
        identity = identity_of(mti, fields, realm, day)
        return None if identity is None else identity[0]

    return key


def date_reader(profile: Iso8583Profile) -> DateReader:
    """(fields, day of receipt) -> the sender's own date or time by the profile's recipe, None where there is none."""
    return _READERS[profile.key_date]


def _compile_named(profile: Iso8583Profile) -> Callable[[Fields], OriginalData | None]:
    """fields -> which message they name (DE 90 or 56), None where they name none that can be read."""
    version = profile.version
    element = original_element(profile)

    def named(fields: Fields) -> OriginalData | None:
        text = fields.get(element)
        if not isinstance(text, str):
            return None
        try:
            return parse_original_data(text, version)
        except FieldError:
            return None

    return named


def _compile_date_inside(profile: Iso8583Profile) -> Callable[[OriginalData, int], str | None]:
    """(original data, day) -> the original's date by the profile's recipe, as far as original data can tell it."""
    date_of = date_reader(profile)
    is_1987 = profile.version == "1987"

    def date_inside(original: OriginalData, day: int) -> str | None:
        when = original.transmitted_at
        if not when.strip("0"):
            return None
        # 1987: MMDDhhmmss, the original's DE 7, whose time of day is no local time. Later: the original's DE 12.
        return date_of({7: when, 13: when[:4]} if is_1987 else {12: when}, day)

    return date_inside


def original_element(profile: Iso8583Profile) -> int:
    """The data element of original data."""
    return 90 if profile.version == "1987" else 56


def compile_original_key(profile: Iso8583Profile) -> KeyMaker:
    """(mti, fields, realm, day) -> the key of the message that a reversal or completion names; None where it names none."""
    recipe = profile.key
    terminal_of = compile_terminal(profile)
    acquirer_of = compile_acquirer(profile)
    date_of = date_reader(profile)
    named = _compile_named(profile)
    date_inside = _compile_date_inside(profile)
    element = original_element(profile)
    from_message = (recipe.original_date or ("message" if profile.version == "1987" else "original-data")) == "message"
    assumed_mti = recipe.original_mti or f"{profile.version_digit}200"

    def key(mti: str, fields: Fields, realm: str, day: int) -> str | None:
        original = named(fields)
        terminal = terminal_of(fields)
        if not terminal or (original is None and (element in fields or not recipe.reversal_keeps_trace)):
            return None  # a broken DE 90 is never replaced by a guess
        own_trace = fields.get(11)
        trace = original.stan if original is not None else ""
        if not trace.strip("0"):
            if not recipe.reversal_keeps_trace or not isinstance(own_trace, str):
                return None
            trace = own_trace
        date = None
        if from_message and profile.key_date != "7":
            date = date_of(fields, day)
        if date is None and original is not None:
            date = date_inside(original, day)
        if date is None and original is None:
            date = date_of(fields, day)
        if date is None:
            return None
        original_mti = original.mti if original is not None and original.mti.strip("0") else assumed_mti
        acquirer = NONE
        if recipe.acquirer != "none" and original is not None:
            acquirer = without_zeros(original.acquirer)
        return _join(realm, acquirer if acquirer != NONE else acquirer_of(fields), terminal, original_mti, trace, date)

    return key


def fingerprint_text(kind: str, amount: str, accounts: tuple[str, ...]) -> str:
    """Amount, accounts and kind in one canonical text. It holds the PAN: the caller wraps it into a Secret."""
    return "|".join((kind, amount, *accounts))


def _join(realm: str, acquirer: str, terminal: str, mti: str, trace: str, date: str) -> str | None:
    key = KEY_FORM % (realm, acquirer, printable(terminal), fold(mti), printable(trace), date)
    return key if len(key) <= KEY_CHARACTERS_MAX else None


# ---- the sender's own date, by recipe ------------------------------------------------------------------------------------
def _local_date(fields: Fields, day: int) -> str | None:
    value = fields.get(13)
    return expand_month_day(value, day) if isinstance(value, str) else None


def _transmission(fields: Fields, day: int) -> str | None:
    value = fields.get(7)
    if not isinstance(value, str) or len(value) != 10 or not _is_time(value[4:]):
        return None
    date = expand_month_day(value[:4], day)
    return None if date is None else date + value[4:]


def _local_time(fields: Fields, day: int) -> str | None:
    """DE 12: hhmmss as it is, or the date part of the longer forms."""
    value = fields.get(12)
    if not isinstance(value, str):
        return None
    if len(value) == 6:
        return value if _is_time(value) else None
    return date_part(value, day)


def _local_date_and_time(fields: Fields, day: int) -> str | None:
    value = fields.get(12)
    if not isinstance(value, str) or not _is_time(value[-6:]):
        return None
    date = _local_date(fields, day) if len(value) == 6 else date_part(value, day)
    return None if date is None else date + value[-6:]


def _is_time(text: str) -> bool:
    return len(text) == 6 and text.isascii() and text.isdigit()


_READERS: dict[str, DateReader] = {
    "13": _local_date,
    "7": _transmission,
    "12": _local_time,
    "12+13": _local_date_and_time,
}
