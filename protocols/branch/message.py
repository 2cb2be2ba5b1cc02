"""One branch telegram as a frozen value: the header's items by name, the body by layout.

Owns who sent it (`terminal_name`), what it answers to and how it is shown without secrets. It must never know bytes. The traps:
a PIN block is a Secret and a card number a Pan already here, so that no log shows them; and the digest by which a repeat is
recognised leaves both out, because it is stored.
"""

from __future__ import annotations

import hashlib
from typing import TypeAlias

import msgspec

from protocols.branch.fields import ANSWER_OF, ANSWERS, NUMBERED
from protocols.errors import LocalMisuse
from protocols.vocabulary import Pan, Secret

Value: TypeAlias = str | Pan | Secret

NO_DATE = "00000000"
DIGEST_CHARACTERS = 16


class BranchMessage(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """Header items as text without fill, serials as numbers, flags as bool. Dates are YYYYMMDD, NO_DATE for none."""

    message_type: str
    bank: str
    branch: str
    terminal_kind: str
    terminal: str
    operator: str = ""
    approver: str = ""
    operation: str = "00000"
    serial: int = 0
    business_date: str = NO_DATE
    value_date: str = NO_DATE
    sent_at: str = "00000000000000"
    is_repeat: bool = False
    correction: str = "0"
    original_date: str = NO_DATE
    original_serial: int = 0
    is_offline: bool = False
    is_training: bool = False
    code: str = "0000"
    center_serial: str = "0000000000"
    confirmed_serial: int = 0
    key_version: str = "0000"
    reserved: str = ""
    body: dict[str, Value] = {}

    @property
    def terminal_name(self) -> str:
        """金融機関-店番-端末番号: unique in the realm."""
        return f"{self.bank}-{self.branch}-{self.terminal}"

    @property
    def is_numbered(self) -> bool:
        """It took the next 端末通番 of its terminal."""
        return self.message_type in NUMBERED

    @property
    def is_answerable(self) -> bool:
        return self.message_type in ANSWER_OF

    @property
    def is_answer(self) -> bool:
        return self.message_type in ANSWERS

    def text(self, name: str) -> str:
        """A body item that is plain text, "" where there is none."""
        value = self.body.get(name, "")
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> int:
        """A body item of type N as a number, 0 where there is none."""
        value = self.text(name)
        return int(value) if value.isdecimal() else 0

    def answered(self, code: str, body: dict[str, Value] | None = None, **changes: object) -> BranchMessage:
        """The answer to this request: header echoed, 再送表示 cleared. Raises LocalMisuse for what is never answered."""
        message_type = ANSWER_OF.get(self.message_type)
        if message_type is None:
            raise LocalMisuse(f"a message of type {self.message_type} is never answered", "message_type")
        return msgspec.structs.replace(
            self, message_type=message_type, code=code, body=body or {}, is_repeat=False, reserved="", **changes
        )

    def digest(self) -> str:
        """Sixteen hex digits that a repeat keeps and another body changes; less secrets, 送信日時 and 再送表示."""
        told = [self.message_type, self.operation, self.value_date, self.correction, self.original_date]
        told.append(str(self.original_serial))
        told += [f"{name}={value}" for name, value in self.body.items() if isinstance(value, str)]
        return hashlib.sha256("\x1f".join(told).encode()).hexdigest()[:DIGEST_CHARACTERS]
