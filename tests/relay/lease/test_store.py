"""The lease database on a real server: one statement decides, tokens rise, ranges do not overlap, silence is silence."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import pytest

from protocols.dialect import LineRight
from relay.clock import SystemClock
from relay.errors import ConfigurationError
from relay.lease.access import Access, Mine, Numbers
from relay.lease.keeper import UNSIGNED, Signed
from relay.lease.lease import Answer, Denied, Granted, Silent
from relay.lease.store import LeaseStore, Tenure, init
from tests.support.pgserver import PostgresServer

TTL_MS = 60_000
_numbers = itertools.count(1)


class Rig:
    """A schema of the test's own, and stores of two centers on it."""

    def __init__(self, server: PostgresServer, dsn: str = "") -> None:
        self.server = server
        self.access = Access(dsn=dsn or server.dsn, schema=f"lease_{next(_numbers)}", password=None, request_timeout_ms=20_000)
        self.stores: list[LeaseStore] = []

    def store(self, center: str, incarnation: int = 1, *numbers: Numbers, ttl_ms: int = TTL_MS) -> LeaseStore:
        made = LeaseStore(self.access, Mine(center, incarnation, numbers), ttl_ms, SystemClock().boot_ms)
        self.stores.append(made)
        return made

    def sql(self, statement: str) -> str:
        return self.server.sql(f"SET search_path = {self.access.schema}; {statement}")

    async def close(self) -> None:
        for store in self.stores:
            await store.close()


async def ask(store: LeaseStore, token_min: int = 0, signed: Signed = UNSIGNED, resource: str = "line") -> Answer:
    heard: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    before_ms = SystemClock().boot_ms()

    def done(asked_ms: int, answer: Answer) -> None:
        assert before_ms <= asked_ms <= SystemClock().boot_ms()
        heard.set_result(answer)

    store.acquire(resource, token_min, signed, done)
    return await heard


async def give_back(store: LeaseStore, token: int) -> bool:
    heard: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    store.release("line", token, heard.set_result)
    return await heard


@pytest.fixture
def make(server: PostgresServer) -> Callable[[], Rig]:
    return lambda: Rig(server)


async def test_one_holds_the_other_is_denied_until_it_is_given_back(make: Callable[[], Rig]) -> None:
    rig = make()
    assert (await init(rig.access))[1:] == (0, 1)
    assert (await init(rig.access))[1:] == (1, 1)
    tokyo, osaka = rig.store("tokyo", 4), rig.store("osaka", 9)
    assert await ask(tokyo) == Granted(LineRight(1))
    denied = await ask(osaka)
    assert isinstance(denied, Denied)
    assert (denied.center, denied.incarnation, denied.token) == ("tokyo", 4, 1)
    assert 0 < denied.left_ms <= TTL_MS
    assert await ask(tokyo) == Granted(LineRight(1)), "a renewal keeps its token"
    assert not await give_back(osaka, 1)
    assert not await give_back(tokyo, 2), "of another tenure"
    assert await give_back(tokyo, 1)
    assert await ask(osaka) == Granted(LineRight(2, 1, "tokyo"))
    assert await osaka.holder("line") is not None
    assert await osaka.holder("nobody-ever") is None
    await rig.close()


async def test_a_lease_that_ran_out_is_the_next_ones_and_its_old_holder_gets_a_new_token(make: Callable[[], Rig]) -> None:
    rig = make()
    await init(rig.access)
    tokyo, osaka = rig.store("tokyo"), rig.store("osaka")
    assert await ask(tokyo) == Granted(LineRight(1))
    rig.sql("UPDATE lease SET expires_at = clock_timestamp() - interval '1 ms'")
    assert await ask(osaka) == Granted(LineRight(2, 1, "tokyo"))
    rig.sql("UPDATE lease SET expires_at = clock_timestamp() - interval '1 ms'")
    assert await ask(osaka) == Granted(LineRight(3, 1, "tokyo")), "the same holder, but not without a gap"
    await rig.close()


async def test_the_next_life_of_a_center_is_another_holder(make: Callable[[], Rig]) -> None:
    rig = make()
    await init(rig.access)
    assert await ask(rig.store("tokyo", 1)) == Granted(LineRight(1))
    denied = await ask(rig.store("tokyo", 2))
    assert isinstance(denied, Denied)
    await rig.close()


async def test_two_at_the_same_moment_are_one_holder(make: Callable[[], Rig]) -> None:
    rig = make()
    await init(rig.access)
    stores = [rig.store(f"center-{n}") for n in range(6)]
    answers = await asyncio.gather(*map(ask, stores))
    assert sum(isinstance(answer, Granted) for answer in answers) == 1
    await rig.close()


async def test_a_taking_is_signed_in_the_database_and_its_token_is_at_least_the_wanted_one(make: Callable[[], Rig]) -> None:
    rig = make()
    await init(rig.access)
    tokyo = rig.store("tokyo", 3)
    assert await ask(tokyo, 12, Signed("Sato", "Suzuki", "osaka is down")) == Granted(LineRight(12))
    assert await ask(tokyo) == Granted(LineRight(12))
    (tenure,) = await tokyo.tenures("line")
    assert isinstance(tenure, Tenure)
    assert (tenure.token, tenure.center, tenure.incarnation, tenure.who, tenure.second) == (12, "tokyo", 3, "Sato", "Suzuki")
    assert rig.sql("SELECT who, why FROM lease") == "Sato|osaka is down", "a renewal does not forget who took it"
    await rig.close()


async def test_a_token_never_goes_back_in_the_database_itself(make: Callable[[], Rig]) -> None:
    rig = make()
    await init(rig.access)
    assert await ask(rig.store("tokyo")) == Granted(LineRight(1))
    with pytest.raises(RuntimeError, match="a token never goes back"):
        rig.sql("UPDATE lease SET token = 5; UPDATE lease SET token = 4")
    await rig.close()


async def test_ranges_of_two_centers_that_overlap_are_refused_and_of_one_center_are_its_own(make: Callable[[], Rig]) -> None:
    rig = make()
    await init(rig.access)
    bank = "発信通番 of bank 0001"
    assert isinstance(await ask(rig.store("tokyo", 1, Numbers("line", bank, 1, 100))), Granted)
    overlapping = await ask(rig.store("osaka", 1, Numbers("line", bank, 100, 200)))
    assert isinstance(overlapping, Silent)
    assert "1 to 100" in overlapping.why
    apart = await ask(rig.store("osaka", 1, Numbers("line", bank, 101, 200)), resource="other")
    assert isinstance(apart, Granted)
    assert isinstance(await ask(rig.store("tokyo", 2, Numbers("line", bank, 1, 50)), resource="third"), Granted)
    await rig.close()


async def test_without_its_schema_the_database_grants_nothing(make: Callable[[], Rig]) -> None:
    rig = make()
    answer = await ask(rig.store("tokyo"))
    assert isinstance(answer, Silent)
    assert "relay lease init" in answer.why
    await rig.close()


async def test_a_server_that_is_not_there_is_silence_and_the_next_one_is_asked(server: PostgresServer) -> None:
    gone = "127.0.0.1:1"
    rig = Rig(server, dsn=f"postgresql://relay@{gone},{server.place}/relay")
    await init(Access(dsn=server.dsn, schema=rig.access.schema, password=None, request_timeout_ms=20_000))
    tokyo = rig.store("tokyo")
    assert isinstance(await ask(tokyo), Granted)
    assert not tokyo.is_copied
    alone = Rig(server, dsn=f"postgresql://relay@{gone}/relay")
    assert isinstance(await ask(alone.store("tokyo")), Silent)
    assert await alone.stores[0].tenures("line") == ()
    assert not await give_back(alone.stores[0], 1)
    with pytest.raises(ConfigurationError, match="no lease database writes"):
        await init(alone.access)
    await rig.close()
    await alone.close()
