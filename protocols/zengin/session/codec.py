"""Frames to messages and back, with every check of the headers that needs no state.

Owns identifiers, lengths, type, request and protocol numbers. Line numbers and sequence are checked where they are known
(inward.py, outward.py). It must never look into a telegram. The trap: any mistake in a header means that the two sides no
longer agree on the protocol; the published action is to release the connection, so nothing here is forgiven.

Source: header tables [S1] FSPG0466, checks [S2] FSPG0467; reserved bytes must be NUL [P].
"""

from __future__ import annotations

from functools import lru_cache

from protocols.errors import FieldError, LocalMisuse
from protocols.framing import wrap
from protocols.zengin.session import fields as f
from protocols.zengin.session.frame import LEAD_BYTES, framing_of
from protocols.zengin.session.message import DeliveryMessage, Information, Message, Path, Watch


class Codec:
    """One side's view of a line: it writes as `side` and reads what the other side writes."""

    def __init__(self, side: f.Side, sequence_bytes: int = f.SEQUENCE_BYTES, message_bytes_max: int = 4_160) -> None:
        self.side = side
        self.sequence_max: int = (1 << 8 * sequence_bytes) - 1
        self._sequence_bytes = sequence_bytes
        self._sequence_end = f.SEQUENCE_OFFSET + sequence_bytes
        self._reserve = bytes(f.BUSINESS_BYTES - self._sequence_end)
        self._peer = f.other(side)
        self.reading = framing_of(self._peer, message_bytes_max)
        self.writing = framing_of(side, message_bytes_max)

    def decode(self, body: bytes) -> Message:
        """The message in a cut frame, whose identifier and length are taken off. Raises FieldError; offsets count from the
        start of the message."""
        if len(body) < f.SUBLAYER_BYTES - LEAD_BYTES:
            raise FieldError("sublayer.length", f.LENGTH_OFFSET, f"at least {f.SUBLAYER_BYTES}")
        kind, protocol, reserve = body[0], body[1], body[2:10]
        if protocol != f.PROTOCOL_NUMBER:
            raise FieldError("sublayer.protocol", f.PROTOCOL_OFFSET, "01")
        if reserve.strip(b"\0"):
            raise FieldError("sublayer.reserve", f.SUBLAYER_RESERVE.start, "NUL")
        rest = body[10:]
        if kind >> 4 == f.TYPE_CONTROL:
            if kind != self._peer.control:
                raise FieldError("sublayer.request", f.TYPE_OFFSET, f"{self._peer.control:02X} for a watch message")
            if rest:
                raise FieldError("sublayer.length", f.LENGTH_OFFSET, "0010 for a watch message")
            return Watch()
        if kind not in (f.INFORMATION, f.DELIVERY):
            raise FieldError("sublayer.type", f.TYPE_OFFSET, "00 information, 13 delivery or a watch message")
        return self._business(kind, rest)

    def _business(self, kind: int, rest: bytes) -> Message:
        header, text = rest[: f.BUSINESS_BYTES], rest[f.BUSINESS_BYTES :]
        start = f.SUBLAYER_BYTES
        if len(header) < f.BUSINESS_BYTES:
            raise FieldError("sublayer.length", f.LENGTH_OFFSET, f"at least {start + f.BUSINESS_BYTES}")
        if header[:4] != self._peer.business_id:
            raise FieldError("business.identifier", start, self._peer.business_id.decode())
        if int.from_bytes(header[f.HEADER_LENGTH], "big") != f.BUSINESS_BYTES:
            raise FieldError("business.header_length", start + 4, "0030")
        if header[f.BUSINESS_PROTOCOL_OFFSET] != f.PROTOCOL_NUMBER:
            raise FieldError("business.protocol", start + f.BUSINESS_PROTOCOL_OFFSET, "01")
        path = Path(
            _number(header[f.PHYSICAL], "business.physical", start + 8),
            _number(header[f.LOGICAL], "business.logical", start + 10),
            _number(header[f.LCN], "business.lcn", start + 12),
        )
        if header[self._sequence_end :].strip(b"\0"):
            raise FieldError("business.reserve", start + self._sequence_end, "NUL")
        sequence = int.from_bytes(header[f.SEQUENCE_OFFSET : self._sequence_end], "big")
        response = header[f.RESPONSE_OFFSET]
        if kind == f.INFORMATION:
            if response != f.NO_RESPONSE:
                raise FieldError("business.response", start + f.RESPONSE_OFFSET, "00 for information")
            return Information(path, sequence, text)
        if response not in (f.LOGICAL_ACK, f.LOGICAL_NAK):
            raise FieldError("business.response", start + f.RESPONSE_OFFSET, "01 logical ACK or 02 logical NAK")
        if text:
            raise FieldError("sublayer.length", f.LENGTH_OFFSET, "0040 for a delivery message")
        return DeliveryMessage(path, sequence, response == f.LOGICAL_ACK)

    def encode(self, message: Message) -> bytes:
        """The bytes of a message as our side writes it. Raises LocalMisuse for what the headers cannot hold."""
        if isinstance(message, Watch):
            return wrap(self.writing, _sublayer(self.side.control))
        if not 0 <= message.sequence <= self.sequence_max:
            raise LocalMisuse(f"0 to {self.sequence_max}", "sequence")
        kind, response, text = f.INFORMATION, f.NO_RESPONSE, b""
        if isinstance(message, Information):
            text = message.body
        else:
            kind, response = f.DELIVERY, f.LOGICAL_ACK if message.is_ack else f.LOGICAL_NAK
        lead = _lead(self.side, kind, message.path, response)
        number = message.sequence.to_bytes(self._sequence_bytes, "big")
        return wrap(self.writing, b"".join((lead, number, self._reserve, text)))

    def after(self, sequence: int) -> int:
        """The sequence number that follows: 1 after the largest. 0 is never counted, it is that of 開局 [P]."""
        return sequence + 1 if sequence < self.sequence_max else 1

    def ahead(self, one: int, other: int) -> int:
        """How many numbers `one` is ahead of `other` (negative: behind), round the end where that is the shorter way."""
        steps = (one - other) % self.sequence_max
        return steps if steps <= self.sequence_max // 2 else steps - self.sequence_max


@lru_cache(maxsize=2_048)  # a line has few paths, and says little else than ACK
def _lead(side: f.Side, kind: int, path: Path, response: int) -> bytes:
    """Both headers as far as the sequence number. Raises LocalMisuse."""
    if not all(0 <= number <= 99 for number in (path.physical, path.logical, path.lcn)):
        raise LocalMisuse("two digits", "path")
    return b"".join(
        (
            _sublayer(kind),
            side.business_id,
            f.BUSINESS_BYTES.to_bytes(2, "big"),
            bytes((f.PROTOCOL_NUMBER, response)),
            f"{path.physical:02}{path.logical:02}{path.lcn:02}".encode("ascii"),
        )
    )


def _sublayer(kind: int) -> bytes:
    return bytes((kind, f.PROTOCOL_NUMBER)) + bytes(8)


def _number(data: bytes, name: str, offset: int) -> int:
    if not data.isdigit():
        raise FieldError(name, offset, "two digits")
    return int(data)
