"""What all links share: MAC in the right place, the clock, replies, and mistakes found at start."""

from __future__ import annotations

import pytest

from protocols.errors import FieldError, LocalMisuse
from protocols.ndc.codec import decode_host, encode
from protocols.ndc.dialect import default_profile
from protocols.ndc.hooks import Hooks
from protocols.ndc.message import TransactionReply
from protocols.ndc.replies import parts_of
from protocols.ndc.rules import cash_of, show_amount
from tests.support.ndcplay import NDC, PLAIN, asked, in_service, make_dialect, reply_to, request


class Xor:
    """A MAC that a test can do by hand: eight characters of a byte sum."""

    def check(self, terminal: str, covered: bytes, mac: str) -> bool:
        return mac == self.compute(terminal, covered)

    def compute(self, terminal: str, covered: bytes) -> str:
        return f"{sum(covered):08X}"


SECURE = make_dialect(
    Hooks(mac=Xor()),
    security={"requests": True, "replies": True, "loads": True},
    session={"set_clock": False, "read_counters": False},
)


def signed(body: bytes) -> bytes:
    return body + b"\x1c" + Xor().compute("", body).encode()


def test_a_request_with_a_right_mac_is_read_and_with_a_wrong_one_refused() -> None:
    body = encode(request(tvn="01BAFC14"))
    assert SECURE.rules.read(signed(body), "T").luno == "001"  # type: ignore[union-attr]  # a request
    for wrong in (body, body + b"\x1c00000000"):
        with pytest.raises(FieldError) as caught:
            SECURE.rules.read(wrong, "T")
        assert caught.value.field == "mac"


def test_a_reply_ends_in_a_mac_over_everything_before_it() -> None:
    opened = asked(in_service(PLAIN))
    frame = SECURE.rules.reply(opened, parts_of(reply_to(opened)), 7)
    body = frame[2:]
    assert body[-8:].decode() == Xor().compute("T", body[:-9])
    assert body[-9:-8] == b"\x1c"


def test_a_mac_that_nobody_can_make_is_found_at_start() -> None:
    with pytest.raises(LocalMisuse):
        make_dialect(security={"replies": True})


def test_luno_is_echoed_or_left_out() -> None:
    assert NDC.rules.luno("001000001") == "001000001"
    assert make_dialect(luno="empty").rules.luno("001") == ""


def test_seven_cassettes_are_seven_pairs_of_digits() -> None:
    values = [1_000, 5_000, 10_000, 0, 0, 0, 2_000]
    dialect = make_dialect(denominations=values, session={"set_clock": False, "read_counters": False})
    opened = asked(in_service(dialect), request(amount="00002000"), dialect)
    frame = dialect.rules.reply(opened, parts_of(reply_to(opened, dialect=dialect)), opened.tsn)
    assert b"\x1c00000000000001\x1c" in frame


def test_the_clock_is_local_time() -> None:
    assert NDC.rules.clock("001").data == ("2611021513",)


def test_a_plain_reply_never_dispenses() -> None:
    for word in ("recovery", "draining", "no such word", "approved:withdrawal"):
        message = decode_host(NDC.rules.plain_reply(request(), "0001", word, 0, "T")[2:])
        assert isinstance(message, TransactionReply)
        assert (message.function, message.notes) == ("5", "00000000")


def test_money_is_scaled_by_the_currency_and_the_field() -> None:
    assert cash_of(default_profile(currency="JPY")).scale == 1
    assert cash_of(default_profile(currency="JPY", amount_decimals=2)).scale == -100
    assert cash_of(default_profile(currency="USD", amount_decimals=0)).scale == 100
    with pytest.raises(LocalMisuse):
        cash_of(default_profile(currency="XAU"))
    dollars = show_amount(cash_of(default_profile(currency="USD")))
    assert (dollars(123_456), dollars(-5)) == ("1,234.56", "-0.05")


def test_an_unknown_command_is_our_mistake() -> None:
    with pytest.raises(LocalMisuse):
        NDC.rules.command("sing", "001")


def test_tables_of_an_unknown_configuration_are_those_of_any() -> None:
    assert NDC.rules.tables("9999").config_id == "*"
    assert not NDC.rules.accepts("0000")
    assert NDC.rules.accepts("9999")
    assert not make_dialect(config_id="0001", load="x").rules.accepts("9999")
