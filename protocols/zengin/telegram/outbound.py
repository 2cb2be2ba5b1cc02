"""What the core posts for the line, as a telegram.

Owns the JSON bodies of outbound messages by kind, and the telegram made of them. It must never give a serial of its own:
number and date come from the line's durable state at the moment of sending. The traps: a text that does not fit its field
is refused, never cut; and one message that cannot be written fails alone, with a reason, while the line lives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from protocols.errors import LocalMisuse
from protocols.zengin.telegram.codec import Letters
from protocols.zengin.telegram.kinds import ANSWER_KIND, ANSWER_SUBJECT, ENQUIRY_KIND, ENQUIRY_SUBJECT, INSTRUCTION_KIND
from protocols.zengin.telegram.message import (
    NOTICE,
    REQUEST,
    RESPONSE,
    RESULT_OK,
    Business,
    Details,
    Enquiry,
    EnquiryAnswer,
    Head,
    Instruction,
    TransferNotice,
)
from protocols.zengin.telegram.reference import Reference
from protocols.zengin.telegram.translate import dashed

Bank = Annotated[str, Meta(pattern=r"^[0-9]{4}$")]
Branch = Annotated[str, Meta(pattern=r"^[0-9]{3}$")]
Yen = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,11}$")]
Text = Annotated[str, Meta(max_length=255)]


class OutboundTelegram(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of one outbound message. Texts in any kana; they are folded to the line's characters."""

    to_bank: Bank
    to_branch: Branch
    from_branch: Branch = "001"
    subject: Annotated[str, Meta(pattern=r"^([0-9]{4})?$")] = ""  # 種目コード; empty: the first that means this kind
    date: Annotated[str, Meta(pattern=r"^([0-9]{8})?$")] = ""  # 取組日; empty: the line's
    amount: Yen | None = None
    account_type: Annotated[str, Meta(pattern=r"^[0-9]$")] = "0"
    account: Annotated[str, Meta(pattern=r"^[0-9]{7}$")] = "0000000"
    beneficiary: Text = ""
    remitter: Text = ""
    remitter_number: Text = ""
    edi: Text = ""
    remarks: Text = ""
    original_date: Annotated[str, Meta(pattern=r"^[0-9]{8}$")] = "00000000"
    original_serial: Annotated[int, Meta(ge=0, le=99_999_999)] = 0
    result: Annotated[str, Meta(pattern=r"^[0-9]{4}$")] = RESULT_OK


class Sender(msgspec.Struct, frozen=True):
    """What the line itself puts into each telegram."""

    own_bank: str
    subjects: Mapping[str, str]
    fee_by: str
    letters: Letters


_decode = msgspec.json.Decoder(OutboundTelegram).decode
_OTHERS: dict[str, tuple[type[Enquiry] | type[EnquiryAnswer] | type[Instruction], str, str]] = {
    ENQUIRY_KIND: (Enquiry, REQUEST, ENQUIRY_SUBJECT),
    ANSWER_KIND: (EnquiryAnswer, RESPONSE, ANSWER_SUBJECT),
    INSTRUCTION_KIND: (Instruction, REQUEST, ENQUIRY_SUBJECT),
}


def make(kind: str, body: bytes, date: str, sender: Sender, reference: Reference | None) -> Business:
    """The telegram without its serial and time. Raises LocalMisuse with what is wrong in the body, without its values."""
    try:
        wanted = _decode(body)
    except msgspec.MsgspecError as error:
        where = str(error).rpartition(" - at `")[2].rstrip("`") if " - at `" in str(error) else "$"
        raise LocalMisuse("the body does not fit", where) from None
    except (UnicodeDecodeError, RecursionError):
        raise LocalMisuse("the body is not JSON", "$") from None
    if wanted.date and (wanted.date != date or dashed(wanted.date) is None):
        raise LocalMisuse("the line sends for another 取組日", "date")
    other = _OTHERS.get(kind)
    amount = int(wanted.amount or "0")
    head = Head(
        subject=wanted.subject or (_subject_of(kind, sender.subjects) if other is None else other[2]),
        process=NOTICE if other is None else other[1],
        from_bank=sender.own_bank,
        from_branch=wanted.from_branch,
        to_bank=wanted.to_bank,
        to_branch=wanted.to_branch,
        date=date,
        original_date=wanted.original_date,
        original_serial=wanted.original_serial,
        result=wanted.result,
    )
    fold = sender.letters.fold
    details = Details(
        amount=amount,
        fee=_fee(amount, sender, reference) if other is None else 0,
        fee_by=sender.fee_by,
        account_type=wanted.account_type,
        account=wanted.account,
        beneficiary=fold(wanted.beneficiary),
        remitter=fold(wanted.remitter),
        remitter_number=fold(wanted.remitter_number),
        edi=fold(wanted.edi),
        remarks=fold(wanted.remarks),
    )
    if other is not None:
        return other[0](head, details)
    if sender.subjects.get(head.subject) != kind:
        raise LocalMisuse(f"no 種目コード of this line means {kind!r:.64}", "subject")
    if not amount or not wanted.account.strip("0"):
        raise LocalMisuse("a transfer needs an amount and an account", "amount")
    return TransferNotice(head, details)


def _subject_of(kind: str, subjects: Mapping[str, str]) -> str:
    for code, meant in subjects.items():
        if meant == kind:
            return code
    raise LocalMisuse(f"{kind!r:.64} is not sent on this line", "kind")


def _fee(amount: int, sender: Sender, reference: Reference | None) -> int:
    """0 where the RC fills it in or enrichment is bypassed. Raises LocalMisuse where the table has no band: one telegram
    only."""
    if sender.fee_by != "0" or reference is None:
        return 0
    fee = reference.fee(amount)
    if fee is None:
        raise LocalMisuse("no band of the fee table covers this amount", "amount")
    return fee
