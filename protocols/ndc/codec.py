"""Bodies to messages and back, either direction: the one door to the wire forms of NDC.

Owns the choice of direction by the first field: two class characters are a terminal's, one (with an optional flag "0") a
host's. It must never know a session. The trap: a relay asks for one direction only; a host's class from a terminal is
malformed, however well it reads.
"""

from __future__ import annotations

from protocols.errors import FieldError
from protocols.ndc import from_host, from_terminal
from protocols.ndc.fields import TERMINAL_CLASSES
from protocols.ndc.frame import cut
from protocols.ndc.message import (
    DataCommand,
    EmvConfiguration,
    HostMessage,
    JournalCommand,
    NdcMessage,
    OpaqueHost,
    TerminalCommand,
    TerminalMessage,
    TransactionReply,
)

_HOST = (TerminalCommand, DataCommand, TransactionReply, JournalCommand, EmvConfiguration, OpaqueHost)


def decode_terminal(body: bytes, has_request_mac: bool = False) -> TerminalMessage:
    """What a terminal said. `has_request_mac`: requests end in a MAC though they have no time variant number.

    Raises FieldError with field, offset and expectation, never a value.
    """
    return from_terminal.read(cut(body), has_request_mac)


def decode_host(body: bytes) -> HostMessage:
    """What a host said. Raises FieldError."""
    return from_host.read(cut(body))


def decode(body: bytes) -> NdcMessage:
    """Either direction, told by the class. Raises FieldError."""
    fields = cut(body)
    head = fields.at(0)
    if head in TERMINAL_CLASSES:
        return from_terminal.read(fields)
    if len(head) == 2 and head[1] != "0":
        raise FieldError("class", 0, "a class of a terminal or of a host")
    return from_host.read(fields)


def encode(message: NdcMessage) -> bytes:
    """The body of any message. Raises UnicodeEncodeError where a text holds a character that is no byte."""
    return from_host.write(message) if isinstance(message, _HOST) else from_terminal.write(message)
