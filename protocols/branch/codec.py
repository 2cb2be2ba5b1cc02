"""Frames to branch telegrams and back for one listener: header, body by 電文種別 and 取引コード, authentication.

Owns `Codec`, shared by every link of a listener. It must never know a session. The traps: コード区分 is compared with the
line's setting and never believed; the authentication is checked before anything that moves the sender's number, over the bytes
as they came; and a message with something wrong in it still says who sent it, which the error carries, so that the sender can
be answered.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from functools import lru_cache

import msgspec

from protocols.branch.fields import BODY_OF_TYPE, LENGTH_BYTES, MAC_BYTES, NUMBERED, Field
from protocols.branch.hooks import Mac
from protocols.branch.layout import Layout
from protocols.branch.message import NO_DATE, BranchMessage, Value
from protocols.branch.overlay import Tables
from protocols.characters import Characters
from protocols.errors import FieldError, LocalMisuse, PeerViolation
from protocols.framing import Frame, Framing, wrap

VERSION = "01"
_FLAGS = ("repeat", "offline", "training")
_DATES = ("business_date", "value_date", "original_date")
_TEXTS = ("bank", "branch", "terminal_kind", "terminal", "operator", "approver", "operation", "business_date", "value_date")
_PLAIN = (*_TEXTS, "sent_at", "correction", "original_date", "code", "center_serial", "key_version", "reserved")
KINDS = ("T", "B", "A", "R")  # 端末種別
_IDENTITY = ("message_type", "bank", "branch", "terminal_kind", "terminal", "serial", "business_date", "key_version")


class MacError(PeerViolation):
    """The authentication is wrong, or made with a key we do not have. `message` has a header only."""

    def __init__(self, problem: str, message: BranchMessage, *, is_key_unknown: bool = False) -> None:
        super().__init__(problem)
        self.message = message
        self.is_key_unknown = is_key_unknown


class Codec:
    """`body_of` is 取引コード -> name of a body. Raises LocalMisuse where the tables cannot be used."""

    __slots__ = ("_bodies", "_body_of", "_characters", "_charset_digit", "_header", "_mac", "framing")

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
        self._characters = characters
        self.framing = framing

    # ---- reading ---------------------------------------------------------------------------------------------------------
    def read(self, frame: Frame) -> BranchMessage:
        """One telegram. Raises FieldError (with the header as `partial` where it could be read) or MacError."""
        data = frame.body
        size = self._header.length
        if len(data) < size + MAC_BYTES:
            raise FieldError("length", 0, f"at least {size + MAC_BYTES} bytes after the length")
        told, wrong = self._header_items(data[:size])
        message = _named(told)
        covered, given = data[:-MAC_BYTES], data[-MAC_BYTES:]
        if self._mac is not None and message is not None:
            computed = self._mac.compute(message.key_version, covered)
            if computed is None or len(computed) != MAC_BYTES:
                raise MacError(f"no key has the version {message.key_version}", message, is_key_unknown=True)
            if not hmac.compare_digest(computed, given):
                raise MacError("the authentication code is wrong", message)
        if wrong is not None or message is None:
            problem = wrong or FieldError("length", 0, "a header")
            raise FieldError(problem.field, problem.offset, problem.expected, message)
        self._check(message)
        layout = self._layout_of(message)
        if layout is None:
            where = "operation" if BODY_OF_TYPE.get(message.message_type, "") is None else "message_type"
            raise FieldError(where, LENGTH_BYTES, "one that this line knows", message)
        try:
            body = layout.read(data[size:-MAC_BYTES], LENGTH_BYTES + size)
        except FieldError as error:
            raise FieldError(error.field, error.offset, error.expected, message) from None
        return msgspec.structs.replace(message, body=body)

    def _header_items(self, header: bytes) -> tuple[dict[str, str], FieldError | None]:
        """The header's items that are what they must be, and the first mistake. Raises FieldError for another header."""
        told: dict[str, str]
        try:
            read, wrong = self._header.read(header, LENGTH_BYTES), None
        except FieldError:
            read, wrong = self._header.read_what_it_can(header, LENGTH_BYTES)
        told = {name: value for name, value in read.items() if isinstance(value, str)}
        for name, only in (("version", VERSION), ("charset", self._charset_digit)):
            if told.get(name) != only:
                raise FieldError(name, self._at(name), f"{only}, as this line is set")
        mistakes = [(name, "0 or 1") for name in _FLAGS if told.get(name, "0") not in "01"]
        mistakes += [(name, "YYYYMMDD, or zeros") for name in _DATES if not is_date(told.get(name, NO_DATE))]
        if told.get("correction", "0") not in "012":
            mistakes.append(("correction", "0, 1 or 2"))
        if told.get("terminal_kind", "T") not in KINDS:
            mistakes.append(("terminal_kind", f"one of {', '.join(KINDS)}"))
        for name, expected in mistakes:
            wrong = wrong or FieldError(name, self._at(name), expected)
            del told[name]
        return told, wrong

    def _at(self, name: str) -> int:
        """The offset of a header item, the length field counted."""
        at = LENGTH_BYTES
        for field in self._header.fields:
            if field.name == name:
                break
            at += field.length
        return at

    def _check(self, message: BranchMessage) -> None:
        kind = message.message_type
        if message.is_offline != (kind == "40") and message.is_numbered:
            raise FieldError("offline", self._at("offline"), "1 for 後送 (40) and only for it", message)
        wanted = {"24": "1", "26": "2"}.get(kind, "0")
        if kind in NUMBERED and message.correction != wanted:
            raise FieldError("correction", self._at("correction"), f"{wanted} with {kind}", message)
        if kind in NUMBERED and not message.serial:
            raise FieldError("serial", self._at("serial"), "000001 to 999999", message)
        if kind in ("22", "23", "24", "26") and not (message.original_serial and message.original_date.strip("0")):
            raise FieldError("original_serial", self._at("original_date"), "the original's date and number", message)

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

    def folded(self, text: str) -> str:
        """`text` as this line can carry it, as far as its table of substitutions goes: ガ is ｶﾞ, ー is -."""
        return self._characters.folded(text)

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
    def write(self, message: BranchMessage, *, is_bare: bool = False) -> bytes:
        """The frame of a telegram. `is_bare`: zeros instead of the authentication, where there is no key to make it with.

        Raises LocalMisuse naming the item that cannot be written."""
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
        code = bytes(MAC_BYTES) if self._mac is None or is_bare else self._mac.compute(message.key_version, covered)
        if code is None or len(code) != MAC_BYTES:
            raise LocalMisuse(f"no key has the version {message.key_version}", "key_version")
        return wrap(self.framing, covered + code)


def _named(told: Mapping[str, str]) -> BranchMessage | None:
    """The telegram without its body, what could not be read left at its default; None where nobody knows whose it is."""
    if not all(told.get(name) for name in _IDENTITY):
        return None
    return BranchMessage(
        message_type=told["message_type"],
        serial=int(told["serial"]),
        is_repeat=told.get("repeat") == "1",
        original_serial=int(told.get("original_serial", "0")),
        is_offline=told.get("offline") == "1",
        is_training=told.get("training") == "1",
        confirmed_serial=int(told.get("confirmed_serial", "0")),
        **{name: told[name] for name in _PLAIN if name in told},  # type: ignore[arg-type]  # the remaining items are all text
    )


@lru_cache(maxsize=256)
def is_date(text: str) -> bool:
    """YYYYMMDD with a month and a day that exist somewhere, or zeros."""
    if not text.strip("0"):
        return True
    return len(text) == 8 and "01" <= text[4:6] <= "12" and "01" <= text[6:] <= "31"
