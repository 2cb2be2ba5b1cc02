"""The fake station against another of its kind: both roles, both directions, faults that were asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from relay.loopback.filebooks import FileFate
from relay.loopback.filewire import LineLost
from relay.loopback.stage import free_port
from relay.loopback.station import Fault, FileStation
from tests.support.zenginlink import BANK, COMPANY, WALL_MS, profile
from tests.support.zenginrelay import company, parcel

HOST = "127.0.0.1"


@pytest_asyncio.fixture(loop_scope="session")
async def bank() -> AsyncIterator[tuple[FileStation, int]]:
    station = FileStation(profile(BANK, COMPANY, text_bytes_max=2048), lambda: WALL_MS)
    port = free_port()
    await station.serve(HOST, port)
    yield station, port
    await station.stop()


async def test_files_sent_and_in_both_books(bank: tuple[FileStation, int]) -> None:
    other, port = bank
    station = company()
    assert await station.send(HOST, port, [parcel(50, "01"), parcel(3, "02")]) == ["ok", "ok"]
    assert other.books.received["SOUFURI", "01"] == parcel(50, "01").content
    assert {line.fate for line in station.books.sent()} == {FileFate.DELIVERED}
    assert await station.send(HOST, port, [parcel(50, "01")]) == ["duplicate-cycle"]


async def test_a_file_fetched(bank: tuple[FileStation, int]) -> None:
    other, port = bank
    other.give(parcel(20, "01", "03"))
    station = company()
    assert await station.fetch(HOST, port, "MEISAI") == parcel(20, "01", "03").content
    assert await station.fetch(HOST, port, "MEISAI") is None
    assert [line.fate for line in other.books.sent()] == [FileFate.DELIVERED]


@pytest.mark.parametrize(
    ("fault", "fate"),
    [
        (Fault(cut_after=2), FileFate.OPEN),
        (Fault(cut_before_answer=True), FileFate.UNANSWERED),
    ],
)
async def test_faults_leave_the_books_honest(bank: tuple[FileStation, int], fault: Fault, fate: FileFate) -> None:
    _, port = bank
    station = company()
    assert await station.send(HOST, port, [parcel(50, "01")], fault) == [""]
    assert [line.fate for line in station.books.sent()] == [fate]
    assert "on purpose" in station.problems[-1]


async def test_a_wrong_password_opens_nothing(bank: tuple[FileStation, int]) -> None:
    _, port = bank
    station = company()
    assert await station.send(HOST, port, [parcel(5, "01")], Fault(wrong_password=True)) == [""]
    assert station.problems == ["open: wrong-password"]
    assert list(station.books.sent()) == []


async def test_nobody_there() -> None:
    with pytest.raises(OSError, match=r"refused|Connect"):
        await company().send(HOST, free_port(), [parcel(5, "01")])


def test_a_parcel_knows_its_amounts() -> None:
    assert parcel(3, "01").amounts() == [1_001, 1_004, 1_009]
    assert parcel(3, "01").count == 6
    assert issubclass(LineLost, Exception)
