"""The door of the console: who is let in, what a form must prove, and that nothing is shown or done without it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec
import pytest

from relay.console.accounts import write_accounts
from relay.console.assets import CSS_PATH
from relay.console.identity import Role
from relay.console.lockout import FREE_TRIES, LONGEST_WAIT_MS
from relay.console.pages.layout import NAV
from relay.console.sessions import Limits
from relay.control.commands import SafRetryArgs
from relay.errors import RelayError
from relay.outbound.crowd import network_of
from tests.support.consoleroom import PASSWORD, ConsoleRoom, assert_page, fields_of, words_of

DAY_MS = 86_400_000
WHY = "asked by the core's people"


@pytest.fixture
def room(tmp_path: Path) -> ConsoleRoom:
    return ConsoleRoom(tmp_path)


# ---- who is let in -----------------------------------------------------------------------------------------------------
async def test_a_stranger_sees_the_sign_in_and_the_assets_only(room: ConsoleRoom) -> None:
    stranger = room.browser()
    for path, _ in (*NAV, ("/deed/stop", ""), ("/reports/print", ""), ("/no-such-page", "")):
        await stranger.get(path)
        assert (stranger.status, stranger.text) == (303, ""), path
        assert stranger.header("Location").startswith("/login")
        await stranger.post(path, {"why": "x"})
        assert stranger.status == 303
    await stranger.get("/overview", x_refresh="1")
    assert (stranger.status, stranger.text) == (401, "")
    await stranger.get(CSS_PATH)
    assert stranger.status == 200
    assert room.sources.asked == []


async def test_signing_in_and_out(room: ConsoleRoom) -> None:
    person = room.browser()
    assert_page(await person.get("/login?next=/sessions"))
    await person.submit("/login", name="Operator ", password=PASSWORD)
    assert (person.status, person.header("Location")) == (303, "/sessions")
    cookie = person.cookies["__Host-relay-session"]
    page = await person.get("/")
    assert person.status == 200
    assert "operator" in words_of(page)
    await person.submit("/sign-out")
    assert person.status == 303
    person.cookies["__Host-relay-session"] = cookie
    await person.get("/")
    assert person.status == 303, "the cookie of a session that ended opens nothing"
    assert [entry.deed for entry in room.book.newest(5)] == ["sign-out", "sign-in"]


async def test_a_thousand_wrong_passwords_open_nothing_and_lock_nobody_else_out(room: ConsoleRoom) -> None:
    guesser, statuses = room.browser("203.0.113.9"), set[int]()
    await guesser.get("/login")
    for number in range(1_000):
        await guesser.submit("/login", name="operator", password=f"guess number {number}")
        statuses.add(guesser.status)
        assert "__Host-relay-session" not in guesser.cookies
    assert statuses == {401, 429}
    assert room.count("relay_console_sign_ins_total", result="wrong") == FREE_TRIES + 1
    assert room.book.newest(5) == [], "the record of deeds is not pushed out"
    await guesser.submit("/login", name="operator", password=PASSWORD)
    assert guesser.status == 429, "even the right one waits"
    await guesser.submit("/login", name="viewer", password=PASSWORD)
    assert guesser.status == 303, "another account from the same address does not"
    owner = room.browser("192.0.2.7")
    await owner.sign_in()
    assert owner.status == 303
    room.time.run(LONGEST_WAIT_MS)
    await guesser.sign_in()
    assert guesser.status == 303, "nothing is for ever"


async def test_the_same_answer_for_a_wrong_name_and_a_wrong_password(room: ConsoleRoom) -> None:
    one, other = room.browser(), room.browser()
    wrong = await one.sign_in("operator", "wrong")
    ghost = await other.sign_in("operatorx", "wrong")
    assert (one.status, other.status) == (401, 401)
    strip = re.compile(r'value="[^"]*"')
    assert strip.sub("", wrong) == strip.sub("", ghost)
    assert "wrong" not in room.book.newest(1).__repr__()


async def test_yesterdays_cookie(room: ConsoleRoom) -> None:
    person = room.browser()
    await person.sign_in()
    room.time.jump_wall(DAY_MS)
    await person.get("/")
    assert (person.status, person.header("Location")) == (303, "/login")


async def test_a_page_that_refreshes_itself_keeps_nobody_signed_in(tmp_path: Path) -> None:
    room = ConsoleRoom(tmp_path, limits=Limits(idle_ms=10_000))
    person = room.browser()
    await person.sign_in()
    for _ in range(4):
        room.time.jump_wall(2_000)
        await person.get("/", x_refresh="1")
        assert person.status == 200
    room.time.jump_wall(2_000)
    await person.get("/", x_refresh="1")
    assert person.status == 401


async def test_who_is_removed_or_changed_is_out_at_the_next_look(room: ConsoleRoom) -> None:
    person, other = room.browser(), room.browser()
    await person.sign_in("operator")
    await other.sign_in("viewer")
    room.accounts["operator"] = msgspec.structs.replace(room.accounts["operator"], role=Role.VIEWER)
    del room.accounts["viewer"]
    room.write()
    await person.get("/")
    await other.get("/")
    assert (person.status, other.status) == (303, 303)
    assert room.sessions.count == 0


async def test_a_session_outlives_the_relay(room: ConsoleRoom) -> None:
    person = room.browser()
    await person.sign_in()
    page = await person.get("/system")
    room.restart()
    await person.get("/")
    assert person.status == 200
    await person.post("/sign-out", fields_of(page, "/sign-out"))
    assert person.status == 303, "and so does a page that was open"


async def test_a_login_form_that_is_not_ours(room: ConsoleRoom) -> None:
    person = room.browser()
    await person.post("/login", {"name": "operator", "password": PASSWORD})
    assert person.status == 403
    await person.get("/login")
    await person.post(
        "/login", {**fields_of(person.text, "/login"), "name": "operator", "password": PASSWORD}, origin="https://evil"
    )
    assert person.status == 403
    await person.get("/login?next=//evil.example/")
    await person.submit("/login", name="operator", password=PASSWORD)
    assert person.header("Location") == "/"


# ---- what is shown -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("role", list(Role))
async def test_every_page_for_every_role_in_both_languages(room: ConsoleRoom, language: str, role: Role) -> None:
    person = room.browser()
    await person.sign_in(role.value)
    for path, _ in NAV:
        page = await person.get(f"{path}?lang={language}")
        assert person.status == 200, path
        assert_page(page)
        assert f'<html lang="{language}">' in page
        assert "nonce" not in person.header("Content-Security-Policy")
    shown = await person.get("/system")
    assert f'<html lang="{language}">' in shown, "and it is remembered"
    assert ("/deed/drain-start" in shown) is (role in (Role.OPERATOR, Role.ADMINISTRATOR))


async def test_what_cannot_be_shown_says_so(room: ConsoleRoom) -> None:
    person = room.browser()
    await person.sign_in()
    for path in ("/no-such-page", "/reports/one?number=7", "/owed?what=nothing", "/deed/no-such-deed", "/owed/one"):
        await person.get(path)
        assert person.status == 404, path
    room.sources.answers["saf-show"] = RelayError("no exchange has this key.", "Try: relay saf list")
    assert "no exchange has this key." in words_of(await person.get("/owed/one?key=x"))
    assert person.status == 422
    room.sources.answers["outbound-list"] = ValueError("inside")
    assert "inside" not in await person.get("/outbound")
    assert person.status == 500
    await person.get("/?a=%ff")
    assert person.status == 400
    await person.get("/")
    assert person.status == 200


# ---- deeds -------------------------------------------------------------------------------------------------------------
async def test_a_deed_from_its_form_to_its_record(room: ConsoleRoom) -> None:
    person = room.browser()
    await person.sign_in()
    page = await person.get("/deed/saf-retry?key=k1")
    assert_page(page)
    await person.submit("/deed/saf-retry", why=WHY)
    assert person.status == 200
    assert "saf-retry done" in words_of(person.text)
    assert room.sources.asked == [("saf-retry", SafRetryArgs(key="k1", who="operator", why=WHY))]
    entry = room.book.newest(1)[0]
    assert (entry.who, entry.role, entry.deed, entry.target, entry.why, entry.result, entry.address) == (
        "operator",
        "operator",
        "saf-retry",
        "key=k1",
        WHY,
        "done",
        "192.0.2.7",
    )


async def test_the_same_form_twice_does_it_once(room: ConsoleRoom) -> None:
    person = room.browser()
    await person.sign_in()
    page = await person.get("/deed/saf-retry?key=k1")
    form = {**fields_of(page, "/deed/saf-retry"), "why": WHY}
    await person.post("/deed/saf-retry", form)
    await person.post("/deed/saf-retry", form)
    assert person.status == 409
    assert room.sources.commands() == ["saf-retry"]


@pytest.mark.parametrize("spoilt", ["csrf", "form", "site", "origin", "other-session"])
async def test_a_forged_form_does_nothing(room: ConsoleRoom, spoilt: str) -> None:
    person, headers = room.browser(), dict[str, str]()
    await person.sign_in()
    page = await person.get("/deed/saf-retry?key=k1")
    form = {**fields_of(page, "/deed/saf-retry"), "why": WHY}
    if spoilt in form:
        form[spoilt] = ""
    elif spoilt == "site":
        headers = {"sec_fetch_site": "cross-site"}
    elif spoilt == "origin":
        headers = {"origin": "https://evil.example"}
    else:
        await person.sign_in("administrator")
    await person.post("/deed/saf-retry", form, **headers)
    assert person.status in (403, 409)
    assert room.sources.asked == []


async def test_without_a_reason_or_a_word_that_it_is_meant_nothing_is_done(room: ConsoleRoom) -> None:
    person = room.browser()
    await person.sign_in()
    await person.get("/deed/resolve?key=k1")
    await person.submit("/deed/resolve", why="", sure="yes")
    assert person.status == 422
    await person.submit("/deed/resolve", why=WHY)
    assert person.status == 422
    assert "k1" in person.text, "what was filled in is still there"
    assert room.sources.asked == []
    await person.submit("/deed/resolve", why=WHY, sure="yes")
    assert room.sources.commands() == ["resolve"]


async def test_a_form_of_somebody_who_was_signed_out_meanwhile_is_not_lost(room: ConsoleRoom) -> None:
    """And he is told that nothing was done: the sign-in looks as if it had only asked for his password again."""
    person = room.browser()
    await person.sign_in()
    page = await person.get("/deed/resolve?key=bank/A1")
    why = "the branch has counted: 金庫は合っています & right"
    form = {**fields_of(page, "/deed/resolve"), "why": why, "although_owed": "yes", "sure": "yes"}
    room.time.run(DAY_MS)
    await person.post("/deed/resolve", form)
    assert (person.status, room.sources.commands()) == (303, [])
    shown = await person.get(person.header("Location"))
    assert "Nothing was done" in words_of(shown)
    await person.submit("/login", name="operator", password=PASSWORD)
    back = person.header("Location")
    assert form["csrf"] not in back
    assert form["form"] not in back
    again = fields_of(await person.get(back), "/deed/resolve")
    assert (again["key"], again["although_owed"], again.get("sure", "")) == ("bank/A1", "yes", ""), "meant is said anew"
    assert "金庫は合っています &amp; right</textarea>" in person.text
    assert await person.submit("/deed/resolve", why=why, sure="yes", although_owed="yes")
    assert room.sources.commands() == ["resolve"]


async def test_a_link_leads_where_it_says_after_the_sign_in(room: ConsoleRoom) -> None:
    person = room.browser()
    await person.get("/journal/one?key=bank%2FA1%26x")
    await person.get(person.header("Location"))
    await person.submit("/login", name="operator", password=PASSWORD)
    assert person.header("Location") == "/journal/one?key=bank%2FA1%26x"
    stranger = room.browser()
    await stranger.get(f"/journal/one?key={'x' * 2_000}")
    await stranger.get(stranger.header("Location"))
    await stranger.submit("/login", name="operator", password=PASSWORD)
    assert stranger.header("Location") == "/journal/one", "an address without end is no way back"


@pytest.mark.parametrize("role", [Role.VIEWER, Role.APPROVER])
async def test_a_deed_for_another_role(room: ConsoleRoom, role: Role) -> None:
    person = room.browser()
    await person.sign_in(role.value)
    await person.get("/deed/saf-retry?key=k1")
    assert person.status == 403
    csrf = fields_of(await person.get("/"), "/sign-out")["csrf"]
    await person.post("/deed/saf-retry", {"csrf": csrf, "key": "k1", "why": WHY, "form": "x"})
    assert person.status == 403
    assert room.sources.asked[-1][0] != "saf-retry"
    assert room.count("relay_console_deeds_total", result="forbidden") == 2


async def test_a_refusal_of_the_relay_is_told(room: ConsoleRoom) -> None:
    room.sources.answers["saf-retry"] = RelayError("it is not owed.", "relay saf list")
    person = room.browser()
    await person.sign_in()
    await person.get("/deed/saf-retry?key=k1")
    said = words_of(await person.submit("/deed/saf-retry", why=WHY))
    assert person.status == 422
    assert "it is not owed." in said
    assert room.book.newest(1)[0].result == "refused"


async def test_without_a_journal_there_are_no_deeds(room: ConsoleRoom) -> None:
    person = room.browser()
    await person.sign_in()
    await person.get("/deed/saf-retry?key=k1")
    room.variables.is_failing = True
    await person.submit("/deed/saf-retry", why=WHY)
    assert person.status == 422
    assert room.sources.asked == []


async def test_script_in_what_was_asked_stays_text(room: ConsoleRoom) -> None:
    person = room.browser()
    await person.sign_in()
    for target in (
        '/sessions?q=<script>alert(1)</script>&branch="><script>',
        '/deed/saf-retry?key="><script>alert(1)</script>',
        "/journal?terminal=<script>&kind='\"><script>",
        '/login?next="><script>',
    ):
        page = await person.get(target)
        assert "<script>" not in page, target
        assert_page(page)


async def test_nobody_is_let_in_by_an_accounts_file_that_others_can_change(room: ConsoleRoom) -> None:
    write_accounts(room.path, room.accounts.values())
    os.chmod(room.path, 0o666)
    room.restart()
    person = room.browser()
    await person.sign_in()
    assert person.status == 401


def test_who_tries() -> None:
    assert network_of("192.0.2.7") == "192.0.2.7"
    assert network_of("2001:db8::1") == network_of("2001:db8::2") == "2001:db8::/64"
    assert network_of("") == ""
