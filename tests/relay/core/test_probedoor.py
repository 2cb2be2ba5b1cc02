"""What a probe met on the wire: why there is no answer, and what time it is over there."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate

import pytest

from relay.core.door import Address, HttpAnswer, HttpCall, HttpResult, Lost, NotSent, Why
from relay.core.probedoor import ProbeDoor, skew_ms
from tests.support.virtualtime import VirtualTime

HERE = Address("10.0.0.1", 443)
CALL = HttpCall(b"GET", b"/v1/region", b"")
NOON_MS = 1_764_158_400_000


class ListDoor:
    """Answers what it is told to, at once."""

    def __init__(self, result: HttpResult) -> None:
        self.result = result
        self.asked: list[tuple[Address, int]] = []
        self.kept: list[Address] = []
        self.renewed = 0

    def call(self, address: Address, call: HttpCall, timeout_ms: int, done: Callable[[HttpResult], None]) -> ListDoor:
        self.asked.append((address, timeout_ms))
        done(self.result)
        return self

    def cancel(self) -> None:
        raise AssertionError("nobody cancels here")

    def keep_only(self, addresses: object) -> None:
        self.kept = list(addresses)  # type: ignore[call-overload]

    def renew(self) -> None:
        self.renewed += 1


def met(result: HttpResult) -> ProbeDoor:
    door = ListDoor(result)
    watched = ProbeDoor(door, VirtualTime())
    heard: list[HttpResult] = []
    watched.call(HERE, CALL, 1_500, heard.append)
    assert heard == [result]
    assert door.asked == [(HERE, 1_500)]
    return watched


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (NotSent(Why.REFUSED), "refused"),
        (NotSent(Why.CERTIFICATE), "certificate"),
        (NotSent(Why.TLS), "tls"),
        (NotSent(Why.CONNECT_TIMEOUT), "silent"),
        (Lost(Why.DEADLINE), "silent"),
        (Lost(Why.CLOSED), "silent"),
        (Lost(Why.MALFORMED), "malformed"),
        (HttpAnswer(401, {}, b""), "not-authorised"),
        (HttpAnswer(403, {}, b""), "not-authorised"),
        (HttpAnswer(200, {}, b"hello"), "not-the-contract"),
        (HttpAnswer(502, {}, b"<html>"), "not-the-contract"),
    ],
)
def test_why_there_is_no_answer(result: HttpResult, why: str) -> None:
    assert met(result).why == why


def test_a_new_probe_knows_nothing_of_the_one_before() -> None:
    watched = met(NotSent(Why.CERTIFICATE))
    watched.forget()
    assert (watched.why, watched.skew_ms) == ("silent", None)


def test_everything_else_is_passed_on() -> None:
    door = ListDoor(NotSent(Why.REFUSED))
    watched = ProbeDoor(door, VirtualTime())
    watched.keep_only([HERE])
    watched.renew()
    assert (door.kept, door.renewed) == ([HERE], 1)


def date_of(wall_ms: int) -> bytes:
    return formatdate(wall_ms // 1_000, usegmt=True).encode()


@pytest.mark.parametrize("offset_ms", [0, 1, 499, 500, 999])
def test_a_clock_like_ours_is_the_same_whatever_part_of_the_second_it_is(offset_ms: int) -> None:
    now_ms = NOON_MS + offset_ms
    assert skew_ms(date_of(now_ms), now_ms, now_ms) == 0


def test_the_way_there_and_back_explains_what_it_lasts() -> None:
    assert skew_ms(date_of(NOON_MS + 2_000), NOON_MS, NOON_MS + 2_000) == 0
    assert skew_ms(date_of(NOON_MS + 2_000), NOON_MS, NOON_MS + 1_000) == 1_000


@pytest.mark.parametrize("off_ms", [-3_600_000, -10_000, 10_000, 86_400_000])
def test_another_clock_is_told_by_how_much_and_in_which_direction(off_ms: int) -> None:
    found = skew_ms(date_of(NOON_MS + off_ms), NOON_MS, NOON_MS)
    assert found is not None
    assert 0 <= abs(off_ms) - abs(found) <= 1_000, "never more than it can be shown to be"


@pytest.mark.parametrize(
    "date", [b"", b"yesterday", b"Thu, 99 Nov 2026 12:00:00 GMT", b"\xff\xfe", b"Thu, 26 Nov 99999 12:00:00 GMT"]
)
def test_no_date_says_nothing(date: bytes) -> None:
    assert skew_ms(date, NOON_MS, NOON_MS) is None


def test_the_date_of_an_answer_is_read() -> None:
    now_ms = VirtualTime().wall_ms()
    found = met(HttpAnswer(200, {b"date": date_of(now_ms + 60_000)}, b"{}")).skew_ms
    assert found is not None
    assert 59_000 <= found <= 60_000
