"""A telegram as a request: which kind, whose account, how much, under which key.

Owns `compile_to_request`. The words it is made of are in the profile (取引コード) and keys.py, the way back in replies.py. It
must never know a link, a codec or the core. The traps: 後送 has happened already, so it is an advice and never undone; 取消
and 訂正 say the absolute amount that stands (nothing, or 訂正後金額), and one that would raise the amount is refused, because
that is a new transaction; 役席ID travels to the core, which decides what it is worth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from protocols.branch.keys import key_of, original_key_of
from protocols.branch.message import NO_DATE, BranchMessage
from protocols.branch.profile import BranchProfile, OperationRule
from protocols.vocabulary import (
    CardData,
    DoubtPolicy,
    MessageClass,
    Money,
    Pan,
    Received,
    Refusal,
    Request,
    Secret,
)

ToRequest: TypeAlias = Callable[[BranchMessage, Received], Request | Refusal]
CURRENCY = "JPY"


def compile_to_request(profile: BranchProfile) -> ToRequest:
    """The closure (message, received) -> Request, or the Refusal that says why there is none."""
    rules = profile.all_operations()

    def to_request(message: BranchMessage, received: Received) -> Request | Refusal:
        if message.message_type in ("24", "26"):
            return _undoing(message, received)
        if message.message_type not in ("20", "40"):
            return Refusal.UNSUPPORTED
        rule = rules.get(message.operation)
        return Refusal.UNSUPPORTED if rule is None else _transaction(message, received, rule)

    return to_request


def _transaction(message: BranchMessage, received: Received, rule: OperationRule) -> Request | Refusal:
    has_amount = "amount" in message.body
    amount = Money(message.number("amount"), CURRENCY) if has_amount else None
    if (rule.cash != "none" or has_amount) and (amount is None or amount.minor <= 0):
        return Refusal.FORMAT_ERROR
    is_offline = message.message_type == "40"
    pan = message.body.get("pan")
    pin = message.body.get("pin_block")
    card = None
    if isinstance(pan, Pan) or isinstance(pin, Secret):
        card = CardData(
            pan=pan if isinstance(pan, Pan) else None,
            pin_block=pin if isinstance(pin, Secret) and pin.reveal().strip("0") else None,
        )
    from_account, to_account = _account(message, "account"), _account(message, "payee")
    money = "" if amount is None else str(amount.minor)
    number = pan.reveal() if isinstance(pan, Pan) else ""
    return Request(
        key=key_of(message, received.realm),
        message_class=MessageClass.ADVICE if is_offline else MessageClass.FINANCIAL,
        kind=rule.kind,
        doubt_policy=DoubtPolicy.REPEAT if is_offline else rule.doubt,
        channel=received.channel,
        realm=received.realm,
        terminal=message.terminal_name,
        acquirer=message.bank,
        fingerprint_text=Secret("|".join((rule.kind, money, number, from_account, to_account))),
        trace=f"{message.serial:06}",
        business_date=_dashed(message.business_date),
        amount=amount,
        card=card,
        from_account=from_account or None,
        to_account=to_account or None,
        repeat=message.is_repeat,
        needs_completion=not is_offline and message.terminal_kind in rule.completion,
        extra=_extra(message),
    )


def _undoing(message: BranchMessage, received: Received) -> Request | Refusal:
    whole, standing = message.number("amount"), message.number("standing")
    if whole <= 0 or standing >= whole or (message.message_type == "26" and standing == 0):
        return Refusal.FORMAT_ERROR  # an amount that rises, or stays, is no correction; one of nothing is a 取消
    original = original_key_of(message, received.realm)
    key = key_of(message, received.realm)
    if key == original:
        return Refusal.FORMAT_ERROR
    return Request(
        key=key,
        message_class=MessageClass.REVERSAL,
        kind="reversal",
        doubt_policy=DoubtPolicy.REPEAT,
        channel=received.channel,
        realm=received.realm,
        terminal=message.terminal_name,
        acquirer=message.bank,
        fingerprint_text=Secret("|".join(("reversal", str(whole), str(standing), original))),
        trace=f"{message.serial:06}",
        business_date=_dashed(message.business_date),
        amount=Money(whole, CURRENCY),
        original_key=original,
        standing_minor=standing,
        repeat=message.is_repeat,
        extra=_extra(message),
    )


def _account(message: BranchMessage, prefix: str) -> str:
    """店番-科目-口座番号, "" where the body has none. A bank's own layout may have the number alone."""
    if prefix == "account":
        parts = (message.text("account_branch"), message.text("account_type"), message.text("account"))
    else:
        parts = (message.text("payee_branch"), message.text("payee_type"), message.text("payee_account"))
    return "-".join(part for part in parts if part) if parts[2] else ""


def _extra(message: BranchMessage) -> dict[str, str]:
    """What the core may want besides: operator, approver, 取引コード, 起算日 where it differs, texts of the body."""
    extra = {"operation": message.operation, "terminal_kind": message.terminal_kind}
    if message.operator:
        extra["operator"] = message.operator
    if message.approver:
        extra["approver"] = message.approver
    if message.value_date not in (NO_DATE, message.business_date):
        extra["value_date"] = _dashed(message.value_date) or ""
    for name in ("name", "remark", "payee_name", "sender_name", "reason"):
        if message.text(name):
            extra[name] = message.text(name)
    return extra


def _dashed(date: str) -> str | None:
    return f"{date[:4]}-{date[4:6]}-{date[6:]}" if date.strip("0") else None
