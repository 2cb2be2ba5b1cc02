"""ISO 8583 messages and dialects for tests: a withdrawal, its reversal, a sign-on, and how to frame and read them.

Owns samples with invented cards only. It must never be imported by the product.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from protocols.dialect import BytesArrived
from protocols.framing import FrameCutter
from protocols.iso8583.dialect import Iso8583Dialect, build_dialect, default_profile
from protocols.iso8583.hooks import Hooks, MacVerdict
from protocols.iso8583.message import IsoMessage, Value
from protocols.vocabulary import Received, Refusal, Request

WALL_MS = int(datetime(2026, 11, 5, 1, 2, 3, tzinfo=UTC).timestamp() * 1000)
TERMINAL = "ATM00001"
PAN = "4000001234567899"


def wall_ms_of(*moment: int) -> int:
    """UTC year, month, day, ... as epoch milliseconds."""
    return int(datetime(*moment, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc,arg-type]  # a plain tuple of numbers


def make_dialect(hooks: Hooks | None = None, **profile: object) -> Iso8583Dialect:
    return build_dialect(default_profile(**profile), lambda name: "", lambda: WALL_MS, hooks or Hooks())


def received(wall_ms: int = WALL_MS) -> Received:
    return Received(wall_ms, "atms", "bank")


def _message(mti: str, fields: dict[int, Value], changes: dict[int, Value | None]) -> IsoMessage:
    merged: dict[int, Value] = dict(fields)
    for number, value in changes.items():
        if value is None:
            merged.pop(number, None)
        else:
            merged[number] = value
    return IsoMessage(mti, dict(sorted(merged.items())))


def withdrawal(mti: str = "0200", changes: dict[int, Value | None] | None = None) -> IsoMessage:
    """0200 of 1987 over ten thousand yen; `changes` replaces elements, None leaves one out."""
    fields: dict[int, Value] = {
        2: PAN,
        3: "011000",
        4: "000000010000",
        7: "1105010203",
        11: "000002",
        12: "100203",
        13: "1105",
        14: "3012",
        32: "440011",
        37: "110500000002",
        41: TERMINAL,
        42: "BRANCH 000001  ",
        49: "392",
    }
    return _message(mti, fields, changes or {})


def withdrawal_1993(mti: str = "1200", changes: dict[int, Value | None] | None = None) -> IsoMessage:
    fields: dict[int, Value] = {
        2: PAN,
        3: "011000",
        4: "000000010000",
        7: "1105010203",
        11: "000002",
        12: "261105100203",
        24: "200",
        32: "440011",
        41: TERMINAL,
        49: "392",
    }
    return _message(mti, fields, changes or {})


def withdrawal_2003(mti: str = "2200", changes: dict[int, Value | None] | None = None) -> IsoMessage:
    fields: dict[int, Value] = {
        2: PAN,
        3: "011000",
        4: "3920000000010000",
        7: "1105010203",
        11: "000000000002",
        12: "20261105100203",
        24: "200",
        32: "440011",
        41: TERMINAL.ljust(16),
    }
    return _message(mti, fields, changes or {})


def reversal(original: IsoMessage, mti: str = "0420", changes: dict[int, Value | None] | None = None) -> IsoMessage:
    """The reversal of a 1987 message: own trace and DE 7, the original's date and time, DE 90."""
    source = original.fields
    fields = {n: source[n] for n in (2, 3, 4, 12, 13, 32, 37, 41, 42, 49) if n in source}
    acquirer = str(source.get(32, "")).rjust(11, "0")
    fields[90] = f"{original.mti}{source[11]}{source[7]}{acquirer}{'0' * 11}"
    fields[7] = "1105010405"
    fields[11] = "000777"
    return _message(mti, fields, changes or {})


def network(code: str = "001", mti: str = "0800", changes: dict[int, Value | None] | None = None) -> IsoMessage:
    """0800 of 1987: "001" sign-on, "002" sign-off, "301" echo, "201" cutover, "101" key exchange."""
    return _message(mti, {7: "1105010203", 11: "000001", 41: TERMINAL, 70: code}, changes or {})


def framed(dialect: Iso8583Dialect, *messages: IsoMessage) -> bytes:
    return b"".join(dialect.speaker.write(message) for message in messages)


def arrived(dialect: Iso8583Dialect, *messages: IsoMessage) -> BytesArrived:
    return BytesArrived(framed(dialect, *messages))


def unframed(dialect: Iso8583Dialect, data: bytes) -> IsoMessage:
    """The one message in `data`."""
    (frame,) = FrameCutter(dialect.speaker.framing).feed(data)
    return dialect.codec.decode(frame.body, frame.header)


def request_of(dialect: Iso8583Dialect, message: IsoMessage, wall_ms: int = WALL_MS) -> Request:
    """The request of a message that must have one."""
    request = dialect.to_request(message, received(wall_ms))
    if isinstance(request, Refusal):
        raise AssertionError(f"refused: {request}")
    return request


OLD_KEY = b"\xee" * 8


class SumMac:
    """Stands for an HSM: a digest of the covered bytes; answers "other key" to one value."""

    def __init__(self) -> None:
        self.covered: list[bytes] = []

    def check(self, message: IsoMessage, covered: bytes, mac: bytes) -> MacVerdict:
        if mac == OLD_KEY:
            return MacVerdict.KEY_OUT_OF_STEP
        return MacVerdict.RIGHT if mac == self.compute(message, covered) else MacVerdict.WRONG

    def compute(self, message: IsoMessage, covered: bytes) -> bytes:
        self.covered.append(covered)
        return hashlib.sha256(covered).digest()[:8]
