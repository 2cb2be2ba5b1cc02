"""An answer as an answering telegram: 応答コード, センター通番, and the few items of its own.

Owns `compile_to_reply` (the core's or the desk's answer -> `Reply`) and `answer_of` (message and `Reply` -> telegram). It must
never know a link or the core. The trap: `Reply.data` holds only what the answer adds, so that the same telegram again gets the
same answer from the journal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from protocols.branch import codes
from protocols.branch.message import BranchMessage, Value
from protocols.branch.profile import BranchProfile
from protocols.vocabulary import TAKEN, Answer, Approved, Declined, Refusal, Reply, Verdict

ToReply: TypeAlias = Callable[[BranchMessage, Answer, int], Reply]

BALANCE_MAX = 10**12 - 1
AVAILABLE = ("02", "01")  # of the core's balances: available first, else ledger


class Added(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an answer adds to the echo of its question."""

    center_serial: str = "0000000000"
    authorisation: str = ""
    balance: int | None = None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Added)


def compile_to_reply(profile: BranchProfile) -> ToReply:
    """The closure (message, answer, wall_ms) -> Reply. It never raises for anything in the answer."""
    table = profile.all_codes()
    approved = table[codes.APPROVED]
    declined = {word: code for word, code in table.items() if word != codes.APPROVED}
    other = table[codes.DO_NOT_HONOUR]

    def to_reply(message: BranchMessage, answer: Answer, wall_ms: int) -> Reply:
        if isinstance(answer, Approved):
            return Reply(Verdict.APPROVE, approved, _encoder.encode(_added(answer)))
        if isinstance(answer, Declined):
            return Reply(Verdict.DECLINE, declined.get(answer.reason, other))
        if answer is TAKEN:
            return Reply(Verdict.APPROVE, approved)
        verdict = Verdict.DOUBT if answer is Refusal.IN_DOUBT else Verdict.DECLINE
        return Reply(verdict, table[answer])

    return to_reply


def _added(answer: Approved) -> Added:
    text = answer.authorisation_id
    serial = text.zfill(10) if text.isascii() and text.isdecimal() and len(text) <= 10 else "0000000000"
    balances = {balance.amount_type: balance.amount.minor for balance in answer.balances}
    balance = next((balances[kind] for kind in AVAILABLE if kind in balances), None)
    fits = balance is not None and abs(balance) <= BALANCE_MAX
    plain = text if text.isascii() and text.isalnum() and len(text) <= 6 else ""
    return Added(serial, plain.upper(), balance if fits else None)


def answer_of(message: BranchMessage, reply: Reply, confirmed_serial: int) -> BranchMessage:
    """The telegram that answers. `confirmed_serial` is the last number we took. Raises msgspec.MsgspecError, LocalMisuse."""
    added = _decoder.decode(reply.data) if reply.data else Added()
    body: dict[str, Value] = {}
    if reply.code == codes.CODES[codes.APPROVED] and message.message_type in ("20", "40"):
        body = {"authorisation": added.authorisation, "balance_sign": "", "balance": ""}
        if added.balance is not None:
            body |= {"balance_sign": "-" if added.balance < 0 else "+", "balance": str(abs(added.balance))}
    return message.answered(reply.code, body, center_serial=added.center_serial, confirmed_serial=confirmed_serial)
