"""Our codec against pyiso8583: every field read, built from values, the same message, in one process, interleaved. Beside it a
Zengin telegram, headers included, for which there is no other library to compare with."""

from __future__ import annotations

import time
from collections.abc import Callable

import iso8583
from iso8583.specs import default_ascii

from protocols.framing import FrameCutter
from protocols.iso8583.codec import compile_codec
from protocols.iso8583.message import IsoMessage
from protocols.iso8583.spec import load_spec
from protocols.zengin.session.codec import Codec
from protocols.zengin.session.fields import HOST, RC
from protocols.zengin.session.message import Information, Path
from protocols.zengin.telegram.codec import Letters, TelegramCodec
from protocols.zengin.telegram.fields import build_layouts
from protocols.zengin.telegram.message import Details, Head, TransferNotice

FIELDS = {
    2: "4000001234567899", 3: "010000", 4: "000000010000", 7: "1124010203", 11: "000002", 12: "100203", 13: "1124", 14: "3012",
    18: "6011", 22: "051", 25: "00", 32: "440011", 35: "4000001234567899=30122010000012300", 37: "112400000002", 41: "ATM00001",
    42: "BRANCH 00000001", 49: "392",
}  # fmt: skip

HEAD = Head(subject="1000", from_bank="0005", from_branch="002", to_bank="0001", to_branch="001", date="20261126", serial=7)
DETAILS = Details(amount=30_000, account_type="1", account="1234567", beneficiary="ﾔﾏﾀﾞ ﾀﾛｳ", remitter="ｽｽﾞｷ ｲﾁﾛｳ")


def per_call_us(call: Callable[[], object], count: int) -> float:
    """Microseconds of CPU, not of the clock: on a shared machine the clock says how busy the neighbours are."""
    start = time.process_time()
    for _ in range(count):
        call()
    return (time.process_time() - start) / count * 1e6


def measure(rounds: int, count: int = 2_000) -> list[dict[str, float]]:
    """Per round: microseconds of each, ours and theirs, parse and build."""
    codec = compile_codec(load_spec("1987", "ascii"))
    message = IsoMessage("0200", dict(FIELDS))
    document = {"t": "0200", **{str(number): value for number, value in FIELDS.items()}}
    raw = codec.encode(message)
    theirs, _ = iso8583.encode(dict(document), default_ascii)
    if bytes(theirs) != raw:
        raise RuntimeError("the two do not write the same message")
    read = tuple(FIELDS)
    read_text = tuple(map(str, FIELDS))

    def our_parse() -> None:
        fields = codec.decode(raw).fields
        for number in read:
            fields[number]

    def their_parse() -> None:
        decoded, _ = iso8583.decode(raw, default_ascii)
        for number in read_text:
            decoded[number]

    telegrams = TelegramCodec(build_layouts({}), Letters())
    line, center = Codec(HOST), Codec(RC)
    notice = TransferNotice(HEAD, DETAILS)
    wire = center.encode(Information(Path(1, 1, 0), 1, telegrams.encode(notice)))

    def zengin_parse() -> None:
        (frame,) = FrameCutter(line.reading).feed(wire)
        message = line.decode(frame.body)
        if isinstance(message, Information):
            telegrams.decode(message.body)

    calls: dict[str, Callable[[], object]] = {
        "parse_us": our_parse,
        "parse_pyiso8583_us": their_parse,
        "build_us": lambda: codec.encode(IsoMessage("0200", dict(FIELDS))),
        "build_pyiso8583_us": lambda: iso8583.encode(dict(document), default_ascii),
        "zengin_parse_us": zengin_parse,
        "zengin_build_us": lambda: center.encode(Information(Path(1, 1, 0), 1, telegrams.encode(notice))),
    }
    for call in calls.values():
        per_call_us(call, count // 10)
    return [{name: per_call_us(call, count) for name, call in calls.items()} for _ in range(rounds)]
