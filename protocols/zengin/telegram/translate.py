"""A telegram as a request to the core.

Owns key, fingerprint, kind and the extra texts. It must never know a line, a sequence number or a reply on the wire. The
traps: the key is the sender's own identity (仕向金融機関, 取組日, 発信通番), so that the same telegram again is the same
request on any line and after any crash; 再送表示 and the numbers that the center stamps are in neither key nor fingerprint;
and an interbank credit has happened already, so its policy is to repeat until the core has answered, never to undo.
"""

from __future__ import annotations

from collections.abc import Mapping

from protocols.vocabulary import DoubtPolicy, MessageClass, Money, Received, Refusal, Request, Secret
from protocols.zengin.telegram.kinds import ANSWER_KIND, ENQUIRY_KIND, INSTRUCTION_KIND
from protocols.zengin.telegram.message import (
    Business,
    Details,
    Enquiry,
    EnquiryAnswer,
    Head,
    Instruction,
    TransferNotice,
    code_of,
)
from protocols.zengin.telegram.reference import Reference

_KIND_OF: dict[type, str] = {Enquiry: ENQUIRY_KIND, EnquiryAnswer: ANSWER_KIND, Instruction: INSTRUCTION_KIND}
_TEXTS = ("beneficiary", "remitter", "remitter_number", "edi", "remarks")


def key_of(head: Head, realm: str) -> str:
    """The idempotency key."""
    return f"{realm}:zrc:{head.from_bank}:{head.date}:{head.serial}"


def dashed(date: str) -> str | None:
    """YYYYMMDD as YYYY-MM-DD; None where it is no date that a calendar knows."""
    if len(date) != 8 or not date[:4] >= "0001" or not "01" <= date[4:6] <= "12":
        return None
    year, month, day = int(date[:4]), int(date[4:6]), int(date[6:])
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    last = 29 if month == 2 and leap else (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]
    return f"{date[:4]}-{date[4:6]}-{date[6:]}" if 1 <= day <= last else None


def to_request(
    telegram: Business, received: Received, subjects: Mapping[str, str], own_bank: str, reference: Reference | None
) -> Request | Refusal:
    """The telegram as a request. UNSUPPORTED for a 種目コード without a row, FORMAT_ERROR where a part of the key is
    missing or a transfer names no money or account, UNKNOWN_TERMINAL where it is not for this bank."""
    head, details = telegram.head, telegram.details
    is_transfer = isinstance(telegram, TransferNotice)
    kind = subjects.get(head.subject) if is_transfer else _KIND_OF[type(telegram)]
    if kind is None:
        return Refusal.UNSUPPORTED
    date = dashed(head.date)
    if date is None or not head.serial or (is_transfer and (not details.amount or not details.account.strip("0"))):
        return Refusal.FORMAT_ERROR
    if head.to_bank != own_bank:
        return Refusal.UNKNOWN_TERMINAL
    account = f"{head.to_branch}-{details.account_type}-{details.account}" if is_transfer else None
    return Request(
        key=key_of(head, received.realm),
        message_class=MessageClass.ADVICE,
        kind=kind,
        doubt_policy=DoubtPolicy.REPEAT,
        channel=received.channel,
        realm=received.realm,
        terminal=f"{head.from_bank}-{head.from_branch}",
        acquirer=head.from_bank,
        fingerprint_text=Secret(_fingerprint(telegram, kind)),
        trace=str(head.serial),
        business_date=date,
        amount=Money(details.amount, "JPY") if is_transfer else None,
        to_account=account,
        repeat=head.resent == "1",
        extra=_extra(head, details, reference),
    )


def _fingerprint(telegram: Business, kind: str) -> str:
    """Everything that the sender wrote itself and a repeat cannot change."""
    head, details = telegram.head, telegram.details
    parts = (code_of(telegram), kind, head.subject, head.process, head.to_branch, head.original_date, str(head.original_serial))
    money = (str(details.amount), details.account_type, details.account, details.beneficiary, head.result)
    return "|".join((*parts, *money))


def _extra(head: Head, details: Details, reference: Reference | None) -> dict[str, str]:
    extra = {name: text for name in _TEXTS if (text := getattr(details, name))}
    extra["subject"] = head.subject
    if head.original_serial:
        extra["original"] = f"{head.original_date}-{head.original_serial}"
    if head.result.strip("0"):
        extra["result"] = head.result
    if reference is not None:  # names are a service: a bank that the table lacks stops no telegram
        bank = reference.bank_name(head.from_bank)
        branch = reference.branch_name(head.from_bank, head.from_branch)
        extra |= {name: text for name, text in (("from_bank_name", bank), ("from_branch_name", branch)) if text}
    return extra
