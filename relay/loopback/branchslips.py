"""The telegrams of a fake branch terminal: header and bodies of requests, repeats, completions and counts. Pure.

Owns which items a terminal of profile branch-p1 writes. It must never know a session or the books. The traps: a repeat keeps
number and body and changes 再送表示 and 送信日時 only; a 完了確認 takes no number of its own; and names are written as
half-width kana by the sender, never folded on the way.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from protocols.branch.message import BranchMessage, Value
from protocols.vocabulary import Secret

DEPOSIT, WITHDRAWAL, TRANSFER, BALANCE = "01001", "01002", "01003", "01009"
KINDS = {DEPOSIT: "deposit", WITHDRAWAL: "withdrawal", TRANSFER: "transfer", BALANCE: "balance-inquiry"}
TOKYO = timedelta(hours=9)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Which terminal this is, and which day."""

    bank: str = "9901"
    branch: str = "123"
    kind: str = "A"
    terminal: str = "0001"
    operator: str = ""
    business_date: str = "20261125"
    key_version: str = "0000"

    @property
    def name(self) -> str:
        return f"{self.bank}-{self.branch}-{self.terminal}"


def stamp(wall_ms: float) -> str:
    """送信日時: local time as YYYYMMDDhhmmss."""
    return f"{datetime.fromtimestamp(wall_ms / 1_000, UTC) + TOKYO:%Y%m%d%H%M%S}"


def telegram(
    place: Place, message_type: str, sent_at: str, body: Mapping[str, Value] | None = None, **items: object
) -> BranchMessage:
    """A telegram of `place`; `items` are header items by name."""
    header: dict[str, object] = {
        "bank": place.bank,
        "branch": place.branch,
        "terminal_kind": place.kind,
        "terminal": place.terminal,
        "operator": place.operator,
        "business_date": place.business_date,
        "value_date": place.business_date,
        "key_version": place.key_version,
        "sent_at": sent_at,
        "body": dict(body or {}),
        **items,
    }
    nobody = BranchMessage(message_type=message_type, bank="", branch="", terminal_kind="", terminal="")
    return msgspec.structs.replace(nobody, **header)


def account(text: str, prefix: str = "account") -> dict[str, Value]:
    """店番-科目-口座番号, as in "123-1-0000001", as the items of a body."""
    branch, kind, number = text.split("-")
    if prefix == "payee":
        return {"payee_branch": branch, "payee_type": kind, "payee_account": number}
    return {"account_branch": branch, "account_type": kind, "account": number}


def body_of(operation: str, own: str, amount: int, payee: str = "") -> dict[str, Value]:
    """The body of an operation on the account `own`, in yen."""
    body = account(own)
    if operation == TRANSFER:
        body |= account(payee, "payee") | {"payee_name": "ｽｽﾞｷ ｲﾁﾛｳ", "sender_name": "ﾔﾏﾀﾞ ﾊﾅｺ"}
    if operation != BALANCE:
        body["amount"] = f"{amount:012}"
    if operation == DEPOSIT:
        body |= {"name": "ﾔﾏﾀﾞ ﾊﾅｺ", "remark": ""}
    if operation == WITHDRAWAL:
        body["pin_block"] = Secret("0" * 16)
    return body


def repeated(message: BranchMessage, sent_at: str) -> BranchMessage:
    """The same again: 再送表示 set, sent time new."""
    return msgspec.structs.replace(message, is_repeat=True, sent_at=sent_at)


def mismatch(asked: BranchMessage, answer: BranchMessage) -> str:
    """What in `answer` contradicts what was asked; empty when it fits. Names items, never values."""
    for name in ("bank", "branch", "terminal", "operation", "serial", "business_date"):
        if getattr(asked, name) != getattr(answer, name):
            return f"answer {answer.message_type} has another {name} than was asked"
    return ""
