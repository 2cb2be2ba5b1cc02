"""One verb under way: what is tried again, what never is, and one outcome inside one deadline, whatever happens."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocols.vocabulary import Approved, NotProcessed, Unknown
from relay.core import contract as c
from relay.core.balance import Health
from relay.core.door import Address, HttpAnswer, HttpResult, Lost, NotSent, Why
from tests.relay.core.builders import ATTEMPT, IPS, KEY, PERMIT, Bench, answer_with, approve, withdrawal

UNREACHABLE = NotProcessed(reason="unreachable")
UNDECIDED = Unknown(why="accepted, not decided")
ACCEPTED = c.Accepted(KEY, 100)


def test_an_answer_is_the_outcome() -> None:
    b = Bench()
    b.submit()
    assert b.door.last.timeout_ms == 4_000
    approve(b.door.last)
    assert b.results == [Approved(authorisation_id="A1B2C3")]
    assert b.client.inflight == 0
    assert b.balance.inflight_of(b.door.last.address) == 0


# ---- not sent: at once to the next address -------------------------------------------------------------------------------


@pytest.mark.parametrize("why", [Why.REFUSED, Why.CONNECT_TIMEOUT, Why.CERTIFICATE, Why.TLS, Why.FULL])
def test_what_was_not_sent_goes_to_the_next_address_with_the_time_that_is_left(why: Why) -> None:
    b = Bench()
    b.submit()
    b.time.run(300)
    b.door.last.finish(NotSent(why))
    first, second = b.door.calls
    assert first.address != second.address
    assert second.timeout_ms == 3_700
    assert second.call == first.call  # the same key, the same body, the same epoch
    approve(second)
    assert b.results == [Approved(authorisation_id="A1B2C3")]


def test_when_no_address_takes_it_nothing_was_processed() -> None:
    b = Bench()
    b.submit()
    for _ in IPS:
        b.door.last.finish(NotSent(Why.REFUSED))
    assert {call.address.ip for call in b.door.calls} == set(IPS)
    assert b.results == [UNREACHABLE]


def test_the_same_when_every_address_refuses_before_the_call_returns() -> None:
    b = Bench()
    b.door.at_once = {Address(ip, 443): NotSent(Why.REFUSED) for ip in IPS}
    b.submit()
    assert b.results == [UNREACHABLE]
    assert b.client.inflight == 0


def test_a_refusal_at_once_and_then_an_answer() -> None:
    b = Bench()
    b.door.at_once = {Address(ip, 443): NotSent(Why.REFUSED) for ip in IPS[:2]}
    handle = b.submit()
    approve(b.door.last)
    assert b.results == [Approved(authorisation_id="A1B2C3")]
    handle.cancel()  # type: ignore[attr-defined]  # a Cancellable
    assert len(b.results) == 1


def test_full_everywhere_is_overload() -> None:
    b = Bench()
    b.door.at_once = {Address(ip, 443): NotSent(Why.FULL) for ip in IPS}
    b.submit()
    assert b.results == [NotProcessed(reason="overloaded", retry_after_ms=100)]
    assert b.balance.count(Health.HEALTHY) == 3


def test_no_address_known() -> None:
    b = Bench(ips=())
    b.submit()
    assert b.results == [UNREACHABLE]


def test_out_of_time_before_anything_was_sent() -> None:
    b = Bench()
    b.submit(timeout_ms=500)
    b.time.run(500)
    b.door.last.finish(NotSent(Why.DEADLINE))
    assert b.results == [UNREACHABLE]
    assert len(b.door.calls) == 1


# ---- lost: never again ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("why", [Why.CLOSED, Why.DEADLINE, Why.MALFORMED, Why.TOO_LARGE, Why.SHUTDOWN])
def test_what_was_lost_is_unknown_and_never_sent_again(why: Why) -> None:
    b = Bench()
    b.submit()
    b.door.last.finish(Lost(why))
    assert b.results == [Unknown(why=f"lost: {why.value}")]
    assert len(b.door.calls) == 1


def test_a_zone_that_dies_costs_only_the_calls_in_flight_on_it() -> None:
    b = Bench()
    for number in range(30):
        b.submit(key=f"k{number}")
    dead = b.door.calls[0].address
    for call in [*b.door.calls]:
        if call.address == dead:
            call.finish(Lost(Why.CLOSED))
        else:
            approve(call, key=call.headers["idempotency-key"].strip('"'))
    assert sum(isinstance(r, Unknown) for r in b.results) == 10
    b.results.clear()
    b.door.at_once = {dead: NotSent(Why.REFUSED)}
    for number in range(100):
        b.submit(key=f"l{number}")
        approve(b.door.last, key=f"l{number}")
    assert all(isinstance(r, Approved) for r in b.results)
    assert sum(call.address == dead for call in b.door.calls[30:]) <= 3
    assert b.balance.health_of(dead) is Health.EJECTED


def test_an_address_where_a_proxy_answers_instead_of_the_core_is_ejected() -> None:
    b = Bench()
    ill = Address(IPS[0], 443)
    for number in range(30):
        b.submit(key=f"k{number}")
        if b.door.last.address == ill:
            b.door.last.answer(503, b"<html>no healthy upstream</html>")
        else:
            approve(b.door.last, key=f"k{number}")
    assert sum(r == Unknown(why="proxy") for r in b.results) == 3
    assert b.count("relay_core_answers_refused_total", remark="proxy") == 3


# ---- cancel --------------------------------------------------------------------------------------------------------------


def test_cancelling_what_was_not_sent() -> None:
    b = Bench()
    handle = b.submit()
    b.door.last.is_sent = False
    handle.cancel()  # type: ignore[attr-defined]  # a Cancellable
    assert b.results == [NotProcessed(reason="cancelled")]
    assert len(b.door.calls) == 1


def test_cancelling_what_was_sent() -> None:
    b = Bench()
    handle = b.submit()
    handle.cancel()  # type: ignore[attr-defined]  # a Cancellable
    handle.cancel()  # type: ignore[attr-defined]  # again: harmless
    assert b.results == [Unknown(why="lost: cancelled")]
    assert b.balance.inflight_of(b.door.last.address) == 0


# ---- 202 -----------------------------------------------------------------------------------------------------------------


def accepted(location: str = "/v1/transactions/op-1", **more: str) -> Bench:
    b = Bench()
    b.submit()
    answer_with(b.door.last, ACCEPTED, 202, location=location, **more)
    return b


def test_an_accepted_transaction_is_polled_until_it_is_decided() -> None:
    b = accepted()
    assert b.results == []
    b.time.run(99)
    assert len(b.door.calls) == 1
    b.time.run(1)
    assert b.door.last.line == "GET /v1/transactions/op-1"
    assert b.door.last.headers["idempotency-key"] == c.key_field(KEY)
    assert b.door.last.headers["region-epoch"] == "8"
    answer_with(b.door.last, ACCEPTED, 202, location="/v1/transactions/op-2")
    b.time.run(100)
    assert b.door.last.line == "GET /v1/transactions/op-2"
    approve(b.door.last)
    assert b.results == [Approved(authorisation_id="A1B2C3")]


def test_polling_goes_on_after_a_lost_or_refused_question_and_ends_at_the_deadline() -> None:
    b = accepted()
    b.time.run(100)
    b.door.last.finish(Lost(Why.CLOSED))  # a question may be asked again
    b.time.run(100)
    for _ in IPS:
        b.door.last.finish(NotSent(Why.REFUSED))
    b.time.run(100)
    assert b.results == []
    assert b.door.last.line == "GET /v1/transactions/op-1"
    assert b.door.last.timeout_ms < 4_000
    b.time.run(4_000)
    b.door.last.finish(Lost(Why.DEADLINE))
    assert b.results == [UNDECIDED]
    assert [call.line for call in b.door.calls].count("POST /v1/transactions") == 1


def test_polling_after_not_sent_anywhere_is_unknown_never_not_processed() -> None:
    b = accepted()
    b.door.at_once = {Address(ip, 443): NotSent(Why.REFUSED) for ip in IPS}
    b.time.run(10_000)
    assert b.results == [UNDECIDED]


@pytest.mark.parametrize(
    "location",
    [
        "",
        "/v1/region",
        "/evil",
        "https://evil.test/v1/transactions/x",
        "//evil.test/v1/transactions/x",
        "ftp://[",
        "/v1/transactions/a b",
        "/v1/transactions/x\r\nEvil: 1",
        "/v1/transactions/é",
    ],
)
def test_a_location_that_leads_out_of_the_contract_is_not_followed(location: str) -> None:
    b = accepted(location)
    assert b.results == [UNDECIDED]
    assert len(b.door.calls) == 1


def test_a_location_on_our_own_core_may_be_absolute() -> None:
    b = accepted("https://CORE.test/v1/transactions/op-1?wait=1")
    b.time.run(100)
    assert b.door.last.line == "GET /v1/transactions/op-1?wait=1"


def test_cancelling_between_two_polls() -> None:
    b = Bench()
    handle = b.submit()
    answer_with(b.door.last, ACCEPTED, 202, location="/v1/transactions/op-1")
    handle.cancel()  # type: ignore[attr-defined]  # a Cancellable
    assert b.results == [UNDECIDED]
    b.time.run(10_000)
    assert len(b.door.calls) == 1


# ---- whatever happens ----------------------------------------------------------------------------------------------------

RESULTS = st.sampled_from(
    [
        *(NotSent(why) for why in Why),
        *(Lost(why) for why in Why),
        HttpAnswer(503, {}, b""),
        HttpAnswer(202, {b"region-epoch": b"8", b"location": b"/v1/transactions/x"}, b'{"key":"%s"}' % KEY.encode()),
        HttpAnswer(200, {b"region-epoch": b"8"}, b'{"key":"%s","status":"approved"}' % KEY.encode()),
    ]
)


@example([(NotSent(Why.REFUSED), 0, False)] * 2 + [(NotSent(Why.RENEWED), 0, False)], 3)
@given(st.lists(st.tuples(RESULTS, st.integers(0, 1_500), st.booleans()), max_size=12), st.integers(0, 12))
def test_exactly_one_outcome_and_nothing_left_over(steps: list[tuple[HttpResult, int, bool]], cancel_after: int) -> None:
    b = Bench()
    renewed: set[int] = set()
    handle = b.client.submit(withdrawal(), ATTEMPT, PERMIT, 4_000, b.results.append)
    for number, (result, pause_ms, _) in enumerate(steps):
        b.time.run(pause_ms)
        if number == cancel_after:
            handle.cancel()
        for call in b.door.calls:
            if call._done is not None:
                if result == NotSent(Why.RENEWED):
                    renewed.add(id(call))  # it never got a connection, and may try the same address anew
                call.finish(result)
                break
    b.time.run(5_000)
    for call in b.door.calls:
        if call._done is not None:
            call.finish(Lost(Why.DEADLINE))
    b.time.run(5_000)
    assert len(b.results) == 1
    assert b.client.inflight == 0
    assert [b.balance.inflight_of(Address(ip, 443)) for ip in IPS] == [0, 0, 0]
    posts = [call for call in b.door.calls if call.call.method == b"POST" and id(call) not in renewed]
    assert len({call.address for call in posts}) == len(posts), "an address that refused is not asked again"


@pytest.mark.parametrize("why", [Why.CLOSED, Why.MALFORMED, Why.TOO_LARGE])
def test_a_broken_answer_is_counted_by_what_broke_it(why: Why) -> None:
    b = Bench()
    b.submit()
    b.door.last.finish(Lost(why))
    assert b.results == [Unknown(why=f"lost: {why.value}")]
    assert b.count("relay_core_answers_refused_total", remark=why.value) == 1
