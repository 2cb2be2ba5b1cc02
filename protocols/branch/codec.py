"""Frames to branch telegrams and back for one listener: header, body by 電文種別 and 取引コード, authentication.

Owns `Codec`, shared by every link of a listener. It must never know a session. The traps: コード区分 is compared with the
line's setting and never believed; the authentication is checked before the body is believed, over the bytes as they came; and
a message whose body is wrong still has a readable header, which the error carries, so that the sender can be answered.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from functools import lru_cache

import msgspec

from protocols.branch.fields import BODY_OF_TYPE, LENGTH_BYTES, MAC_BYTES, NUMBERED, Field
from protocols.branch.hooks import Mac
from protocols.branch.layout import Layout
from protocols.branch.message import BranchMessage, Value
from protocols.branch.overlay import Tables
from protocols.characters import Characters
from protocols.errors import FieldError, LocalMisuse, PeerViolation
from protocols.framing import Frame, Framing, wrap

VERSION = "01"
_FLAGS = ("repeat", "offline", "training")
_DATES = ("business_date", "value_date", "original_date")
_TEXTS = ("bank", "branch", "terminal_kind", "terminal", "operator", "approver", "operation", "business_date", "value_date")
_PLAIN = (*_TEXTS, "sent_at", "correction", "original_date", "code", "center_serial", "key_version", "reserved")


class MacError(PeerViolation):
    """The authentication is wrong, or made with a key we do not have. `message` has a header only."""

    def __init__(self, problem: str, message: BranchMessage, *, is_key_unknown: bool = False) -> None:
        super().__init__(problem)
        self.message = message
        self.is_key_unknown = is_key_unknown


class Codec:
    """`body_of` is 取引コード -> name of a body. Raises LocalMisuse where the tables cannot be used."""

    __slots__ = ("_bodies", "_body_of", "_charset_digit", "_header", "_mac", "framing")

    def __init__(
        self, tables: Tables, body_of: Mapping[str, str], characters: Characters, framing: Framing, mac: Mac | None = None
    ) -> None:
        self._header = Layout(tables.header, characters, "overlay.header")
        self._bodies = {name: Layout(fields, characters, f"overlay.bodies.{name}") for name, fields in tables.bodies.items()}
        missing = sorted({name for name in body_of.values() if name not in self._bodies})
        if missing:
            raise LocalMisuse(f"no body is named {', '.join(missing)}", "operations")
        self._body_of = dict(body_of)
        self._charset_digit = "0" if characters.charset in ("jis-x-0201", "shift-jis") else "1"
        self._mac = mac
        self.framing = framing

    # ---- reading ---------------------------------------------------------------------------------------------------------
    def read(self, frame: Frame) -> BranchMessage:
        """One telegram. Raises FieldError (with the header as `partial` where it could be read) or MacError."""
        data = frame.body
        size = self._header.length
        if len(data) < size + MAC_BYTES:
            raise FieldError("length", 0, f"at least {size + MAC_BYTES} bytes after the length")
        message = self._read_header(self._header.read(data[:size], LENGTH_BYTES))
        covered, given = data[:-MAC_BYTES], data[-MAC_BYTES:]
        if self._mac is not None:
            computed = self._mac.compute(message.key_version, covered)
            if computed is None:
                raise MacError(f"no key has the version {message.key_version}", message, is_key_unknown=True)
            if not hmac.compare_digest(computed, given):
                raise MacError("the authentication code is wrong", message)
        layout = self._layout_of(message)
        if layout is None:
            where = "operation" if BODY_OF_TYPE.get(message.message_type, "") is None else "message_type"
            raise FieldError(where, LENGTH_BYTES, "one that this line knows", message)
        try:
            body = layout.read(data[size:-MAC_BYTES], LENGTH_BYTES + size)
        except FieldError as error:
            raise FieldError(error.field, error.offset, error.expected, message) from None
        return msgspec.structs.replace(message, body=body)

    def _read_header(self, values: Mapping[str, Value]) -> BranchMessage:
        told = {name: value for name, value in values.items() if isinstance(value, str)}
        if told["version"] != VERSION:
            raise FieldError("version", LENGTH_BYTES, f"{VERSION}")
        if told["charset"] != self._charset_digit:
            raise FieldError("charset", 95, f"{self._charset_digit}, as this line is set")
        for name in _FLAGS:
            if told[name] not in "01":
                raise FieldError(name, LENGTH_BYTES, "0 or 1")
        for name in _DATES:
            if not is_date(told[name]):
                raise FieldError(name, LENGTH_BYTES, "YYYYMMDD, or zeros")
        if told["correction"] not in "012":
            raise FieldError("correction", LENGTH_BYTES, "0, 1 or 2")
        message = BranchMessage(
            message_type=told["message_type"],
            bank=told["bank"],
            branch=told["branch"],
            terminal_kind=told["terminal_kind"],
            terminal=told["terminal"],
            operator=told["operator"],
            approver=told["approver"],
            operation=told["operation"],
            business_date=told["business_date"],
            value_date=told["value_date"],
            sent_at=told["sent_at"],
            correction=told["correction"],
            original_date=told["original_date"],
            code=told["code"],
            center_serial=told["center_serial"],
            key_version=told["key_version"],
            reserved=told["reserved"],
            serial=int(told["serial"]),
            is_repeat=told["repeat"] == "1",
            original_serial=int(told["original_serial"]),
            is_offline=told["offline"] == "1",
            is_training=told["training"] == "1",
            confirmed_serial=int(told["confirmed_serial"]),
        )
        self._check(message)
        return message

    def _check(self, message: BranchMessage) -> None:
        kind = message.message_type
        if message.is_offline != (kind == "40") and message.is_numbered:
            raise FieldError("offline", 93, "1 for 後送 (40) and only for it", message)
        wanted = {"24": "1", "26": "2"}.get(kind, "0")
        if kind in NUMBERED and message.correction != wanted:
            raise FieldError("correction", 78, f"{wanted} with {kind}", message)
        if kind in NUMBERED and not message.serial:
            raise FieldError("serial", 41, "000001 to 999999", message)
        if kind in ("22", "23", "24", "26") and not (message.original_serial and message.original_date.strip("0")):
            raise FieldError("original_serial", 79, "the original's date and number", message)

    def _layout_of(self, message: BranchMessage) -> Layout | None:
        kind = message.message_type
        if kind not in BODY_OF_TYPE:
            return None
        if message.is_answer and message.code != "0000":
            return self._bodies["empty"]
        name = BODY_OF_TYPE[kind]
        if name is None:
            name = self._body_of.get(message.operation, "")
        return self._bodies.get(name)

    def places(self, message: BranchMessage) -> list[tuple[int, Field]]:
        """Every item of a telegram with its offset, the length field counted; for tools that show one."""
        found: list[tuple[int, Field]] = []
        at = LENGTH_BYTES
        for layout in (self._header, self._layout_of(message)):
            for field in () if layout is None else layout.fields:
                found.append((at, field))
                at += field.length
        return found

    # ---- writing ---------------------------------------------------------------------------------------------------------
    def write(self, message: BranchMessage) -> bytes:
        """The frame of a telegram. Raises LocalMisuse naming the item that cannot be written."""
        layout = self._layout_of(message)
        if layout is None:
            raise LocalMisuse(f"no body for {message.message_type} {message.operation}", "message_type")
        header: dict[str, Value] = {name: getattr(message, name) for name in _PLAIN}
        header |= {
            "version": VERSION,
            "message_type": message.message_type,
            "serial": str(message.serial),
            "repeat": "1" if message.is_repeat else "0",
            "original_serial": str(message.original_serial),
            "offline": "1" if message.is_offline else "0",
            "training": "1" if message.is_training else "0",
            "charset": self._charset_digit,
            "confirmed_serial": str(message.confirmed_serial),
        }
        covered = self._header.write(header) + layout.write(message.body)
        code = bytes(MAC_BYTES) if self._mac is None else self._mac.compute(message.key_version, covered)
        if code is None:
            raise LocalMisuse(f"no key has the version {message.key_version}", "key_version")
        return wrap(self.framing, covered + code)


@lru_cache(maxsize=256)
def is_date(text: str) -> bool:
    """YYYYMMDD with a month and a day that exist somewhere, or zeros."""
    if not text.strip("0"):
        return True
    return len(text) == 8 and "01" <= text[4:6] <= "12" and "01" <= text[6:] <= "31"
