"""Telegrams as frozen, typed values: 為替通知, 照会, 回答, 依頼 and 制御.

Owns what a telegram means, never how it is written (codec.py) nor what is done about it (translate.py, session/). The traps:
a telegram's identity is (仕向金融機関, 取組日, 発信通番) and nothing else, so that 再送表示 and the center's own numbers never
enter a key; and control telegrams have 発信通番 0, they are outside the count.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

TRANSFER, ENQUIRY, ANSWER, INSTRUCTION, CONTROL = "KT", "KS", "KK", "KI", "CT"
REQUEST, RESPONSE, NOTICE = "0", "1", "2"  # 処理区分
RESULT_OK = "0000"


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What every telegram begins with, and its result code. Dates YYYYMMDD, time YYYYMMDDhhmmss, zeros where not given."""

    subject: str = "0000"
    process: str = NOTICE
    resent: str = "0"
    from_bank: str
    from_branch: str
    to_bank: str
    to_branch: str
    date: str
    sent_at: str = "0" * 14
    serial: int = 0
    center_serial: int = 0
    receipt_serial: int = 0
    original_date: str = "00000000"
    original_serial: int = 0
    result: str = RESULT_OK

    @property
    def identity(self) -> tuple[str, str, int]:
        """仕向金融機関, 取組日, 発信通番."""
        return self.from_bank, self.date, self.serial


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """Who pays whom how much. `amount` and `fee` in yen; texts in Zengin kana."""

    amount: int = 0
    fee: int = 0
    fee_by: str = "0"  # 運営費区分: 0 by the bank itself, 1 by the RC
    account_type: str = "0"
    account: str = "0000000"
    beneficiary: str = ""
    remitter: str = ""
    remitter_number: str = ""
    edi: str = ""
    remarks: str = ""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What control telegrams carry: the last sequence numbers of a path, or one line of the day-end match."""

    last_sent: int = 0
    last_received: int = 0
    direction: str = "0"  # 1 host to RC, 2 RC to host
    matched_subject: str = "0000"
    count: int = 0
    total: int = 0  # yen
    first: int = 0
    last: int = 0
    line: int = 0
    lines: int = 0


class TransferNotice(msgspec.Struct, frozen=True):
    """為替通知: money has moved to one of our accounts, or is to move to one of theirs."""

    head: Head
    details: Details


class Enquiry(msgspec.Struct, frozen=True):
    """照会: what became of the telegram that original_date and original_serial name?"""

    head: Head
    details: Details


class EnquiryAnswer(msgspec.Struct, frozen=True):
    """回答: the result code says what became of it."""

    head: Head
    details: Details


class Instruction(msgspec.Struct, frozen=True):
    """依頼: please recall, correct or confirm."""

    head: Head
    details: Details


class Control(msgspec.Struct, frozen=True):
    """制御: opening, closing, matching. Never for the core."""

    head: Head
    figures: Figures


Business: TypeAlias = TransferNotice | Enquiry | EnquiryAnswer | Instruction
Telegram: TypeAlias = Business | Control

BUSINESS: dict[str, type[TransferNotice] | type[Enquiry] | type[EnquiryAnswer] | type[Instruction]] = {
    TRANSFER: TransferNotice,
    ENQUIRY: Enquiry,
    ANSWER: EnquiryAnswer,
    INSTRUCTION: Instruction,
}
_CODE_OF: dict[type, str] = {made: code for code, made in BUSINESS.items()} | {Control: CONTROL}


def code_of(telegram: Telegram) -> str:
    """電文区分."""
    return _CODE_OF[type(telegram)]
