"""One answer for all who look within a second, longer where it took long, and anew after a deed."""

from __future__ import annotations

import msgspec
import pytest

from relay.console.sources import FRESH_MS, KEPT_MS_MAX, SHARE, Shared
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
