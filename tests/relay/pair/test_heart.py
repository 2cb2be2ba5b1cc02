"""Heartbeats on real sockets: two hearts that find each other, garbage and floods beside them, an address that is not here."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from random import Random

import pytest
import pytest_asyncio
import uvloop

from relay.clock import SystemClock
from relay.configuration.pair import PairPath
from relay.pair.beat import Beat
from relay.pair.hearing import Hearing, HearingRules, PathState
from relay.pair.heart import DATAGRAMS_PER_S_MAX, Heart
from relay.telemetry.metrics import Metrics
from relay.wheel import TimingWheel
from tests.support.pairroom import OSAKA, TOKYO, until
from tests.support.realdns import free_udp_port
from tests.support.virtualtime import VirtualTime

KEY = bytes(range(32))


class Side:
    """A heart with its hearing; `ip` to `peer_ip`."""

    def __init__(self, name: str, peer: str, ip: str, peer_ip: str, port: int, life: int, key: bytes = KEY) -> None:
        clock = SystemClock()
        self.name, self.peer, self.life = name, peer, life
        self.clock = clock
        self.metrics = Metrics()
        self.heard = asyncio.Event()
        self.hearing = Hearing(name, peer, life, 1, HearingRules(2_000, 2), clock.monotonic_ms())
        self.heart = Heart(
            [PairPath("link", ip, peer_ip)],
            port,
            [key],
            self.hearing,
            self.say,
            self.heard.set,
            clock=clock,
            timers=TimingWheel(clock, asyncio.get_running_loop().call_later, tick_ms=5),
            random=Random(1),
            metrics=self.metrics,
            beat_ms=100,
        )

    def say(self, sequence: int) -> Beat:
        return Beat(center=self.name, peer=self.peer, incarnation=1, life=self.life, sequence=sequence)

    def count(self, result: str) -> float:
        return self.metrics.registry.get_sample_value("relay_pair_beats_total", {"path": "link", "result": result}) or 0

    async def until(self, result: str, count: int = 1) -> None:
        async with asyncio.timeout(20):
            while self.count(result) < count:
                self.heard.clear()
                await self.heard.wait()

    async def until_up(self) -> None:
        async with asyncio.timeout(20):
            while self.hearing.state(0, self.clock.monotonic_ms()) is not PathState.UP:
                self.heard.clear()
                await self.heard.wait()


class Two:
    def __init__(self) -> None:
        self.port = free_udp_port(TOKYO, OSAKA)
        self.tokyo = Side("tokyo", "osaka", TOKYO, OSAKA, self.port, 1)
        self.osaka = Side("osaka", "tokyo", OSAKA, TOKYO, self.port, 2)


@pytest_asyncio.fixture
async def two() -> AsyncIterator[Two]:
    made = Two()
    yield made
    made.tokyo.heart.stop()
    made.osaka.heart.stop()


async def test_two_find_each_other_whoever_begins(two: Two) -> None:
    two.tokyo.heart.start()
    await asyncio.sleep(0)
    two.osaka.heart.start()
    await asyncio.gather(two.tokyo.until_up(), two.osaka.until_up())
    assert two.tokyo.heart.troubles == ("",)
    assert two.tokyo.hearing.peer_version == two.tokyo.hearing.heard_version == 1


async def test_garbage_a_wrong_key_and_a_stranger_change_nothing(two: Two) -> None:
    two.tokyo.heart.start()
    with socket.socket(type=socket.SOCK_DGRAM) as peer, socket.socket(type=socket.SOCK_DGRAM) as stranger:
        stranger.bind((OSAKA, 0))  # the peer's address, another port: the kernel keeps it away
        stranger.sendto(b"RLPB" + bytes(60), (TOKYO, two.port))
        peer.bind((OSAKA, two.port))
        for said in (b"", b"garbage", b"RLPB" + bytes(60), bytes(1_401), bytes(60_000)):
            peer.sendto(said, (TOKYO, two.port))
        await two.tokyo.until("too-long", 2)
    assert (two.tokyo.count("not-ours"), two.tokyo.count("bad-mac")) == (2, 1)
    assert two.tokyo.hearing.beat is None


async def test_questions_go_by_every_path_beside_the_heartbeats(two: Two) -> None:
    came: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    two.osaka.heart.on_question = came.set_result
    two.tokyo.heart.start()
    two.osaka.heart.start()
    await asyncio.gather(two.tokyo.until_up(), two.osaka.until_up())
    two.tokyo.heart.send_all(b"RLPQ a question")
    assert await asyncio.wait_for(came, 20) == b"RLPQ a question"
    assert two.osaka.count("not-ours") == 0
    two.osaka.heart.send_all(b"RLPQ of no use")  # nobody has a use for it there: it changes nothing
    proven = two.tokyo.count("proven")
    await two.tokyo.until("proven", int(proven) + 1)
    assert two.tokyo.count("not-ours") == 0


async def test_a_flood_is_read_up_to_its_limit_and_the_rest_is_dropped(two: Two) -> None:
    two.tokyo.heart.start()
    two.tokyo.heart._clock = VirtualTime()  # it stands still: however long the flood takes, it comes in one second
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        peer.bind((OSAKA, two.port))
        for _ in range(40):
            for _ in range(16):
                peer.sendto(b"flood", (TOKYO, two.port))
            await asyncio.sleep(0)
        await two.tokyo.until("not-ours", DATAGRAMS_PER_S_MAX)
    assert two.tokyo.count("not-ours") == DATAGRAMS_PER_S_MAX
    assert two.tokyo.count("flooded") == 1
    two.tokyo.heart._clock = two.tokyo.clock
    two.osaka.heart.start()
    await two.osaka.until_up()  # the next second hears again


async def test_an_address_that_is_not_on_this_host_is_told_and_is_no_reason_to_end() -> None:
    side = Side("tokyo", "osaka", "192.0.2.1", "192.0.2.2", free_udp_port(), 1)
    side.heart.start()
    assert side.heart.troubles == ("Cannot assign requested address",)
    side.heart.stop()


@pytest.mark.parametrize("loop_name", ["asyncio", "uvloop"])
def test_a_peer_that_comes_late_is_heard_though_the_system_has_told_that_nobody_is_there(loop_name: str) -> None:
    """The kernel's word that a port is closed ends a reader of libuv's, and the process would be deaf for ever."""

    async def scene() -> None:
        made = Two()
        made.tokyo.heart.start()
        await until(lambda: made.tokyo.heart._sequence >= 4, look_s=0.01)
        made.osaka.heart.start()
        try:
            await asyncio.gather(made.tokyo.until_up(), made.osaka.until_up())
        finally:
            made.tokyo.heart.stop()
            made.osaka.heart.stop()

    factory = asyncio.new_event_loop if loop_name == "asyncio" else uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(scene())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_heartbeat_that_fails_by_a_mistake_of_ours_is_not_the_last_one(two: Two) -> None:
    """Else the other center would take a center that serves for lost."""
    loop, told = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
    mistakes = [LookupError("of ours")]
    say = two.tokyo.say

    def say_or_fail(sequence: int) -> Beat:
        if sequence > 1 and mistakes:
            raise mistakes.pop()
        return say(sequence)

    two.tokyo.heart._say = say_or_fail
    two.tokyo.heart.start()
    two.osaka.heart.start()
    await asyncio.gather(two.tokyo.until_up(), two.osaka.until_up())
    assert not mistakes
    loop.set_exception_handler(None)
