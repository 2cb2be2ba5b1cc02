"""Answers as responses: the code of every answer, what the reply adds, what it echoes, and the same bytes again."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import LocalMisuse
from protocols.iso8583 import codes
from protocols.iso8583.dialect import Iso8583Dialect
from protocols.iso8583.message import IsoMessage, Value
from protocols.iso8583.replies import Responder
from protocols.iso8583.subfields import AdditionalAmount, build_additional_amounts
from protocols.vocabulary import TAKEN, Answer, Approved, Balance, Declined, Money, Refusal, Reply, Verdict
from tests.support.isolink import PAN, WALL_MS, make_dialect, reversal, withdrawal, withdrawal_1993, withdrawal_2003

ISO = make_dialect()
YEN = "392"


def answered(message: IsoMessage, answer: Answer, iso: Iso8583Dialect = ISO) -> tuple[Reply, IsoMessage]:
    """The reply, and the response as the terminal decodes it."""
    reply = iso.to_reply(message, answer, WALL_MS)
    body = iso.codec.encode(iso.rules.responder.response(message, reply))
    return reply, iso.codec.decode(body)


@pytest.mark.parametrize("version", ["1987", "1993", "2003"])
@pytest.mark.parametrize("refusal", list(Refusal))
def test_every_refusal_becomes_its_code(version: str, refusal: Refusal) -> None:
    iso = make_dialect(version=version)
    message = {"1987": withdrawal, "1993": withdrawal_1993, "2003": withdrawal_2003}[version]()
    reply, response = answered(message, refusal, iso)
    row = codes.REFUSED[refusal]
    assert reply.code == {"1987": row.y1987, "1993": row.y1993, "2003": row.y2003}[version]
    assert reply.verdict is (Verdict.DOUBT if refusal is Refusal.IN_DOUBT else Verdict.DECLINE)
    assert reply.data == b""
    assert response.mti == message.mti[:2] + "10"
    assert response.fields[39] == reply.code


@pytest.mark.parametrize("reason", sorted(codes.DECLINED))
def test_every_reason_becomes_its_code(reason: str) -> None:
    reply, response = answered(withdrawal(), Declined(reason=reason))
    assert (reply.verdict, reply.code) == (Verdict.DECLINE, codes.DECLINED[reason].y1987)
    assert response.fields[39] == reply.code
    assert 38 not in response.fields


def test_an_unknown_reason_is_do_not_honour() -> None:
    assert ISO.to_reply(withdrawal(), Declined(reason="the-moon-is-full"), WALL_MS).code == "05"
    assert make_dialect(version="1993").to_reply(withdrawal_1993(), Declined(reason=""), WALL_MS).code == "100"


@pytest.mark.parametrize("word", ["approved", "network-accepted", "reversal-accepted", "approved-partial"])
def test_a_reason_that_sounds_like_an_approval_does_not_approve(word: str) -> None:
    """`Declined.reason` is the core's text; the table also holds the codes of approvals."""
    reply = ISO.to_reply(withdrawal(), Declined(reason=word), WALL_MS)
    assert (reply.verdict, reply.code) == (Verdict.DECLINE, "05")


@pytest.mark.parametrize(
    ("mti", "y1987", "y1993"),
    [("x220", "00", "000"), ("x120", "00", "000"), ("x400", "00", "400"), ("x420", "00", "400"), ("x520", "00", "500")],
)
def test_what_is_taken_over(mti: str, y1987: str, y1993: str) -> None:
    reply, response = answered(withdrawal(mti.replace("x", "0")), TAKEN)
    assert (reply.verdict, reply.code, response.fields[39]) == (Verdict.APPROVE, y1987, y1987)
    reply, response = answered(withdrawal_1993(mti.replace("x", "1")), TAKEN, make_dialect(version="1993"))
    assert (reply.verdict, reply.code, response.fields[39]) == (Verdict.APPROVE, y1993, y1993)


def test_an_approval() -> None:
    approved = Approved(
        authorisation_id="A1B2C3",
        balances=(
            Balance("10", "01", Money(50_000, "JPY")),
            Balance("10", "02", Money(-1_234, "JPY")),
        ),
        reply_data={"text": "thank you", "emv": "910a0102030405060708aabb", "retrieval_reference": "777", "unknown": "x"},
    )
    reply, response = answered(withdrawal(), approved)
    assert (reply.verdict, reply.code) == (Verdict.APPROVE, "00")
    assert response.fields[38] == "A1B2C3"
    assert response.fields[54] == f"1001{YEN}C000000050000" + f"1002{YEN}D000000001234"
    assert response.fields[44] == "thank you"
    assert response.fields[55] == bytes.fromhex("910a0102030405060708aabb")
    assert response.fields[37] == "777         "
    echoed = withdrawal().fields
    for number in (2, 3, 4, 7, 11, 12, 13, 32, 41, 42, 49):
        assert response.fields[number] == echoed[number]


def test_nothing_echoed_and_no_card_is_in_the_reply() -> None:
    reply, _ = answered(withdrawal(), Approved(authorisation_id="A1B2C3"))
    assert msgspec.msgpack.decode(reply.data) == {38: "A1B2C3"}
    assert PAN.encode() not in reply.data


def test_the_same_message_again_gets_the_same_bytes() -> None:
    reply = ISO.to_reply(withdrawal(), Approved(authorisation_id="A1B2C3"), WALL_MS)
    again = ISO.to_reply(withdrawal(), Approved(authorisation_id="A1B2C3"), WALL_MS + 86_400_000)
    assert reply == again
    responder = ISO.rules.responder
    assert responder.response(withdrawal("0201"), reply) == responder.response(withdrawal("0200"), reply)


def test_secrets_of_the_request_do_not_come_back() -> None:
    message = withdrawal("0200", {35: f"{PAN}=30121011234", 45: f"B{PAN}^S^3012", 52: b"12345678", 55: b"\x9f\x26\x01\x00"})
    _, response = answered(message, Approved())
    assert response.fields.keys().isdisjoint({14, 35, 45, 52, 55})


def test_a_partial_approval_says_how_much() -> None:
    reply, response = answered(withdrawal(), Approved(amount=Money(6_000, "JPY")))
    assert (reply.verdict, reply.code) == (Verdict.APPROVE, "10")
    assert response.fields[4] == "000000006000"
    iso = make_dialect(currency_exponents={"JPY": 2})
    _, response = answered(withdrawal("0200", {4: "000001000000"}), Approved(amount=Money(6_000, "JPY")), iso)
    assert response.fields[4] == "000000600000"
    iso = make_dialect(version="2003")
    message = withdrawal_2003("2200", {4: "3922000001000000"})
    reply, response = answered(message, Approved(amount=Money(6_000, "JPY")), iso)
    assert (reply.code, response.fields[4]) == ("0002", "3922000000600000")


@pytest.mark.parametrize("amount", [Money(10_000, "JPY"), Money(10_001, "JPY"), Money(6_000, "USD"), None])
def test_an_approval_that_is_not_partial(amount: Money | None) -> None:
    reply, response = answered(withdrawal(), Approved(amount=amount))
    assert (reply.code, response.fields[4]) == ("00", "000000010000")


def test_a_reversal_is_never_partial() -> None:
    reply, response = answered(reversal(withdrawal()), Approved(amount=Money(1, "JPY")))
    assert (reply.code, response.fields[4]) == ("00", "000000010000")
    assert response.mti == "0430"
    assert response.fields[90] == reversal(withdrawal()).fields[90]


@pytest.mark.parametrize(
    "reply_data",
    [
        {"emv": "not hex"},
        {"emv": "9"},
        {"text": "日本語"},
        {"text": "x" * 10_000},
        {"retrieval_reference": "é"},
        {"additional_data": ""},
        {"private_data": "\n"},
    ],
)
def test_what_cannot_be_written_does_not_cost_the_reply(reply_data: dict[str, str]) -> None:
    _, response = answered(withdrawal(), Approved(authorisation_id="too long by far", reply_data=reply_data))
    assert response.fields[39] == "00"
    assert response.fields[38] == "too lo"


def test_balances_that_cannot_be_written_are_left_out() -> None:
    balances = (
        Balance("10", "02", Money(10**12, "JPY")),
        Balance("1", "2", Money(5, "USD")),
        Balance("10", "02", Money(5, "XAU")),
        *(Balance("20", "02", Money(n, "JPY")) for n in range(9)),
    )
    _, response = answered(withdrawal(), Approved(balances=balances))
    assert str(response.fields[54]).startswith("0102840C000000000005")
    assert len(str(response.fields[54])) <= 120
    _, response = answered(withdrawal(), Approved(balances=balances[:1]))
    assert 54 not in response.fields


def test_balances_of_2003_carry_an_exponent() -> None:
    _, response = answered(
        withdrawal_2003(), Approved(balances=(Balance("10", "02", Money(7, "USD")),)), make_dialect(version="2003")
    )
    assert response.fields[54] == "10028402C000000000007"


def test_a_declined_reply_may_carry_text() -> None:
    _, response = answered(withdrawal(), Declined(reason="insufficient-funds", reply_data={"text": "sorry"}))
    assert (response.fields[39], response.fields[44]) == ("51", "sorry")


def test_reply_fields_are_the_profiles() -> None:
    iso = make_dialect(reply_fields={"text": 63, "advert": 62})
    _, response = answered(withdrawal(), Approved(reply_data={"text": "a", "advert": "b"}), iso)
    assert (response.fields[63], response.fields[62]) == ("a", "b")
    assert 44 not in response.fields


def test_headers_go_back() -> None:
    iso = make_dialect(framing="nac")
    responder = Responder(iso.profile, iso.speaker.framing)
    message = IsoMessage("0200", withdrawal().fields, bytes.fromhex("6000010002"))
    assert responder.response(message, Reply(Verdict.APPROVE, "00")).header == bytes.fromhex("6000020001")


@pytest.mark.parametrize("mti", ["0210", "0240", "0430", "0810"])
def test_an_answer_is_never_answered(mti: str) -> None:
    with pytest.raises(LocalMisuse):
        ISO.rules.responder.response(withdrawal(mti), Reply(Verdict.DECLINE, "96"))


TEXT = st.text(max_size=30)
MONEY = st.builds(Money, st.integers(-(10**18), 10**18), st.sampled_from(["JPY", "USD", "KWD", "XAU", "???", ""]))
ANSWERS = st.one_of(
    st.builds(
        Approved,
        authorisation_id=TEXT,
        amount=st.none() | MONEY,
        balances=st.lists(st.builds(Balance, TEXT, TEXT, MONEY), max_size=8).map(tuple),
        reply_data=st.dictionaries(st.sampled_from(["text", "emv", "retrieval_reference", "additional_data"]), TEXT),
    ),
    st.builds(Declined, reason=TEXT, reply_data=st.dictionaries(TEXT, TEXT, max_size=3)),
    st.sampled_from(list(Refusal)),
    st.just(TAKEN),
)


@pytest.mark.parametrize(
    ("version", "message"), [("1987", withdrawal()), ("1993", withdrawal_1993()), ("2003", withdrawal_2003())]
)
@pytest.mark.parametrize("encoding", ["ascii", "bcd", "ebcdic"])
def test_nothing_the_core_says_breaks_a_reply(version: str, message: IsoMessage, encoding: str) -> None:
    iso = make_dialect(version=version, encoding=encoding)

    @given(ANSWERS, st.sampled_from([{}, {4: None}]))
    def check(answer: Answer, change: dict[int, Value | None]) -> None:
        asked = IsoMessage(message.mti, {n: v for n, v in message.fields.items() if n not in change})
        reply, response = answered(asked, answer, iso)
        assert response.fields[39] == reply.code
        assert response.fields[11] == asked.fields[11]

    check()


TYPES = st.text("0129aZ", max_size=3)
AMOUNTS = st.builds(Money, st.integers(-(10**13), 10**13), st.sampled_from(["JPY", "USD", "KWD", "XAU"]))


@pytest.mark.parametrize("version", ["1987", "2003"])
@given(st.lists(st.builds(Balance, TYPES, TYPES, AMOUNTS), min_size=1, max_size=7))
def test_balances_are_what_additional_amounts_say(version: str, balances: list[Balance]) -> None:
    iso = make_dialect(version=version, currency_exponents={"USD": 0, "JPY": 2})
    asked = withdrawal_2003() if version == "2003" else withdrawal()
    _, response = answered(asked, Approved(balances=tuple(balances)), iso)
    wires = {"JPY": ("392", 2, 100, 1), "USD": ("840", 0, 1, 100), "KWD": ("414", 3, 1, 1)}
    parts = []
    for balance in balances[:6]:
        if balance.amount.currency in wires:
            numeric, exponent, times, over = wires[balance.amount.currency]
            minor = abs(balance.amount.minor) * times // over
            if minor < 10**12:
                sign = "D" if balance.amount.minor < 0 and minor else "C"
                kinds = (text[:2].rjust(2, "0") for text in (balance.account_type, balance.amount_type))
                parts.append(AdditionalAmount(*kinds, numeric, sign, minor, exponent if version == "2003" else None))
    assert response.fields.get(54, "") == build_additional_amounts(parts, version)


@pytest.mark.parametrize("echoed", [(), (11,), (11, 41), (11, 48)])
def test_an_echo_list_of_any_length(echoed: tuple[int, ...]) -> None:
    iso = make_dialect(echo={"financial": echoed})
    made = iso.rules.responder.made(withdrawal(), "00", {}, "financial")
    assert made.fields == {**{number: withdrawal().fields[number] for number in echoed if number != 48}, 39: "00"}


def test_a_response_leaves_the_request_as_it_was() -> None:
    message = withdrawal("0200", {52: b"\x12" * 8, 35: f"{PAN}=3012"})
    for _ in range(2):  # a shape that is new, and one that is remembered
        made = ISO.rules.responder.made(message, "51", {44: "no"}, "financial")
        assert (made.fields[39], made.fields[44], made.mti) == ("51", "no", "0210")
        assert not {35, 52} & made.fields.keys()
        assert message == withdrawal("0200", {52: b"\x12" * 8, 35: f"{PAN}=3012"})


@given(st.sampled_from(["0200", "0201", "0420", "0800"]), st.sets(st.integers(2, 128), max_size=20))
def test_a_response_holds_the_echo_list_and_nothing_else(mti: str, held: set[int]) -> None:
    message = IsoMessage(mti, {number: str(number) for number in sorted(held)})
    for echo in ("financial", "reversal", "reconciliation", "network", "refused"):
        made = ISO.rules.responder.made(message, "00", {}, echo)
        wanted = {number: str(number) for number in held & set(ISO.profile.all_echoed(echo))}
        assert made.fields == {**wanted, 39: "00"}
        assert made.mti == message.response_mti()


def test_shapes_of_messages_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protocols.iso8583.replies.SHAPE_COUNT_MAX", 3)
    responder = Responder(ISO.profile, ISO.speaker.framing)
    for number in range(100, 120):
        message = withdrawal("0200", {number: "1"})
        fields = responder.made(message, "00", {}, "financial").fields
        assert fields.keys() - {102, 103} == {2, 3, 4, 7, 11, 12, 13, 32, 37, 39, 41, 42, 49}
        assert (number in fields) == (number in (102, 103))
        assert len(responder._shapes) <= 3
