"""A message as a request: kind by kind, class by class, and every reason why there is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.iso8583 import defaults
from protocols.iso8583.message import IsoMessage, Value
from protocols.iso8583.translate import compile_rows
from protocols.vocabulary import DoubtPolicy, MessageClass, Money, Pan, Refusal, Request
from relay.core.contract import TransactionRequest
from relay.loopback import slips
from relay.loopback.customers import Card, Order
from tests.support.isolink import (
    PAN,
    TERMINAL,
    WALL_MS,
    make_dialect,
    received,
    request_of,
    reversal,
    withdrawal,
    withdrawal_1993,
    withdrawal_2003,
)

ISO = make_dialect()
Changes = dict[int, Value | None]


def fingerprint(message: IsoMessage) -> str:
    return request_of(ISO, message).fingerprint_text.reveal()


def test_a_withdrawal() -> None:
    request = request_of(ISO, withdrawal())
    assert request.key == "bank:iso8583:440011:ATM00001:0200:000002:20261105"
    assert request.message_class is MessageClass.FINANCIAL
    assert (request.kind, request.doubt_policy) == ("withdrawal", DoubtPolicy.UNDO)
    assert (request.channel, request.realm, request.terminal, request.acquirer) == ("atm", "bank", TERMINAL, "440011")
    assert request.amount == Money(10_000, "JPY")
    assert request.card is not None
    assert request.card.pan == Pan(PAN)
    assert request.trace == "000002"
    assert request.original_key is None
    assert request.standing_minor is None
    assert not request.repeat
    assert not request.needs_completion
    assert request.extra["from_account_type"] == "savings"
    assert PAN not in repr(request)


@pytest.mark.parametrize("make", [withdrawal_1993, withdrawal_2003])
def test_a_withdrawal_of_later_versions(make: object) -> None:
    message = make()  # type: ignore[operator]  # one of two functions
    iso = make_dialect(version="1993" if message.mti[0] == "1" else "2003")
    request = request_of(iso, message)
    assert (request.kind, request.amount, request.terminal) == ("withdrawal", Money(10_000, "JPY"), TERMINAL)
    assert request.extra["function_code"] == "200"


@pytest.mark.parametrize(("code", "kind"), sorted(defaults.PROCESSING_CODES.items()))
def test_every_processing_code(code: str, kind: str) -> None:
    policy, use = defaults.KINDS[kind]
    for mti, message_class in (("0200", MessageClass.FINANCIAL), ("0220", MessageClass.ADVICE)):
        request = request_of(ISO, withdrawal(mti, {3: f"{code}0000"}))
        assert (request.kind, request.message_class) == (kind, message_class)
        assert request.doubt_policy == (policy if mti == "0200" else "repeat")
        assert (request.amount is None) == (use == "none")


@pytest.mark.parametrize(("code", "kind"), sorted(defaults.AUTHORISATION_CODES.items()))
def test_every_authorisation(code: str, kind: str) -> None:
    request = request_of(ISO, withdrawal("0100", {3: f"{code[2:]}0000"}))
    assert request.kind == kind
    assert request.message_class is MessageClass.FINANCIAL


def test_an_authorisation_is_never_a_posting() -> None:
    rows = compile_rows(ISO.profile)
    for code, kind in defaults.PROCESSING_CODES.items():
        if defaults.KINDS[kind][1] == "required":
            assert rows[f"1{code}"].kind.endswith("authorisation"), code
            assert rows[f"2{code}"].kind == kind


def test_an_inquiry_has_no_amount_whatever_de_4_says() -> None:
    request = request_of(ISO, withdrawal("0200", {3: "311000", 4: "000000000000", 49: None}))
    assert (request.kind, request.amount) == ("balance-inquiry", None)


@pytest.mark.parametrize(("mti", "repeat"), [("0200", False), ("0201", True), ("0204", False), ("0205", True), ("0221", True)])
def test_the_repeat_digit(mti: str, repeat: bool) -> None:
    assert request_of(ISO, withdrawal(mti)).repeat is repeat


@pytest.mark.parametrize(
    ("message", "refusal"),
    [
        (withdrawal("0200", {3: "990000"}), Refusal.UNSUPPORTED),
        (withdrawal("0200", {3: None}), Refusal.FORMAT_ERROR),
        (withdrawal("0200", {4: None}), Refusal.FORMAT_ERROR),
        (withdrawal("0200", {49: None}), Refusal.FORMAT_ERROR),
        (withdrawal("0200", {49: "998"}), Refusal.FORMAT_ERROR),
        (withdrawal("0200", {11: None}), Refusal.FORMAT_ERROR),
        (withdrawal("0200", {13: None}), Refusal.FORMAT_ERROR),
        (withdrawal("0200", {13: "0231"}), Refusal.FORMAT_ERROR),
        (withdrawal("0200", {41: None}), Refusal.FORMAT_ERROR),
        (withdrawal("0200", {15: "1399"}), Refusal.FORMAT_ERROR),
        (withdrawal("0202"), Refusal.UNSUPPORTED),
        (withdrawal("0300"), Refusal.UNSUPPORTED),
        (withdrawal("0422"), Refusal.UNSUPPORTED),
        (withdrawal("1200"), Refusal.UNSUPPORTED),  # another version's
        (withdrawal("0420"), Refusal.FORMAT_ERROR),  # names no original
        (withdrawal("0220", {90: "0" * 42}), Refusal.FORMAT_ERROR),
    ],
)
def test_refusals(message: IsoMessage, refusal: Refusal) -> None:
    assert ISO.to_request(message, received()) is refusal


def test_an_amount_is_optional_where_the_profile_says_so() -> None:
    iso = make_dialect(kinds={"withdrawal": {"doubt": "undo", "amount": "optional"}})
    assert request_of(iso, withdrawal("0200", {4: None})).amount is None


# ---- reversals and advices -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mti", ["0400", "0401", "0420", "0421"])
def test_a_reversal(mti: str) -> None:
    original = request_of(ISO, withdrawal())
    request = request_of(ISO, reversal(withdrawal(), mti))
    assert request.message_class is MessageClass.REVERSAL
    assert (request.kind, request.doubt_policy) == ("reversal", DoubtPolicy.REPEAT)
    assert request.original_key == original.key
    assert request.standing_minor == 0
    assert request.key == "bank:iso8583:440011:ATM00001:0400:000777:20261105"


@pytest.mark.parametrize(("actual", "standing"), [("000000004000", 4_000), ("000000000000", 0), ("000000010000", 10_000)])
@pytest.mark.parametrize("fees", ["C00000000C00000000", "0" * 18])
def test_what_stands_after_a_partial_reversal(actual: str, standing: int, fees: str) -> None:
    request = request_of(ISO, reversal(withdrawal(), "0420", {95: f"{actual}{'0' * 12}{fees}"}))
    assert request.standing_minor == standing


def test_more_cannot_stand_than_was_asked() -> None:
    message = reversal(withdrawal(), "0420", {95: f"000000010001{'0' * 30}"})
    assert ISO.to_request(message, received()) is Refusal.FORMAT_ERROR
    message = reversal(withdrawal(), "0420", {95: f"00000001000X{'0' * 30}"})
    assert ISO.to_request(message, received()) is Refusal.FORMAT_ERROR


@pytest.mark.parametrize(
    ("meaning", "expected"),
    [("refuse", None), ("amount-stands", 4_000), ("amount-undone", 6_000)],
)
def test_a_partial_reversal_of_1993_is_never_guessed(meaning: str, expected: int | None) -> None:
    iso = make_dialect(version="1993", partial_reversal=meaning)
    changes: Changes = {11: "000777", 24: "401", 4: "000000004000", 30: f"000000010000{'0' * 12}", 56: "1200000002261105100203"}
    answer = iso.to_request(withdrawal_1993("1420", changes), received())
    if expected is None:
        assert answer is Refusal.FORMAT_ERROR
    else:
        assert isinstance(answer, Request)
        assert answer.standing_minor == expected
    full = iso.to_request(withdrawal_1993("1420", {**changes, 24: "400"}), received())
    assert isinstance(full, Request)
    assert full.standing_minor == 0
    assert full.original_key == "bank:iso8583:440011:ATM00001:1200:000002:20261105"


def test_a_partial_reversal_without_its_original_amount() -> None:
    iso = make_dialect(version="1993", partial_reversal="amount-undone")
    changes: Changes = {11: "000777", 24: "401", 4: "000000004000", 56: "1200000002261105100203"}
    assert iso.to_request(withdrawal_1993("1420", changes), received()) is Refusal.FORMAT_ERROR
    too_much: Changes = {**changes, 30: f"000000003999{'0' * 12}"}
    assert iso.to_request(withdrawal_1993("1420", too_much), received()) is Refusal.FORMAT_ERROR


def test_a_completion_names_what_it_completes() -> None:
    iso = make_dialect(kinds={"withdrawal": {"doubt": "undo", "completion": True}})
    original = withdrawal()
    asked = request_of(iso, original)
    assert asked.needs_completion
    completion = request_of(iso, reversal(original, "0220"))
    assert completion.message_class is MessageClass.ADVICE
    assert completion.original_key == asked.key
    assert not completion.needs_completion
    assert completion.key != asked.key
    assert request_of(iso, withdrawal("0220")).original_key is None


@pytest.mark.parametrize("mti", ["0500", "0520", "0521"])
def test_reconciliation_is_taken_as_an_advice(mti: str) -> None:
    message = withdrawal(mti, {3: None, 4: None, 49: None, 2: None})
    request = request_of(ISO, message)
    assert (request.kind, request.message_class) == ("reconciliation", MessageClass.ADVICE)
    assert request.doubt_policy is DoubtPolicy.REPEAT


# ---- fingerprints --------------------------------------------------------------------------------------------------------
def test_a_repeat_has_the_fingerprint_of_the_first() -> None:
    by_track: Changes = {2: None, 14: None, 35: f"{PAN}=30121011234", 7: "1106000000"}
    by_other_track: Changes = {2: None, 14: None, 35: f"{PAN}D30121011234"}
    assert fingerprint(withdrawal("0201", by_track)) == fingerprint(withdrawal())
    assert fingerprint(withdrawal("0201", by_other_track)) == fingerprint(withdrawal())


@pytest.mark.parametrize(
    "changes",
    [{4: "000000010001"}, {49: "840"}, {2: "4000001234567881"}, {3: "001000"}, {102: "123"}, {103: "123"}],
)
def test_other_money_is_another_fingerprint(changes: Changes) -> None:
    assert fingerprint(withdrawal("0200", changes)) != fingerprint(withdrawal())


def test_a_reversal_of_something_else_is_another_fingerprint() -> None:
    one = reversal(withdrawal())
    partial = reversal(withdrawal(), "0420", {95: f"000000004000{'0' * 30}"})
    other = reversal(withdrawal("0200", {11: "000003"}))
    assert len({fingerprint(one), fingerprint(partial), fingerprint(other)}) == 3


def test_an_account_that_is_the_pan_is_not_kept_in_the_clear() -> None:
    request = request_of(ISO, withdrawal("0200", {102: PAN, 103: "998877"}))
    assert (request.from_account, request.to_account) == (None, "998877")


# ---- the contract --------------------------------------------------------------------------------------------------------
def test_keys_and_words_fit_the_contract() -> None:
    for message in (withdrawal(), withdrawal("0220"), withdrawal("0100"), withdrawal("0500")):
        request = request_of(ISO, message)
        assert request.channel in ("atm", "branch", "partner")
        TransactionRequest(
            kind=request.kind,
            channel="atm",
            realm=request.realm,
            terminal=request.terminal,
            acquirer=request.acquirer,
            trace=request.trace,
            extra=request.extra,
        )


VALUES = st.one_of(st.text(max_size=20), st.binary(max_size=20), st.text("0123456789", max_size=16))


@given(
    st.sampled_from(["0100", "0200", "0220", "0400", "0420", "0421", "0500", "0800", "1200", "0210", "9999"]),
    st.dictionaries(st.integers(2, 128), VALUES, max_size=12),
)
def test_no_message_breaks_the_translation(mti: str, fields: dict[int, Value]) -> None:
    base = withdrawal().fields if fields else {}
    answer = ISO.to_request(IsoMessage(mti, {**base, **fields}), received())
    assert isinstance(answer, (Request, Refusal))
    if isinstance(answer, Request):
        assert len(answer.key) <= 255
        assert PAN not in repr(answer)


def test_the_fake_atms_reversal_names_its_own_request() -> None:
    """The terminals that ship with the relay, read by the dialect that ships with it."""
    calendar = slips.Calendar()
    stamps, later = calendar.stamps(WALL_MS), calendar.stamps(WALL_MS + 3_600_000)
    for by_track in (False, True):
        order = Order("withdrawal", 10_000, Card(Pan(PAN), "3012", by_track), 0)
        first = slips.request(TERMINAL, "000042", order, stamps, b"12345678")
        asked = request_of(ISO, first)
        assert request_of(ISO, slips.repeated(first, later)).key == asked.key
        assert request_of(ISO, slips.reversal(first, "000043", later)).original_key == asked.key
