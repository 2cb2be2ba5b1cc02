"""What a terminal says, from fields and back to bytes: classes 11, 12, 22, 23, 61, and two that pass through.

Owns the positions, read liberally: fields that a sender leaves out at the end are empty, trailing empty ones are ignored,
tagged fields come in any order. It must never know a session. The traps: a solicited status has three shapes, told apart by
its fourth field; an eight-character field at the end is a MAC only where the time variant number says that security is on,
because a customer's buffer looks the same; and blanks in an operation code mean something.

Sources: protocols/ndc/README.md, sections on the transaction request and the status messages.
"""

from __future__ import annotations

import re

from protocols.errors import FieldError
from protocols.ndc import fields as f
from protocols.ndc.frame import Cut, join
from protocols.ndc.message import (
    Buffer,
    DeviceStatus,
    EncryptorData,
    JournalUpload,
    LastStatus,
    OpaqueTerminal,
    SolicitedStatus,
    TerminalMessage,
    TransactionRequest,
    UnsolicitedStatus,
)
from protocols.vocabulary import Secret

TVN = re.compile(r"[0-9A-Fa-f]{8}\Z")
MAC = re.compile(r"[0-9A-Fa-f]{8}\Z")
_OPERATION = re.compile(r"[A-DF-I ]{8}\Z")
_AMOUNT = re.compile(r"[0-9]{0,12}\Z")
_LUNO = re.compile(r"[0-9A-Za-z]{3}(?:[0-9A-Za-z]{6})?\Z")
_JOURNAL_HEAD = re.compile(r"([0-9A-Za-z]{6})([0-9]{6})([0-9]{6})([0-9]{6})([0-9]{6})([0-9]{3})")
_TRACK_MAX, _BUFFER_MAX = 120, 4_096
_PLAIN_COUNT = 12  # fields of a request that are told by their position
_NOTHING = ("",) * _PLAIN_COUNT
_LONG_NAMES = {5: "track2", 6: "track3", 9: "pin", 10: "buffer-b", 11: "buffer-c"}


def read(cut: Cut, has_request_mac: bool = False) -> TerminalMessage:
    """Raises FieldError, which never shows a value."""
    message_class = cut.at(0)
    if message_class == f.TRANSACTION_REQUEST:
        return _request(cut, has_request_mac)
    if message_class == f.SOLICITED:
        return _solicited(cut)
    if message_class == f.UNSOLICITED:
        return UnsolicitedStatus(luno=_luno(cut), device=device_of(cut.fields[3:], cut))
    if message_class == f.ENCRYPTOR:
        if not cut.at(3):
            raise cut.wrong(3, "info", "an information id")
        return EncryptorData(luno=_luno(cut), info=cut.at(3), data=cut.fields[4:])
    if message_class == f.JOURNAL_UPLOAD:
        return _journal(cut)
    if message_class in f.OPAQUE_CLASSES:
        return OpaqueTerminal(message_class, tuple(Secret(one) for one in cut.fields[1:]))
    raise FieldError("class", 0, "11, 12, 22, 23, 41, 51 or 61 from a terminal")


def _luno(cut: Cut) -> str:
    luno = cut.at(1)
    if not _LUNO.match(luno):
        raise cut.wrong(1, "luno", "3 or 9 letters or digits")
    return luno


# ---- 11 ------------------------------------------------------------------------------------------------------------------
def _request(cut: Cut, has_request_mac: bool) -> TransactionRequest:
    luno = _luno(cut)
    fields = cut.fields
    # What a sender left out at the end is empty. One unpacking, because every withdrawal passes here.
    _, _, _, tvn, flag, track2, track3, operation, amount, pin, buffer_b, buffer_c = (*fields, *_NOTHING)[:_PLAIN_COUNT]
    if tvn and not TVN.match(tvn):
        raise cut.wrong(3, "tvn", "8 hex characters or none")
    if len(flag) != 2 or not "1" <= flag[1] <= "~":
        raise cut.wrong(4, "mcn", "the receipt flag and a coordination number of 31 to 7E")
    if not _OPERATION.match(operation):
        raise cut.wrong(7, "operation", "8 characters of A to D, F to I and blank")
    if not _AMOUNT.match(amount):
        raise cut.wrong(8, "amount", "up to 12 digits")
    if max(len(track2), len(track3), len(pin), len(buffer_b), len(buffer_c)) > _TRACK_MAX:
        index = next(at for at in (5, 6, 9, 10, 11) if len(cut.at(at)) > _TRACK_MAX)
        raise cut.wrong(index, _LONG_NAMES[index], f"at most {_TRACK_MAX} characters")
    tail = list(fields[_PLAIN_COUNT:])
    mac = ""
    if (tvn or has_request_mac) and tail and MAC.match(tail[-1]):
        mac = tail.pop()
    track1: Secret | None = None
    last: LastStatus | None = None
    buffers: list[Buffer] = []
    for index, text in enumerate(tail, _PLAIN_COUNT):
        if len(text) > _BUFFER_MAX:
            raise cut.wrong(index, "buffer", f"at most {_BUFFER_MAX} characters")
        if not text:
            continue
        if text[0] == "1" and track1 is None:
            track1 = Secret(text[1:])
        elif text[0] == "2" and last is None and (found := last_status(text[1:])) is not None:
            last = found
        else:
            buffers.append(Buffer(text[0], Secret(text[1:])))
    return TransactionRequest(
        luno=luno,
        tvn=tvn,
        top_of_receipt=flag[0],
        mcn=flag[1],
        track2=_secret(track2),
        track3=_secret(track3),
        operation=operation,
        amount=amount,
        pin_block=_secret(pin),
        buffer_b=Secret(buffer_b),
        buffer_c=Secret(buffer_c),
        track1=track1,
        last=last,
        buffers=tuple(buffers),
        mac=mac,
    )


def _secret(text: str) -> Secret | None:
    return Secret(text) if text else None


def last_status(text: str) -> LastStatus | None:
    """TSN 4, status 1, then notes of five digits each; None where it cannot be read, which is no evidence at all."""
    counts, _, rest = text[5:].partition(f.GS)
    if len(text) < 5 or not text[:4].isdigit() or not text[:5].isascii():
        return None
    whole = len(counts) // 5 * 5
    if not counts[:whole].isascii() or (counts and not counts[:whole].isdigit()):
        return LastStatus(text[:4], text[4], (), text[5:])
    notes = tuple(int(counts[at : at + 5]) for at in range(0, min(whole, 35), 5))
    return LastStatus(text[:4], text[4], notes, counts[len(notes) * 5 :] + (f.GS + rest if rest else ""))


# ---- 12 and 22 -----------------------------------------------------------------------------------------------------------
def device_of(fields: tuple[str, ...], cut: Cut | None = None, index: int = 3) -> DeviceStatus:
    """DIG and status, severities, diagnostic, supplies, and whatever follows. Raises FieldError without a device."""
    first = fields[0] if fields else ""
    if not first:
        raise FieldError("device", 0 if cut is None else cut.offset(index), "a device id")
    padded = (*fields, "", "", "")
    return DeviceStatus(first[0], first[1:], padded[1], padded[2], padded[3], tuple(fields[4:]))


def _solicited(cut: Cut) -> SolicitedStatus:
    luno = _luno(cut)
    slot = cut.at(3)
    has_slot = len(cut.fields) > 4 and (not slot or TVN.match(slot) is not None)
    rest = list(cut.fields[4:] if has_slot else cut.fields[3:])
    mac = ""
    if has_slot and slot and len(rest) > 1 and MAC.match(rest[-1]):
        mac = rest.pop()
    first = rest[0] if rest else ""
    parts = first.split(f.GS)
    if parts[0] not in f.DESCRIPTORS:
        raise cut.wrong(4 if has_slot else 3, "descriptor", f"one of {', '.join(f.DESCRIPTORS)}")
    return SolicitedStatus(
        luno=luno,
        tvn=slot if has_slot else None,
        descriptor=parts[0],
        detail=tuple(parts[1:]),
        data=tuple(rest[1:]),
        mac=mac,
    )


# ---- 61 ------------------------------------------------------------------------------------------------------------------
def _journal(cut: Cut) -> JournalUpload:
    block = f.FS.join(cut.fields[4:])
    found = _JOURNAL_HEAD.match(block)
    if found is None:
        raise cut.wrong(4, "journal", "machine number, date, time, two character numbers and a length")
    machine, date, time, previous, last, length = found.groups()
    text = block[found.end() :]
    if int(length) != len(text) and len(text) < 1_000:
        raise cut.wrong(4, "journal", "as many characters as its length says")
    return JournalUpload(
        machine=machine,
        date=date,
        time=time,
        previous=previous,
        last=last,
        length=length,
        text=Secret(text),
        head=(cut.at(1), cut.at(2), cut.at(3)),
    )


# ---- back to bytes: what the fake ATM writes -----------------------------------------------------------------------------
def write(message: TerminalMessage) -> bytes:
    """The body of a terminal's message."""
    match message:
        case TransactionRequest():
            fields = _request_fields(message)
        case SolicitedStatus():
            first = f.GS.join((message.descriptor, *message.detail))
            slot = [] if message.tvn is None else [message.tvn]
            fields = ["22", message.luno, "", *slot, first, *message.data, *([message.mac] if message.mac else [])]
        case UnsolicitedStatus():
            fields = ["12", message.luno, "", *device_fields(message.device)]
        case EncryptorData():
            fields = ["23", message.luno, "", message.info, *message.data]
        case JournalUpload():
            head = f"{message.machine}{message.date}{message.time}{message.previous}{message.last}{message.length}"
            fields = ["61", *message.head, head + message.text.reveal()]
        case OpaqueTerminal():
            fields = [message.message_class, *(one.reveal() for one in message.fields)]
    return join(fields)


def device_fields(device: DeviceStatus) -> list[str]:
    """A device's report as fields, without the empty ones at its end."""
    fields = [device.device + device.status, device.severities, device.diagnostic, device.supplies, *device.extra]
    while len(fields) > 1 and not fields[-1]:
        fields.pop()
    return fields


def _request_fields(message: TransactionRequest) -> list[str]:
    def bare(secret: Secret | None) -> str:
        return "" if secret is None else secret.reveal()

    fields = ["11", message.luno, "", message.tvn, message.top_of_receipt + message.mcn]
    fields += [bare(message.track2), bare(message.track3), message.operation, message.amount, bare(message.pin_block)]
    fields += [message.buffer_b.reveal(), message.buffer_c.reveal()]
    fields.append("" if message.track1 is None else "1" + message.track1.reveal())
    if message.last is not None:
        notes = "".join(f"{count:05}" for count in message.last.notes)
        fields.append(f"2{message.last.tsn}{message.last.status}{notes}{message.last.rest}")
    fields += [one.id + one.data.reveal() for one in message.buffers]
    return [*fields, message.mac] if message.mac else fields
