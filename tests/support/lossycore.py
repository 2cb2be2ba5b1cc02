"""What goes wrong inside a core: a posting is gone, or something stands that was declined or undone.

Owns these two faults of the fake core's ledger, balances included. It must never be part of the product: the fake core keeps
the contract. The trap: what is lost leaves no tombstone, and its key may be posted anew.
"""

from __future__ import annotations

from relay.core import contract as c
from relay.loopback.entries import MOVES, EntryState
from relay.loopback.ledger import Ledger


def lose(ledger: Ledger, key: str) -> None:
    """As if the core had never heard of it."""
    ledger.forget(key)


def keep(ledger: Ledger, key: str) -> None:
    """What was declined, or reversed in whole or in part, stands whole, as if it had been posted and never undone."""
    entry = ledger._entries[key]
    if entry.amount is None or entry.standing_minor >= int(entry.amount.minor):
        raise ValueError(f"{key} stands already, or moves no money")
    whole = int(entry.amount.minor)
    minor = whole - entry.standing_minor
    entry.state = EntryState.POSTED
    entry.posted_minor = entry.standing_minor = whole
    entry.answer = c.TransactionAnswer(key=key, status="approved", authorisation_id="000000")
    if entry.to_account:
        ledger._move(key, entry.to_account, entry.amount.currency, minor, False)
    ledger._move(key, entry.account, entry.amount.currency, MOVES[entry.kind] * minor, False)
