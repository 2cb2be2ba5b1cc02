"""The second net under card data: whatever text is about to be written, card numbers and track data in it are masked.

Owns the patterns. The first net is the types (`Pan`, `Secret` print masked by themselves); this one catches digits that
came as plain text, in an exception of a library or a hex dump. It must never be relied on to make card data loggable.
The traps: without the Luhn check trace and reference numbers vanish too; with it, one ordinary number in ten of 13 to 19
digits is masked all the same, which is harmless; and a number must be masked before a text is cut, not after.
"""

from __future__ import annotations

import re

from protocols.vocabulary import mask_pan

# A card number in groups of four, or 4-6-5; a run of digits, with the rest of track 2 after it.
_DIGITS = re.compile(
    r"(?<!\d)(?P<grouped>\d{4}(?P<gap>[ -])(?:\d{4}(?P=gap)\d{4}(?P=gap)\d{1,7}|\d{6}(?P=gap)\d{4,5}))(?!\d)"
    r"|(?P<run>\d{13,})(?P<track>[=dD^]\d{4,})?"
)
# The same digits written in EBCDIC, as hex or as an escaped byte string.
_EBCDIC = re.compile(r"(?:(?:\\x)?[fF]\d){13,}")
# Nearly no text has thirteen digits close together; this says so in a tenth of the time.
_MAY_HOLD_DIGITS = re.compile(r"\d{13}|\d{4}[ -]\d{4}")
_MAY_HOLD_EBCDIC = re.compile(r"[fF]\d(?:\\x)?[fF]\d(?:\\x)?[fF]\d")
_EVEN_DIGIT_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_RUN_DIGITS_MAX = 19


def is_luhn(digits: str) -> bool:
    """True where the last digit is the check digit of ISO/IEC 7812. `digits` holds decimal digits only."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = ord(digit) - 48
        total += _EVEN_DIGIT_DOUBLED[value] if place & 1 else value
    return total % 10 == 0


def _masked(found: re.Match[str]) -> str:
    if found["grouped"]:
        digits = found["grouped"].replace(found["gap"], "")
        return mask_pan(digits) if 13 <= len(digits) <= _RUN_DIGITS_MAX and is_luhn(digits) else found["grouped"]
    run, track = found["run"], found["track"]
    if track:
        return f"{run[:6]}{'*' * (len(run) - 6)}{track[0]}***"
    if len(run) > _RUN_DIGITS_MAX:
        # A card number may stand anywhere in it, behind a length prefix for one. What shows is never more than its ends.
        return f"{run[:4]}{'*' * (len(run) - 8)}{run[-4:]}"
    if run[0] == "1" and len(run) in (13, 19):
        return run  # milliseconds or nanoseconds since 1970; no card number of these lengths begins with 1
    return mask_pan(run) if is_luhn(run) else run


def mask_text(text: str) -> str:
    """`text` with every card number and everything that looks like track 2 masked; other text is returned as it is."""
    if _MAY_HOLD_DIGITS.search(text):
        text = _DIGITS.sub(_masked, text)
    if _MAY_HOLD_EBCDIC.search(text):
        text = _EBCDIC.sub(lambda found: "*" * len(found[0]), text)
    return text
