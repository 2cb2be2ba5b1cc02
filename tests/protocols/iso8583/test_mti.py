"""Message types: whose business each is, and into which class it folds. All ten thousand of them have exactly one route."""

from __future__ import annotations

import pytest

from protocols.iso8583.message import IsoMessage
from protocols.iso8583.mti import Route, fold, message_class, route, routes_of
from protocols.vocabulary import MessageClass


@pytest.mark.parametrize(
    ("mti", "expected"),
    [
        ("0100", Route.DESK),
        ("0201", Route.DESK),
        ("0204", Route.DESK),
        ("0221", Route.DESK),
        ("0420", Route.DESK),
        ("0500", Route.DESK),
        ("1521", Route.DESK),
        ("0800", Route.NETWORK),
        ("0802", Route.NETWORK),
        ("1804", Route.NETWORK),
        ("0820", Route.NETWORK),
        ("0210", Route.ANSWER),
        ("0810", Route.ANSWER),
        ("0430", Route.ANSWER),
        ("0450", Route.ANSWER),
        ("0240", Route.SILENT),
        ("0440", Route.SILENT),
        ("0280", Route.SILENT),
        ("0300", Route.UNKNOWN),
        ("0600", Route.UNKNOWN),
        ("0620", Route.UNKNOWN),
        ("0720", Route.UNKNOWN),
        ("0422", Route.UNKNOWN),  # an issuer's chargeback
        ("0202", Route.UNKNOWN),
        ("0000", Route.UNKNOWN),
    ],
)
def test_route(mti: str, expected: Route) -> None:
    assert route(mti) is expected


def test_every_type_is_a_question_or_is_never_answered() -> None:
    for number in range(10_000):
        mti = f"{number:04}"
        answerable = IsoMessage(mti, {}).is_request
        assert answerable == (route(mti) in (Route.DESK, Route.NETWORK, Route.UNKNOWN)), mti


@pytest.mark.parametrize(
    ("mti", "folded"),
    [
        ("0200", "0200"),
        ("0201", "0200"),
        ("0204", "0200"),
        ("0205", "0200"),
        ("0220", "0220"),
        ("0221", "0220"),
        ("0223", "0220"),
        ("0400", "0400"),
        ("0401", "0400"),
        ("0420", "0400"),
        ("0421", "0400"),
        ("1421", "1400"),
        ("0500", "0500"),
        ("0521", "0520"),
    ],
)
def test_fold(mti: str, folded: str) -> None:
    assert fold(mti) == folded


def test_message_classes() -> None:
    assert message_class("0200") is MessageClass.FINANCIAL
    assert message_class("0120") is MessageClass.ADVICE
    assert message_class("1421") is MessageClass.REVERSAL
    assert message_class("0520") is MessageClass.ADVICE
    assert message_class("0422") is None
    assert message_class("0800") is None


def test_the_table_of_a_version_has_the_route_of_each_of_its_types_and_is_made_once() -> None:
    for digit in "0129":
        table = routes_of(digit)
        assert table == {f"{digit}{n:03}": route(f"{digit}{n:03}") for n in range(1000)}
        assert routes_of(digit) is table
