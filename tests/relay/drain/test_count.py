"""Counting for whoever looks: by class, and the loop is given away between slices."""

from __future__ import annotations

from types import SimpleNamespace

from relay.drain.count import SLICE_COUNT, count_sessions


def link(channel: str, is_busy: bool = False) -> SimpleNamespace:
    return SimpleNamespace(listener=SimpleNamespace(channel=channel), is_busy=is_busy)


async def test_by_class_and_busy() -> None:
    links = [link("atm"), link("atm", True), link("branch"), link("partner", True), link("strange")]
    assert await count_sessions(links, nobody) == {"atm": (3, 1), "branch": (1, 0), "zengin": (1, 1)}
    assert await count_sessions([], nobody) == {"atm": (0, 0), "branch": (0, 0), "zengin": (0, 0)}


async def test_no_slice_is_longer_than_its_limit() -> None:
    asked: list[int] = []
    slices: list[int] = []

    class Counted:
        listener = SimpleNamespace(channel="atm")

        @property
        def is_busy(self) -> bool:
            asked.append(1)
            return False

    async def turn() -> None:
        slices.append(len(asked))
        asked.clear()

    counts = await count_sessions([Counted()] * (2 * SLICE_COUNT + 1), turn)
    assert counts["atm"] == (2 * SLICE_COUNT + 1, 0)
    assert slices == [SLICE_COUNT, SLICE_COUNT, 1]


async def nobody() -> None:
    return None
