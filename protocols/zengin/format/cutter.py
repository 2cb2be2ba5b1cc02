"""A file's bytes into records: by length, by record ends, with or without an end-of-file byte, with short records filled.

Owns `RecordCutter`: bytes in any pieces in, records out, never more than one record kept. It must never know a field. The
traps: where there are no record ends, a file with one byte too few can still be cut, and only the last piece tells; where there
are ends, a record of the wrong length is given out as it is, so that its reader can say so and the next one is read all the
same; and when no end comes within a record's length there is no next one: FrameError.
"""

from __future__ import annotations

from protocols.errors import FrameError
from protocols.zengin.format.settings import ENDS, EOF_BYTES, FormatSettings


class RecordCutter:
    """`length` is the record's, in bytes, without its end; `filler` is the space of the file's charset."""

    __slots__ = ("_buffer", "_eof", "_fill", "_last_end", "_length", "_offset", "_separator", "count", "records_before_error")

    def __init__(self, settings: FormatSettings, length: int, filler: bytes) -> None:
        self._length = length
        self._fill = filler if settings.short_records == "fill" else b""
        self._separator = ENDS[settings.record_end]
        self._last_end = settings.last_end
        self._eof = EOF_BYTES[settings.eof]
        self._buffer = b""
        self._offset = 0  # of the buffer's first byte in the file
        self.count = 0  # records cut
        self.records_before_error: list[bytes] = []

    @property
    def buffered_count(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The records that `data` completes; of another length where the file has record ends and one was wrong.

        Raises FrameError where no record end comes; what was cut before is in `records_before_error`.
        """
        whole = self._buffer + data
        records: list[bytes] = []
        at = self._cut_by_end(whole, records) if self._separator else self._cut_by_length(whole, records)
        self._offset += at
        self._buffer = whole[at:]
        self.count += len(records)
        return records

    def finish(self) -> tuple[list[bytes], str]:
        """The file has ended: its last record, where that had no end of its own, and what is wrong with the end ("")."""
        rest, self._buffer = self._buffer, b""
        if self._eof and rest.endswith(self._eof):
            rest = rest[: -len(self._eof)]
        if not rest:
            is_wrong = self._separator and self._last_end == "without" and self.count
            return [], "the last record has an end" if is_wrong else ""
        self.count += 1
        is_wrong = self._separator and self._last_end == "with"
        return [self._sized(rest)], "the last record has no end" if is_wrong else ""

    def _cut_by_length(self, whole: bytes, records: list[bytes]) -> int:
        length = self._length
        at = 0
        while len(whole) - at >= length:
            records.append(whole[at : at + length])
            at += length
        return at

    def _cut_by_end(self, whole: bytes, records: list[bytes]) -> int:
        separator = self._separator
        reach = self._length + len(separator) + len(self._eof)
        at = 0
        while (end := whole.find(separator, at, at + reach)) >= 0:
            records.append(self._sized(whole[at:end]))
            at = end + len(separator)
        if len(whole) - at >= reach:
            self.records_before_error = records
            self._buffer = b""
            raise FrameError(f"no record end within {self._length} bytes", self._offset + at)
        return at

    def _sized(self, record: bytes) -> bytes:
        short = self._length - len(record)
        return record + self._fill * short if self._fill and record and short > 0 else record
