"""Typed telegrams: what they print, and what they never print."""

from __future__ import annotations

from protocols.vocabulary import Secret
from protocols.zengin.file.message import (
    BatchMessage,
    DataMessage,
    FileIdentity,
    FileMessage,
    Offer,
    RecordMessage,
    StationMessage,
)
from protocols.zengin.format.record import Record

IDENTITY = FileIdentity("COMPANY", "SOUFURI", "20261125", "01")
HEADER = Record("1", {"originator_name": "ﾔﾏﾀﾞ"})


def test_nothing_secret_or_personal_is_printed() -> None:
    shown = repr(
        [
            StationMessage(kind="open", password=Secret("SESAME")),
            FileMessage(kind="file-start", access_key=Secret("SESAME")),
            DataMessage(1, b"\xd4\xcf\xc0\xde"),
            RecordMessage(IDENTITY, "21", 3, HEADER, HEADER),
            BatchMessage(IDENTITY, "21", 1, 5, HEADER, ("ﾔﾏﾀﾞ",), "00"),
            Offer("id", "SOUFURI", "01", 120, b"\xd4" * 240),
        ]
    )
    assert "SESAME" not in shown
    assert "ﾔﾏﾀﾞ" not in shown
    assert "xd4" not in shown


def test_an_identity_is_the_beginning_of_a_key() -> None:
    assert IDENTITY.text() == "COMPANY:SOUFURI:20261125:01"
    assert Offer("id", "SOUFURI", "01", 120, b"\xd4" * 240).record_count == 2
