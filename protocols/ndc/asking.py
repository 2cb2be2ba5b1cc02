"""What goes to the desk: a transaction with the identity we gave it, a block of the journal, a report about cash.

Owns the typed messages of `Ask`, and the one function that opens a transaction: what it means, how much, in which notes. It
must never know a link's state beyond its arguments. The traps: NDC has no identity on the wire, so `mint` is ours, made
once at first receipt and never from a field of the message; and a request that cannot be served (`fault`) is declined
before any debit.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias
from urllib.parse import quote

import msgspec

from protocols.ndc import defaults
from protocols.ndc.fields import DISPENSING
from protocols.ndc.message import JournalUpload, TransactionRequest
from protocols.ndc.mix import mix
from protocols.ndc.operations import Row, Tables

MINOR_MAX = 10**15


class OpenedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction request at first receipt. `mint` names it for good; `notes` is the mix that its approval will order."""

    request: TransactionRequest
    terminal: str
    mint: str
    tsn: int
    config_id: str
    row: Row | None
    amount_minor: int | None
    notes: tuple[int, ...] = ()
    available: tuple[int, ...] = ()
    fault: str = ""  # the word of a decline, where the core is not asked
    received_ms: int = 0


class OpenedJournal(msgspec.Struct, frozen=True):
    """A block of the electronic journal: durable first, acknowledged then."""

    block: JournalUpload
    terminal: str


class CashNotice(msgspec.Struct, frozen=True):
    """Something about notes that a person at the bank must hear of: retracted notes, a dispute, an exception."""

    terminal: str
    mint: str
    what: str
    detail: str
    disputed_key: str = ""


Asked: TypeAlias = OpenedRequest | OpenedJournal | CashNotice


class Cash(msgspec.Struct, frozen=True):
    """What a listener knows of money: compiled from the profile. `scale` multiplies an amount field into minor units, a
    negative one divides it and must leave no rest."""

    currency: str
    scale: int
    denominations: tuple[int, ...]
    notes_max: int
    note_types: dict[str, int]
    note_count_digits: int

    def minor(self, digits: str) -> int | None:
        """Minor units of an amount field; None where it is no amount."""
        if not digits.isascii() or not digits.isdigit() or len(digits) > 12:
            return None
        value = int(digits)
        if self.scale > 0:
            value *= self.scale
        else:
            value, rest = divmod(value, -self.scale)
            if rest:
                return None
        return value if value <= MINOR_MAX else None

    def counted(self, listed: str) -> int | None:
        """Minor units of the note acceptor's list: note type, count, and so on; None where a type is unknown [P]."""
        total = 0
        rest = listed
        width = len(next(iter(self.note_types), ""))
        if not width or not rest:
            return None
        while rest:
            value = self.note_types.get(rest[:width])
            count = rest[width : width + self.note_count_digits]
            if value is None or len(count) != self.note_count_digits or not count.isdecimal() or not count.isascii():
                return None
            total += value * int(count)
            rest = rest[width + self.note_count_digits :]
        return total


def key_of(realm: str, terminal: str, mint: str) -> str:
    """The idempotency key: realm, dialect, terminal and what we minted. `mint` begins with the link's own name."""
    return f"{realm}:ndc:{_quoted(terminal)}:{mint}"


@lru_cache(maxsize=4_096)
def _quoted(terminal: str) -> str:
    return quote(terminal, safe="")


def open_request(
    request: TransactionRequest,
    *,
    terminal: str,
    mint: str,
    tsn: int,
    config_id: str,
    tables: Tables,
    cash: Cash,
    available: tuple[int, ...],
    received_ms: int,
) -> OpenedRequest:
    """What a request means. `available`: notes per cassette type that may be ordered."""
    row = tables.row(request.operation)
    amount: int | None = None
    notes: tuple[int, ...] = ()
    fault = ""
    if row is None:
        fault = defaults.UNKNOWN_OPERATION
    elif row.amount != "none":
        amount = _amount(row, request, cash)
        if not amount:
            fault = defaults.INVALID_AMOUNT
        elif dispenses(row, tables):
            notes = mix(amount, cash.denominations, available, cash.notes_max) or ()
            fault = "" if notes else defaults.UNDISPENSABLE
    return OpenedRequest(
        request=request,
        terminal=terminal,
        mint=mint,
        tsn=tsn,
        config_id=config_id,
        row=row,
        amount_minor=amount,
        notes=notes,
        available=available,
        fault=fault,
        received_ms=received_ms,
    )


def dispenses(row: Row, tables: Tables) -> bool:
    """Does the approval of this operation order notes?"""
    return tables.approvals[row.approved].function in DISPENSING


def _amount(row: Row, request: TransactionRequest, cash: Cash) -> int | None:
    if row.amount == "fixed":
        return row.fixed_minor
    if row.amount == "B":
        return cash.minor(request.buffer_b.reveal())
    if row.amount == "C":
        return cash.minor(request.buffer_c.reveal())
    if row.amount == "notes":
        listed = request.buffer("w")
        return None if listed is None else cash.counted(listed.reveal())
    return cash.minor(request.amount)
