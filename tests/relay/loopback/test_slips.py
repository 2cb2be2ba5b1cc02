"""The fake ATM's messages are written by the codec, and are what the relay's own translation reads as meant."""

from __future__ import annotations

import pytest

from protocols.iso8583.codec import compile_codec
from protocols.iso8583.message import IsoMessage
from protocols.iso8583.profile import Iso8583Profile
from protocols.iso8583.spec import load_spec
from protocols.iso8583.translate import compile_to_request
from protocols.vocabulary import Received, Request
from relay.loopback import slips
from relay.loopback.customers import KINDS, Customers, Order

WALL_MS = 1_763_679_600_000  # 2025-11-20 23:00 UTC: the 21st in Tokyo
STAMPS = slips.Calendar().stamps(WALL_MS)
RECEIVED = Received(WALL_MS, "atm", "bank")
TO_REQUEST = compile_to_request(Iso8583Profile())
CODEC = compile_codec(load_spec("1987", "ascii"))


def order(kind: str, card: int = 0) -> Order:
    return Order(kind, 0 if kind == "balance-inquiry" else 3_000, Customers(card_count=2).cards[card], 0)


def asked(message: IsoMessage) -> Request:
    request = TO_REQUEST(CODEC.decode(CODEC.encode(message)), RECEIVED)
    assert isinstance(request, Request)
    return request


def test_local_time_and_sent_time() -> None:
    assert (STAMPS.sent, STAMPS.time, STAMPS.date, STAMPS.day) == ("1120230000", "080000", "1121", "1120")
    assert slips.Calendar(540, 540).stamps(WALL_MS).day == "1121"


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("card", [0, 1])
def test_an_order_is_read_as_meant_and_its_repeat_has_the_same_key(kind: str, card: int) -> None:
    message = slips.request("ATM00001", "000042", order(kind, card), STAMPS, bytes(8))
    request = asked(message)
    assert (request.kind, request.terminal, request.trace) == (kind, "ATM00001", "000042")
    assert request.card is not None
    assert request.card.pan == order(kind, card).card.pan
    later = slips.Calendar().stamps(WALL_MS + 3 * 3_600_000)
    again = asked(slips.repeated(message, later))
    assert (again.key, again.repeat, again.fingerprint_text) == (request.key, True, request.fingerprint_text)


def test_a_reversal_names_its_originals_key_even_days_later() -> None:
    message = slips.request("ATM00001", "000042", order("withdrawal"), STAMPS, bytes(8))
    later = slips.Calendar().stamps(WALL_MS + 26 * 3_600_000)
    undo = asked(slips.reversal(message, "000043", later, "123456"))
    assert (undo.original_key, undo.standing_minor) == (asked(message).key, 0)


def test_what_contradicts_is_named_without_its_value() -> None:
    message = slips.request("ATM00001", "000042", order("withdrawal"), STAMPS, bytes(8))
    good = IsoMessage("0210", {3: "011000", 4: "000000003000", 11: "000042", 39: "00", 41: "ATM00001"})
    assert slips.mismatch(message, good) == ""
    for mti, fields, expected in (
        ("0230", {}, "MTI 0230 answers 0200"),
        ("0210", {4: "000000003001"}, "another DE 4"),
        ("0210", {41: "ATM00009"}, "another terminal"),
        ("0210", {39: "10", 4: "000000001000"}, ""),
    ):
        assert expected in slips.mismatch(message, IsoMessage(mti, {**good.fields, **fields}))
    for number in (11, 39, 41):
        lacking = {n: v for n, v in good.fields.items() if n != number}
        assert slips.mismatch(message, IsoMessage("0210", lacking)) == f"reply 0210 lacks DE {number}"


def test_network_messages() -> None:
    message = slips.network("ATM00001", "000001", STAMPS, slips.SIGN_ON)
    assert CODEC.decode(CODEC.encode(message)) == message
    answer = slips.network_answer(message)
    assert (answer.mti, answer.fields[39], answer.fields[70]) == ("0810", "00", "001")
    assert slips.mismatch(message, answer) == ""
