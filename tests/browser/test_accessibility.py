"""What axe-core has against the pages: nothing. WCAG 2.2 A and AA, and its own good habits.

The checker is put into the page, so these seats have no policy; test_pages.py has the policy and no checker.
"""

from __future__ import annotations

import pytest

from tests.browser.pictures import PAGES
from tests.support.chromium import DESK, PHONE, Chromium, Language
from tests.support.consoleroom import PASSWORD
from tests.support.showroom import WHO, Showroom


@pytest.mark.timeout(400)  # the checker needs seconds of a core for each page
@pytest.mark.parametrize(("width", "language"), [(DESK, "en"), (PHONE, "ja")])
async def test_nothing_is_found_on_any_page(width: int, language: Language, chromium: Chromium, showroom: Showroom) -> None:
    seat = await chromium.seat(showroom.address, width=width, language=language, is_checked=True)
    await seat.go("/")
    assert await seat.findings() == [], "sign-in"
    await seat.sign_in(WHO, PASSWORD)
    for name, path in PAGES.items():
        await seat.go(path)
        assert await seat.findings() == [], name
    await seat.close()


async def test_nothing_is_found_where_there_is_nothing_or_something_wrong(chromium: Chromium, showroom: Showroom) -> None:
    seat = await chromium.seat(showroom.address, is_checked=True)
    await seat.go("/")
    await seat.page.fill("[name=name]", "nobody")
    await seat.page.fill("[name=password]", "wrong")
    await seat.page.press("[name=password]", "Enter")
    await seat.page.wait_for_selector("[role=alert]")
    assert await seat.findings() == [], "a wrong password"
    await seat.sign_in(WHO, PASSWORD)
    showroom.show("bare")
    for path in ("/", "/sessions", "/traffic", "/owed", "/failover"):
        await seat.go(path)
        assert await seat.findings() == [], path
    await seat.close()


async def test_the_checker_finds_what_is_wrong(chromium: Chromium, showroom: Showroom) -> None:
    """A check that finds nothing anywhere might not be one."""
    seat = await chromium.seat(showroom.address, is_checked=True)
    await seat.sign_in(WHO, PASSWORD)
    await seat.page.evaluate("() => { document.querySelector('h1').innerHTML = '<img src=x><a href=/></a>'; }")
    found = " ".join(await seat.findings())
    assert "image-alt" in found
    assert "link-name" in found
    await seat.close()
