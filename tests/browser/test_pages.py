"""Every page in a real browser: at two widths, in two languages, full, empty, and full of what strangers chose.

What must hold everywhere: nothing stands outside of the window, nothing is asked of anybody else, the page's own policy is
never broken, no script fails.
"""

from __future__ import annotations

import pytest

from tests.browser.pictures import PAGES, WIDTHS
from tests.support.chromium import DESK, HEIGHTS, PATIENCE_MS, PHONE, Chromium, Language
from tests.support.consoleroom import PASSWORD
from tests.support.showroom import WHO, Showroom

NARROWER = (1_100, 1_024, 1_023)  # half of a screen: the menu on top; the narrowest with lists; the widest with cards


def day_seconds(clock: str) -> int:
    hours, minutes, seconds = map(int, clock.split(":"))
    return (hours * 60 + minutes) * 60 + seconds


@pytest.mark.parametrize("language", ["en", "ja"])
async def test_every_page_fits_and_asks_nobody_else(language: Language, chromium: Chromium, showroom: Showroom) -> None:
    for width in WIDTHS:
        seat = await chromium.seat(showroom.address, width=width, language=language)
        await seat.go("/")
        assert await seat.overflow() == [], f"sign-in at {width}"
        await seat.sign_in(WHO, PASSWORD)
        titles = set()
        for name, path in PAGES.items():
            status = await seat.go(path)
            assert status == (404 if name == "nowhere" else 200), name
            assert await seat.overflow() == [], f"{name} at {width}"
            assert await seat.sideways() == [], f"{name} at {width}: a list is wider than its page"
            for narrower in NARROWER if width == DESK else ():
                await seat.page.set_viewport_size({"width": narrower, "height": 860})
                assert await seat.overflow() + await seat.sideways() == [], f"{name} at {narrower}"
            await seat.page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
            assert await seat.page.get_attribute("html", "lang") == language
            titles.add(await seat.page.title())
        assert len(titles) >= len(PAGES) - 3, "each says in its title what it is"
        assert await seat.troubles() == []
        await seat.close()


@pytest.mark.parametrize("scene", ["strange", "bare"])
async def test_what_strangers_chose_and_nothing_at_all(scene: str, chromium: Chromium, showroom: Showroom) -> None:
    showroom.show(scene)
    for width in WIDTHS:
        seat = await chromium.seat(showroom.address, width=width)
        await seat.sign_in(WHO, PASSWORD)
        for name, path in PAGES.items():
            await seat.go(path)
            assert "owned" not in await seat.page.title(), name
            assert await seat.overflow() == [], f"{name} at {width}"
        if scene == "strange":
            await seat.go("/sessions?q=%3Cscript")
            assert "<script>document.title='owned'</script>" in await seat.text("tbody"), "it is shown, as text"
            await seat.page.click("tbody a")  # and goes on as text, in an address and into a field
            assert await seat.page.input_value("[name=terminal]") == "<script>document.title='owned'</script>"
        assert await seat.troubles() == []
        await seat.close()


async def test_the_part_that_is_alive_is_asked_for_again_and_says_when_nobody_answers(
    chromium: Chromium, showroom: Showroom
) -> None:
    seat = await chromium.seat(showroom.address)
    await seat.sign_in(WHO, PASSWORD)
    assert "with 6 to look at" in await seat.text(".headline")
    showroom.show("calm")
    await seat.page.wait_for_function("() => document.querySelector('.headline').textContent.includes('all is well')")
    await seat.context.set_offline(True)
    await seat.page.wait_for_selector("#lost:not([hidden])")
    assert "does not answer" in await seat.text("#lost")
    assert "03:0" in await seat.text("#lost"), "since when"
    red = "() => [getComputedStyle(document.body).getPropertyValue('--bad').trim(), getComputedStyle(lost).color]"
    assert await seat.page.evaluate(red) == ["#ff8178", "rgb(255, 129, 120)"], "nobody overlooks it"
    await seat.context.set_offline(False)
    await seat.page.wait_for_selector("#lost", state="hidden")
    showroom.is_stuck = True  # its connections are open, and nothing comes
    await seat.look_again()
    await seat.page.wait_for_selector("#lost:not([hidden])")
    showroom.go_on()
    await seat.page.wait_for_selector("#lost", state="hidden")
    await seat.close()


async def test_a_press_is_not_lost_to_a_look(chromium: Chromium, showroom: Showroom) -> None:
    """A finger is down for a tenth of a second: exchanged meanwhile, the link would lead nowhere when it is up again."""
    seat = await chromium.seat(showroom.address)
    await seat.sign_in(WHO, PASSWORD)
    await seat.page.hover("#live a[href='/sessions']")
    await seat.page.mouse.down()
    await seat.look_again()
    for _ in range(3):  # two may be on their way, and the third begins when one of them has ended
        async with seat.page.expect_response(lambda answer: "x-refresh" in answer.request.headers):
            pass
    showroom.show("calm")
    await seat.page.mouse.up()
    await seat.page.wait_for_url("**/sessions")
    await seat.close()


async def test_a_page_that_is_pressed_for_long_says_that_it_is_old(chromium: Chromium, showroom: Showroom) -> None:
    seat = await chromium.seat(showroom.address)
    await seat.sign_in(WHO, PASSWORD)
    await seat.page.hover("#live a[href='/sessions']")
    await seat.page.mouse.down()
    showroom.show("calm")
    await seat.page.wait_for_selector("#lost:not([hidden])")
    assert "with 6 to look at" in await seat.text(".headline")
    await seat.page.mouse.move(0, 0)
    await seat.page.mouse.up()  # beside the link, which leads nowhere then
    await seat.page.wait_for_function("() => document.querySelector('.headline').textContent.includes('all is well')")
    await seat.page.wait_for_selector("#lost", state="hidden")
    await seat.close()


async def test_words_that_are_selected_stay_and_the_page_says_of_when_it_is(chromium: Chromium, showroom: Showroom) -> None:
    seat = await chromium.seat(showroom.address)
    await seat.sign_in(WHO, PASSWORD)
    await seat.page.dblclick(".headline strong")
    since = await seat.text("#clock")
    showroom.show("calm")
    await seat.look_again()
    await seat.page.wait_for_selector("#held:not([hidden])")
    assert await seat.text("#clock") == since, "no new time above old words"
    assert since in await seat.text("#held")
    assert "with 6 to look at" in await seat.text(".headline")
    await seat.page.evaluate("() => getSelection().removeAllRanges()")
    await seat.look_again()
    await seat.page.wait_for_function("() => document.querySelector('.headline').textContent.includes('all is well')")
    assert not await seat.page.is_visible("#held")
    await seat.close()


async def test_the_clock_goes_on_beside_a_form(chromium: Chromium, showroom: Showroom) -> None:
    """What holds until 03:07 is read against it, and nothing is asked for again while somebody types."""
    seat = await chromium.seat(showroom.address)
    await seat.sign_in(WHO, PASSWORD, "/deed/drain-start")
    shown = await seat.text("#clock")
    await seat.page.wait_for_function("(shown) => document.getElementById('clock').textContent > shown", arg=shown)
    assert 0 < day_seconds(await seat.text("#clock")) - day_seconds(shown) <= 2 * PATIENCE_MS / 1_000, "not the browser's time"
    await seat.close()


async def test_without_scripts_everything_but_the_refreshing_works(chromium: Chromium, showroom: Showroom) -> None:
    seat = await chromium.seat(showroom.address, has_script=False)
    await seat.sign_in(WHO, PASSWORD)
    for path in ("/sessions?q=T0000003", "/owed"):
        assert await seat.go(path) == 200
    await seat.page.click("tbody tr:first-child a")
    await seat.shows("h1", "One exchange")
    await seat.page.click("text=Ask the core again")
    await seat.page.fill("[name=why]", "the core is back")
    await seat.page.click("main button")
    await seat.shows("main", "saf-retry done")
    await seat.close()


async def test_a_phone_shows_which_page_it_is_on(chromium: Chromium, showroom: Showroom) -> None:
    seat = await chromium.seat(showroom.address, width=PHONE)
    await seat.sign_in(WHO, PASSWORD, "/system")
    for path in ("/", "/journal", "/failover"):
        await seat.go(path)
        box = await seat.page.locator("nav [aria-current]").first.bounding_box()
        assert box is not None
        assert box["x"] >= 0, path
        assert box["x"] + box["width"] <= PHONE, path
    await seat.close()


async def test_printing_a_report_keeps_it_as_a_file(chromium: Chromium, showroom: Showroom) -> None:
    seat = await chromium.seat(showroom.address, width=DESK)
    await seat.sign_in(WHO, PASSWORD, "/reports")
    await seat.go("/reports/one?number=311")
    await seat.page.emulate_media(media="print")
    ink = await seat.page.evaluate("() => [getComputedStyle(document.body).color, getComputedStyle(clock).display]")
    assert ink == ["rgb(20, 24, 30)", "block"], "dark on paper, with the time on it"
    await seat.page.emulate_media(media="screen")
    async with seat.page.expect_download() as waiting:
        await seat.page.click("text=Print")
    kept = await waiting.value
    assert kept.suggested_filename == "report-311.html"
    assert "311" in (await kept.path()).read_text(encoding="utf-8")
    assert await seat.where() == "/reports/one?number=311"
    await seat.close()
