"""Writing a file as a stream: header, data, trailer with the right sums, end.

Owns `FileWriter`, which counts and adds what it writes, so that a trailer cannot disagree with its records. It must never hold
more than sums. The trap: a record that breaks a rule of its layout is refused with the field's name before any byte of it is
given out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protocols.characters.text import Characters
from protocols.errors import LocalMisuse
from protocols.zengin.format.layout import layout_of
from protocols.zengin.format.record import Record, write_record
from protocols.zengin.format.settings import ENDS, EOF_BYTES, FormatSettings

_JIS = frozenset({"jis-x-0201", "shift-jis"})


class FileWriter:
    """One file of one format. Call `header`, `data` ..., `trailer` for each batch, then `end`; each returns bytes to append."""

    def __init__(self, type_code: str, settings: FormatSettings) -> None:
        self._layout = layout_of(type_code, settings.rules())
        self._settings = settings
        self._characters = Characters(settings.characters)
        self._separator = ENDS[settings.record_end]
        self._sums: dict[str, int] = {}
        self._records = self._batches = 0

    def header(self, fields: Mapping[str, str]) -> bytes:
        self._batches += 1
        self._sums = {}
        code = "0" if self._settings.characters.charset in _JIS else "1"
        return self._write("1", {"type_code": self._layout.type_code, "code_kubun": code, **fields})

    def data(self, fields: Mapping[str, str]) -> bytes:
        written = self._write("2", fields)
        amount = Record("2", fields).number("amount")
        names = ["", "data"]
        names.append("in" if fields.get("inout_kubun") == "1" else "out")
        names.append("cancel" if fields.get("cancel_kubun") == "1" else "kept")
        names.append("ng" if fields.get("result_code", "").strip(" 0") else "ok")
        for name in names:
            self._sums[name + "_count"] = self._sums.get(name + "_count", 0) + 1
            self._sums[name + "_total"] = self._sums.get(name + "_total", 0) + amount
        return written

    def trailer(self, fields: Mapping[str, str] | None = None) -> bytes:
        """The trailer of what was written since the header; `fields` adds what no sum tells (a balance)."""
        known = {field.name for field in self._layout.records["8"].fields}
        sums = dict(self._sums)
        whole = "kept" if "cancel_count" in known else ""
        made = {"count": sums.get(f"{whole}_count", 0), "total": sums.get(f"{whole}_total", 0)}
        made["data_records"] = sums.get("data_count", 0)
        for name in ("in", "out", "cancel", "ok", "ng"):
            for what in ("count", "total"):
                made[f"{name}_{what}"] = sums.get(f"{name}_{what}", 0)
        if not self._settings.debit_results:
            made = {name: value for name, value in made.items() if name[:3] not in ("ok_", "ng_")}
        return self._write("8", {**{name: str(value) for name, value in made.items() if name in known}, **(fields or {})})

    def end(self) -> bytes:
        known = {field.name for field in self._layout.records["9"].fields}
        counts = {"record_total": str(self._records + 1), "accounts": str(self._batches)} if "accounts" in known else {}
        written = self._write("9", counts)
        if self._settings.last_end == "without":
            written = written[: len(written) - len(self._separator)]
        return written + EOF_BYTES[self._settings.eof]

    def _write(self, kind: str, fields: Mapping[str, str]) -> bytes:
        data = write_record(self._layout.records[kind], fields, self._characters)
        self._records += 1
        return data + self._separator


def write_file(type_code: str, header: Mapping[str, str], data: Sequence[Mapping[str, str]], settings: FormatSettings) -> bytes:
    """A file of one batch. Raises LocalMisuse naming the record and its field."""
    writer = FileWriter(type_code, settings)
    parts = [writer.header(header)]
    for number, fields in enumerate(data, 2):
        try:
            parts.append(writer.data(fields))
        except LocalMisuse as error:
            raise LocalMisuse(error.problem, f"record {number}.{error.path}") from None
    return b"".join((*parts, writer.trailer(), writer.end()))
