"""The messages of a fake ATM: data elements of requests, repeats, reversals and network management. Pure.

Owns which elements an ATM of ISO 8583:1987 writes, and what a reply must bring back. It must never know a session or the
books. The traps: a repeat and a reversal keep the original's local date and time (12, 13), but are stamped anew with when
they were sent (7); and DE 90 writes the acquirer with zeros in front.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from protocols.iso8583.message import IsoMessage, Value
from relay.loopback.customers import Order

PROCESSING_CODES = {"withdrawal": "011000", "deposit": "210010", "balance-inquiry": "311000", "purchase": "000000"}
ACQUIRER = "440011"
ACCEPTOR = "FAKE BRANCH 001"
YEN = "392"
SIGN_ON, SIGN_OFF, ECHO = "001", "002", "301"
# What a reply must bring back as it was asked, where it brings it at all; 11, 39 and 41 it must bring.
ECHOED = (3, 4, 12, 13, 32, 37, 42, 49)


class Stamps(msgspec.Struct, frozen=True):
    """One moment as messages write it: sent (UTC, MMDDhhmmss), local time (hhmmss), local date and bank's day (MMDD)."""

    sent: str
    time: str
    date: str
    day: str


class Calendar:
    """Wall time as stamps; one conversion per second."""

    def __init__(self, utc_offset_minutes: int = 540, day_offset_minutes: int = 0) -> None:
        self._offset = timedelta(minutes=utc_offset_minutes)
        self._day_offset = timedelta(minutes=day_offset_minutes)
        self._second = -1
        self._stamps = Stamps("", "", "", "")

    def stamps(self, wall_ms: float) -> Stamps:
        second = int(wall_ms // 1_000)
        if second != self._second:
            moment = datetime.fromtimestamp(second, UTC)
            local = moment + self._offset
            day = moment + self._day_offset
            self._stamps = Stamps(f"{moment:%m%d%H%M%S}", f"{local:%H%M%S}", f"{local:%m%d}", f"{day:%m%d}")
            self._second = second
        return self._stamps


def request(terminal: str, trace: str, order: Order, stamps: Stamps, pin_block: bytes) -> IsoMessage:
    """The 0200 of an order."""
    fields: dict[int, Value] = {}
    card = order.card
    if not card.by_track:
        fields[2] = card.pan.reveal()
    fields[3] = PROCESSING_CODES[order.kind]
    fields[4] = f"{order.amount_minor:012d}"
    fields[7] = stamps.sent
    fields[11] = trace
    fields[12] = stamps.time
    fields[13] = stamps.date
    if not card.by_track:
        fields[14] = card.expiry
    fields[18] = "6011"
    fields[22] = "021" if card.by_track else "011"
    fields[25] = "02"
    fields[32] = ACQUIRER
    if card.by_track:
        fields[35] = card.track2
    fields[37] = stamps.date.rjust(6, "0") + trace
    fields[41] = terminal.ljust(8)
    fields[42] = ACCEPTOR
    fields[49] = YEN
    fields[52] = pin_block
    return IsoMessage("0200", fields)


def repeated(message: IsoMessage, stamps: Stamps) -> IsoMessage:
    """The same message again: repeat digit set, sent time new, everything else as it was."""
    mti = message.mti[:3] + {"0": "1", "2": "3", "4": "5"}.get(message.mti[3], message.mti[3])
    return IsoMessage(mti, {**message.fields, 7: stamps.sent})


def reversal(original: IsoMessage, trace: str, stamps: Stamps, approval: str = "") -> IsoMessage:
    """The 0420 of an original 0200: own trace and sent time, the rest as it was. `approval` is DE 38 where one was given."""
    source = original.fields
    copied: dict[int, Value] = {n: source[n] for n in (2, 3, 4, 12, 13, 14, 18, 22, 25, 32, 35, 37, 41, 42, 49) if n in source}
    if approval:
        copied[38] = approval
    # Original data: MTI, trace, sent, acquirer and forwarder right-justified with zeros.
    acquirer = str(source[32]).rjust(11, "0")
    copied[90] = "".join(("0200", str(source[11]), str(source[7]), acquirer, "0" * 11))
    fields: dict[int, Value] = {**copied, 7: stamps.sent, 11: trace}
    return IsoMessage("0420", {n: fields[n] for n in sorted(fields)})


def network(terminal: str, trace: str, stamps: Stamps, code: str) -> IsoMessage:
    """The 0800 that says `code` (DE 70)."""
    return IsoMessage("0800", {7: stamps.sent, 11: trace, 12: stamps.time, 13: stamps.date, 41: terminal.ljust(8), 70: code})


def network_answer(asked: IsoMessage) -> IsoMessage:
    """Our 0810 to the far end's 0800."""
    fields: dict[int, Value] = {n: asked.fields[n] for n in (7, 11, 12, 13, 24, 32, 33, 37, 41, 42, 70) if n in asked.fields}
    fields[39] = "00"
    return IsoMessage(asked.response_mti(), {n: fields[n] for n in sorted(fields)})


def mismatch(asked: IsoMessage, reply: IsoMessage) -> str:
    """What in `reply` contradicts what was asked; empty when it fits. Names elements, never values."""
    if reply.mti != asked.response_mti():
        return f"MTI {reply.mti} answers {asked.mti}"
    fields, wanted = reply.fields, asked.fields
    for number in (11, 41):
        if number not in fields:
            return f"reply {reply.mti} lacks DE {number}"
    if 39 not in fields:
        return f"reply {reply.mti} lacks DE 39"
    if _bare(fields[41]) != _bare(wanted.get(41, "")):
        return f"reply {reply.mti} names another terminal"
    for number in (11, *ECHOED):
        if number == 4 and fields[39] == "10":
            continue
        if number in fields and number in wanted and _bare(fields[number]) != _bare(wanted[number]):
            return f"reply {reply.mti} has another DE {number} than was asked"
    return ""


def _bare(value: Value) -> str:
    return value.strip() if isinstance(value, str) else value.hex()
