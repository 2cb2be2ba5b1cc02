"""What links share: routes, who may be answered, and the messages that we send ourselves."""

from __future__ import annotations

import pytest

from protocols.errors import LocalMisuse
from protocols.iso8583.message import IsoMessage, Value
from protocols.iso8583.mti import Route
from protocols.vocabulary import Refusal
from tests.support.isolink import make_dialect, network, unframed, withdrawal

RULES = make_dialect().rules


def test_a_question_of_another_version_is_still_a_question() -> None:
    assert RULES.route("0200") is Route.DESK
    assert RULES.route("1200") is Route.UNKNOWN
    assert RULES.route("1800") is Route.UNKNOWN
    assert RULES.route("1210") is Route.ANSWER
    assert RULES.route("9240") is Route.SILENT


@pytest.mark.parametrize(
    ("message", "knows", "expected"),
    [
        (withdrawal(), False, True),
        (withdrawal("0200", {41: None}), False, False),
        (withdrawal("0200", {41: None}), True, True),
        (withdrawal("0200", {11: None}), True, False),
        (withdrawal("0200", {7: None}), True, True),  # DE 12 says when
        (withdrawal("0200", {7: None, 12: None}), True, False),
        (withdrawal("0210"), True, False),
        (withdrawal("0240"), True, False),
        (network("301", "0800", {41: None}), False, False),
        (network("301", "0800", {41: None, 33: "123"}), False, True),
    ],
)
def test_who_may_be_answered(message: IsoMessage, knows: bool, expected: bool) -> None:
    assert RULES.can_answer(message, knows) is expected


def test_a_refusal_echoes_just_the_key_fields() -> None:
    iso = make_dialect()
    refuse = iso.rules.refusal(withdrawal(), Refusal.FORMAT_ERROR, "why", knows_terminal=False)
    assert (refuse.reason, refuse.detail) == (Refusal.FORMAT_ERROR, "why")
    answer = unframed(iso, refuse.data)
    assert answer.mti == "0210"
    assert answer.fields[39] == "30"
    assert set(answer.fields) == {7, 11, 12, 13, 32, 37, 39, 41, 42}


def test_a_refusal_that_cannot_be_written_is_silent() -> None:
    broken = withdrawal("0200", {37: "é" * 12})
    assert RULES.refusal(broken, Refusal.FORMAT_ERROR, "", knows_terminal=True).data == b""


@pytest.mark.parametrize(
    ("version", "mti", "expected"),
    [
        ("1987", "0800", {7: "1105010203", 11: "000042", 70: "301"}),
        ("1993", "1804", {7: "1105010203", 11: "000042", 12: "261105010203", 24: "831"}),
        ("2003", "2804", {7: "1105010203", 11: "000000000042", 12: "20261105010203", 24: "831"}),
    ],
)
def test_our_echo(version: str, mti: str, expected: dict[int, Value]) -> None:
    iso = make_dialect(version=version)
    message = iso.rules.command("echo", 42, b"")
    assert (message.mti, message.fields) == (mti, expected)
    assert unframed(iso, iso.speaker.write(message)) == message


def test_our_cutover_and_key_exchange() -> None:
    assert RULES.command("cutover", 1, b"2026-11-06").fields[15] == "1106"
    assert make_dialect(version="1993").rules.command("cutover", 1, b"20261106").fields[15] == "261106"
    assert 15 not in RULES.command("cutover", 1, b"").fields
    assert RULES.command("key-exchange", 1, b"12345678").fields[96] == b"12345678"
    for data in (b"tomorrow", b"1106", b"\xff\xff"):
        with pytest.raises(LocalMisuse):
            RULES.command("cutover", 1, data)
    with pytest.raises(LocalMisuse, match="dance"):
        RULES.command("dance", 1, b"")


def test_constant_fields_of_our_messages() -> None:
    iso = make_dialect(session={"network_fields": {"33": "440011", "41": "RELAY001"}})
    assert list(iso.rules.command("echo", 1, b"").fields) == [7, 11, 33, 41, 70]


def test_messages_that_could_never_be_written_are_found_at_start() -> None:
    with pytest.raises(LocalMisuse, match="header"):
        make_dialect(framing={"header": "fixed", "header_bytes": 4}, session={"we_sign_on": True})
    with pytest.raises(LocalMisuse, match="41"):
        make_dialect(session={"idle_echo_ms": 1, "network_fields": {"41": "TOO LONG FOR IT"}})
    make_dialect(framing={"header": "fixed", "header_bytes": 4})  # we never speak first: fine


def test_the_date_of_a_cutover() -> None:
    assert RULES.business_date({15: "1106", 13: "1105"}) == "20261106"
    assert RULES.business_date({13: "1105"}) == "20261105"
    assert RULES.business_date({15: "0000", 13: "1105"}) == "20261105"
    assert RULES.business_date({15: "9999"}) == ""
    assert RULES.business_date({}) == ""
