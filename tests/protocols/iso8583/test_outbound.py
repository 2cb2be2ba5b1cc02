"""What the core may post to an ISO 8583 line, and in words what it may not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.iso8583.outbound import KINDS, Wanted, read_offer


@pytest.mark.parametrize(
    ("kind", "body", "wanted"),
    [
        ("echo", b"{}", Wanted("echo")),
        ("sign-on", b" { } ", Wanted("sign-on")),
        ("sign-off", b"{}", Wanted("sign-off")),
        ("cutover", b"{}", Wanted("cutover")),
        ("cutover", b'{"business_date":"2026-11-25"}', Wanted("cutover", b"20261125")),
        ("key-exchange", b"{}", Wanted("key-exchange")),
        ("key-exchange", b'{"data":"0123AbcD"}', Wanted("key-exchange", b"\x01\x23\xab\xcd")),
    ],
)
def test_kinds_and_bodies(kind: str, body: bytes, wanted: Wanted) -> None:
    assert read_offer(kind, body) == wanted


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("echo", b'{"data":"00"}'),
        ("echo", b""),
        ("echo", b"[]"),
        ("cutover", b'{"business-date":"2026-11-25"}'),
        ("cutover", b'{"business_date":20261125}'),
        ("key-exchange", b'{"data":"SECRET"}'),
        ("key-exchange", b'{"data":"012"}'),
        ("key-exchange", b'{"data":null}'),
        ("key-exchange", b"[" * 100_000),
    ],
)
def test_a_body_that_is_not_one_of_its_kind(kind: str, body: bytes) -> None:
    assert read_offer(kind, body) == f"the body is not one of {kind}"


def test_a_kind_that_there_is_not_is_told_which_there_are() -> None:
    why = read_offer("open-the-safe", b"{}")
    assert isinstance(why, str)
    assert all(kind in why for kind in KINDS)


@given(st.sampled_from(sorted(KINDS)), st.binary(max_size=60))
def test_any_bytes_are_a_command_or_a_reason(kind: str, body: bytes) -> None:
    assert isinstance(read_offer(kind, body), (Wanted, str))
