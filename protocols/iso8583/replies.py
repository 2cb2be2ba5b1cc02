"""An answer as a response: its code, the few elements of its own, and the echo of the request around them.

Owns `compile_to_reply` (the core's or the desk's answer -> `Reply`) and `Responder` (message and `Reply` -> response message).
It must never know a link or the core. The traps: `Reply.data` holds only what the reply adds, so that the same request again
gives the same bytes from the journal and no PAN is stored twice; and an element that the core fills with something that
cannot be written is left out alone, because a reply without a text beats no reply.

Sources: ISO 8583:1987 and 1993 data elements 4, 38, 39, 44, 48, 54, 55; the layout of 54 in 2003 adds an exponent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from protocols.framing import Framing, reply_header
from protocols.iso8583 import codes, defaults
from protocols.iso8583.elements import compile_can_write
from protocols.iso8583.mapping import BadValue, Currencies, compile_amount
from protocols.iso8583.message import IsoMessage, Value
from protocols.iso8583.mti import class_of
from protocols.iso8583.profile import Iso8583Profile
from protocols.iso8583.spec import Spec
from protocols.iso8583.subfields import ADDITIONAL_AMOUNTS_MAX
from protocols.iso8583.totals import Reconciliation
from protocols.vocabulary import TAKEN, Answer, Approved, Balance, Declined, Money, Refusal, Reply, Verdict

Fields: TypeAlias = dict[int, Value]
ToReply: TypeAlias = Callable[[IsoMessage, Answer, int], Reply]
_ShapeKey: TypeAlias = tuple[str, str, tuple[int, ...]]  # echo list, type of the request, its elements
_Shape: TypeAlias = tuple[str, tuple[int, ...]]  # type of the response, elements of the request that are not echoed

SHAPE_COUNT_MAX = 512  # shapes of messages remembered; peers choose them
_AMOUNT_MAX = 10**12 - 1
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()  # what we encoded ourselves: element number -> text or bytes


def compile_to_reply(profile: Iso8583Profile, spec: Spec) -> ToReply:
    """The closure (message, answer, wall_ms) -> Reply. It never raises for anything in the answer."""
    table = profile.all_codes()
    honour_not = table[codes.DO_NOT_HONOUR]
    declined = {word: code for word, code in table.items() if word not in codes.SPOKEN}  # "approved" is no reason to decline
    accepted = {
        "financial": table[codes.APPROVED],
        "reversal": table[codes.REVERSAL_ACCEPTED],
        "reconciliation": table[codes.RECONCILED],
        "network": table[codes.NETWORK_ACCEPTED],
    }
    refused = {
        refusal: Reply(Verdict.DOUBT if refusal is Refusal.IN_DOUBT else Verdict.DECLINE, table[refusal]) for refusal in Refusal
    }
    taken = {name: Reply(Verdict.APPROVE, code) for name, code in accepted.items()}
    balanced = {"in": table[codes.RECONCILED], "out": table[codes.RECONCILED_OUT], "unknown": table[codes.NOT_COMPARED]}
    partial = table[codes.APPROVED_PARTIAL]
    currencies = Currencies(profile.currency_exponents)
    amount_of = compile_amount(profile, currencies)
    adds = _Adder(spec, {**defaults.REPLY_FIELDS, **profile.reply_fields}, currencies, profile.version)

    def to_reply(message: IsoMessage, answer: Answer, wall_ms: int) -> Reply:
        if isinstance(answer, Approved):
            name = class_of(message.mti)
            code = accepted[name]
            added: Fields = {}
            if answer.amount is not None and name == "financial":
                asked = _asked(message, amount_of)
                granted = answer.amount
                if asked is not None and asked.currency == granted.currency and 0 <= granted.minor < asked.minor:
                    code = partial
                    adds.amount(added, answer.amount, message)
            if answer.authorisation_id:
                adds.authorisation(added, answer.authorisation_id)
            if answer.balances:
                adds.balances(added, answer.balances)
            if answer.reply_data:
                adds.data(added, answer.reply_data)
            return Reply(Verdict.APPROVE, code, _encoder.encode(added) if added else b"")
        if isinstance(answer, Declined):
            code = declined.get(answer.reason, honour_not)
            added = {}
            if answer.reply_data:
                adds.data(added, answer.reply_data)
            return Reply(Verdict.DECLINE, code, _encoder.encode(added) if added else b"")
        if answer is TAKEN:
            if isinstance(message, Reconciliation):
                writable = adds.writable(message.added)
                return Reply(Verdict.APPROVE, balanced[message.balance], _encoder.encode(writable) if writable else b"")
            return taken[class_of(message.mti)]
        return refused[answer]

    return to_reply


def _asked(message: IsoMessage, amount_of: Callable[[Mapping[int, Value]], Money | None]) -> Money | None:
    try:
        return amount_of(message.fields)
    except BadValue:
        return None


class _Adder:
    """Puts one part of an answer after the other into the elements that the reply adds, each only if it can be written."""

    __slots__ = ("_can_write", "_currencies", "_names", "_spec", "_version")

    def __init__(self, spec: Spec, names: Mapping[str, int], currencies: Currencies, version: str) -> None:
        self._spec = spec
        self._can_write = {number: compile_can_write(spec.fields[number]) for number in spec.fields}
        self._names = names
        self._currencies = currencies
        self._version = version

    def amount(self, added: Fields, amount: Money, message: IsoMessage) -> None:
        """DE 4 of a partial approval, in the currency and with the decimals that were asked with."""
        asked = message.fields[4]
        if self._version == "2003":
            lead, decimals = str(asked)[:4], int(str(asked)[3])
            wire = Currencies({amount.currency: decimals}).wire(amount)[1]
            added[4] = f"{lead}{wire:012}"
        else:
            added[4] = f"{self._currencies.wire(amount)[1]:012}"

    def authorisation(self, added: Fields, identifier: str) -> None:
        field = self._spec.fields.get(38)
        if field is not None:
            self._put(added, 38, identifier[: field.max].ljust(field.max if field.length_digits == 0 else 0))

    def balances(self, added: Fields, balances: tuple[Balance, ...]) -> None:
        """DE 54 as `subfields.build_additional_amounts` writes it; what has no place there is left out."""
        parts = []
        for balance in balances[:ADDITIONAL_AMOUNTS_MAX]:
            try:
                numeric, wire = self._currencies.wire(balance.amount)
            except BadValue:
                continue
            if abs(wire) > _AMOUNT_MAX:
                continue
            exponent = self._currencies.decimals(balance.amount.currency) if self._version == "2003" else ""
            account, amount = balance.account_type, balance.amount_type
            if len(account) != 2 or len(amount) != 2:
                account, amount = account[:2].rjust(2, "0"), amount[:2].rjust(2, "0")
            parts.append(f"{account}{amount}{numeric}{exponent}{'D' if wire < 0 else 'C'}{abs(wire):012}")
        if parts:
            self._put(added, 54, "".join(parts))

    def data(self, added: Fields, reply_data: Mapping[str, str]) -> None:
        for name, text in reply_data.items():
            number = self._names.get(name)
            field = None if number is None else self._spec.fields.get(number)
            if number is None or field is None:
                continue
            value: Value = text
            if field.is_binary:
                try:
                    value = bytes.fromhex(text)
                except ValueError:
                    continue
            elif field.length_digits == 0:
                value = text[: field.max].rjust(field.max, "0") if field.kind == "n" else text[: field.max].ljust(field.max)
            else:
                value = text[: field.max]
            self._put(added, number, value)

    def writable(self, fields: Mapping[int, Value]) -> Fields:
        """Those of `fields` that this profile can write."""
        added: Fields = {}
        for number, value in fields.items():
            self._put(added, number, value)
        return added

    def _put(self, added: Fields, number: int, value: Value) -> None:
        can_write = self._can_write.get(number)
        if can_write is not None and can_write(value):
            added[number] = value


class Responder:
    """Response messages: the echo of the request, the response code, and what the reply adds."""

    __slots__ = ("_echoed", "_framing", "_shapes")

    def __init__(self, profile: Iso8583Profile, framing: Framing) -> None:
        names = ("financial", "reversal", "reconciliation", "network", "refused")
        self._echoed = {name: profile.all_echoed(name) for name in names}
        self._framing = framing
        self._shapes: dict[_ShapeKey, _Shape] = {}

    def response(self, message: IsoMessage, reply: Reply) -> IsoMessage:
        """The response to a request, advice or instruction. Raises LocalMisuse for what is never answered."""
        return self.made(message, reply.code, _decoder.decode(reply.data) if reply.data else {}, class_of(message.mti))

    def made(self, message: IsoMessage, code: str, added: Mapping[int, Value], echo: str) -> IsoMessage:
        """The response with `code` in DE 39 and `added` on top of the echo list named `echo`."""
        source = message.fields
        key = echo, message.mti, tuple(source)
        mti, dropped = self._shapes.get(key) or self._shape(key, message)
        fields: Fields = source.copy()  # most of it goes back
        for number in dropped:
            del fields[number]
        fields[39] = code
        if added:
            fields.update(added)
        header = message.header
        return IsoMessage(mti, fields, self.header_for(header) if header else b"")

    def _shape(self, key: _ShapeKey, message: IsoMessage) -> _Shape:
        """The response's type, and what a message with these elements has beside an echo list, remembered."""
        echoed = self._echoed[key[0]]
        mti = message.response_mti()
        if len(self._shapes) >= SHAPE_COUNT_MAX:
            self._shapes.clear()
        shape = self._shapes[key] = mti, tuple(number for number in message.fields if number not in echoed)
        return shape

    def header_for(self, header: bytes) -> bytes:
        """The header that goes back to a peer whose frame had `header`."""
        return reply_header(self._framing, header)
