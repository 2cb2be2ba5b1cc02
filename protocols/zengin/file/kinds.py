"""What a file's records are called, and whose day they belong to: once, for the requests and for the totals beside them.

Owns the kinds of a file's records and the date that its header names. It must never know a journal. The trap: the result of a
debit and a cancelled credit have kinds of their own, for who books them as what they speak of books them twice.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from protocols.zengin.file.profile import KINDS, FileProfile
from protocols.zengin.format.dates import from_month_day, from_wareki
from protocols.zengin.format.record import Record

RESULT, CANCELLED, FILE = "-result", "-cancelled", "-file"  # what is put behind a kind
NOTICES: Final = frozenset({"01", "03"})


class FileKinds:
    """Compiled once per profile."""

    def __init__(self, profile: FileProfile) -> None:
        self._kinds = {**KINDS, **profile.kind_of}
        self._results = frozenset(rule.name for rule in profile.files if rule.format.debit_results)

    def of(self, type_code: str, file: str) -> str | None:
        """The kind of a file's records; None for a format that has none."""
        kind = self._kinds.get(type_code)
        return kind + RESULT if kind is not None and type_code == "91" and file in self._results else kind


def business_date(type_code: str, header: Record, file_date: str) -> str | None:
    """The day that the header names, in the year nearest to the day of the file, as YYYY-MM-DD."""
    today = date.fromisoformat(file_date)
    if type_code in NOTICES:
        found = from_wareki(header.fields.get("made_on", ""), today)
    else:
        found = from_month_day(header.fields.get("date_mmdd", ""), today)
    return None if found is None else found.isoformat()
