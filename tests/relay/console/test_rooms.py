"""Pages by their path: what each asks of the relay, and that nothing typed into an address goes further than its type."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.console import rooms as module
from relay.console.pages.layout import NAV
from relay.control.commands import OutboundListArgs, SafKeyArgs, SafListArgs
from relay.journal.reader import Query
from relay.journal.records import StoredState
from tests.support.consolelinks import lines
from tests.support.consoleroom import Browser, ConsoleRoom, words_of
from tests.support.virtualtime import WALL_START_MS


@pytest.fixture
async def person(tmp_path: Path) -> Browser:
    room = ConsoleRoom(tmp_path)
    browser = room.browser()
    await browser.sign_in()
    return browser


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        ("/owed?what=listed", [("saf-list", SafListArgs(what="listed", count_max=100))]),
        ("/owed/one?key=k%2F1", [("saf-show", SafKeyArgs(key="k/1"))]),
        ("/outbound?state=unknown", [("outbound-list", OutboundListArgs(state="unknown", count_max=100))]),
        ("/tables", []),
        ("/audit?below=x", []),
    ],
)
async def test_what_a_page_asks(person: Browser, target: str, asked: list[object]) -> None:
    await person.get(target)
    assert person.status == 200
    assert person.room.sources.asked == asked


@pytest.mark.parametrize(
    ("target", "query"),
    [
        ("/journal", Query(since_ms=WALL_START_MS - 6 * 3_600_000, limit=100)),
        (
            "/journal?terminal=A1&state=listed&hours=24&kind=withdrawal&business_date=2026-11-24",
            Query(
                terminal="A1",
                kind="withdrawal",
                state=StoredState.LISTED,
                business_date="2026-11-24",
                since_ms=WALL_START_MS - 24 * 3_600_000,
                limit=100,
            ),
        ),
        ("/journal?state=x&hours=-1", Query(since_ms=WALL_START_MS - 6 * 3_600_000, limit=100)),
    ],
)
async def test_a_search_is_always_bounded(person: Browser, target: str, query: Query) -> None:
    await person.get(target)
    assert person.room.sources.queries == [query]


async def test_sessions_are_found_on_the_server(person: Browser) -> None:
    person.room.sources.lines = lines(1_000)
    person.room.sources.names = {"atm": "iso8583"}
    assert "10 of 1,000 sessions" in words_of(await person.get("/sessions?q=T0012"))
    page = await person.get("/sessions")
    assert "T00000" in page
    assert "T00050" not in page
    assert "1,000 of 1,000" in words_of(page)


async def test_searches_at_once_are_bounded(person: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WALKS_COUNT_MAX", 0)
    await person.get("/sessions")
    assert person.status == 503


async def test_pages_that_refresh_themselves_share_a_walk_and_who_asks_has_his_own(person: Browser) -> None:
    room = person.room
    room.sources.lines = lines(20)
    assert "20 of 20 sessions" in words_of(await person.get("/sessions"))
    room.sources.lines = lines(21)
    assert "20 of 20 sessions" in words_of(await person.get("/sessions", x_refresh="1")), "walked for a moment ago"
    assert "21 of 21 sessions" in words_of(await person.get("/sessions?q=T", x_refresh="1")), "another search"
    assert "21 of 21 sessions" in words_of(await person.get("/sessions")), "somebody asks"
    room.sources.lines = lines(22)
    room.time.run(module.WALK_KEPT_MS - 1)
    assert "21 of 21 sessions" in words_of(await person.get("/sessions", x_refresh="1"))
    room.time.run(1)
    assert "22 of 22 sessions" in words_of(await person.get("/sessions", x_refresh="1"))
    for number in range(module.WALKS_KEPT_COUNT_MAX):
        await person.get(f"/sessions?q={number}")
    room.sources.lines = lines(23)
    assert "23 of 23 sessions" in words_of(await person.get("/sessions", x_refresh="1")), "forgotten for others"


def test_every_page_of_the_way_around_has_a_room(tmp_path: Path) -> None:
    room = ConsoleRoom(tmp_path)
    assert {path for path, _ in NAV} <= set(room.site._rooms.table)
