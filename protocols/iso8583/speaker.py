"""Frames to messages and back for one listener: codec, framing and message authentication in the right order.

Owns `Speaker`, shared by every link of a listener. It must never know a session. The traps: the MAC is computed over wire
bytes, so that it is written last and read before anything is believed; and network management (08xx) often carries none,
because it is what exchanges the keys. The bank's MAC hook may fail like any program: then nothing is believed and nothing is
said, and the link lives on; its error's text may hold a key, so only its kind is told.

Source: ISO 8583, data elements 64 and 128: whichever is the last of the message.
"""

from __future__ import annotations

from protocols.errors import LocalMisuse, PeerViolation
from protocols.framing import Frame, Framing, compile_wrap
from protocols.iso8583.codec import Codec
from protocols.iso8583.elements import write_field
from protocols.iso8583.hooks import MAC_BYTES, Mac, MacVerdict
from protocols.iso8583.message import IsoMessage


class MacError(PeerViolation):
    """The message authentication is missing, wrong or made with another key. `message` is what it came with."""

    def __init__(self, problem: str, message: IsoMessage, *, is_out_of_step: bool = False) -> None:
        super().__init__(problem)
        self.message = message
        self.is_out_of_step = is_out_of_step


class Speaker:
    __slots__ = ("_mac", "_wrap", "codec", "framing")

    def __init__(self, codec: Codec, framing: Framing, mac: Mac | None = None) -> None:
        """Raises LocalMisuse where `mac` is given and the dialect has no DE 64 and 128 of 8 bytes."""
        self.codec = codec
        self.framing = framing
        self._wrap = compile_wrap(framing)
        self._mac = mac
        if mac is not None:
            for number in (64, 128):
                field = codec.spec.fields.get(number)
                if field is None or not field.is_binary or field.max != MAC_BYTES or field.length_digits:
                    raise LocalMisuse(f"DE {number} is not a fixed binary of {MAC_BYTES} bytes", "mac")

    def read(self, frame: Frame) -> IsoMessage:
        """The message in a frame. Raises FieldError, or MacError where a MAC is due."""
        message = self.codec.decode(frame.body, frame.header)
        if self._mac is not None:
            self._check(self._mac, message, frame.body)
        return message

    def write(self, message: IsoMessage) -> bytes:
        """The frame around a message of ours, with its MAC where one is due. Raises LocalMisuse, also where the hook fails."""
        if self._mac is not None and message.mti[1:2] != "8":
            return self._wrap(self._signed(self._mac, message), message.header)
        return self._wrap(self.codec.encode(message), message.header)

    def _check(self, mac: Mac, message: IsoMessage, body: bytes) -> None:
        number = 128 if max(message.fields, default=0) > 64 else 64
        value = message.fields.get(number)
        if not isinstance(value, bytes):
            if message.mti[1] == "8":
                return
            raise MacError(f"field {number}: expected a message authentication code", message)
        covered = body[: -self._wire_bytes(number)]
        try:
            verdict = mac.check(message, covered, value)
        except Exception as error:  # noqa: BLE001  the bank's code, and told below
            raise MacError(f"field {number}: the MAC hook failed ({type(error).__name__})", message) from None
        if verdict is not MacVerdict.RIGHT:
            out_of_step = verdict is MacVerdict.KEY_OUT_OF_STEP
            problem = "made with another key" if out_of_step else "not the one of this message"
            raise MacError(f"field {number}: {problem}", message, is_out_of_step=out_of_step)

    def _signed(self, mac: Mac, message: IsoMessage) -> bytes:
        number = 128 if max(message.fields, default=0) > 64 else 64
        fields = {**message.fields, number: bytes(MAC_BYTES)}
        fields.pop(64 if number == 128 else 128, None)
        body = self.codec.encode(IsoMessage(message.mti, fields, message.header))
        covered = body[: -self._wire_bytes(number)]
        try:
            made = mac.compute(message, covered)
        except Exception as error:  # noqa: BLE001  the bank's code, and told below
            raise LocalMisuse(f"the MAC hook failed ({type(error).__name__})", "mac") from None
        if not isinstance(made, bytes) or len(made) != MAC_BYTES:
            raise LocalMisuse(f"the MAC hook gave no {MAC_BYTES} bytes", "mac")
        return covered + write_field(self.codec.spec.fields[number], made)

    def _wire_bytes(self, number: int) -> int:
        return len(write_field(self.codec.spec.fields[number], bytes(MAC_BYTES)))
