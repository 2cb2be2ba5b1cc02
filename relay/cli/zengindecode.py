"""Zengin in `relay decode`: files of records (zfmt), and the telegrams that carry them (zfile, profile zfile-p1).

Owns the trial of charsets and record ends, which a running relay is told and never tries, and what is masked. It must never
show a password, an access key or a whole account number. The trap: a file that reads in one charset may read in another as
well, so a guess counts only where every record is sound and the totals agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import TypeAlias

from protocols.errors import FieldError, FrameError
from protocols.zengin.file.codec import Codec
from protocols.zengin.file.fields import RESULTS
from protocols.zengin.file.message import DataMessage, Frame, Signal, StationMessage
from protocols.zengin.file.profile import FileProfile
from protocols.zengin.format.layouts import NAMES
from protocols.zengin.format.reader import FileReader
from protocols.zengin.format.record import Record
from protocols.zengin.format.settings import FormatSettings
from relay.cli.plausible import Bytes, passes_luhn
from relay.cli.reading import Item, Reading, Row

RECORDS_SHOWN_MAX = 10_000
_CHARSETS = ("shift-jis", "jis-x-0201", "ebcdic-kana", "ibm-930", "ibm-939", "hitachi-ebcdic")
_ENDS = ("none", "crlf", "lf", "cr", "nl")
_KIND_NAMES = {"1": "header", "2": "data", "8": "trailer", "9": "end"}
_ACCOUNTS = frozenset({"account_no"})
_DIGITS = re.compile(r"(?<!\d)\d{13,19}(?!\d)")


Variant: TypeAlias = tuple[int, FormatSettings, FileReader, list[Record]]  # mistakes, and what they were found with


class ZenginRecords:
    """A file of fixed records."""

    name = "zengin-format"
    names_itself = True  # データ区分 and 種別コード

    def read(self, streams: Sequence[Bytes], *, is_guess: bool) -> Reading | None:
        """The variant with the fewest mistakes; for a guess only one without any."""
        if len(streams) != 1:
            return None
        data = b"".join(piece for _, piece in streams[0].pieces)
        best: Variant | None = None
        for settings in _variants(data):
            reader = FileReader(settings)
            records = reader.feed(data) + reader.finish()
            found = (reader.mistake_count, settings, reader, records)
            if reader.type_code and (best is None or _rank(found) < _rank(best)):
                best = found
            if best is not None and best[0] == 0:
                break
        if best is None or (is_guess and (best[0] or len(best[3]) < 3)):
            return None
        count, settings, reader, records = best
        end = settings.record_end
        reasons = (
            f"{reader.type_code} {NAMES[reader.type_code]}" + (", with results" if settings.debit_results else ""),
            f"{len(records)} records in {settings.characters.charset}, record end {end}",
            f"{count} mistakes" if count else "order, counts, totals and characters are sound",
        )
        return Reading(self.name, reasons, tuple(_record_items(reader, records)), not count)


def _rank(variant: Variant) -> tuple[bool, int]:
    return not variant[3], variant[0]


def _variants(data: bytes) -> Iterator[FormatSettings]:
    """Every pair of charset and record end whose first byte can be a header's; loose about what banks read differently."""
    if not data:
        return
    for charset in _CHARSETS:
        if data[:1] != (b"1" if charset in ("shift-jis", "jis-x-0201") else b"\xf1"):
            continue
        is_debit = data[1:3] in (b"91", b"\xf9\xf1")
        for end, has_results in product(_ENDS, (False, True) if is_debit else (False,)):
            yield FormatSettings.model_validate(
                {
                    "characters": {"charset": charset},
                    "record_end": end,
                    "eof": "1a" if data[-1:] == b"\x1a" else "3f" if data[-1:] == b"\x3f" else "no",
                    "short_records": "refuse" if end == "none" else "fill",
                    "wo_in_names": True,
                    "debit_results": has_results,
                }
            )


def _record_items(reader: FileReader, records: Sequence[Record]) -> Iterator[Item]:
    told: dict[int, list[str]] = {}
    for mistake in reader.mistakes:
        told.setdefault(mistake.record, []).append(str(mistake))
    known = {record.place: record for record in records[:RECORDS_SHOWN_MAX]}
    for place in sorted({*known, *told}):
        record = known.get(place)
        if record is None:  # it could not be read at all
            yield Item(f"record {place}", (), tuple(told[place]))
            continue
        rows = tuple(
            Row(field.start, field.width, field.name, _masked(field.name, record.fields[field.name]))
            for field in reader.fields(record.kind)
            if field.name != "dummy" and record.fields[field.name].strip()
        )
        yield Item(f"record {place}: {_KIND_NAMES[record.kind]}", rows, tuple(told.get(place, ())))


def _masked(name: str, text: str) -> str:
    """An account number shows its last three digits; what looks like a card number shows its last four."""
    if name in _ACCOUNTS and len(text) > 3:
        return "*" * (len(text) - 3) + text[-3:]
    return _DIGITS.sub(lambda found: "*" * 9 + found[0][-4:] if passes_luhn(found[0]) else found[0], text)


class ZenginFrames:
    """Telegrams of a file transfer link, in our own profile."""

    name = "zengin-file"
    names_itself = False

    def __init__(self) -> None:
        self._codec = Codec(FileProfile(text_bytes_max=32_767))

    def read(self, streams: Sequence[Bytes], *, is_guess: bool) -> Reading | None:
        items: list[Item] = []
        telegrams = problems = 0
        for stream in streams:
            for item, is_telegram in self._items(stream):
                items.append(item)
                telegrams += is_telegram
                problems += bool(item.mistakes)
        if not items or (is_guess and (problems or not telegrams)):
            return None
        ordered = tuple(sorted(items, key=lambda item: item.time_ns))
        reasons = (
            f"{telegrams} telegrams, {len(items) - telegrams} signals",
            f"{problems} mistakes" if problems else "all read",
        )
        return Reading(self.name, reasons, ordered, not problems)

    def _items(self, stream: Bytes) -> Iterator[tuple[Item, bool]]:
        cutter = self._codec.cutter()
        offset = 0
        for time_ns, data in stream.pieces:
            problem = ""
            try:
                frames = cutter.feed(data)
            except FrameError as error:
                frames, problem = cutter.frames_before_error, error.problem
            for raw in frames:
                try:
                    frame = self._codec.read(raw)
                    yield _frame_item(frame, offset, stream.label, time_ns), isinstance(frame, Frame)
                except FieldError as error:
                    yield Item("telegram", (), (f"at {offset + error.offset}: {error}",), stream.label, time_ns), False
                offset += 2 + len(raw.header) + len(raw.body)
            if problem:
                yield Item("stream", (), (f"at {offset}: {problem}",), stream.label, time_ns), False
                return
        if cutter.has_partial:
            yield (
                Item("stream", (), (f"at {offset}: {cutter.buffered_count} bytes of an unfinished frame",), stream.label),
                False,
            )


def _frame_item(frame: Frame | Signal, offset: int, label: str, time_ns: int) -> Item:
    if isinstance(frame, Signal):
        return Item(f"{frame.name} {frame.serial}", (), (), label, time_ns)
    telegram = frame.telegram
    start = offset + 6
    if isinstance(telegram, DataMessage):
        rows: tuple[Row, ...] = (
            Row(start + 2, 4, "serial", str(telegram.serial)),
            Row(start + 6, len(telegram.text), "text", f"<{len(telegram.text)} bytes>"),
        )
        return Item(f"data, telegram {frame.serial}", rows, (), label, time_ns)
    result = f"{RESULTS[telegram.result]} {telegram.result}"
    if isinstance(telegram, StationMessage):
        values = {
            "result": (2, 2, result),
            "peer_code": (4, 7, telegram.peer_code),
            "own_code": (11, 7, telegram.own_code),
            "password": (18, 6, "***"),
            "at": (24, 7, telegram.at),
            "mode": (31, 1, telegram.mode),
            "send_count": (32, 1, str(telegram.send_count)),
            "text_bytes_max": (33, 2, str(telegram.text_bytes_max)),
        }
    else:
        values = {
            "result": (2, 2, result),
            "file": (4, 12, telegram.file),
            "access_key": (16, 12, "***"),
            "cycle": (28, 2, telegram.cycle),
            "record_bytes": (30, 2, str(telegram.record_bytes)),
            "record_count": (32, 4, str(telegram.record_count)),
            "resume": (36, 4, str(telegram.resume)),
            "code": (41, 1, telegram.code),
        }
    rows = tuple(Row(start + at, width, name, text) for name, (at, width, text) in values.items())
    return Item(f"{telegram.kind}, telegram {frame.serial}", rows, (), label, time_ns)
