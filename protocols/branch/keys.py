"""Who said this: the key of a telegram, and the key of the one that it cancels, corrects or completes.

Owns law 2 for this dialect: realm, dialect, 金融機関, 店番, 端末番号, 営業日, 端末通番. Every part is the sender's own and
the same on a repeat. It must never hold an account, nor anything that the relay assigns. The trap: 元取引 names day and
number only; the terminal is the sender's own, so nobody can touch another terminal's transaction.

Source: facts on branch-p1 [P]: 金融機関-店番-端末番号-営業日-端末通番.
"""

from __future__ import annotations

from protocols.branch.message import BranchMessage

DIALECT = "branch-p1"


def key_of(message: BranchMessage, realm: str) -> str:
    return _key(message, realm, message.business_date, message.serial)


def original_key_of(message: BranchMessage, realm: str) -> str:
    """The key of 元取引."""
    return _key(message, realm, message.original_date, message.original_serial)


def _key(message: BranchMessage, realm: str, date: str, serial: int) -> str:
    return f"{realm}:{DIALECT}:{message.bank}:{message.branch}:{message.terminal}:{date}:{serial:06}"
