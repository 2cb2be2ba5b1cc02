"""One answer for all who look within a second, longer where it took long, and anew after a deed."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from relay.console.sources import FRESH_MS, KEPT_MS_MAX, SHARE, SLICED_KEPT_MS, Shared
from relay.control.commands import SafListArgs, StatusArgs
from relay.control.report import SafReport, StatusReport
from relay.errors import RelayError


class Relay:
    def __init__(self, took_us: int = 0) -> None:
        self.now_us = 0
        self.took_us = took_us
        self.asked = 0
        self.problem = ""
        self.times: list[float] = []
        self.shared = Shared(self.ask, lambda: self.now_us, self.times.append)

    async def ask(self, command: str, args: msgspec.Struct) -> msgspec.Struct:
        self.asked += 1
        self.now_us += self.took_us
        if self.problem:
            raise RelayError(self.problem)
        return StatusReport() if command == "status" else SafReport()

    async def look(self) -> StatusReport:
        return await self.shared.get("status", StatusArgs(), StatusReport)


async def test_ten_people_cost_as_much_as_one() -> None:
    relay = Relay()
    for _ in range(10):
        await relay.look()
    assert relay.asked == 1
    relay.now_us += FRESH_MS * 1_000 - 1
    await relay.look()
    assert relay.asked == 1
    relay.now_us += 1
    await relay.look()
    assert relay.asked == 2


async def test_what_takes_long_is_asked_less_often() -> None:
    relay = Relay(took_us=50_000)
    await relay.look()
    assert relay.times == [0.05]
    relay.now_us += SHARE * 50_000 - 1
    await relay.look()
    assert relay.asked == 1, "a hundredth of the loop's time at most"
    relay.now_us += 1
    await relay.look()
    assert relay.asked == 2
    slow = Relay(took_us=10_000_000)
    await slow.look()
    slow.now_us += KEPT_MS_MAX * 1_000
    await slow.look()
    assert slow.asked == 2, "but never older than this"


async def test_other_arguments_are_another_question_and_a_deed_asks_anew() -> None:
    relay = Relay()
    await relay.shared.get("saf-list", SafListArgs(what="owed"), SafReport)
    await relay.shared.get("saf-list", SafListArgs(what="listed"), SafReport)
    assert relay.asked == 2
    relay.shared.forget()
    await relay.shared.get("saf-list", SafListArgs(what="listed"), SafReport)
    assert relay.asked == 3


async def test_a_refusal_is_not_kept() -> None:
    relay = Relay()
    relay.problem = "away"
    for _ in range(2):
        with pytest.raises(RelayError, match="away"):
            await relay.look()
    assert relay.asked == 2
    relay.problem = ""
    with pytest.raises(TypeError):
        await relay.shared.get("status", StatusArgs(), SafReport)


async def test_who_asks_while_an_answer_is_on_its_way_waits_for_that_one() -> None:
    relay, gate = Relay(), asyncio.Event()

    async def slow(command: str, args: msgspec.Struct) -> msgspec.Struct:
        answer = await relay.ask(command, args)
        await gate.wait()
        return answer

    shared = Shared(slow, lambda: relay.now_us, relay.times.append)
    looks = [asyncio.ensure_future(shared.get("status", StatusArgs(), StatusReport)) for _ in range(5)]
    await asyncio.sleep(0)
    looks[0].cancel()  # a browser that has gone takes nobody's answer with it
    await asyncio.sleep(0)
    gate.set()
    ended = await asyncio.gather(*looks, return_exceptions=True)
    assert [type(each) for each in ended] == [asyncio.CancelledError, *[StatusReport] * 4]
    assert relay.asked == 1


async def test_what_was_asked_before_a_deed_is_not_shown_after_it() -> None:
    relay, gate = Relay(), asyncio.Event()

    async def slow(command: str, args: msgspec.Struct) -> msgspec.Struct:
        answer = await relay.ask(command, args)
        await gate.wait()
        return answer

    shared = Shared(slow, lambda: relay.now_us, relay.times.append)
    before = asyncio.ensure_future(shared.get("status", StatusArgs(), StatusReport))
    await asyncio.sleep(0)
    shared.forget()
    gate.set()
    await before
    await shared.get("status", StatusArgs(), StatusReport)
    assert relay.asked == 2


async def test_one_in_slices_is_kept_for_seconds_whatever_it_took() -> None:
    relay = Relay(took_us=2_000_000)
    for _ in range(2):
        await relay.shared.get("status", StatusArgs(), StatusReport, is_sliced=True)
    assert (relay.asked, relay.times) == (1, [])
    relay.now_us += SLICED_KEPT_MS * 1_000
    await relay.shared.get("status", StatusArgs(), StatusReport, is_sliced=True)
    assert relay.asked == 2
