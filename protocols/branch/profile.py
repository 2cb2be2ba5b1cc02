"""What one listener may set: the profile of branch lines, every setting with its unit, default and one sentence.

Owns the pydantic model that `relay check` shows, and the questions it answers about itself. It must never compile or decode
anything. The traps: defaults lie *under* a table that the profile gives, row by row; and a kind that takes cash in is never
undone, because the notes are in the till.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from protocols.branch import codes
from protocols.branch.fields import OPERATIONS
from protocols.branch.frame import FRAME_BYTES_MAX_DEFAULT
from protocols.characters import CharacterSettings
from protocols.vocabulary import DoubtPolicy

Milliseconds = Annotated[int, Field(ge=1, le=86_400_000)]
MillisecondsOrOff = Annotated[int, Field(ge=0, le=86_400_000)]
Names = Annotated[tuple[str, ...], Field(strict=False)]
Cash = Literal["in", "out", "none"]


class Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class OperationRule(Model):
    """One 取引コード. `doubt` has no default: law 3."""

    kind: str = Field(pattern=r"^[a-z][a-z-]*$", description="Kind of transaction, as the core knows it.")
    body: str = Field(description="Name of the body's layout.")
    cash: Cash = Field("none", description="Whether notes go into the till, out of it, or neither.")
    doubt: Annotated[DoubtPolicy, Field(strict=False, description="Unknown outcome: undo, repeat or hold.")]
    completion: str = Field(
        "", pattern=r"^[TBAR]*$", description="端末種別 whose approvals await a 完了確認: letters of T, B, A, R."
    )
    approver_from: int = Field(0, ge=0, description="役席承認 is needed from this amount on, yen; 0 = never.")


class SessionRules(Model):
    """The conversation on one link."""

    open_wait_ms: MillisecondsOrOff = Field(120_000, description="A link without 開局: hang up after, milliseconds; 0 = never.")
    partial_frame_ms: Milliseconds = Field(10_000, description="Half a telegram, then nothing: hang up after, milliseconds.")
    idle_echo_ms: MillisecondsOrOff = Field(60_000, description="Our エコー after so long a silence, milliseconds; 0 = never.")
    echo_misses_max: int = Field(3, ge=1, le=100, description="エコー unanswered in a row before hanging up.")
    completion_ms: Milliseconds = Field(60_000, description="T-complete: an approval is overdue after, milliseconds.")
    count_wait_ms: Milliseconds = Field(300_000, description="Longest wait for 精査応答 at 閉局, milliseconds.")
    gap_wait_ms: Milliseconds = Field(30_000, description="Longest wait for the 照会 about missing 端末通番, milliseconds.")
    notice_ms: Milliseconds = Field(30_000, description="Longest wait for 通知受信確認; then delivery unknown, milliseconds.")
    held_count_max: int = Field(8, ge=0, le=1_000, description="Telegrams held behind a gap; beyond it they are refused.")
    pending_count_max: int = Field(32, ge=1, le=1_000, description="Transactions of a terminal whose cash is not proven yet.")
    gap_needs_approver: bool = Field(True, description="Numbers reported as never used need a 役席ID.")
    days_ahead_max: int = Field(14, ge=0, le=366, description="How far 営業日 at 開局 may lie after today (Japan), days.")
    count_before_close: bool = Field(True, description="閉局 waits for 精査.")


class BranchProfile(Model):
    """One listener's branch-p1."""

    frame_bytes_max: int = Field(FRAME_BYTES_MAX_DEFAULT, ge=256, le=1_048_576, description="Longest telegram, bytes.")
    characters: CharacterSettings = Field(default_factory=CharacterSettings, description="The code page of the line.")
    overlays: Names = Field((), description="Overlay files by name (config/dialects/NAME.toml), later ones on top.")
    overlay: dict[str, object] = Field({}, description="Overlay written in place; on top of all.")
    answers_on_new_link: bool = Field(True, description="A late answer may go to the terminal's newer link.")
    session: SessionRules = Field(default_factory=SessionRules, description="Timers, counts, 精査.")
    operations: dict[str, OperationRule] = Field({}, description="取引コード -> rule; over the defaults.")
    codes: dict[str, str] = Field({}, description="Reason or refusal -> 応答コード; over the defaults.")
    mac: Literal["none", "required"] = Field("none", description="The last 8 bytes: zeros, or the attached hook's.")

    hooks: str = Field(
        "",
        max_length=200,
        pattern=r"^([A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*)?$",
        description='The bank\'s own authentication (3DES, AES-CMAC, an HSM), "package.module:attribute"; instead of mac_keys.',
    )
    mac_keys: dict[str, str] = Field({}, description="鍵版 (four digits) -> credential whose text is the HMAC key as hex.")

    @field_validator("operations")
    @classmethod
    def _five_digits(cls, table: dict[str, OperationRule]) -> dict[str, OperationRule]:
        wrong = sorted(code for code in table if not (len(code) == 5 and code.isdecimal() and code.isascii()))
        if wrong:
            raise ValueError(f"{', '.join(wrong)}: expected 科目 and オペ, five digits")
        return table

    @model_validator(mode="after")
    def _hangs_together(self) -> BranchProfile:
        problems = [
            f"operations.{code}: cash in the till is never undone; use repeat or hold"
            for code, rule in sorted(self.operations.items())
            if rule.cash == "in" and rule.doubt is DoubtPolicy.UNDO
        ]
        problems += [
            f"operations.{code}: only cash that goes out awaits a completion"
            for code, rule in sorted(self.operations.items())
            if rule.completion and rule.cash != "out"
        ]
        problems += [
            f'codes: "{word}" is "{code}", but 応答コード has four digits'
            for word, code in sorted(self.codes.items())
            if len(code) != 4 or not (code.isdecimal() and code.isascii())
        ]
        table = self.all_codes()
        problems += [
            f'codes: "{word}" is "{code}", which means approved'
            for word, code in sorted(table.items())
            if word != codes.APPROVED and code == table[codes.APPROVED]
        ]
        if table[codes.APPROVED] != "0000":
            problems.append('codes: "approved" stays 0000: an answer with any other code has no body')
        problems += [
            f"mac_keys.{version}: 鍵版 has four digits"
            for version in sorted(self.mac_keys)
            if len(version) != 4 or not (version.isdecimal() and version.isascii())
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def all_operations(self) -> dict[str, OperationRule]:
        rules = {
            code: OperationRule.model_validate(
                {"kind": kind, "body": body, "cash": cash, "doubt": DoubtPolicy(doubt), "completion": completion}
            )
            for code, (kind, body, cash, doubt, completion) in OPERATIONS.items()
        }
        rules.update(self.operations)
        return rules

    def all_codes(self) -> dict[str, str]:
        return codes.all_codes(self.codes)
