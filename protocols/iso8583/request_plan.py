"""A translation written for one shape of message: the fast way from elements to a request.

Owns the generation of a small Python function for one MTI, one processing code and one set of elements, and its compilation;
when that is worth it, `translate.py` decides. Why source text: what the precise way asks again for each message (is it there,
is it text, which row, which name in `extra`) is known once the shape is, and what is left is one `itemgetter`, the checks of
the values themselves, and one construction. The source holds only numbers and names made here; kinds, names and codes are
values that it names; nothing of a message or of configuration text is ever put into it.

Only what comes most is planned: financial requests, whose card is told by DE 2 or 35. As in `parse_plan.py`, a plan answers
None whenever anything is not as usual (a wrong digit, bytes for text, a date that is none, a currency that converts) and never
says why; the precise way then decides, and a test holds the two against each other. The trap: a plan must ask *everything*
that could make the precise way refuse, for it is the plan that makes the key (law 2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import TypeAlias

import msgspec

from protocols.iso8583 import defaults
from protocols.iso8583.dates import DAY_MS, expand_month_day
from protocols.iso8583.keys import KEY_CHARACTERS_MAX, KEY_FORM, NONE, compile_terminal, date_reader, printable
from protocols.iso8583.mapping import (
    PAN_DIGITS_MAX,
    BadValue,
    Currencies,
    compile_accounts,
    compile_amount,
    compile_business_date,
    split_track2,
)
from protocols.iso8583.message import Value
from protocols.iso8583.mti import REPEATS, fold, message_class
from protocols.iso8583.profile import Iso8583Profile
from protocols.vocabulary import CardData, DoubtPolicy, MessageClass, Money, Pan, Received, Request, Secret

Fields: TypeAlias = Mapping[int, Value]
RequestPlan: TypeAlias = Callable[[Fields, Received], Request | None]

# Element of the card -> its name in CardData; secrets are wrapped, and those of bytes written as hex.
_CARD_TEXT = {14: "expiry", 23: "sequence"}
_CARD_SECRETS = {45: "track1", 35: "track2", 36: "track3", 52: "pin_block", 55: "emv"}
_TEXT_ONLY = frozenset({2, 4, 11, 13, 14, 23, 32, 35, 36, 41, 42, 45, 49, 102, 103})


class Row(msgspec.Struct, frozen=True):
    """What is known of one processing code before any message comes."""

    kind: str
    policy: DoubtPolicy
    amount: str  # required | optional | none
    completion: bool


def compile_request(
    profile: Iso8583Profile, rows: Mapping[str, Row], currencies: Currencies, mti: str, sample: Fields
) -> RequestPlan | None:
    """The translation of messages with this type and just the elements and processing code of `sample`; None where they need
    the precise way. `rows` as `translate.compile_rows` makes them."""
    code = sample.get(3)
    if message_class(mti) is not MessageClass.FINANCIAL or mti[0] != profile.version_digit or not isinstance(code, str):
        return None
    row = rows.get(mti[1] + code[:2])
    needed = {11, 41} | ({42} if profile.key.terminal == "42+41" else set()) | ({13} if profile.key_date == "13" else set())
    if row is None or not needed <= sample.keys() or (row.amount == "required" and 4 not in sample):
        return None
    if any(not isinstance(sample[number], str) for number in _TEXT_ONLY & sample.keys()):
        return None
    if not sample.keys() & {2, 35} and sample.keys() & {36, 45}:
        return None  # the PAN is looked for in other tracks
    source = _Source(profile, row, sample)
    source.identify(mti)
    if not source.add_amount(currencies):
        return None
    source.look_at_card()
    source.add_accounts_and_extra(code)
    return source.compile(mti)


class _Source:
    """Lines of the function, and the values they name. In the lines: `fN` is the value of element N."""

    def __init__(self, profile: Iso8583Profile, row: Row, sample: Fields) -> None:
        self._profile = profile
        self._row = row
        self._sample = sample
        self._read: dict[int, None] = {}  # elements that the lines name, in order
        self._digits: list[str] = []  # values to be ASCII digits
        self._lines: list[str] = []
        self._made: list[str] = []  # arguments of the request
        self._money = self._pan = ""  # expressions
        self._names: dict[str, object] = {
            "Request": Request,
            "Money": Money,
            "CardData": CardData,
            "Pan": Pan,
            "Secret": Secret,
            "join": "".join,
            "printable": printable,
            "FINANCIAL": MessageClass.FINANCIAL,
            "KIND": row.kind,
            "POLICY": row.policy,
            "BadValue": BadValue,
        }

    def _name(self, value: object) -> str:
        name = f"N{len(self._names)}"
        self._names[name] = value
        return name

    def _f(self, number: int) -> str:
        self._read[number] = None
        return f"f{number}"

    def _hex_or(self, number: int, text: str) -> str:
        """The value of element `number` as upper-case hex where it is binary, else by the method `text`."""
        return f"{self._f(number)}.{text}()" if isinstance(self._sample[number], str) else f"{self._f(number)}.hex().upper()"

    # ---- who: key, terminal, acquirer
    def identify(self, mti: str) -> None:
        profile = self._profile
        self._lines.append(f"day = received.wall_ms // {DAY_MS}")
        if profile.key_date == "13":
            self._lines.append(f"date = {self._name(expand_month_day)}({self._f(13)}, day)")
        else:
            self._lines.append(f"date = {self._name(date_reader(profile))}(fields, day)")
        if profile.key.terminal == "41":
            self._lines.append(f"terminal = {self._f(41)}.strip()")
        else:
            for number in (41, 42):
                self._f(number)
            self._lines.append(f"terminal = {self._name(compile_terminal(profile))}(fields)")
        self._lines.append("if date is None or not terminal: return None")
        self._lines.append("name = terminal if terminal.isalnum() and terminal.isascii() else printable(terminal)")
        trace = self._f(11)
        self._lines.append(f"trace = {trace} if {trace}.isalnum() and {trace}.isascii() else printable({trace})")
        if profile.key.acquirer == "none" or 32 not in self._sample:
            self._lines.append(f"acquirer = {NONE!r}")
        else:
            whole = self._f(32)
            text = f"({whole} if {whole}.isalnum() and {whole}.isascii() else printable({whole}))"
            self._lines.append(f"acquirer = {text}.lstrip('0') or {NONE!r}")
        form, folded = self._name(KEY_FORM), self._name(fold(mti))
        self._lines += [
            "realm = received.realm",
            f"key = {form} % (realm, acquirer, name, {folded}, trace, date)",
            f"if len(key) > {KEY_CHARACTERS_MAX}: return None",
        ]

    # ---- how much
    def add_amount(self, currencies: Currencies) -> bool:
        """False where the currency needs the precise way."""
        if self._row.amount == "none" or 4 not in self._sample:
            return True
        self._made.append("amount=amount")
        if self._profile.version == "2003":
            self._f(4)
            self._lines.append(f"amount = {self._name(compile_amount(self._profile, currencies))}(fields)")
            self._money = "{amount.minor}{amount.currency}"
            return True
        alike = currencies.alike()
        if 49 in self._sample:
            self._lines.append(f"currency = {self._name(alike)}[{self._f(49)}]")
        elif self._profile.currency_default in alike:
            self._lines.append(f"currency = {self._name(alike[self._profile.currency_default])}")
        else:
            return False
        self._digits.append(self._f(4))
        self._lines += [f"minor = int({self._f(4)})", "amount = Money(minor, currency)"]
        self._money = "{minor}{currency}"
        return True

    # ---- whose card
    def look_at_card(self) -> None:
        sample = self._sample
        made: list[str] = []
        if 2 in sample:
            self._pan = self._f(2)
        if 35 in sample and not (2 in sample and 14 in sample):
            track = self._f(35)
            self._names["split_track2"] = split_track2
            self._lines += [
                f"left, mark, right = {track}.partition('=')",
                f"if not mark: left, right = split_track2({track})",
            ]
            if 2 not in sample:
                self._lines.append("pan = left.lstrip(';B')")  # where the mark stands, stripping the end changes nothing
                self._pan = "pan"
            if 14 not in sample:
                self._lines.append("expiry = right[:4]")
                made.append("expiry=expiry if len(expiry) == 4 and expiry.isdecimal() else None")
        if self._pan:
            self._digits.append(self._pan)
            self._lines.append(f"if not 0 < len({self._pan}) <= {PAN_DIGITS_MAX}: return None")
            made.append(f"pan=Pan({self._pan})")
        elif not sample.keys() & {22, 52, 55}:
            return
        made += [f"{name}={self._f(number)}" for number, name in _CARD_TEXT.items() if number in sample]
        made += [
            f"{name}=Secret({self._f(number) if number in (35, 36, 45) else self._hex_or(number, 'upper')})"
            for number, name in _CARD_SECRETS.items()
            if number in sample
        ]
        if 22 in sample:
            made.append(f"entry_mode={self._f(22) if isinstance(sample[22], str) else self._hex_or(22, '')}")
        self._made.append(f"card=CardData({', '.join(made)})")

    # ---- the rest
    def add_accounts_and_extra(self, code: str) -> None:
        profile, sample = self._profile, self._sample
        for number, name in ((102, "from_account"), (103, "to_account")):
            if number in sample:
                self._lines.append(f"{name} = {self._f(number)}.strip() or None")
                if self._pan:
                    self._lines.append(f"if {name} == {self._pan}: {name} = None")
                self._made.append(f"{name}={name}")
        if profile.business_date != "none" and int(profile.business_date) in sample:
            self._lines.append(f"business_date = {self._name(compile_business_date(profile))}(fields, day)")
            self._made.append("business_date=business_date")
        wanted = {**defaults.extra_fields(profile.version), **profile.extra_fields}
        items = [f"{self._name(name)}: {self._hex_or(number, 'rstrip')}" for name, number in wanted.items() if number in sample]
        of_code: dict[str, str] = {}
        compile_accounts(profile)(code, {}, of_code)
        items += [f"{self._name(name)}: {self._name(value)}" for name, value in of_code.items()]
        self._made.append(f"extra={{{', '.join(items)}}}")

    def compile(self, mti: str) -> RequestPlan:
        sample = self._sample
        accounts = "|".join(
            f"{{{name} or ''}}" if f"{name}={name}" in self._made else "" for name in ("from_account", "to_account")
        )
        pan = f"{{{self._pan}}}" if self._pan else ""
        made = [
            "key=key, message_class=FINANCIAL, kind=KIND, doubt_policy=POLICY, channel=received.channel, realm=realm",
            "terminal=terminal, acquirer=acquirer",
            f'fingerprint_text=Secret(f"{{KIND}}|{self._money}|{pan}|{accounts}||")',
            f"trace={self._f(11)}",
            *self._made,
        ]
        if mti[3] in REPEATS:
            made.append("repeat=True")
        if self._row.completion:
            made.append("needs_completion=True")
        numbers = sorted(self._read)
        texts = [f"f{number}" for number in numbers if isinstance(sample[number], str)]
        self._names["values"] = itemgetter(*numbers)
        head = [
            f"{', '.join(f'f{number}' for number in numbers)} = values(fields)",
            f"join(({', '.join(texts)}))",  # TypeError where one of them is bytes
        ]
        checks = [f"digits = {' + '.join(self._digits)}", "if not (digits.isdigit() and digits.isascii()): return None"]
        inner = "\n        ".join(
            [*head, *self._lines, *(checks if self._digits else ()), f"return Request({', '.join(made)})"]
        )
        errors = "(KeyError, ValueError, TypeError, AttributeError, BadValue)"
        text = f"def plan(fields, received):\n    try:\n        {inner}\n    except {errors}:\n        return None\n"
        exec(compile(text, "<request plan>", "exec"), self._names)  # made of numbers and names above only
        plan: RequestPlan = self._names["plan"]  # type: ignore[assignment]  # the function just made
        return plan
