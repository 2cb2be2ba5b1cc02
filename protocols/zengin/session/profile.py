"""What one logical line may set: every width, code, limit and timer of profiles zrc-p1 and ztel-p1, with unit and default.

Owns the pydantic model that `relay check` shows. It must never compile or decode anything. The traps: TOML gives lists where
we keep tuples, so those are lenient and everything else is strict; and one listener or dialer is one logical line: its numbers
(and its part of the 発信通番) must differ from those of every other line, which only the person who writes the file can know.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from protocols.characters.text import CharacterSettings
from protocols.errors import LocalMisuse
from protocols.zengin.telegram.fields import build_layouts
from protocols.zengin.telegram.kinds import KINDS, SUBJECTS, SUBJECTS_OF_CONTROL

Milliseconds = Annotated[int, Field(ge=1, le=86_400_000)]
MillisecondsOrNone = Annotated[int, Field(ge=0, le=86_400_000)]
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")]
Code4 = Annotated[str, Field(pattern=r"^[0-9]{4}$")]
Dates = Annotated[tuple[str, ...], Field(strict=False)]

PHYSICAL_MAX = 4
LOGICAL_MAX = 8
LCN_MAX = 15


class Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class LineRules(Model):
    """Which line this is. Addresses and numbers are fixed by contract with the center."""

    side: Literal["host", "rc"] = Field(
        "host", description="host: we are the bank (SUBJ). rc: we play the RC (SUBZ), for tests."
    )
    physical: int = Field(1, ge=1, le=PHYSICAL_MAX, description="物理回線番号.")
    logical: int = Field(1, ge=1, le=LOGICAL_MAX, description="論理回線番号, unique within the physical line.")
    lcns: Annotated[tuple[Annotated[int, Field(ge=0, le=LCN_MAX)], ...], Field(strict=False, min_length=1)] = Field(
        (0,), description="LCN numbers in use; the first carries control telegrams."
    )
    lcn_of: dict[str, int] = Field({}, description="電文区分 or 種目コード -> LCN that it is sent on; others on the first.")
    sequence_bytes: int = Field(4, ge=1, le=8, description="Width of the sequence number in the business header, bytes.")
    frame_bytes_max: int = Field(4_160, ge=64, le=65_535, description="Longest message, both headers included, bytes.")
    inbox_count_max: int = Field(8, ge=1, le=1_000, description="Messages of one LCN that wait while one is being journaled.")
    gap_naks_max: int = Field(3, ge=1, le=100, description="Sequence gaps in a row that are answered with NAK; then release.")

    @model_validator(mode="after")
    def _known_lcns(self) -> LineRules:
        if len(set(self.lcns)) != len(self.lcns):
            raise ValueError("lcns: each LCN once")
        wrong = sorted({lcn for lcn in self.lcn_of.values() if lcn not in self.lcns})
        if wrong:
            raise ValueError(f"lcn_of: LCN {', '.join(map(str, wrong))} is not among lcns")
        return self


class TimerRules(Model):
    """All timers, milliseconds. The published t1 to t3 have no public values: these are ours."""

    partial_frame_ms: Milliseconds = Field(10_000, description="Half a frame, then nothing: release after.")
    watch_send_ms: MillisecondsOrNone = Field(30_000, description="Our connection watch message after so long; 0 = never.")
    watch_silence_ms: MillisecondsOrNone = Field(90_000, description="Nothing heard for so long: release; 0 = never.")
    ack_wait_ms: Milliseconds = Field(30_000, description="t3: longest wait for a logical ACK; then delivery is unknown.")
    open_wait_ms: Milliseconds = Field(30_000, description="Longest wait for the answer to our 開局.")
    open_retry_ms: Milliseconds = Field(60_000, description="Pause before 開局 is tried again after a refusal.")
    pre_close_ms: MillisecondsOrNone = Field(300_000, description="予備閉局 so long before the window ends.")
    close_wait_ms: MillisecondsOrNone = Field(
        30_000, description="閉局 waits so long for open telegrams and enquiries (a sister system: 30 to 18,255 s)."
    )
    match_wait_ms: Milliseconds = Field(30_000, description="Longest wait for the center's day-end figures and for 閉局回答.")


class Hours(Model):
    opens: Clock = Field("08:30", description="Local time, HH:MM.")
    closes: Clock = Field("15:30", description="Local time, HH:MM; earlier than `opens` means the next day.")


class MoreTimeHours(Hours):
    days: Literal["all", "bank-days", "rest-days"] = Field("all", description="Days on which the window begins.")


class CalendarRules(Model):
    """When the line is open."""

    service: Literal["core", "more-time", "always"] = Field(
        "core", description="Which windows; More Time is a line of its own."
    )
    core: Hours = Field(default_factory=Hours, description="Bank days.")
    month_end: Hours = Field(
        default_factory=lambda: Hours(opens="07:30", closes="16:30"), description="Last bank day of a month."
    )
    more_time: Annotated[tuple[MoreTimeHours, ...], Field(strict=False)] = Field(
        (), description="Hours that this bank has joined."
    )
    more_time_date: Literal["next-bank-day", "same-day"] = Field(
        "next-bank-day", description="取組日 of telegrams in More Time."
    )
    utc_offset_minutes: int = Field(540, ge=-720, le=840, description="Local time minus UTC, minutes.")
    extra_holidays: Dates = Field((), description="More rest days, YYYY-MM-DD.")
    extra_bank_days: Dates = Field((), description="Bank days whatever the calendar says, YYYY-MM-DD.")

    @field_validator("extra_holidays", "extra_bank_days")
    @classmethod
    def _dates(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            date.fromisoformat(text)
        return texts


class SessionRules(Model):
    """開局 to 閉局."""

    opens: Literal["we", "peer", "by-hand"] = Field(
        "we", description="Who sends 開局: we at the window's start, the center, or we when a person says so."
    )
    closes: Literal["window", "by-hand"] = Field(
        "window", description="閉局 at the end of the window, or when a person says so."
    )
    unmatched_blocks_opening: bool = Field(False, description="Refuse 開局 while an earlier day is unmatched and unsigned.")
    rematch_count_max: int = Field(1, ge=0, le=10, description="Matches repeated after 照会 before a day closes unmatched.")
    enquiries_max: int = Field(100, ge=0, le=10_000, description="照会 sent for one mismatch at most.")
    unknown_count_max: int = Field(16, ge=1, le=1_000, description="Outward telegrams of unknown delivery; then none is sent.")
    parked_count_max: int = Field(100, ge=1, le=10_000, description="Parked telegrams of a line; then NAK and release.")


class TelegramRules(Model):
    """ztel-p1."""

    characters: CharacterSettings = Field(
        default_factory=CharacterSettings, description="Character code of telegrams; kanji blocks have no place in them."
    )
    widths: dict[str, int] = Field({}, description="Field name -> bytes, over the default layout (fields.py).")
    subjects: dict[str, str] = Field({}, description="種目コード -> kind for the core; over the defaults.")
    control_subjects: dict[str, str] = Field({}, description="open, pre-close, close, forced-close, match -> 種目コード.")
    result_processed: Code4 = Field("0000", description="結果コード in 回答: the telegram was processed.")
    result_not_received: Code4 = Field("0101", description="結果コード in 回答: the center does not hold the telegram.")
    own_bank: Code4 = Field("0001", description="Our own 金融機関コード: 仕向 outward, 被仕向 inward.")
    own_branch: str = Field("001", pattern=r"^[0-9]{3}$", description="仕向店 of control telegrams and enquiries.")
    center_bank: Code4 = Field("9999", description="金融機関コード that means the center, in control telegrams and enquiries.")
    serial_first: int = Field(
        1, ge=1, le=99_999_999, description="発信通番 of this line: first; lines have ranges of their own."
    )
    serial_last: int = Field(999_999, ge=1, le=99_999_999, description="発信通番 of this line: last; then nothing is sent.")
    fee_by: Literal["0", "1"] = Field("0", description="運営費区分: 0 we fill in the fee (自行), 1 the RC does.")

    @model_validator(mode="after")
    def _hangs_together(self) -> TelegramRules:
        try:
            layouts = build_layouts(self.widths)
        except LocalMisuse as problem:
            raise ValueError(str(problem)) from None
        if self.serial_first > self.serial_last or len(str(self.serial_last)) > layouts.head.field("serial").length:
            raise ValueError("serial_first to serial_last: ascending, and no wider than 発信通番")
        nameless = sorted({kind for kind in self.subjects.values() if kind not in KINDS})
        if nameless:
            raise ValueError(f"subjects: {', '.join(nameless)}: expected one of {', '.join(sorted(KINDS))}")
        wrong = sorted(set(self.control_subjects) - set(SUBJECTS_OF_CONTROL))
        if wrong:
            raise ValueError(f"control_subjects: {', '.join(wrong)}: expected {', '.join(SUBJECTS_OF_CONTROL)}")
        codes = list(self.all_control_subjects().values())
        if len(set(codes)) != len(codes) or set(codes) & set(self.all_subjects()):
            raise ValueError("control_subjects: each 種目コード means one thing only")
        return self

    def all_subjects(self) -> dict[str, str]:
        return {**SUBJECTS, **self.subjects}

    def all_control_subjects(self) -> dict[str, str]:
        return {**SUBJECTS_OF_CONTROL, **self.control_subjects}


class TableRules(Model):
    """Reference tables: bank and branch names, fees."""

    enrichment: Literal["on", "bypass"] = Field(
        "bypass",
        description="on: tables are checked before 開局 and used. bypass: telegrams "
        "pass through without, and no table can stop the line.",
    )
    current: str = Field("", description="Version in use: tables/VERSION/{banks,branches,fees}.tsv beside the configuration.")
    previous: str = Field("", description="Version that the command tables-previous goes back to.")
    rows_drop_max_percent: int = Field(
        5, ge=0, le=100, description="A table that lost more rows than this since `previous` is refused."
    )

    @model_validator(mode="after")
    def _named(self) -> TableRules:
        if self.enrichment == "on" and not self.current:
            raise ValueError("enrichment is on: name the version in use (current)")
        return self


class ZrcProfile(Model):
    """One logical line to the RC."""

    line: LineRules = Field(default_factory=LineRules, description="Numbers and limits of the line.")
    timers: TimerRules = Field(default_factory=TimerRules, description="Watch, ACK, opening, closing.")
    calendar: CalendarRules = Field(default_factory=CalendarRules, description="Core time or More Time.")
    session: SessionRules = Field(default_factory=SessionRules, description="開局, 閉局, matching.")
    telegram: TelegramRules = Field(default_factory=TelegramRules, description="Layout, codes, serials.")
    tables: TableRules = Field(default_factory=TableRules, description="Reference tables.")
