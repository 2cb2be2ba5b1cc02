"""Reading a file as a stream: bytes in any pieces in, records and mistakes out, one record kept at a time.

Owns `FileReader` (what a file transfer and `relay decode` use) and `read_file` for those who hold it whole. It must never know
where the bytes come from. The traps: the first three characters say the format and with it the length of every record; a
mistake does not stop the reading, because whoever corrects a file wants all of them at once; only a file that can no longer be
cut ends early, and says where.
"""

from __future__ import annotations

from datetime import date

import msgspec

from protocols.characters.text import CharacterError, Characters
from protocols.errors import FrameError
from protocols.zengin.format.checker import OrderChecker
from protocols.zengin.format.cutter import RecordCutter
from protocols.zengin.format.dates import from_month_day
from protocols.zengin.format.layout import Field, Layout, layout_of
from protocols.zengin.format.record import Mistake, Record, read_record
from protocols.zengin.format.settings import FormatSettings

_TYPE_BYTES = 3  # データ区分 and 種別コード
_JIS = frozenset({"jis-x-0201", "shift-jis"})


class FileReader:
    """One file. `records` come from `feed`; `mistakes` grow, up to the settings' limit, `mistake_count` beyond it.

    With `today` a header's day must be one of a year near to it.
    """

    def __init__(self, settings: FormatSettings, today: date | None = None) -> None:
        self._settings = settings
        self._today = today
        self._characters = Characters(settings.characters)
        self._layout: Layout | None = None
        self._cutter: RecordCutter | None = None
        self._checker: OrderChecker | None = None
        self._head = b""
        self._is_dead = False
        self.mistakes: list[Mistake] = []
        self.mistake_count = 0

    @property
    def type_code(self) -> str:
        """The format, "" until it is known."""
        return "" if self._layout is None else self._layout.type_code

    @property
    def record_length(self) -> int:
        return 0 if self._layout is None else self._layout.length

    def fields(self, kind: str) -> tuple[Field, ...]:
        """The items of the records of this kind; empty until the format is known."""
        return () if self._layout is None else self._layout.records[kind].fields

    @property
    def checker(self) -> OrderChecker | None:
        """The counts and totals so far; None until the format is known."""
        return self._checker

    @property
    def buffered_count(self) -> int:
        """Bytes kept: less than one record and its end."""
        return len(self._head) + (0 if self._cutter is None else self._cutter.buffered_count)

    def feed(self, data: bytes) -> list[Record]:
        """The records that `data` completes. Never raises for anything in the data."""
        if self._is_dead:
            return []
        if self._cutter is None:
            self._head += data
            if len(self._head) < _TYPE_BYTES or not self._start(self._head[:_TYPE_BYTES]):
                return []
            data, self._head = self._head, b""
        return self._cut(data, is_last=False)

    def finish(self) -> list[Record]:
        """The file has ended."""
        if self._is_dead:
            return []
        if self._cutter is None:
            self._add([Mistake(1, 0, "", "the file has no record")])
            return []
        records = self._cut(b"", is_last=True)
        if self._checker is not None and not self._is_dead:
            self._add(self._checker.finish())
        return records

    def _start(self, head: bytes) -> bool:
        try:
            text = self._characters.decode(head)
        except CharacterError as error:
            self._die(Mistake(1, error.offset + 1, "", error.problem))
            return False
        if text[0] != "1" or text[1:] not in self._settings.formats:
            self._die(Mistake(1, 1, "type_code", f"expected a header of format {', '.join(self._settings.formats)}"))
            return False
        self._layout = layout_of(text[1:], self._settings.rules())
        self._cutter = RecordCutter(self._settings, self._layout.length, self._characters.space)
        self._checker = OrderChecker(text[1:], self._settings)
        return True

    def _cut(self, data: bytes, *, is_last: bool) -> list[Record]:
        cutter = self._cutter
        if cutter is None:
            return []
        problem = ""
        failure: FrameError | None = None
        try:
            if is_last:
                pieces, problem = cutter.finish()
            else:
                pieces = cutter.feed(data)
        except FrameError as error:
            failure = error
            pieces = cutter.records_before_error
        records = [record for piece in pieces if (record := self._read(piece)) is not None]
        count = 0 if self._checker is None else self._checker.record_count
        if failure is not None:
            self._die(Mistake(count + 1, 0, "", f"{failure.problem} (byte {failure.offset} of the file)"))
        elif problem:
            self._add([Mistake(count, 0, "", problem)])
        return records

    def _read(self, data: bytes) -> Record | None:
        layout, checker = self._layout, self._checker
        if layout is None or checker is None:
            return None
        number = checker.record_count + 1
        if len(data) != layout.length:
            checker.record_count += 1
            self._add([Mistake(number, 0, "", f"a record of {len(data)} bytes, not {layout.length}")])
            return None
        try:
            kind = self._characters.decode(data[:1])
        except CharacterError:
            kind = ""
        found = layout.records.get(kind)
        if found is None:
            checker.record_count += 1
            self._add([Mistake(number, 1, "data_kubun", f"expected one of {', '.join(sorted(layout.records))}")])
            return None
        record, mistakes = read_record(found, data, self._characters, number)
        if kind == "1":
            mistakes += self._check_header(record, number)
        mistakes += checker.feed(record)
        if mistakes:
            self._add(mistakes)
        return record

    def _check_header(self, record: Record, number: int) -> list[Mistake]:
        found = []
        wanted = "0" if self._settings.characters.charset in _JIS else "1"
        code = record.fields["code_kubun"]
        if code in ("0", "1") and code != wanted:
            charset = self._characters.charset
            found.append(Mistake(number, 4, "code_kubun", f"expected {wanted}, for the file is read as {charset}"))
        day = record.fields.get("date_mmdd", "")
        if day == "0229" and self._today is not None and from_month_day(day, self._today) is None:
            found.append(Mistake(number, 55, "date_mmdd", "expected a day of last year, this year or next year"))
        return found

    def _add(self, mistakes: list[Mistake]) -> None:
        self.mistake_count += len(mistakes)
        room = self._settings.mistakes_max - len(self.mistakes)
        self.mistakes += mistakes[: max(room, 0)]

    def _die(self, mistake: Mistake) -> None:
        self._is_dead = True
        self._head = b""
        self._add([mistake])


class FileContent(msgspec.Struct, frozen=True, kw_only=True):
    """A whole file, read."""

    type_code: str
    records: tuple[Record, ...]
    mistakes: tuple[Mistake, ...]


def read_file(data: bytes, settings: FormatSettings) -> FileContent:
    """A file that is held whole."""
    reader = FileReader(settings)
    records = reader.feed(data)
    records += reader.finish()
    return FileContent(type_code=reader.type_code, records=tuple(records), mistakes=tuple(reader.mistakes))
