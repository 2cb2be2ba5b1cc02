"""The console without a mouse: the way through a page, what the keyboard is on, short ways, forms, and no trap."""

from __future__ import annotations

from typing import Any

from tests.support.chromium import PHONE, Chromium, Seat
from tests.support.consoleroom import PASSWORD
from tests.support.showroom import WHO, Showroom

STOPS_MAX = 140  # of any page here; beyond it somebody walks in circles


async def stops(seat: Seat, key: str = "Tab") -> list[dict[str, Any]]:
    """Everything that the keyboard comes to, from the top of the page until it has left it."""
    found: list[dict[str, Any]] = []
    await seat.page.evaluate("() => { document.body.tabIndex = -1; document.body.focus(); window.scrollTo(0, 0); }")
    for _ in range(STOPS_MAX):
        await seat.page.keyboard.press(key)
        now = await seat.focused()
        if now["tag"] == "body":
            return found
        found.append(now)
    raise AssertionError(f"after {STOPS_MAX} stops the keyboard is still on {found[-1]}")


async def test_signing_in_without_a_mouse(chromium: Chromium, showroom: Showroom) -> None:
    seat = await chromium.seat(showroom.address)
    await seat.go("/owed")
    await seat.on("name")  # the first thing to type is where the keyboard is
    await seat.page.keyboard.type(WHO)
    await seat.page.keyboard.press("Tab")
    assert (await seat.focused())["name"] == "password"
    await seat.page.keyboard.type("wrong")
    await seat.page.keyboard.press("Enter")
    await seat.page.wait_for_selector("[role=alert]")
    await seat.on("password")  # the name is kept
    await seat.page.keyboard.type(PASSWORD)
    await seat.page.keyboard.press("Enter")
    await seat.page.wait_for_selector("nav")
    assert await seat.where() == "/owed", "where one wanted to go"
    await seat.close()


async def test_the_way_through_a_page_is_seen_and_ends(chromium: Chromium, showroom: Showroom) -> None:
    for width in (1280, PHONE):
        seat = await chromium.seat(showroom.address, width=width)
        await seat.sign_in(WHO, PASSWORD)
        for path in ("/", "/sessions", "/system", "/failover", "/deed/drain-start"):
            await seat.go(path)
            way = await stops(seat)
            unseen = [each for each in way if not each["isSeen"]]
            assert not unseen, f"{path} at {width}: {unseen}"
            assert way[0]["href"] == "#main", "first the way past the list of pages"
            assert len(way) > 12, path
            names = [each for each in way if not (each["text"] or each["name"])]
            assert not names, f"{path}: nobody says what these are: {names}"
        assert await seat.troubles() == []
        await seat.close()


async def test_past_the_list_of_pages_and_back(chromium: Chromium, showroom: Showroom) -> None:
    seat = await chromium.seat(showroom.address)
    await seat.sign_in(WHO, PASSWORD, "/sessions")
    await seat.page.keyboard.press("Tab")
    await seat.page.keyboard.press("Enter")
    assert (await seat.focused())["id"] == "main"
    await seat.page.keyboard.press("Tab")
    assert (await seat.focused())["name"] == "q", "the first thing of the page"
    await seat.page.keyboard.press("Shift+Tab")
    assert (await seat.focused())["href"] == "/failover", "and back into the list of pages"
    await seat.close()


async def test_short_ways(chromium: Chromium, showroom: Showroom) -> None:
    seat = await chromium.seat(showroom.address)
    await seat.sign_in(WHO, PASSWORD)
    for key, path in (("2", "/sessions"), ("9", "/system"), ("0", "/audit"), ("7", "/journal"), ("2", "/sessions")):
        await seat.page.keyboard.press(key)
        await seat.page.wait_for_url(f"{showroom.address}{path}")
    await seat.page.keyboard.press("/")
    assert (await seat.focused())["name"] == "q"
    await seat.page.keyboard.type("0310-002")  # digits in a field are digits
    await seat.page.keyboard.press("Enter")
    await seat.page.wait_for_url("**/sessions?q=0310-002*")
    assert "4 of 103 sessions" in await seat.text(".count")
    await seat.page.keyboard.press("/")
    await seat.page.keyboard.press("Escape")
    assert (await seat.focused())["tag"] == "body"
    await seat.page.focus("[name=signed]")
    await seat.page.keyboard.press("ArrowDown")
    await seat.page.keyboard.press("ArrowDown")
    assert (await seat.focused())["name"] == "signed", "on the way to a choice nothing is sent"
    await seat.page.keyboard.press("Enter")
    await seat.page.wait_for_url("**/sessions?*signed=no*")
    await seat.page.keyboard.press("1")
    await seat.page.wait_for_url(f"{showroom.address}/")
    await seat.close()


async def test_a_deed_without_a_mouse(chromium: Chromium, showroom: Showroom) -> None:
    seat = await chromium.seat(showroom.address)
    await seat.sign_in(WHO, PASSWORD, "/system")
    await seat.go("/deed/drain-start")
    await seat.on("why")  # where the reason goes
    press = seat.page.keyboard.press
    await press("Shift+Tab")
    await press("Shift+Tab")
    await press("Space")
    assert (await seat.focused())["name"] == "classes"
    await press("Tab")
    await press("Tab")
    await seat.page.keyboard.type("the hall is flooded")
    await press("Tab")
    assert (await seat.focused())["name"] == "sure"
    await press("Tab")
    await press("1")  # beside a field of a form that is filled in this leads nowhere
    await press("Enter")  # without the tick the browser itself says what is missing, and nothing is sent
    assert await seat.where() == "/deed/drain-start"
    assert "drain-start" not in showroom.room.sources.commands()
    await seat.page.focus("[name=sure]")
    await press("Space")
    await press("Tab")
    await press("Enter")
    await seat.page.wait_for_selector("main [role=status]")
    asked = [args for command, args in showroom.room.sources.asked if command == "drain-start"]
    assert len(asked) == 1
    assert (asked[0].who, asked[0].why, asked[0].classes) == (WHO, "the hall is flooded", ("branch",))  # type: ignore[attr-defined]
    await seat.close()


async def test_the_keyboard_stays_where_it_is_while_the_page_refreshes(chromium: Chromium, showroom: Showroom) -> None:
    seat = await chromium.seat(showroom.address)
    await seat.sign_in(WHO, PASSWORD)
    await seat.page.focus("tbody a[href*=branches]")
    await seat.page.evaluate("() => { document.activeElement.dataset.old = 'yes'; }")
    showroom.show("calm")
    await seat.page.wait_for_function("() => !document.querySelector('[data-old]')")
    now = await seat.focused()
    assert "branches" in now["href"]
    assert now["isSeen"]
    for what in (".tile[href='/owed']:nth-child(6)", ".sheet[aria-label=Lines]"):  # one of three to the same page; no link
        await seat.page.focus(what)
        await seat.page.evaluate("() => { document.activeElement.dataset.old = 'yes'; }")
        await seat.look_again()
        await seat.page.wait_for_function("() => !document.querySelector('[data-old]')")
        assert await seat.page.evaluate("(what) => document.activeElement.matches(what)", what), what
    await seat.close()
