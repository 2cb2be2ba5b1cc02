"""What goes on the wire: the contract's structures, secrets in the body only, keys that cannot split headers."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import LocalMisuse
from protocols.vocabulary import CardData, DoubtPolicy, MessageClass, Money, Pan, Request, Secret
from relay.core import contract as c
from relay.core import encoding
from relay.core.port import Attempt, Ground, Permit
from tests.relay.core.builders import ATTEMPT, KEY, Bench, withdrawal

FULL = Request(
    key="k",
    message_class=MessageClass.ADVICE,
    kind="withdrawal",
    doubt_policy=DoubtPolicy.UNDO,
    channel="atm",
    realm="bank",
    terminal="ATM00042",
    acquirer="000001",
    fingerprint_text=Secret("never sent"),
    trace="000123",
    business_date="2026-11-24",
    amount=Money(30_000, "JPY"),
    card=CardData(
        pan=Pan("4000001234567899"),
        expiry="2912",
        sequence="01",
        track1=Secret("B4000001234567899^A^2912"),
        track2=Secret("4000001234567899=2912"),
        track3=Secret("01400000"),
        pin_block=Secret("0123456789ABCDEF"),
        new_pin_block=Secret("FEDCBA9876543210"),
        emv=Secret("9F0206000000030000"),
        entry_mode="051",
    ),
    from_account="10",
    to_account="20",
    original_key="o",
    repeat=True,
    extra={"field-43": "MARUNOUCHI"},
)


def test_a_transaction_says_everything_and_fits_the_contract() -> None:
    body = encoding.transaction_body(FULL)
    read = msgspec.json.decode(body, type=c.TransactionRequest)
    assert read.card is not None
    assert (read.card.pan, read.card.pin_block) == ("4000001234567899", "0123456789ABCDEF")
    assert read.card.new_pin_block == "FEDCBA9876543210"
    assert (read.card.track1, read.card.track2, read.card.track3, read.card.emv) == (
        "B4000001234567899^A^2912",
        "4000001234567899=2912",
        "01400000",
        "9F0206000000030000",
    )
    assert (read.card.expiry, read.card.sequence, read.card.entry_mode) == ("2912", "01", "051")
    assert read.amount == c.Amount("30000", "JPY")  # text, never a JSON number
    assert b'"minor":"30000"' in body
    assert (read.kind, read.channel, read.realm, read.terminal, read.acquirer) == (
        "withdrawal",
        "atm",
        "bank",
        "ATM00042",
        "000001",
    )
    assert (read.trace, read.business_date, read.from_account, read.to_account) == ("000123", "2026-11-24", "10", "20")
    assert (read.original_key, read.advice, read.repeat, read.extra) == ("o", True, True, {"field-43": "MARUNOUCHI"})
    assert b"never sent" not in body


def test_what_is_absent_is_left_out() -> None:
    bare = msgspec.structs.replace(FULL, card=None, amount=None, extra={}, message_class=MessageClass.FINANCIAL, repeat=False)
    body = msgspec.json.decode(encoding.transaction_body(bare))
    assert not {"card", "amount", "extra", "advice", "repeat"} & body.keys()


def test_only_an_automatic_reversal_names_its_attempt() -> None:
    attempt = Attempt("tokyo", 7, 4711)
    automatic = msgspec.json.decode(encoding.reversal_body(0, "JPY", attempt, Ground.EVIDENCE), type=c.ReversalRequest)
    assert (automatic.standing, automatic.automatic, automatic.attempt) == (c.Amount("0", "JPY"), True, "tokyo/7/4711")
    own = msgspec.json.decode(encoding.reversal_body(10_000, "JPY", attempt, Ground.TERMINAL), type=c.ReversalRequest)
    assert (own.standing, own.automatic, own.attempt) == (c.Amount("10000", "JPY"), False, None)


def test_only_what_told_nobody_says_so() -> None:
    def said(ground: Ground) -> object:
        return msgspec.json.decode(encoding.reversal_body(0, "JPY", Attempt("tokyo", 7, 1), ground)).get("untold")

    assert {ground: said(ground) for ground in Ground} == {Ground.TERMINAL: None, Ground.EVIDENCE: None, Ground.UNTOLD: True}


def test_a_network_event() -> None:
    event = msgspec.json.decode(encoding.event_body("session-up", "T", "atm", 5, {"a": "b"}), type=c.NetworkEvent)
    assert event == c.NetworkEvent(event="session-up", terminal="T", listener="atm", at_ms=5, detail={"a": "b"})


@pytest.mark.parametrize("key", ["", "a b", "a\r\nEvil: x", "a\n", "é", "a\x00", "k" * 256])
def test_a_key_that_cannot_be_a_header_is_our_mistake(key: str) -> None:
    with pytest.raises(LocalMisuse):
        encoding.key_header_value(key)


@given(st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=255))
def test_every_other_key_comes_back(key: str) -> None:
    value = encoding.key_header_value(key)
    assert value[0] == value[-1] == '"'
    assert c.read_key_field(value) == key
    path = encoding.key_path(key).decode()
    assert re.fullmatch(r"/v1/transactions/[A-Za-z0-9_.~%-]+", path)


def test_traces_differ_by_center_exchange_incarnation_and_verb_and_repeat_without_chance() -> None:
    tokyo, osaka = encoding.TraceParents("tokyo", 1), encoding.TraceParents("osaka", 1)
    made = {
        tokyo.of(1, 1),
        tokyo.of(1, 2),
        tokyo.of(2, 1),
        osaka.of(1, 1),
        encoding.TraceParents("tokyo", 2).of(1, 1),
        tokyo.of(2**63, 1),
    }
    assert len(made) == 6
    assert encoding.TraceParents("tokyo", 1).of(1, 1) == tokyo.of(1, 1)
    for trace in made:
        assert re.fullmatch(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-01", trace)


def test_every_call_but_the_question_which_region_it_is_names_the_region_that_it_is_meant_for() -> None:
    b = Bench()
    for region in ("tokyo", "osaka", "two words", "line\r\nfeed", "k" * 256):
        permit = Permit(8, region)
        b.client.submit(withdrawal(), ATTEMPT, permit, 4_000, b.results.append)
        b.client.undo(KEY, 0, "JPY", ATTEMPT, True, permit, 4_000, b.results.append)
        b.client.inquire(KEY, ATTEMPT, permit, 4_000, b.results.append)
        b.client.ledger("2026-11-24", "", "", permit, 4_000, b.results.append)
        b.client.center("tokyo", permit, 4_000, b.results.append)
        said = [call.headers.get("region") for call in b.door.calls[-5:]]
        assert said == [region if region in ("tokyo", "osaka") else None] * 5, "a name that no header can hold is left out"
    b.client.region(8, 4_000, b.results.append)
    assert "region" not in b.door.last.headers
