"""What one listener may set: the profile of an ISO 8583 link, every setting with its unit, default and one sentence.

Owns the pydantic model that `relay check` shows, and the questions it answers about itself: which kinds, which codes. It must
never compile or decode anything. The traps: TOML gives lists where we keep tuples and text where we keep an enum, so those
two are lenient and everything else is strict; and defaults lie *under* a table that the profile gives, row by row, so that
naming one response code does not lose the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from protocols.errors import LocalMisuse, ProtocolError
from protocols.framing import Framing
from protocols.hookedkit import HOOKS_PATTERN
from protocols.iso8583 import codes, defaults
from protocols.primitives import by_alpha
from protocols.vocabulary import DoubtPolicy

Milliseconds = Annotated[int, Field(ge=1, le=86_400_000)]
MillisecondsOrOff = Annotated[int, Field(ge=0, le=86_400_000)]
Element = Annotated[int, Field(ge=2, le=128)]
Elements = Annotated[tuple[Element, ...], Field(strict=False)]
Names = Annotated[tuple[str, ...], Field(strict=False)]
Version = Literal["1987", "1993", "2003"]


class Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class KindRule(Model):
    """One kind of transaction. `doubt` has no default: law 3."""

    doubt: Annotated[DoubtPolicy, Field(strict=False, description="Unknown outcome: undo, repeat or hold.")]
    amount: Literal["required", "optional", "none"] = Field("required", description="Is DE 4 needed, or ignored?")
    completion: bool = Field(False, description="A reply waits for the terminal's completion (0220) before it counts as done.")


class KeyRecipe(Model):
    """What identifies a message: the sender's own fields only (law 2)."""

    acquirer: Literal["32", "none"] = Field("32", description="Data element of the acquirer; none where the link sends none.")
    terminal: Literal["41", "42+41"] = Field("41", description="Data element(s) that are unique for a terminal in the realm.")
    date: Literal["13", "7", "12", "12+13"] | None = Field(
        None,
        description="Date or time that a repeat keeps. Unset: 13 (1987), or the date part of 12 (1993, 2003).",
    )
    original_date: Literal["message", "original-data"] | None = Field(
        None, description="Date of a reversal's original: its own DE 13 or 12 (1987), or what DE 90 (56) holds (1993, 2003)."
    )
    reversal_keeps_trace: bool = Field(
        False, description="A reversal without DE 90 (56) names the original by its own DE 11; false refuses such a reversal."
    )
    original_mti: str = Field(
        "", pattern=r"^([0-9]{4})?$", description="Original's MTI where the reversal keeps the trace; empty: x200."
    )


class SessionRules(Model):
    """The conversation on one link."""

    sign_on: Literal["required", "optional", "never"] = Field(
        "required", description="Whether financial traffic waits for a sign-on."
    )
    sign_on_wait_ms: MillisecondsOrOff = Field(
        120_000, description="A link that must sign on and does not: hang up after, milliseconds; 0 = wait for ever."
    )
    we_sign_on: bool = Field(False, description="The relay signs on after connecting (dialled links) and off at a drain.")
    terminals_per_link: Literal["one", "many"] = Field("one", description="One ATM per link, or a switch with many behind it.")
    partial_frame_ms: Milliseconds = Field(10_000, description="Half a frame, then nothing: hang up after, milliseconds.")
    idle_echo_ms: MillisecondsOrOff = Field(0, description="Our echo after so long a silence, milliseconds; 0 = never.")
    echo_reply_ms: Milliseconds = Field(10_000, description="Longest wait for the answer to our echo, milliseconds.")
    echo_misses_max: int = Field(3, ge=1, le=100, description="Echoes unanswered in a row before hanging up.")
    command_reply_ms: Milliseconds = Field(15_000, description="Longest wait for an answer to a command, milliseconds.")
    commands_waiting_max: int = Field(8, ge=1, le=1_000, description="Our own requests that may wait for an answer at a time.")
    key_exchange: Literal["refuse", "hook"] = Field("refuse", description="Refuse with 40/115, or ask the attached hook.")
    network_codes: dict[str, str] = Field(
        {}, description="DE 70 (24) -> sign-on, sign-off, echo, cutover, key-exchange; over the defaults."
    )
    network_fields: dict[str, str] = Field({}, description="Data elements put into every 0800 we send, by number.")

    @field_validator("network_codes")
    @classmethod
    def _known_actions(cls, table: dict[str, str]) -> dict[str, str]:
        wrong = sorted({action for action in table.values() if action not in defaults.NETWORK_ACTIONS})
        if wrong:
            raise ValueError(f"{', '.join(wrong)}: expected one of {', '.join(defaults.NETWORK_ACTIONS)}")
        return table

    @field_validator("network_fields")
    @classmethod
    def _numbered(cls, table: dict[str, str]) -> dict[str, str]:
        wrong = [n for n in table if not (n.isdecimal() and 2 <= int(n) <= 128 and int(n) not in defaults.CARD_FIELDS)]
        if wrong:
            raise ValueError(f"{', '.join(wrong)}: expected data element numbers that hold no card data")
        return table


class TotalsRules(Model):
    """Reconciliation messages (05xx), and what a cutover means."""

    answer: Literal["plain", "compared"] = Field(
        "plain", description="0510, 0530: taken, or with our own totals, DE 66 and the code of the balance."
    )
    party: Literal["terminal", "partner"] = Field("terminal", description="Whose totals: those of DE 41, or of the whole line.")
    mode: Literal["final", "adds"] = Field(
        "final", description="A later 05xx of the same date: takes the place of the earlier one, or counts since it."
    )
    kinds: dict[str, Literal["credits", "debits", "transfers", "inquiries", "authorisations", "payments", "none"]] = Field(
        {}, description="Kind -> the column that counts it; over the defaults, which follow the processing codes."
    )
    in_balance: str = Field("1", pattern=r"^[0-9]$", description="DE 66 (1987) of totals that agree with ours.")
    out_of_balance: str = Field("2", pattern=r"^[0-9]$", description="DE 66 (1987) of totals that do not.")
    cutover_date: Literal["new", "closed"] = Field(
        "new", description="DE 15 of a cutover (0800, 201): the date that begins, or the one that is over."
    )


class EchoLists(Model):
    """Which data elements a response carries back unchanged; none: the version's own list."""

    financial: Elements | None = Field(None, description="Responses to 01xx and 02xx.")
    reversal: Elements | None = Field(None, description="Responses to 04xx.")
    reconciliation: Elements | None = Field(None, description="Responses to 05xx.")
    network: Elements | None = Field(None, description="Responses to 08xx.")
    refused: Elements | None = Field(None, description="Answers to messages that the dialogue refuses: the key fields.")


class Iso8583Profile(Model):
    """One listener's ISO 8583."""

    version: Version = Field("1987", description="Version of the standard.")
    encoding: Literal["ascii", "bcd", "ebcdic"] = Field("ascii", description="Base encoding of numbers, text and bitmap.")
    overlays: Names = Field((), description="Overlay files by name (config/dialects/NAME.toml), later ones on top.")
    overlay: dict[str, object] = Field({}, description="Overlay written in place; on top of all.")
    framing: str | dict[str, object] = Field(
        "ascii4", description="Name of a framing preset, or a table of its parts; `base` names the preset it starts from."
    )
    frame_bytes_max: int | None = Field(None, ge=16, le=1_048_576, description="Longest frame, bytes; none: the preset's own.")
    zero_frames: Literal["error", "ignore", "echo"] | None = Field(
        None, description="Zero-length frames; none: the preset's own."
    )
    answers_on_new_link: bool = Field(
        True, description="A late answer may go to the terminal's newer link, inside the reply deadline."
    )
    session: SessionRules = Field(default_factory=SessionRules, description="Sign-on, echo, timers, commands.")
    key: KeyRecipe = Field(default_factory=KeyRecipe, description="What identifies a message.")
    processing_codes: dict[str, str] = Field({}, description='"01" or "1:01" (MTI class) -> kind; over the defaults.')
    kinds: dict[str, KindRule] = Field({}, description="Doubt policy, amount use and completion per kind; over the defaults.")
    codes: dict[str, str] = Field({}, description="Reason or refusal -> DE 39; over the version's defaults.")
    echo: EchoLists = Field(default_factory=EchoLists, description="What responses carry back.")
    reply_fields: dict[str, Element] = Field({}, description="The core's reply data: name -> data element; over the defaults.")
    extra_fields: dict[str, Element] = Field({}, description="Name in the request's extra -> data element; over the defaults.")
    account_types: dict[str, str] = Field({}, description="DE 3 account type -> name; over the defaults.")
    currency_default: str = Field(
        "", pattern=r"^([A-Z]{3})?$", description="ISO 4217 letters where DE 49 is absent; empty: refuse."
    )
    currency_exponents: dict[str, Annotated[int, Field(ge=0, le=4)]] = Field(
        {}, description="Currency -> decimals on this link where they differ from ISO 4217."
    )
    totals: TotalsRules = Field(default_factory=TotalsRules, description="Reconciliation messages (05xx) and cutover.")
    business_date: Literal["15", "17", "13", "none"] = Field("15", description="Data element of the business date.")
    partial_reversal: Literal["amount-stands", "amount-undone", "refuse"] = Field(
        "refuse", description="1993, 2003, DE 24 = 401: DE 4 is what stands, what is undone (of DE 30), or refuse: never guess."
    )
    mac: Literal["none", "required"] = Field("none", description="DE 64/128 is checked and written by the attached MAC hook.")
    hooks: str = Field(
        "",
        max_length=200,
        pattern=HOOKS_PATTERN,
        description='"package.module:attribute": the bank\'s code for MAC and key exchange, run inside the relay; empty: none.',
    )

    @field_validator("framing")
    @classmethod
    def _framing_exists(cls, framing: str | dict[str, object]) -> str | dict[str, object]:
        try:
            as_framing(framing)
        except (ProtocolError, msgspec.ValidationError, ValueError) as problem:
            raise ValueError(str(problem)) from None
        return framing

    @field_validator("processing_codes")
    @classmethod
    def _codes_shape(cls, table: dict[str, str]) -> dict[str, str]:
        for code in table:
            bare = code[2:] if code[:2] in {"1:", "2:"} else code
            if len(bare) != 2 or not bare.isalnum():
                raise ValueError(f'{code}: expected two characters of DE 3, as in "01" or "1:01"')
        return table

    @field_validator("extra_fields")
    @classmethod
    def _no_card_data(cls, table: dict[str, int]) -> dict[str, int]:
        wrong = sorted(name for name, element in table.items() if element in defaults.CARD_FIELDS)
        if wrong:
            raise ValueError(f"{', '.join(wrong)}: this data element may hold card data, which extra must not")
        return table

    @field_validator("reply_fields")
    @classmethod
    def _no_ruled_fields(cls, table: dict[str, int]) -> dict[str, int]:
        wrong = sorted(name for name, element in table.items() if element in {2, 3, 4, 11, 35, 36, 38, 39, 45, 52, 54, 64, 128})
        if wrong:
            raise ValueError(f"{', '.join(wrong)}: this data element has a rule of its own or may hold card data")
        return table

    @model_validator(mode="after")
    def _hangs_together(self) -> Iso8583Profile:
        problems = []
        rules = self.all_kinds()
        nameless = sorted({kind for kind in self.all_processing_codes().values() if kind not in rules})
        problems += [
            f'kind "{kind}" has no doubt policy: add it under kinds with doubt = undo, repeat or hold' for kind in nameless
        ]
        problems += [
            f'kind "{kind}" is never undone: cash or cheques are in the machine; use hold or repeat'
            for kind in sorted(defaults.NEVER_UNDONE)
            if rules[kind].doubt is DoubtPolicy.UNDO
        ]
        length = codes.CODE_LENGTH[self.version]
        problems += [
            f'codes: "{word}" is "{code}", but DE 39 has {length} characters in {self.version}'
            for word, code in sorted(self.codes.items())
            if len(code) != length or not (code.isascii() and code.isalnum())
        ]
        table = self.all_codes()
        good = {table[word] for word in (codes.APPROVED, codes.APPROVED_PARTIAL, codes.REVERSAL_ACCEPTED)}
        problems += [
            f'codes: "{word}" is "{code}", which means approved'
            for word, code in sorted(table.items())
            if word not in codes.SPOKEN and code in good
        ]
        if self.key_date == "13" and self.version != "1987":
            problems.append("key.date: DE 13 is no local date in 1993 and 2003; use 12")
        if self.key_date == "7" and self.version != "1987":
            problems.append("key.date: a reversal's DE 56 does not hold the original's DE 7; use 12")
        problems += _unknown("currency_default", {self.currency_default} - {""})
        problems += _unknown("currency_exponents", self.currency_exponents)
        if problems:
            raise ValueError("; ".join(problems))
        return self

    # ---- what it says, defaults included ---------------------------------------------------------------------------------
    @property
    def key_date(self) -> str:
        """The key's date field: as set, or DE 13 for 1987 and DE 12 for the others."""
        return self.key.date or ("13" if self.version == "1987" else "12")

    @property
    def version_digit(self) -> str:
        """First digit of this version's MTIs."""
        return {"1987": "0", "1993": "1", "2003": "2"}[self.version]

    @property
    def network_element(self) -> int:
        """The data element that says what an 08xx message wants."""
        return 70 if self.version == "1987" else 24

    def all_kinds(self) -> dict[str, KindRule]:
        rules = {kind: KindRule(doubt=DoubtPolicy(doubt), amount=use) for kind, (doubt, use) in defaults.KINDS.items()}
        rules.update(self.kinds)
        return rules

    def all_processing_codes(self) -> dict[str, str]:
        return {**defaults.PROCESSING_CODES, **defaults.AUTHORISATION_CODES, **self.processing_codes}

    def all_codes(self) -> dict[str, str]:
        return codes.all_codes(self.version, self.codes)

    def all_network_codes(self) -> dict[str, str]:
        return {**defaults.NETWORK_CODES[self.version], **self.session.network_codes}

    def all_echoed(self, message_class: str) -> tuple[int, ...]:
        """Data elements that a response of "financial", "reversal", "reconciliation", "network" or "refused" carries back."""
        given: tuple[int, ...] | None = getattr(self.echo, message_class)
        return defaults.echoed(self.version, message_class) if given is None else tuple(sorted(set(given)))

    def all_framing(self) -> Framing:
        """The framing with this profile's maximum and zero policy."""
        framing = as_framing(self.framing)
        if self.frame_bytes_max is not None:
            framing = msgspec.structs.replace(framing, max_bytes=self.frame_bytes_max)
        if self.zero_frames is not None:
            framing = msgspec.structs.replace(framing, zero=self.zero_frames)
        return framing


def _unknown(setting: str, currencies: Iterable[str]) -> Iterator[str]:
    """A sentence for each currency that ISO 4217 does not list, led by its setting."""
    for currency in sorted(currencies):
        try:
            by_alpha(currency)
        except LocalMisuse:
            yield f'{setting}: "{currency}" is no alphabetic code of ISO 4217'


def as_framing(framing: str | Mapping[str, object]) -> Framing:
    """A preset by name, or a table of Framing's own parts, byte strings as hex text.

    Raises ProtocolError, ValueError or msgspec.ValidationError with what is wrong.
    """
    if isinstance(framing, str):
        return Framing.named(framing)
    base = framing.get("base", "")
    parts = msgspec.structs.asdict(Framing.named(str(base)) if base else Framing())
    for name, value in framing.items():
        if name == "base":
            continue
        if name not in parts:
            raise ValueError(f"framing.{name}: expected one of {', '.join(sorted(parts))}")
        if isinstance(parts[name], bytes):
            try:
                parts[name] = bytes.fromhex(str(value))
            except ValueError:
                raise ValueError(f"framing.{name}: expected hex digits") from None
        else:
            parts[name] = value
    return msgspec.convert(parts, Framing)
