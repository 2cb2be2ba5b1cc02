"""Frames to telegrams and back, by the tables and codes of one link's settings.

Owns `Codec` and the framing of the transmission header. It must never know an order of telegrams. The traps: acknowledgement
and watch are frames of a header alone; a code that the settings do not name is a FieldError, never passed on; and the length is
limited before a byte of the frame is kept (protocols/framing.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from protocols.characters.text import Characters
from protocols.errors import FieldError, LocalMisuse
from protocols.framing import Frame as RawFrame
from protocols.framing import FrameCutter, Framing
from protocols.vocabulary import Secret
from protocols.zengin.file import fields
from protocols.zengin.file.layout import Table, Value
from protocols.zengin.file.message import DataMessage, FileMessage, Frame, Signal, StationMessage, Telegram
from protocols.zengin.file.profile import FileProfile

_HEADER_ITEMS = ("ttc", "serial")
_STATION_ITEMS = ("kind", "result", "peer_code", "own_code", "password", "at", "mode", "send_count", "text_bytes_max")
_FILE_ITEMS = (
    "kind",
    "result",
    "file",
    "access_key",
    "cycle",
    "record_bytes",
    "record_count",
    "resume",
    "compression",
    "code",
)
_DATA_ITEMS = ("kind", "serial")


class Codec:
    """Compiled once per listener. Raises LocalMisuse for tables or codes that cannot work."""

    def __init__(self, profile: FileProfile) -> None:
        characters = Characters(profile.control_characters)
        self._header = Table(_rows(profile.header_rows, fields.HEADER), characters, _HEADER_ITEMS, "header_rows")
        self._station = Table(_rows(profile.station_rows, fields.STATION), characters, _STATION_ITEMS, "station_rows")
        self._file = Table(_rows(profile.file_rows, fields.FILE), characters, _FILE_ITEMS, "file_rows")
        self._data = Table(_rows(profile.data_rows, fields.DATA), characters, _DATA_ITEMS, "data_rows")
        if not self._data.item("kind") == self._station.item("kind") == self._file.item("kind"):
            raise LocalMisuse("kind stands at one place in every telegram", "data_rows")
        self._ttc = _both_ways({**fields.TTC, **profile.ttc}, "ttc")
        self._kinds = _both_ways({**fields.KINDS, **profile.kinds}, "kinds")
        self._results = _both_ways({**fields.RESULTS, **profile.results}, "results")
        self._characters = characters
        largest = max(self._station.length, self._file.length, self._data.length + profile.text_bytes_max)
        self.framing = Framing(
            length="binary",
            size=profile.length_bytes,
            header="fixed",
            header_bytes=self._header.length,
            default_header=bytes(self._header.length),
            max_bytes=self._header.length + largest,
        )

    def cutter(self) -> FrameCutter:
        return FrameCutter(self.framing)

    # ---- in -----------------------------------------------------------------------------------------------------------
    def read(self, raw: RawFrame) -> Frame | Signal:
        """One cut frame. Raises FieldError; its `partial` is the serial where the header could be read."""
        header = self._header.read(raw.header)
        serial = int(header["serial"])
        name = self._ttc[1].get(header["ttc"])
        try:
            if name is None:
                raise FieldError("ttc", 0, "a TTC code of this link")
            if name in ("ack", "nak", "watch"):
                if raw.body:
                    raise FieldError("ttc", 0, f"no text with {name}")
                return Signal(name, serial)
            return Frame(serial, name == "ack-wanted", self._read_telegram(raw.body))
        except FieldError as error:
            error.partial = serial
            raise

    def _read_telegram(self, body: bytes) -> Telegram:
        kind = self._kinds[1].get(self._data.read_item("kind", body))
        if kind == "data":
            values = self._data.read(body)
            text = body[self._data.length :]
            if not text:
                raise FieldError("text", len(body), "at least one record")
            return DataMessage(int(values["serial"]), text)
        if kind in fields.STATION_KINDS:
            return self._read_station(kind, body)
        if kind in fields.FILE_KINDS:
            return self._read_file(kind, body)
        raise FieldError("kind", 0, "a kind of telegram of this link")

    def _read_station(self, kind: str, body: bytes) -> StationMessage:
        values = self._whole(self._station, body)
        return StationMessage(
            kind=kind,
            result=self._result(values),
            peer_code=str(values["peer_code"]),
            own_code=str(values["own_code"]),
            password=Secret(str(values["password"])),
            at=str(values["at"]),
            mode=str(values["mode"]),
            send_count=int(values["send_count"]),
            text_bytes_max=int(values["text_bytes_max"]),
        )

    def _read_file(self, kind: str, body: bytes) -> FileMessage:
        values = self._whole(self._file, body)
        if str(values["compression"]).strip("0"):
            raise FieldError("compression", 0, "0, for no compression is agreed on this link")
        return FileMessage(
            kind=kind,
            result=self._result(values),
            file=str(values["file"]),
            access_key=Secret(str(values["access_key"])),
            cycle=str(values["cycle"]),
            record_bytes=int(values["record_bytes"]),
            record_count=int(values["record_count"]),
            resume=int(values["resume"]),
            code=str(values["code"]),
        )

    @staticmethod
    def _whole(table: Table, body: bytes) -> dict[str, Value]:
        if len(body) != table.length:
            raise FieldError("length", min(len(body), table.length), f"{table.length} bytes")
        return table.read(body)

    def _result(self, values: Mapping[str, Value]) -> str:
        """A code that nobody told us of is "other": it is no success, and the number is in the log."""
        return str(self._results[1].get(values["result"], "other"))

    # ---- out ----------------------------------------------------------------------------------------------------------
    def write(self, serial: int, telegram: Telegram, *, ack_wanted: bool) -> bytes:
        """The whole frame. Raises LocalMisuse naming the item that does not fit."""
        return self._wrap("ack-wanted" if ack_wanted else "no-ack", serial, self._body(telegram))

    def signal(self, signal: Signal) -> bytes:
        return self._wrap(signal.name, signal.serial, b"")

    def _wrap(self, name: str, serial: int, body: bytes) -> bytes:
        header = self._header.write({"ttc": self._ttc[0][name], "serial": serial})
        count = len(header) + len(body)
        if count > self.framing.max_bytes or count > self.framing.number_max:
            raise LocalMisuse(f"a telegram of more than {self.framing.max_bytes} bytes", "text_bytes_max")
        return count.to_bytes(self.framing.size, "big") + header + body

    def _body(self, telegram: Telegram) -> bytes:
        if isinstance(telegram, DataMessage):
            return self._data.write({"kind": self._kinds[0]["data"], "serial": telegram.serial}) + telegram.text
        common: dict[str, Value] = {
            "kind": self._kinds[0][telegram.kind],
            "result": self._results[0][telegram.result],
        }
        if isinstance(telegram, StationMessage):
            return self._station.write(
                {
                    **common,
                    "peer_code": telegram.peer_code,
                    "own_code": telegram.own_code,
                    "password": telegram.password.reveal(),
                    "at": telegram.at,
                    "mode": telegram.mode,
                    "send_count": telegram.send_count,
                    "text_bytes_max": telegram.text_bytes_max,
                }
            )
        return self._file.write(
            {
                **common,
                "file": telegram.file,
                "access_key": telegram.access_key.reveal(),
                "cycle": telegram.cycle,
                "record_bytes": telegram.record_bytes,
                "record_count": telegram.record_count,
                "resume": telegram.resume,
                "compression": "0",
                "code": telegram.code,
            }
        )


def _rows(given: tuple[str, ...], default: str) -> str:
    return "\n".join(given) or default


def _both_ways(codes: Mapping[str, Value], path: str) -> tuple[dict[str, Value], dict[Value, str]]:
    """Word to code and code to word. Raises LocalMisuse where two words have one code."""
    back: dict[Value, str] = {}
    for word, code in codes.items():
        if back.setdefault(code, word) != word:
            raise LocalMisuse(f"{word} and {back[code]} have one code", path)
    return dict(codes), back
