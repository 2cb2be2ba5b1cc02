"""Who sees what when somebody has left: yesterday's cookie, two tabs, the way back, and who may not do what they see."""

from __future__ import annotations

from tests.support.chromium import Chromium, Seat
from tests.support.consoleroom import PASSWORD
from tests.support.showroom import WHO, Showroom

DAY_MS = 86_400_000
SECRET = "26,890"  # of the overview: nobody who is not signed in may read it


async def signed_out(seat: Seat) -> None:
    await seat.page.wait_for_selector("form.login")
    assert SECRET not in await seat.page.content()


async def test_a_cookie_of_yesterday_opens_nothing(chromium: Chromium, showroom: Showroom) -> None:
    seat = await chromium.seat(showroom.address)
    await seat.sign_in(WHO, PASSWORD)
    assert SECRET in await seat.page.content()
    kept = await seat.context.cookies()
    showroom.pass_time(DAY_MS)
    await signed_out(seat)  # the page that stood open the whole night, at its next look
    await seat.go("/journal")
    await signed_out(seat)
    other = await chromium.seat(showroom.address)  # somebody who copied it
    await other.context.add_cookies([{"name": one["name"], "value": one["value"], "url": showroom.address} for one in kept])
    await other.go("/")
    await signed_out(other)
    assert await other.troubles() == []
    await seat.close()
    await other.close()


async def test_a_script_cannot_read_the_cookie(chromium: Chromium, showroom: Showroom) -> None:
    seat = await chromium.seat(showroom.address)
    await seat.sign_in(WHO, PASSWORD)
    session = [one for one in await seat.context.cookies() if one["name"] == "relay-session"]
    assert [(one["httpOnly"], one["sameSite"]) for one in session] == [(True, "Strict")]
    assert await seat.page.evaluate("() => document.cookie") == ""
    await seat.close()


async def test_signing_out_in_one_tab_empties_the_other(chromium: Chromium, showroom: Showroom) -> None:
    seat = await chromium.seat(showroom.address)
    await seat.sign_in(WHO, PASSWORD)
    first = seat.page
    second = await seat.tab()
    await seat.go("/failover")
    await second.click("text=Sign out")
    await second.wait_for_selector("form.login")
    await first.bring_to_front()
    await first.wait_for_selector("form.login")
    assert SECRET not in await first.content()
    assert await seat.troubles() == []
    await seat.close()


async def test_the_way_back_after_signing_out_shows_nothing(chromium: Chromium, showroom: Showroom) -> None:
    seat = await chromium.seat(showroom.address)
    await seat.sign_in(WHO, PASSWORD)
    await seat.go("/sessions")
    await seat.go("/")
    await seat.page.click("text=Sign out")
    await signed_out(seat)
    for _ in range(3):
        await seat.page.go_back()
        assert not await seat.page.is_visible(".signed"), "not for a moment"
        await signed_out(seat)
    await seat.close()


async def test_a_page_that_the_browser_kept_is_hidden_and_asked_for_again(chromium: Chromium, showroom: Showroom) -> None:
    """This Chromium keeps no page that says `no-store`; one that does tells the page so, as here."""
    seat = await chromium.seat(showroom.address)
    await seat.sign_in(WHO, PASSWORD, "/journal")  # a page that does not ask again by itself meanwhile
    await seat.page.evaluate("() => window.dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    assert not await seat.page.is_visible("h1")
    await seat.context.clear_cookies()
    await seat.page.evaluate("() => window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    await signed_out(seat)
    await seat.close()


async def test_one_form_in_two_tabs_is_done_once(chromium: Chromium, showroom: Showroom) -> None:
    seat = await chromium.seat(showroom.address)
    await seat.sign_in(WHO, PASSWORD)
    first = seat.page
    await seat.go("/deed/saf-retry?key=k1")
    form = await first.input_value("[name=form]")
    second = await seat.tab()
    await seat.go("/deed/saf-retry?key=k1")
    assert await second.input_value("[name=form]") != form
    await second.evaluate("(number) => { document.querySelector('[name=form]').value = number; }", form)
    for page in (first, second):
        await page.fill("[name=why]", "the core is back")
        await page.click("main button")
        await page.wait_for_selector("main [role=status], main [role=alert]")
    assert showroom.room.sources.commands().count("saf-retry") == 1
    assert "again" in (await second.inner_text("[role=alert]")).lower() or await second.is_visible("[role=alert]")
    await seat.close()


async def test_a_viewer_sees_all_and_is_offered_nothing(chromium: Chromium, showroom: Showroom) -> None:
    seat = await chromium.seat(showroom.address)
    await seat.sign_in("viewer", PASSWORD)
    for path in ("/", "/owed", "/owed/one?key=k", "/outbound", "/system", "/reports/one?number=311"):
        assert await seat.go(path) == 200
        assert await seat.page.locator("main a[href^='/deed/']").count() == 0, path
        assert await seat.page.locator("main form[method=post]").count() == 0, path
    assert await seat.go("/deed/drain-start") == 403
    await seat.close()


async def test_another_site_can_neither_frame_it_nor_post_to_it(chromium: Chromium, showroom: Showroom) -> None:
    """A page of somebody else's, open beside the console in the same browser."""
    seat = await chromium.seat(showroom.address)
    await seat.sign_in(WHO, PASSWORD)
    evil = await seat.tab()
    elsewhere = showroom.address.replace("127.0.0.1", "localhost")
    frame = f'<iframe src="{showroom.address}/"></iframe>'
    inputs = "<input name=key value=k><input name=why value=because>"
    post = f'<form method=post action="{showroom.address}/deed/saf-retry">{inputs}</form>'
    body = f"<!doctype html><title>evil</title>{frame}{post}"
    await evil.route(f"{elsewhere}/**", lambda route: route.fulfill(body=body, content_type="text/html"))
    await evil.goto(f"{elsewhere}/")
    await evil.wait_for_load_state()
    inner = evil.frames[1]
    assert SECRET not in await inner.content()
    await evil.evaluate("() => document.forms[0].submit()")
    await evil.wait_for_url(f"{showroom.address}/**")
    assert "saf-retry" not in showroom.room.sources.commands()
    await seat.close()
