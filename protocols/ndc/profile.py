"""What one listener may set: the profile of an NDC link, every setting with its unit, default and one sentence.

Owns the pydantic model that `relay check` shows, and its checks of itself. It must never compile or decode anything. The
traps: defaults lie *under* a table that the profile gives, row by row; and a dispensing function for anything but an
approval is refused here, at start, because no later test would see it before the notes.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from protocols.errors import LocalMisuse, ProtocolError
from protocols.framing import Framing
from protocols.framings import FRAMINGS
from protocols.hookedkit import HOOKS_PATTERN
from protocols.ndc import defaults
from protocols.ndc.fields import CARD_FIRST, DISPENSING, FUNCTIONS, PRINTERS
from protocols.primitives import by_alpha
from protocols.vocabulary import DoubtPolicy

Milliseconds = Annotated[int, Field(ge=1, le=86_400_000)]
MillisecondsOrOff = Annotated[int, Field(ge=0, le=86_400_000)]
ConfigId = Annotated[str, Field(pattern=r"^([0-9]{4}|\*)$")]
Operation = Annotated[str, Field(pattern=r"^[A-DF-I ?]{8}$")]
Serial = Annotated[int, Field(ge=1, le=9_999)]
State = Annotated[str, Field(pattern=r"^[0-9A-Z]{3}$")]
PRINT_FIELDS = frozenset({"tsn", "amount", "currency", "authorisation", "balance", "reason"})
ASCII_MAX = 0x7E
TSN_SPAN_MIN = 100  # from the first to the last serial number: what is open of one terminal never comes around


class Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class KindRule(Model):
    """One kind of transaction. `doubt` has no default: law 3."""

    doubt: Annotated[DoubtPolicy, Field(strict=False, description="Unknown outcome: undo, repeat or hold.")]
    amount: Literal["required", "none"] = Field("required", description="Is an amount needed, or ignored?")
    completion: bool = Field(
        False, description="An approval counts only with the terminal's evidence (status after the reply)."
    )


class OperationRule(Model):
    """What one operation code means."""

    kind: str = Field(description="Kind of transaction, as the core knows it.", min_length=1, max_length=64)
    amount: Literal["amount", "B", "C", "fixed", "notes", "none"] = Field(
        "amount",
        description="Where the amount is: its own field, buffer B or C, fixed_minor, the note acceptor's list, nowhere.",
    )
    fixed_minor: int = Field(0, ge=0, description="The amount of a fast-cash key, minor units.")
    from_account: str = Field("", max_length=64, description="Name of the account the customer chose, told to the core.")
    to_account: Literal["", "B", "C"] = Field("", description="Buffer that holds the account to transfer to.")
    language: str = Field("", max_length=8, description="Language told to the core.")
    reply: str = Field("", max_length=64, description='Reply row when approved; empty: "approved:" and the kind.')


class PrintRule(Model):
    """One print group of a reply."""

    printer: str = Field("2", description="Printer flag: 1 journal, 2 receipt, 3 both, ...")
    text: str = Field(description="Text; {tsn} {amount} {currency} {authorisation} {balance} {reason} are filled in.")

    @model_validator(mode="after")
    def _known(self) -> PrintRule:
        if self.printer not in PRINTERS or len(self.printer) != 1:
            raise ValueError(f'printer "{self.printer}": expected one of {"".join(sorted(PRINTERS))}')
        try:
            self.text.format_map(dict.fromkeys(PRINT_FIELDS, "")).encode("ascii")
        except (KeyError, ValueError, IndexError, AttributeError) as problem:
            raise ValueError(f"text: only {', '.join(sorted(PRINT_FIELDS))} and ASCII ({problem})") from None
        return self


class ReplyRule(Model):
    """How one thing is said to the terminal."""

    function: str = Field("5", description="Function id: 5 next state, 2 or A dispense, - deposit notes, * refund notes, ...")
    next_state: State = Field(description="State that the terminal goes on with.")
    screen: str = Field("", pattern=r"^([0-9A-Z]{3}|[ul][0-9]{4})?$", description="Screen shown.")
    card: Literal["return", "retain", "return-now"] = Field("return", description="What becomes of the card.")
    prints: Annotated[tuple[PrintRule, ...], Field(strict=False, max_length=13)] = Field(
        (), description="Print groups, 13 at most."
    )

    @field_validator("function")
    @classmethod
    def _function(cls, function: str) -> str:
        if function not in FUNCTIONS:
            raise ValueError(f'function "{function}": expected one of {" ".join(FUNCTIONS)}')
        return function


class ConfigTables(Model):
    """Operation codes and replies of one configuration id, over the defaults; "*" stands for any id."""

    operations: dict[Operation, OperationRule] = Field({}, description='Operation code, blanks exact, "?" any -> meaning.')
    replies: dict[str, ReplyRule] = Field({}, description="What is said -> reply.")


class TerminalRule(Model):
    """One ATM by its source address."""

    name: str = Field(min_length=1, max_length=32, pattern=r"^[!-~]+$", description="Its name in roster, keys and at the core.")
    luno: str = Field("", pattern=r"^([0-9A-Za-z]{3}([0-9A-Za-z]{6})?)?$", description="LUNO that it must say; empty: any.")


class SessionRules(Model):
    """The conversation on one link."""

    identify_wait_ms: Milliseconds = Field(5_000, description="A silent ATM is asked for its configuration id after, ms.")
    step_wait_ms: Milliseconds = Field(30_000, description="Longest wait for the answer to a command, milliseconds.")
    status_wait_ms: Milliseconds = Field(90_000, description="Longest wait for the status after a reply, milliseconds.")
    reply_window_ms: Milliseconds = Field(
        30_000, description="No reply leaves later than this after its request; less than the ATM's own response timer, ms."
    )
    idle_probe_ms: MillisecondsOrOff = Field(
        60_000, description="Ask for the configuration id after so long a silence; 0 never."
    )
    partial_frame_ms: Milliseconds = Field(10_000, description="Half a frame, then nothing: hang up after, milliseconds.")
    commands_waiting_max: int = Field(8, ge=1, le=100, description="Commands of the core or an operator that wait their turn.")
    set_clock: bool = Field(True, description="Send date and time before going in service.")
    utc_offset_minutes: int = Field(540, ge=-720, le=840, description="Local time of the ATMs: minutes east of UTC.")
    read_counters: bool = Field(True, description="Ask for supply counters before going in service: evidence and note counts.")
    journal_options: str = Field("", max_length=64, description='Class 6 options, as in "60001FS61001"; empty: none are sent.')


class Security(Model):
    """Which messages carry a MAC; the MAC hook makes and checks it."""

    requests: bool = Field(False, description="Transaction requests end in a MAC.")
    replies: bool = Field(False, description="Transaction replies end in a MAC.")
    loads: bool = Field(False, description="State and FIT loads end in a MAC.")


class NdcProfile(Model):
    """One listener's NDC."""

    framing: str = Field("binary2", description="Name of a framing: binary2, binary2-inclusive, ascii4, ...")
    frame_bytes_max: int = Field(8_192, ge=256, le=1_048_576, description="Longest frame, bytes.")
    header_hex: str = Field("", pattern=r"^([0-9A-Fa-f]{2}){0,32}$", description="Constant header before the class byte, hex.")
    bind: Literal["source+luno", "luno"] = Field(
        "source+luno", description="An ATM without a row in terminals is its LUNO and source address, or its LUNO alone."
    )
    terminals: dict[str, TerminalRule] = Field({}, description="Source address -> which ATM that is.")
    luno: Literal["echo", "empty"] = Field("echo", description="LUNO in our messages: the ATM's own, or none.")
    sequence: str = Field("", pattern=r"^([0-9]{3})?$", description="Message sequence number in our commands; empty: none.")
    config_id: str = Field("", pattern=r"^([0-9]{4})?$", description="Configuration id wanted; empty: any that has tables.")
    load: str = Field("", max_length=63, description="Load (dialects/NAME.toml): states, screens, FIT; empty: none is sent.")
    load_bytes_max: int = Field(1_000, ge=128, le=8_000, description="Longest customisation message, bytes.")
    emv_sequence: bool = Field(False, description="An empty field stands between LUNO and table in class 8.")
    configs: dict[ConfigId, ConfigTables] = Field({}, description="Tables per configuration id.")
    kinds: dict[str, KindRule] = Field({}, description="Doubt policy, amount and completion per kind; over the defaults.")
    currency: str = Field("JPY", pattern=r"^[A-Z]{3}$", description="ISO 4217 letters of all amounts.")
    amount_decimals: int | None = Field(None, ge=0, le=4, description="Decimals in amount fields; none: the currency's own.")
    denominations: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(strict=False, min_length=1, max_length=7)] = Field(
        (1_000, 5_000, 10_000, 0), description="Value of a note per cassette type, minor units; 0: none."
    )
    tsn_range: Annotated[tuple[Serial, Serial], Field(strict=False)] = Field(
        (1, 9_999), description="Serial numbers we give, first and last; two centers of a pair need ranges apart."
    )
    notes_max: int = Field(40, ge=1, le=99, description="Notes in one dispense.")
    note_types: dict[Annotated[str, Field(pattern=r"^[0-9A-Za-z]{2,4}$")], Annotated[int, Field(ge=1)]] = Field(
        {}, description="Note acceptor's list: note type -> value in minor units. Empty: deposits of notes are refused."
    )
    note_count_digits: int = Field(3, ge=1, le=5, description="Digits of a count in the note acceptor's list.")
    security: Security = Field(default_factory=Security, description="MAC per message.")
    hooks: str = Field(
        "",
        max_length=200,
        pattern=HOOKS_PATTERN,
        description='"package.module:attribute": the bank\'s code for MAC and key loads, run inside the relay; empty: none.',
    )
    session: SessionRules = Field(default_factory=SessionRules, description="Timers, probes, clock.")

    @field_validator("framing")
    @classmethod
    def _framing_exists(cls, framing: str) -> str:
        try:
            Framing.named(framing)
        except ProtocolError as problem:
            raise ValueError(f"{problem}; usual are binary2 and binary2-inclusive of {len(FRAMINGS)}") from None
        return framing

    @model_validator(mode="after")
    def _hangs_together(self) -> NdcProfile:
        problems = []
        rules = self.all_kinds()
        for config_id in (defaults.ANY_CONFIG, *self.configs):
            operations, replies = self.all_operations(config_id), self.all_replies(config_id)
            for code, rule in operations.items():
                if rule.kind not in rules:
                    problems.append(f'kind "{rule.kind}" ({code}) has no doubt policy: add it under kinds')
                if (rule.reply or f"{defaults.APPROVED}{rule.kind}") not in replies:
                    problems.append(f'operation "{code}" has no reply row for an approved {rule.kind}')
                if rule.amount == "fixed" and not rule.fixed_minor:
                    problems.append(f'operation "{code}" is fixed cash without fixed_minor')
            if defaults.DECLINE not in replies or any(rule.reply == defaults.DECLINE for rule in operations.values()):
                problems.append(f'"{defaults.DECLINE}" is the row of refusals, and of nothing else')
            payouts = {rule.reply or f"{defaults.APPROVED}{rule.kind}" for rule in operations.values()}
            payouts |= {word for word in replies if word.startswith(defaults.APPROVED)}
            problems += [
                f'reply "{word}" dispenses, and is no approval'
                for word, reply in replies.items()
                if reply.function in DISPENSING and word not in payouts
            ]
            problems += [
                f'kind "{rule.kind}" dispenses without completion: nobody would know what came out'
                for rule in operations.values()
                if rule.kind in rules
                and not rules[rule.kind].completion
                and (reply_row := replies.get(rule.reply or f"{defaults.APPROVED}{rule.kind}")) is not None
                and reply_row.function in DISPENSING
            ]
        problems += [
            f'kind "{kind}" is never undone: notes are in the machine; use hold or repeat'
            for kind in sorted(defaults.NEVER_UNDONE)
            if rules[kind].doubt is DoubtPolicy.UNDO
        ]
        if self.tsn_range[1] - self.tsn_range[0] < TSN_SPAN_MIN:
            problems.append("tsn_range: at least a hundred numbers, the first before the last")
        if self.load and not self.config_id:
            problems.append("load: a load is sent when the configuration id is not the wanted one; set config_id")
        try:
            by_alpha(self.currency)
        except LocalMisuse as problem:
            problems.append(str(problem))
        if problems:
            raise ValueError("; ".join(dict.fromkeys(problems)))
        return self

    # ---- what it says, defaults included ---------------------------------------------------------------------------------
    def all_kinds(self) -> dict[str, KindRule]:
        rules = {
            kind: KindRule.model_validate({"doubt": doubt, "amount": amount, "completion": completion})
            for kind, (doubt, amount, completion) in defaults.KINDS.items()
        }
        rules.update(self.kinds)
        return rules

    def all_operations(self, config_id: str) -> dict[str, OperationRule]:
        rows = {code: OperationRule.model_validate(row) for code, row in defaults.OPERATIONS.items()}
        for name in (defaults.ANY_CONFIG, config_id):
            if name in self.configs:
                rows.update(self.configs[name].operations)
        return rows

    def all_replies(self, config_id: str) -> dict[str, ReplyRule]:
        rows = {word: ReplyRule.model_validate(row) for word, row in defaults.REPLIES.items()}
        for name in (defaults.ANY_CONFIG, config_id):
            if name in self.configs:
                rows.update(self.configs[name].replies)
        return rows

    def all_framing(self) -> Framing:
        """The framing with this profile's maximum and constant header."""
        framing = msgspec.structs.replace(Framing.named(self.framing), max_bytes=self.frame_bytes_max)
        header = bytes.fromhex(self.header_hex)
        if header:
            framing = msgspec.structs.replace(framing, header="fixed", header_bytes=len(header), default_header=header)
        return framing


__all__ = ["CARD_FIRST", "ConfigTables", "KindRule", "NdcProfile", "OperationRule", "ReplyRule", "SessionRules"]
