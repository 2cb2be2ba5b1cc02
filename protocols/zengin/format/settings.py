"""What one kind of file may set: characters, record ends, and what a bank reads differently.

Owns `FormatSettings` and nothing else. The trap: a file without record ends can only be cut by its length, so that a record
that somebody shortened makes all the rest unreadable; where records may be short, they must have ends.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from protocols.characters.text import CharacterSettings, Model
from protocols.zengin.format.layout import Rules
from protocols.zengin.format.layouts import LAYOUTS

RecordEnd = Literal["none", "cr", "lf", "crlf", "nl"]
ENDS = {"none": b"", "cr": b"\r", "lf": b"\n", "crlf": b"\r\n", "nl": b"\x15"}  # nl: EBCDIC new line
EOF_BYTES = {"no": b"", "1a": b"\x1a", "3f": b"\x3f"}  # 3f: the same control character in EBCDIC


class FormatSettings(Model):
    """One kind of file."""

    characters: CharacterSettings = Field(CharacterSettings(), description="Characters of the file's records.")
    formats: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        ("21", "11", "12", "71", "72", "91", "01", "03"), description="Formats (種別コード) that are taken; others are refused."
    )
    record_end: RecordEnd = Field("none", description="After each record: nothing, CR, LF, CR LF, or EBCDIC NL.")
    last_end: Literal["with", "without", "either"] = Field("either", description="Does the last record have its end, too?")
    eof: Literal["no", "1a", "3f"] = Field("no", description="End-of-file byte that may follow the last record.")
    short_records: Literal["refuse", "fill"] = Field(
        "refuse", description="Records whose trailing filler was cut off: a mistake, or filled with spaces (needs record ends)."
    )
    several_batches: bool = Field(True, description="May 1, 2..., 8 be repeated before the 9?")
    wo_in_names: bool = Field(False, description="May names hold ｦ?")
    long_vowel: bool = Field(False, description="May text hold ｰ (otherwise - is written)?")
    dummy_free: bool = Field(False, description="May reserved items hold other things than spaces?")
    debit_results: bool = Field(False, description="口座振替: the file carries results, and the trailer's sums must agree.")
    end_counts: Literal["all", "data", "ignore"] = Field(
        "all", description="入出金取引明細: what the end record's total counts: all records, data records, or nothing checked."
    )
    mistakes_max: int = Field(1_000, ge=1, le=100_000, description="Mistakes reported for one file; the rest is counted.")

    @model_validator(mode="after")
    def _consistent(self) -> FormatSettings:
        if self.short_records == "fill" and self.record_end == "none":
            raise ValueError("short_records = fill needs a record_end")
        unknown = sorted(set(self.formats) - set(LAYOUTS))
        if unknown:
            raise ValueError(f"formats: {', '.join(unknown)}: expected some of {', '.join(sorted(LAYOUTS))}")
        return self

    @property
    def may_end_short(self) -> bool:
        """May the last piece of a file be shorter than a record with its end?"""
        return self.short_records == "fill" or self.eof != "no" or (self.record_end != "none" and self.last_end != "with")

    def rules(self) -> Rules:
        return Rules(wo_in_names=self.wo_in_names, long_vowel=self.long_vowel, dummy_free=self.dummy_free)
