"""NDC messages as frozen values, both ways: what a terminal says, what a host says.

Owns the types and how they print. It must never know where a field stands. The traps: nothing here has an identity on the
wire, so that two equal messages may be one message twice or two customers; and whatever may hold card data, a PIN or what a
customer typed is a `Secret`, so that no log can show it.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from protocols.vocabulary import Secret


# ---- terminal to host ----------------------------------------------------------------------------------------------------
class LastStatus(msgspec.Struct, frozen=True):
    """Last transaction status: the TSN of the last reply, and what became of it. `status`: 0 none, 1 good, 2 error, 3 reply
    rejected. `notes` are counts per cassette type. It need not belong to that TSN (so warns jndc)."""

    tsn: str
    status: str
    notes: tuple[int, ...] = ()
    rest: str = ""


class Buffer(msgspec.Struct, frozen=True):
    """One tagged field: `id` is its first character."""

    id: str
    data: Secret


class TransactionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Class 11. `operation` is eight characters whose blanks matter; `amount` the digits as sent."""

    luno: str
    tvn: str = ""
    top_of_receipt: str = "0"
    mcn: str
    track2: Secret | None = None
    track3: Secret | None = None
    operation: str = ""
    amount: str = ""
    pin_block: Secret | None = None
    buffer_b: Secret = Secret("")
    buffer_c: Secret = Secret("")
    track1: Secret | None = None
    last: LastStatus | None = None
    buffers: tuple[Buffer, ...] = ()
    mac: str = ""

    def buffer(self, identifier: str) -> Secret | None:
        """The first tagged field with this id."""
        return next((one.data for one in self.buffers if one.id == identifier), None)


class DeviceStatus(msgspec.Struct, frozen=True):
    """One device's report: `status` is what follows the device id, severities and supplies one character per part."""

    device: str
    status: str = ""
    severities: str = ""
    diagnostic: str = ""
    supplies: str = ""
    extra: tuple[str, ...] = ()


class SolicitedStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Class 22: the answer to a command or reply, without anything that says to which one.

    `tvn` is None where the sender writes no slot for it, "" for an empty slot. `data` are the fields behind the descriptor,
    `detail` what stands behind a GS in the descriptor's own field.
    """

    luno: str
    tvn: str | None = None
    descriptor: str
    detail: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    mac: str = ""


class UnsolicitedStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Class 12: recorded, never answered."""

    luno: str
    device: DeviceStatus


class EncryptorData(msgspec.Struct, frozen=True, kw_only=True):
    """Class 23: what the encrypting keypad says, among it the check value of a key just loaded (info id 3)."""

    luno: str
    info: str
    data: tuple[str, ...] = ()


class JournalUpload(msgspec.Struct, frozen=True, kw_only=True):
    """Class 61: one block of the electronic journal. `previous` and `last` count characters, modulo 1,000,000."""

    machine: str
    date: str  # YYMMDD
    time: str  # hhmmss
    previous: str
    last: str
    length: str
    text: Secret
    head: tuple[str, ...] = ("", "", "")


class OpaqueTerminal(msgspec.Struct, frozen=True):
    """A class that is known to exist and passed through (41, 51)."""

    message_class: str
    fields: tuple[Secret, ...] = ()


# ---- host to terminal ----------------------------------------------------------------------------------------------------
class TerminalCommand(msgspec.Struct, frozen=True, kw_only=True):
    """Class 1. `code` is the command with its modifier, as in "21"."""

    luno: str
    sequence: str = ""
    code: str
    flag: str = ""
    mac: str = ""


class DataCommand(msgspec.Struct, frozen=True, kw_only=True):
    """Class 3: sub-class 1 customisation, 2 interactive, 3 and 4 keys; `identifier` is the customisation id or modifier.

    `lead` is what stands behind the identifier in its own field, `data` the fields after it.
    """

    luno: str
    sequence: str = ""
    subclass: str
    identifier: str
    lead: str = ""
    data: tuple[str, ...] = ()
    flag: str = ""
    mac: str = ""


class PrintGroup(msgspec.Struct, frozen=True):
    printer: str
    text: str = ""


class TransactionReply(msgspec.Struct, frozen=True, kw_only=True):
    """Class 4. `notes` as written (two digits per cassette type), `screen_update` whatever follows the screen number."""

    luno: str
    sequence: str = ""  # or the time variant number, echoed
    next_state: str
    notes: str = ""
    coins: str = ""
    tsn: str
    function: str
    screen: str = ""
    screen_update: str = ""
    mcn: str
    card_flag: str = "0"
    prints: tuple[PrintGroup, ...] = ()
    buffers: tuple[Buffer, ...] = ()
    flag: str = ""
    mac: str = ""


class JournalCommand(msgspec.Struct, frozen=True):
    """Class 6: 1 acknowledge, 2 acknowledge and stop, 3 options; `data` is the last character's number, or the options."""

    code: str
    data: str = ""
    fields: tuple[str, ...] = ()
    head: tuple[str, ...] = ("", "")


class EmvConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """Class 8: table 1 currency, 2 transaction, 3 language, 4 terminal, 5 application ids. `has_sequence`: an empty field
    stands between LUNO and table."""

    luno: str
    table: str
    data: tuple[str, ...] = ()
    has_sequence: bool = False
    flag: str = ""
    mac: str = ""


class OpaqueHost(msgspec.Struct, frozen=True):
    """Class 7, to an exit."""

    message_class: str
    fields: tuple[Secret, ...] = ()


TerminalMessage: TypeAlias = (
    TransactionRequest | SolicitedStatus | UnsolicitedStatus | EncryptorData | JournalUpload | OpaqueTerminal
)
HostMessage: TypeAlias = TerminalCommand | DataCommand | TransactionReply | JournalCommand | EmvConfiguration | OpaqueHost
NdcMessage: TypeAlias = TerminalMessage | HostMessage
