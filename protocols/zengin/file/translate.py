"""A record (or a whole file) as a request to the core, and the journal's word about it as a reply.

Owns `compile_to_request` and `to_reply`. It must never know a link. The traps: the key is the sender's own identity of the
record and nothing that is restamped on a re-send (DESIGN law 2), so the same record of the same file is one key however often
it comes; every record is an advice, because the file is acknowledged by us and booked by the core afterwards; the result of a
debit and a cancelled credit have kinds of their own, for who books them as what they speak of books them twice; and a refusal
is told by its own word, so that the taker knows whether to ask again.
"""

from __future__ import annotations

from collections.abc import Callable

from protocols.vocabulary import (
    TAKEN,
    Answer,
    Approved,
    DoubtPolicy,
    MessageClass,
    Money,
    Received,
    Refusal,
    Reply,
    Request,
    Secret,
    Verdict,
)
from protocols.zengin.file.kinds import CANCELLED, FILE, NOTICES, FileKinds, business_date
from protocols.zengin.file.message import BatchMessage, FileIdentity, RecordMessage
from protocols.zengin.file.profile import FileProfile
from protocols.zengin.format.layout import layout_of
from protocols.zengin.format.record import Record

TAKEN_CODE = "taken"
_PLUMBING = frozenset({"data_kubun", "dummy", "dummy1", "amount", "bank_code", "branch_code", "account_type", "account_no"})


def compile_to_request(profile: FileProfile) -> Callable[[object, Received], Request | Refusal]:
    kinds = FileKinds(profile)

    def to_request(message: object, received: Received) -> Request | Refusal:
        if not isinstance(message, (RecordMessage, BatchMessage)):
            return Refusal.INTERNAL
        kind = kinds.of(message.type_code, message.identity.file)
        if kind is None:
            return Refusal.UNSUPPORTED
        if isinstance(message, BatchMessage):
            return _batch_request(message, received, kind)
        if message.record.fields.get("cancel_kubun") == "1":
            kind += CANCELLED
        return _record_request(message, received, kind)

    return to_request


def _record_request(message: RecordMessage, received: Received, kind: str) -> Request:
    header, record = message.header, message.record
    amount = record.number("amount")
    holder, other = account(header), account(record)
    source, target = (other, holder) if message.type_code == "91" else (holder, other)
    if message.type_code in NOTICES:
        is_out = record.fields.get("inout_kubun") == "2"
        source, target = (holder, "") if is_out else ("", holder)
    numbers = {name for name, _, _, is_number in layout_of(message.type_code).records["2"].slices if is_number} - {
        "result_code"
    }
    extra = {
        name: text
        for name, text in record.fields.items()
        if name not in _PLUMBING and text.strip(" 0" if name in numbers else " ")
    }
    extra["originator_code"] = header.fields.get("originator_code", "") or extra.get("originator_code", "")
    extra.update(_about(message.identity))
    content = "|".join(f"{name}={text}" for name, text in sorted(record.fields.items()))
    return Request(
        key=f"{received.realm}:zfile:{message.identity.text()}:{message.number:06}",
        message_class=MessageClass.ADVICE,
        kind=kind,
        doubt_policy=DoubtPolicy.REPEAT,
        channel=received.channel,
        realm=received.realm,
        terminal=message.identity.station,
        acquirer=header.fields.get("originator_code") or header.fields.get("bank_code", ""),
        fingerprint_text=Secret(f"{kind}|{amount}JPY|{source}|{target}|{content}"),
        trace=f"{message.number:06}",
        business_date=business_date(message.type_code, header, message.identity.date),
        amount=Money(amount, "JPY"),
        from_account=source or None,
        to_account=target or None,
        extra=extra,
    )


def _batch_request(message: BatchMessage, received: Received, kind: str) -> Request:
    header = message.header
    holder = account(header) or None
    is_inward = message.type_code == "91" or message.type_code in NOTICES  # the money comes to the account of the header
    place = FILE if message.number == 1 else f"{FILE}-{message.number}"
    return Request(
        key=f"{received.realm}:zfile:{message.identity.text()}:{place[1:]}",
        message_class=MessageClass.ADVICE,
        kind=f"{kind}{FILE}",
        doubt_policy=DoubtPolicy.REPEAT,
        channel=received.channel,
        realm=received.realm,
        terminal=message.identity.station,
        acquirer=header.fields.get("originator_code") or header.fields.get("bank_code", ""),
        fingerprint_text=Secret(f"{kind}|{message.total}JPY|{message.count}|{message.digest}"),  # the number is in the key
        trace="000000",
        business_date=business_date(message.type_code, header, message.identity.date),
        amount=Money(message.total, "JPY"),
        from_account=None if is_inward else holder,
        to_account=holder if is_inward else None,
        extra={
            **_about(message.identity),
            "format": message.type_code,
            "count": str(message.count),
            "sha256": message.digest,
            "records": "\n".join(message.lines),
        },
    )


def _about(identity: FileIdentity) -> dict[str, str]:
    return {"file": identity.file, "file_date": identity.date, "cycle": identity.cycle}


def account(record: Record) -> str:
    """bank-branch-type-number, empty where the record names no account: blank, or zeros as number items are filled."""
    parts = [record.fields.get(name, "") for name in ("bank_code", "branch_code", "account_type", "account_no")]
    return "-".join(parts) if parts[3].strip(" 0") else ""


def to_reply(message: object, answer: Answer, wall_ms: int) -> Reply:
    """`code` is "taken", or the refusal's own word. Nothing goes into `data`: the wire answers for the file, not the record."""
    if answer is TAKEN or isinstance(answer, Approved):
        return Reply(Verdict.APPROVE, TAKEN_CODE)
    if isinstance(answer, Refusal):
        return Reply(Verdict.DOUBT if answer is Refusal.IN_DOUBT else Verdict.DECLINE, answer.value)
    return Reply(Verdict.APPROVE, TAKEN_CODE)  # an advice that the core declined is taken all the same, and listed
