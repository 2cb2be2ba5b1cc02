"""The verbs on the wire, and the whole client against the fake core over real sockets, with zones that die."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from protocols.errors import LocalMisuse
from protocols.vocabulary import Approved, Declined, NotProcessed, Secret, Unknown
from relay.clock import SystemClock
from relay.core import contract as c
from relay.core.balance import Balance, Health
from relay.core.client import ClientSettings, CoreClient
from relay.core.door import Address, Lost, NotSent, Why
from relay.core.port import Attempt, Core, Ground, Looked, NotFound, Permit, Reversed, Superseded, Undone
from relay.core.transport import Transport
from relay.errors import ConfigurationError
from relay.loopback.core import CoreAnswer, FakeCore
from relay.telemetry.metrics import Metrics
from tests.relay.core.builders import ATTEMPT, KEY, PERMIT, Bench, answer_with, approve, withdrawal
from tests.relay.core.conftest import MakeTransport, real_timers
from tests.support.holdingcore import HoldingServer
from tests.support.httpserver import Peer, RawServer, answer

# ---- what goes on the wire -------------------------------------------------------------------------------------------------


def test_it_is_a_core() -> None:
    core: Core = Bench().client
    assert core is not None


def test_submit() -> None:
    b = Bench(bearer=Secret("t0ken"))
    b.submit()
    call = b.door.last
    assert call.line == "POST /v1/transactions"
    trace = call.headers.pop("traceparent")
    assert re.fullmatch(r"00-[0-9a-f]{16}0000000000001267-0100000700001267-01", trace)
    assert call.headers == {
        "host": "core.test",
        "user-agent": "relay-center",
        "accept": "application/json, application/problem+json",
        "relay-center": "tokyo",
        "relay-epoch": "7",
        "authorization": "Bearer t0ken",
        "content-type": "application/json",
        "idempotency-key": f'"{KEY}"',
        "attempt": "tokyo/7/4711",
        "region-epoch": "8",
        "region": "tokyo",
    }
    assert msgspec.json.decode(call.call.body, type=c.TransactionRequest).kind == "withdrawal"


def test_undo() -> None:
    b = Bench()
    b.client.undo("a/b c".replace(" ", ""), 500, "JPY", ATTEMPT, Ground.UNTOLD, PERMIT, 4_000, b.results.append)
    call = b.door.last
    assert call.line == "POST /v1/transactions/a%2Fbc/reversals"
    assert call.headers["idempotency-key"] == '"a/bc"'
    assert msgspec.json.decode(call.call.body, type=c.ReversalRequest).attempt == "tokyo/7/4711"
    answer_with(call, c.ReversalAnswer(key="a/bc", state="tombstone", standing=c.Amount("0", "JPY")), key="a/bc")
    assert b.results == [Undone("tombstone", 0)]


def test_a_wrong_region_is_told_before_the_outcome_and_nothing_else_is() -> None:
    b = Bench()
    for problem, status in ((c.PROBLEM_OVERLOADED, 503), (c.PROBLEM_WRONG_REGION, 421), (c.PROBLEM_SUPERSEDED_RELAY, 412)):
        b.submit()
        answer_with(b.door.last, c.Problem(type=problem, title="no", status=status), status=status)
    b.client.undo(KEY, 0, "JPY", ATTEMPT, Ground.UNTOLD, PERMIT, 4_000, b.results.append)
    answer_with(b.door.last, c.Problem(type=c.PROBLEM_WRONG_REGION, title="no", status=421), status=421)
    assert [r.reason for r in b.results if isinstance(r, NotProcessed)] == [
        "overloaded",
        "wrong-region",
        "superseded-relay",
        "wrong-region",
    ]
    assert b.wrong_regions == [1, 3]


def test_undo_that_nobody_takes_is_not_processed() -> None:
    b = Bench(ips=("10.0.0.1",))
    b.client.undo(KEY, 0, "JPY", ATTEMPT, Ground.UNTOLD, PERMIT, 4_000, b.results.append)
    b.door.last.finish(NotSent(Why.REFUSED))
    assert b.results == [NotProcessed(reason="unreachable")]


def test_inquire() -> None:
    b = Bench()
    b.client.inquire(KEY, ATTEMPT, PERMIT, 4_000, b.results.append)
    call = b.door.last
    assert call.line == "GET /v1/transactions/bank%2FATM00042%2F000123"
    assert "content-type" not in call.headers
    assert "purpose" not in call.headers
    assert call.call.body == b""
    answer_with(call, c.InquiryAnswer(key=KEY, state="not-found"))
    assert b.results == [NotFound()]


def test_look_asks_as_an_inquiry_does() -> None:
    b = Bench()
    b.client.look(KEY, ATTEMPT, PERMIT, 4_000, b.results.append)
    assert b.door.last.line == "GET /v1/transactions/bank%2FATM00042%2F000123"
    assert b.door.last.headers["attempt"] == ATTEMPT.text()
    assert b.door.last.headers["purpose"] == "reconciliation", "else it counts as an answer that a terminal may be told"
    answer_with(b.door.last, c.InquiryAnswer(key=KEY, state="not-found"))
    assert b.results == [Looked(NotFound())]


def test_region_and_silence() -> None:
    b = Bench()
    b.client.region(3, 1_000, b.results.append)
    call = b.door.last
    assert (call.line, call.headers["region-epoch"]) == ("GET /v1/region", "3")
    assert "idempotency-key" not in call.headers
    said = c.RegionAnswer("tokyo", 9, "serving")
    answer_with(call, said, epoch=9)
    b.client.region(3, 1_000, b.results.append)
    b.door.last.finish(Lost(Why.CLOSED))
    assert b.results == [said, None]


def test_ledger() -> None:
    b = Bench()
    b.client.ledger("2026-11-24", "ATM 1", "5&0", PERMIT, 1_000, b.results.append)
    assert b.door.last.line == "GET /v1/ledger/2026-11-24?terminal=ATM%201&cursor=5%260"
    b.client.ledger("2026-11-24", "", "", PERMIT, 1_000, b.results.append)
    assert b.door.last.line == "GET /v1/ledger/2026-11-24"
    page = c.LedgerPage(business_date="2026-11-24", entries=[], next_cursor="x")
    answer_with(b.door.last, page)
    assert b.results == [page]


def test_network_events_are_bounded_and_dropped_first() -> None:
    b = Bench(settings=ClientSettings("core.test", 443, True, "tokyo", 7, tells_inflight_max=2))
    told: list[bool] = []
    for at_ms in range(3):
        b.client.tell("session-up", "T", "atm", at_ms, {}, PERMIT, told.append)
    assert told == [False]
    assert len(b.door.calls) == 2
    assert b.count("relay_core_calls_total", verb="tell", outcome="dropped") == 1
    b.door.calls[0].answer(204, b"")
    b.door.calls[1].finish(Lost(Why.CLOSED))
    assert told == [False, True, False]
    b.client.tell("session-up", "T", "atm", 1_795_478_400_123, {}, PERMIT, told.append)
    assert len(b.door.calls) == 3
    assert b"1795478400123" in b.door.last.call.body, "when it happened, not when it was told"
    assert b.door.last.line == "POST /v1/network-events"


@pytest.mark.parametrize(
    ("port", "is_tls", "host"),
    [(443, True, "core.test"), (80, False, "core.test"), (443, False, "core.test:443"), (8443, True, "core.test:8443")],
)
def test_host_names_the_port_where_it_is_not_the_usual_one(port: int, is_tls: bool, host: str) -> None:
    b = Bench(settings=ClientSettings("core.test", port, is_tls, "tokyo", 7))
    b.submit()
    assert b.door.last.headers["host"] == host


@pytest.mark.parametrize("token", ["a\r\nEvil: 1", "a\n", "é"])
def test_a_token_that_cannot_be_a_header_is_a_configuration_error_and_is_not_shown(token: str) -> None:
    with pytest.raises(ConfigurationError, match="Authorization") as caught:
        Bench(bearer=Secret(token))
    assert token not in str(caught.value)


def test_a_key_that_would_split_the_header_is_our_mistake() -> None:
    with pytest.raises(LocalMisuse):
        Bench().submit(key="k\r\nEvil: 1")


# ---- law 5 -----------------------------------------------------------------------------------------------------------------


def test_an_answer_from_below_the_ratchet_is_no_outcome() -> None:
    b = Bench()
    b.submit()
    b.ratchet = 9  # another region became active while we waited
    approve(b.door.last, epoch=8)
    assert b.results == [Unknown(why="old-epoch")]
    assert b.count("relay_core_answers_refused_total", remark="old-epoch") == 1


def test_a_new_epoch_retires_every_connection() -> None:
    b = Bench()
    b.submit()
    b.submit()
    assert b.door.renewed == 0
    b.client.submit(withdrawal(), ATTEMPT, Permit(9, "osaka"), 4_000, b.results.append)
    assert b.door.renewed == 1
    b.submit()  # an old permit: an old call, and nothing else changes
    assert b.door.renewed == 1


# ---- addresses and figures ---------------------------------------------------------------------------------------------------


def test_addresses_come_from_dns() -> None:
    b = Bench(ips=())
    b.client.use_addresses(("10.0.0.9", "2001:db8::1"))
    assert b.balance.addresses == (Address("10.0.0.9", 443), Address("2001:db8::1", 443))
    assert set(b.door.kept) == set(b.balance.addresses)
    assert b.count("relay_core_addresses", health="healthy") == 2


def test_calls_are_counted_by_verb_and_outcome_and_timed() -> None:
    b = Bench()
    b.submit()
    b.submit()
    assert b.count("relay_core_inflight_calls") == 2
    b.time.run(20)
    approve(b.door.calls[0])
    answer_with(b.door.calls[1], c.Problem(type=c.PROBLEM_INVALID, status=400, key=KEY), 400)
    assert b.results[1] == NotProcessed(reason="invalid")
    assert b.count("relay_core_inflight_calls") == 0
    assert b.count("relay_core_calls_total", verb="submit", outcome="approved") == 1
    assert b.count("relay_core_calls_total", verb="submit", outcome="not-processed") == 1
    assert b.count("relay_core_answers_refused_total", remark="invalid") == 1
    assert b.count("relay_core_call_seconds_sum", verb="submit") == pytest.approx(0.04)


# ---- against the fake core ---------------------------------------------------------------------------------------------------


class WatchedCore(FakeCore):
    """Says which requests it has handled."""

    def __init__(self) -> None:
        super().__init__()
        self.handled: asyncio.Queue[str] = asyncio.Queue()

    def handle(self, method: str, target: str, headers: Mapping[str, str], body: bytes, wall_ms: int) -> CoreAnswer:
        made = super().handle(method, target, headers, body, wall_ms)
        self.handled.put_nowait(target)
        return made


class Whole:
    """Client, transport and fake core, each real."""

    def __init__(self, core: WatchedCore, server: HoldingServer, client: CoreClient, transport: Transport) -> None:
        self.core = core
        self.server = server
        self.client = client
        self.transport = transport
        self.permit = Permit(core.ledger.epoch, core.ledger.region)

    async def ask(self, verb: Callable[..., object], *arguments: object, timeout_ms: int = 20_000) -> Any:
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        verb(*arguments, self.permit, timeout_ms, future.set_result)
        return await future

    async def kill(self, zone: str) -> None:
        """Reset the zone's connections, and let the resets happen: an abort closes its socket in the loop's next turn."""
        self.server.kill_zone(zone)
        for _ in range(3):
            await asyncio.sleep(0)

    async def submit(self, key: str, yen: int = 1_000, exchange_id: int = 1) -> Any:
        return await self.ask(self.client.submit, withdrawal(key, yen), Attempt("tokyo", 1, exchange_id))


@pytest_asyncio.fixture
async def whole(make_transport: MakeTransport) -> AsyncIterator[Whole]:
    core = WatchedCore()
    server = HoldingServer(core)
    await server.start()
    transport = make_transport()
    client = CoreClient(
        ClientSettings("core.test", server.port, False, "tokyo", 1),
        transport,
        Balance(),
        clock=SystemClock(),
        timers=real_timers(),
        metrics=Metrics(),
        epoch_floor=lambda: core.ledger.epoch,
    )
    client.use_addresses(server.zones)
    yield Whole(core, server, client, transport)
    await transport.aclose()
    await server.stop()


async def test_a_withdrawal_its_repeat_its_inquiry_and_its_reversal(whole: Whole) -> None:
    first = await whole.submit("k1")
    assert isinstance(first, Approved)
    assert await whole.submit("k1") == first
    found = await whole.ask(whole.client.inquire, "k1", Attempt("tokyo", 1, 1))
    assert isinstance(found, Approved)
    attempt = Attempt("tokyo", 1, 1)
    assert await whole.ask(whole.client.undo, "k1", 0, "JPY", attempt, True) == Undone("reversed", 0)
    assert await whole.submit("k1") == Declined(reason="reversed")
    assert await whole.ask(whole.client.inquire, "k1", attempt) == Reversed(0)


async def test_a_tombstone(whole: Whole) -> None:
    attempt = Attempt("tokyo", 1, 1)
    assert await whole.ask(whole.client.inquire, "k2", attempt) == NotFound()
    assert await whole.ask(whole.client.undo, "k2", 0, "JPY", attempt, True) == Undone("tombstone", 0)
    assert await whole.submit("k2") == Declined(reason="reversed")


async def test_an_undo_of_an_attempt_that_was_taken_over(whole: Whole) -> None:
    assert isinstance(await whole.submit("k3", exchange_id=1), Approved)
    assert isinstance(await whole.submit("k3", exchange_id=2), Approved)
    assert await whole.ask(whole.client.undo, "k3", 0, "JPY", Attempt("tokyo", 1, 1), True) == Superseded()


async def test_another_body_under_the_same_key(whole: Whole) -> None:
    await whole.submit("k4", 1_000)
    assert type(await whole.submit("k4", 2_000)).__name__ == "KeyConflict"


async def test_another_epoch_is_not_processed(whole: Whole) -> None:
    whole.permit = Permit(whole.core.ledger.epoch + 1, "osaka")
    assert await whole.submit("k5") == NotProcessed(reason="wrong-region")


async def test_an_asynchronous_core_is_polled(whole: Whole) -> None:
    whole.core.asynchronous_ms = 60
    assert isinstance(await whole.submit("k6"), Approved)
    assert whole.core.calls["inquire"] >= 1


async def test_region_ledger_and_events_of_the_fake_core(whole: Whole) -> None:
    region: asyncio.Future[c.RegionAnswer | None] = asyncio.get_running_loop().create_future()
    whole.client.region(0, 20_000, region.set_result)
    said = await region
    assert said is not None
    assert (said.epoch, said.state) == (whole.core.ledger.epoch, "serving")
    await whole.submit("k7")
    page = await whole.ask(whole.client.ledger, "2026-11-24", "", "")
    assert [entry.key for entry in page.entries] == ["k7"]
    whole.client.tell("session-up", "ATM00042", "atm", 1, {"peer": "10.0.0.1"}, whole.permit, bool)
    while await whole.core.handled.get() != c.NETWORK_EVENTS_PATH:
        pass
    assert whole.core.ledger.network_events[0].event == "session-up"


async def test_losing_one_of_three_zones_fails_nothing_but_what_was_in_flight_on_it(whole: Whole) -> None:
    """Every call after the loss is answered by the core; the dead zone is left alone, and used again when it is back."""
    for number in range(30):
        assert isinstance(await whole.submit(f"a{number}"), Approved)
    dead = whole.server.zones[0]
    await whole.kill(dead)
    for number in range(60):
        assert isinstance(await whole.submit(f"b{number}"), Approved), number
    address = Address(dead, whole.server.port)
    assert whole.client.balance.health_of(address) is Health.EJECTED
    outcomes = await asyncio.gather(*(whole.submit(f"c{number}") for number in range(100)))
    assert all(isinstance(outcome, Approved) for outcome in outcomes)
    keys = {f"a{n}" for n in range(30)} | {f"b{n}" for n in range(60)} | {f"c{n}" for n in range(100)}
    assert {e.key for e in (await whole.ask(whole.client.ledger, "2026-11-24", "", "")).entries} == keys


async def test_calls_in_flight_on_a_zone_that_dies_are_unknown_and_the_rest_is_answered(whole: Whole) -> None:
    whole.server.latency_ms = 1
    whole.server.held = held = []
    asked = [asyncio.ensure_future(whole.submit(f"d{number}")) for number in range(30)]
    for _ in asked:
        await whole.core.handled.get()
    await whole.kill(whole.server.zones[1])
    for answer_now in held:
        answer_now()
    outcomes = await asyncio.gather(*asked)
    lost = [outcome for outcome in outcomes if outcome == Unknown(why="lost: closed")]
    assert len(lost) == 10
    assert sum(isinstance(outcome, Approved) for outcome in outcomes) == 20


async def test_ten_megabytes_are_unknown(make_transport: MakeTransport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer(b"x" * 10_000_000))

    async with RawServer(script) as server:
        client = CoreClient(
            ClientSettings("core.test", server.address.port, False, "tokyo", 1),
            make_transport(),
            Balance(),
            clock=SystemClock(),
            timers=real_timers(),
            metrics=Metrics(),
            epoch_floor=lambda: 0,
        )
        client.use_addresses(("127.0.0.1",))
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        client.submit(withdrawal(), ATTEMPT, PERMIT, 20_000, future.set_result)
        assert await future == Unknown(why="lost: too-large")
