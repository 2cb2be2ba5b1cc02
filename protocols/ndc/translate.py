"""A transaction as a request to the core, an answer as the parts of a reply; both without anything that law 9 forbids.

Owns `compile_to_request` and `compile_to_reply`. It must never know a link or send anything. The traps: `Reply.data` is
what the journal keeps, so that it holds parts (state, notes, screen, print) and no card data; an approval of another amount
than asked is dispensed as approved, or not at all, never as asked; and a doubt is said like a decline, because no note may
leave on it.

Source: protocols/ndc/README.md, "mapping to the core's contract".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from protocols.ndc import defaults
from protocols.ndc.asking import Asked, Cash, CashNotice, OpenedJournal, OpenedRequest, key_of
from protocols.ndc.ejournal import identity, masked
from protocols.ndc.fields import CARD_FLAGS, DISPENSING
from protocols.ndc.message import TransactionRequest
from protocols.ndc.mix import mix
from protocols.ndc.operations import Row, Tables
from protocols.ndc.profile import ReplyRule
from protocols.ndc.replies import TAKEN_CODE, ReplyParts, packed, printable
from protocols.vocabulary import (
    TAKEN,
    Answer,
    Approved,
    CardData,
    Declined,
    DoubtPolicy,
    MessageClass,
    Money,
    Pan,
    Received,
    Refusal,
    Reply,
    Request,
    Secret,
    Verdict,
)

ToRequest: TypeAlias = Callable[[Asked, Received], Request | Refusal]
ToReply: TypeAlias = Callable[[Asked, Answer], Reply]
TablesOf: TypeAlias = Callable[[str], Tables]

KEY_CHARACTERS_MAX = 255
EMV_REPLY_MAX = 510  # hex characters of issuer data


# ---- to the core ---------------------------------------------------------------------------------------------------------
def compile_to_request(cash: Cash) -> ToRequest:
    def to_request(message: Asked, received: Received) -> Request | Refusal:
        if isinstance(message, OpenedJournal):
            return _journal(message, received)
        if isinstance(message, CashNotice):
            return _notice(message, received)
        row = message.row
        if message.fault or row is None:
            return Refusal.UNSUPPORTED
        return _transaction(message, row, received, cash)

    return to_request


def _transaction(message: OpenedRequest, row: Row, received: Received, cash: Cash) -> Request | Refusal:
    request = message.request
    key = key_of(received.realm, message.terminal, message.mint)
    if not message.mint or len(key) > KEY_CHARACTERS_MAX:
        return Refusal.INTERNAL
    card = _card(request)
    pan = "" if card.pan is None else card.pan.reveal()
    to_account = ""
    if row.to_account:
        to_account = (request.buffer_b if row.to_account == "B" else request.buffer_c).reveal().strip()
    amount = None if message.amount_minor is None else Money(message.amount_minor, cash.currency)
    extra = {
        "luno": request.luno,
        "operation": request.operation,
        "mcn": request.mcn,
        "config_id": message.config_id,
        "language": row.language,
    }
    return Request(
        key=key,
        message_class=MessageClass.FINANCIAL,
        kind=row.kind,
        doubt_policy=row.policy,
        channel=received.channel,
        realm=received.realm,
        terminal=message.terminal,
        acquirer="",
        fingerprint_text=Secret("|".join((row.kind, str(message.amount_minor), pan, row.from_account, to_account))),
        trace=f"{message.tsn:04}",
        amount=amount,
        card=card,
        from_account=row.from_account or None,
        to_account=to_account or None,
        needs_completion=row.completion,
        extra={name: value for name, value in extra.items() if value},
    )


def _card(request: TransactionRequest) -> CardData:
    track2 = "" if request.track2 is None else request.track2.reveal()
    bare = track2.strip(";?")
    pan, separator, rest = bare.replace("D", "=").partition("=")
    is_pan = 8 <= len(pan) <= 19 and pan.isascii() and pan.isdigit()
    smart = request.buffer("5")
    emv = "" if smart is None else smart.reveal().removeprefix("CAM")[4:]
    return CardData(
        pan=Pan(pan) if is_pan else None,
        expiry=rest[:4] if is_pan and separator and len(rest) >= 4 and rest[:4].isdigit() else None,
        track1=request.track1,
        track2=Secret(bare.replace("D", "=")) if bare else None,
        track3=request.track3,
        pin_block=request.pin_block,
        new_pin_block=request.buffer("U"),
        emv=Secret(emv) if emv else None,
    )


def _journal(message: OpenedJournal, received: Received) -> Request:
    block = message.block
    text = masked(block.text.reveal())
    return Request(
        key=key_of(received.realm, message.terminal, f"journal:{identity(block)}"),
        message_class=MessageClass.ADVICE,
        kind="journal-upload",
        doubt_policy=DoubtPolicy.REPEAT,
        channel=received.channel,
        realm=received.realm,
        terminal=message.terminal,
        acquirer="",
        fingerprint_text=Secret(f"journal-upload|{block.text.reveal()}"),
        trace=block.last,
        extra={"machine": block.machine, "at": block.date + block.time, "from": block.previous, "to": block.last, "text": text},
    )


def _notice(message: CashNotice, received: Received) -> Request:
    extra = {"what": message.what, "detail": message.detail, "disputed_key": message.disputed_key}
    return Request(
        key=key_of(received.realm, message.terminal, f"notice:{message.mint}"),
        message_class=MessageClass.ADVICE,
        kind="cash-report",
        doubt_policy=DoubtPolicy.REPEAT,
        channel=received.channel,
        realm=received.realm,
        terminal=message.terminal,
        acquirer="",
        fingerprint_text=Secret(f"cash-report|{message.what}|{message.detail}"),
        extra={name: value for name, value in extra.items() if value},
    )


# ---- from the core -------------------------------------------------------------------------------------------------------
def compile_to_reply(tables_of: TablesOf, cash: Cash, show_amount: Callable[[int], str]) -> ToReply:
    """`show_amount(minor)` writes an amount for a receipt."""

    def to_reply(message: Asked, answer: Answer) -> Reply:
        if not isinstance(message, OpenedRequest):
            return Reply(Verdict.APPROVE, TAKEN_CODE) if answer is TAKEN else Reply(Verdict.DECLINE, str(answer))
        tables = tables_of(message.config_id)
        kind = "" if message.row is None else message.row.kind
        if isinstance(answer, Approved) and message.row is not None:
            return approved(message, message.row, answer, tables)
        if message.fault:
            word = message.fault
        elif isinstance(answer, Declined):
            word = answer.reason
        else:
            word = answer.value if isinstance(answer, Refusal) else Refusal.INTERNAL.value
        rule = tables.decline(word, kind)
        verdict = Verdict.DOUBT if answer is Refusal.IN_DOUBT else Verdict.DECLINE
        return Reply(verdict, word, _packed(rule, _values(message, {"reason": word}), ()))

    def approved(message: OpenedRequest, row: Row, answer: Approved, tables: Tables) -> Reply:
        rule = tables.approvals[row.approved]
        amount = message.amount_minor or 0
        notes = message.notes
        granted = answer.amount
        if granted is not None and message.amount_minor is not None and granted != Money(amount, cash.currency):
            # More than was asked, or other money, is no approval of this request: nothing is ordered, all is undone.
            amount = granted.minor if granted.currency == cash.currency and 0 < granted.minor < amount else 0
            notes = (mix(amount, cash.denominations, message.available, cash.notes_max) or ()) if notes else ()
        values = _values(
            message,
            {
                "amount": show_amount(amount) if amount else "",
                "authorisation": answer.authorisation_id,
                "balance": next((show_amount(one.amount.minor) for one in answer.balances), ""),
            },
        )
        takes_in = row.completion and rule.function not in DISPENSING
        if (rule.function in DISPENSING and not notes) or (takes_in and amount != message.amount_minor):
            # Approved, but what was granted cannot be paid, or is not what was put in: nothing is ordered, and that is known.
            decline = tables.decline(defaults.UNDISPENSABLE, row.kind)
            return Reply(
                Verdict.APPROVE, defaults.UNDISPENSABLE, _packed(decline, values, (), amount=amount, nothing_ordered=True)
            )
        emv = answer.reply_data.get("emv", "")
        buffers = (("5", f"CAM{emv}"),) if emv and len(emv) <= EMV_REPLY_MAX and emv.isalnum() and emv.isascii() else ()
        ordered = notes if rule.function in DISPENSING else ()
        return Reply(Verdict.APPROVE, "approved", _packed(rule, values, ordered, amount=amount, buffers=buffers))

    def _values(message: OpenedRequest, more: Mapping[str, str]) -> dict[str, str]:
        blank = dict.fromkeys(("amount", "authorisation", "balance", "reason"), "")
        return {**blank, "tsn": f"{message.tsn:04}", "currency": cash.currency, **more}

    return to_reply


def _packed(
    rule: ReplyRule,
    values: Mapping[str, str],
    notes: tuple[int, ...],
    *,
    amount: int = 0,
    buffers: tuple[tuple[str, str], ...] = (),
    nothing_ordered: bool = False,
) -> bytes:
    prints = tuple((one.printer, printable(one.text.format_map(values))) for one in rule.prints)
    return packed(
        ReplyParts(
            rule.next_state,
            rule.function,
            rule.screen,
            CARD_FLAGS[rule.card],
            notes,
            amount,
            prints,
            buffers,
            nothing_ordered,
        )
    )
