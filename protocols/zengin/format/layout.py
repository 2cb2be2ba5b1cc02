"""The layouts compiled: fields with their places and checks, and one pattern per record for the quick answer "all is well".

Owns `Field`, `RecordLayout`, `Layout` and the settings that change what a field may hold. It must never read bytes. The trap:
the pattern and the slow check (`Field.problems`) must agree, or a wrong record passes; a property test compares them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

import msgspec

from protocols.errors import LocalMisuse
from protocols.zengin.format import layouts

KINDS = ("1", "2", "8", "9")  # header, data, trailer, end


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What a bank may loosen."""

    wo_in_names: bool = False  # ｦ in names, as a revision of the character list has it
    long_vowel: bool = False  # ｰ wherever kana stand
    dummy_free: bool = False  # anything in what should be spaces


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One item of a record: `start` counts bytes from 0; `allowed` is empty for digits."""

    name: str
    start: int
    width: int
    is_number: bool
    may_be_blank: bool
    codes: frozenset[str]
    positive: bool
    calendar: str  # "mmdd", "wareki" or ""
    allowed: frozenset[str]
    pattern: str

    @property
    def end(self) -> int:
        return self.start + self.width

    def problem(self, text: str) -> tuple[int, str] | None:
        """What is wrong with `text` (all `width` characters): its place in it and the rule; None when nothing is."""
        if not self.is_number:
            return self._bad_character(text)
        if self.may_be_blank and not text.strip(" "):
            return None
        for place, character in enumerate(text):
            if character not in "0123456789":
                return place, f"a digit, not U+{ord(character):04X}"
        if self.may_be_blank and not text.strip("0"):
            return None
        if self.codes and text not in self.codes:
            return 0, f"one of {', '.join(sorted(self.codes))}"
        if self.positive and not text.strip("0"):
            return 0, "an amount above zero"
        if self.calendar and not re.fullmatch(_CALENDARS[self.calendar], text):
            return 0, "a month and a day" if self.calendar == "mmdd" else "a year, month and day"
        return None

    def _bad_character(self, text: str) -> tuple[int, str] | None:
        for place, character in enumerate(text):
            if character not in self.allowed:
                return place, f"a character of this field's list, not U+{ord(character):04X}"
        if self.codes and text.strip(" ") not in self.codes:
            return 0, f"one of {', '.join(sorted(self.codes - {''}))} or blank"
        return None


class RecordLayout(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    length: int
    fields: tuple[Field, ...]
    names: frozenset[str]
    slices: tuple[tuple[str, int, int, bool], ...]  # name, start, end, is_number
    pattern: re.Pattern[str]
    blank_tail: int  # bytes of filler at the end, which some senders leave out

    def field(self, name: str) -> Field:
        for field in self.fields:
            if field.name == name:
                return field
        raise LocalMisuse(f"no field {name!r} in record {self.kind}", "field")


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    type_code: str
    length: int
    records: Mapping[str, RecordLayout]


# Every month has the days it has; whether a year has a 29 February is for who knows the year (reader.py, dates.py).
_MONTH_DAY = "(?:(?:0[13578]|1[02])(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)(?:0[1-9]|[12][0-9]|30)|02(?:0[1-9]|[12][0-9]))"
_CALENDARS = {"mmdd": _MONTH_DAY, "wareki": "(?!00)[0-9]{2}" + _MONTH_DAY}


@lru_cache(maxsize=64)
def layout_of(type_code: str, rules: Rules | None = None) -> Layout:
    """The layout of one format. Raises LocalMisuse for a code that is none of `layouts.LAYOUTS`."""
    rows = layouts.LAYOUTS.get(type_code)
    if rows is None:
        raise LocalMisuse(f"{type_code!r} is none of {', '.join(sorted(layouts.LAYOUTS))}", "format")
    records = {kind: _record(kind, text, type_code, rules or Rules()) for kind, text in rows.items()}
    return Layout(type_code=type_code, length=records["1"].length, records=records)


def _record(kind: str, text: str, type_code: str, rules: Rules) -> RecordLayout:
    fields: list[Field] = []
    at = 0
    for row in text.strip().splitlines():
        name, type_, width, *more = row.split()
        rule = type_code if name == "type_code" else (more[0] if more else "")
        fields.append(_field(name, type_, int(width), rule, at, rules))
        at += int(width)
    last = fields[-1]
    return RecordLayout(
        kind=kind,
        length=at,
        fields=tuple(fields),
        names=frozenset(field.name for field in fields),
        slices=tuple((field.name, field.start, field.end, field.is_number) for field in fields),
        pattern=re.compile("".join(field.pattern for field in fields)),
        blank_tail=last.width if last.name == "dummy" else 0,
    )


def _field(name: str, type_: str, width: int, rule: str, start: int, rules: Rules) -> Field:
    is_number = type_[0] == "N"
    blank = type_.endswith("?")
    codes: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()
    calendar = rule if rule in _CALENDARS else ""
    if is_number:
        if rule and rule != ">0" and not calendar:
            codes = frozenset(rule.split(","))
    elif rule == "Y":
        codes, allowed = frozenset({"Y", ""}), frozenset("Y ")
    else:
        allowed = _allowed(rule, rules)
    return Field(
        name=name,
        start=start,
        width=width,
        is_number=is_number,
        may_be_blank=blank,
        codes=codes,
        positive=rule == ">0",
        calendar=calendar,
        allowed=allowed,
        pattern=_pattern(width, is_number, blank, codes, calendar, rule, allowed),
    )


def _allowed(rule: str, rules: Rules) -> frozenset[str]:
    if rule == "space":
        return _ANYTHING if rules.dummy_free else frozenset(" ")
    characters = layouts.EVERYWHERE + layouts.CLASSES[rule]
    if rules.wo_in_names:
        characters += "ｦ"
    if rules.long_vowel:
        characters += "ｰ"
    return frozenset(characters)


_ANYTHING = frozenset(map(chr, (*range(0x20, 0x7F), 0xA5, 0x203E, *range(0xFF61, 0xFFA0))))


def _pattern(
    width: int, is_number: bool, blank: bool, codes: frozenset[str], calendar: str, rule: str, allowed: frozenset[str]
) -> str:
    if not is_number:
        if codes:
            return "[Y ]"
        return "[" + "".join(re.escape(character) for character in sorted(allowed)) + f"]{{{width}}}"
    if codes:
        whole = "(?:" + "|".join(sorted(codes)) + ")"
    elif calendar:
        whole = _CALENDARS[calendar]
    elif rule == ">0":
        whole = f"(?!0{{{width}}})[0-9]{{{width}}}"
    else:
        whole = f"[0-9]{{{width}}}"
    return f"(?:{whole}| {{{width}}}|0{{{width}}})" if blank else whole
