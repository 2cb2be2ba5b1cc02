"""The one door of the console: a request in, an answer out, and who may what in between.

Owns sign-in, sessions, the proofs that a form carries, and the order in which they are looked at. It must never make a page
itself. The traps: nothing but assets and the sign-in is answered to somebody unknown; a refresh keeps nobody signed in; a
wrong password, an unknown name and a locked one cost the same; and a fault of ours is a page with the log's word, never half
an answer.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

import msgspec

from protocols.vocabulary import Secret
from relay.bridge import spawn
from relay.clock import Clock
from relay.console import http
from relay.console.accounts import PASSWORD_CHARS_MAX, TooManySignIns
from relay.console.assets import ASSETS
from relay.console.audit import Book, Entry
from relay.console.deedkinds import Deed
from relay.console.deeds import DEEDS, allowed, said_again
from relay.console.doing import Doing, NotMeant
from relay.console.html import Html, address
from relay.console.identity import Claim, Identity, Person
from relay.console.lockout import Lockout
from relay.console.pages.deed import deed_done, deed_form
from relay.console.pages.failover_deed import offer_of
from relay.console.pages.layout import Frame
from relay.console.pages.login import login
from relay.console.pages.trouble import trouble
from relay.console.rooms import NoSuchPage, Rooms
from relay.console.sessions import Session, Sessions, csrf_of, is_csrf
from relay.console.sources import Busy, Shared, Sources
from relay.console.words import Language, Words, language_of, preferred
from relay.errors import RelayError
from relay.outbound.api import HttpAnswer, HttpRequest
from relay.outbound.crowd import network_of
from relay.reconcile.page import as_html
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

log = get_log("console")

SESSION, FORM, LANGUAGE = "relay-session", "relay-form", "relay-language"
FORM_COOKIE_S: Final = 3_600
LANGUAGE_COOKIE_S: Final = 31_536_000
NAME_CHARS_MAX: Final = 64
ASKED_CHARS_MAX: Final = 1_000  # of one value of an address that the page says again
JSON_TYPE: Final = "application/json"
KEPT: Final = {
    "html": ("failover-report.html", http.HTML_TYPE),
    "json": ("failover-report.json", JSON_TYPE),
    "status": ("failover-status.json", JSON_TYPE),
}


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How this console is served. `offset_minutes`: the bank's time, east of UTC."""

    center: str
    is_tls: bool
    language: Language = "en"
    offset_minutes: int = 0
    has_failover: bool = False


class Site:
    def __init__(
        self,
        manner: Manner,
        identity: Identity,
        sessions: Sessions,
        book: Book,
        sources: Sources,
        shared: Shared,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._manner = manner
        self._identity = identity
        self._sessions = sessions
        self._book = book
        self._sources = sources
        self._shared = shared
        self._clock = clock
        self._metrics = metrics
        self._lockout = Lockout()
        self._rooms = Rooms(sources, shared, book)
        self._doing = Doing(sources.ask, book, metrics)

    def handle(self, request: HttpRequest, done: Callable[[HttpAnswer], None]) -> None:
        """What HttpServer calls."""
        spawn("console", self._serve(request, done))

    async def _serve(self, request: HttpRequest, done: Callable[[HttpAnswer], None]) -> None:
        done(await self.answer(request))

    async def answer(self, request: HttpRequest) -> HttpAnswer:
        """One request; never raises but for being cancelled."""
        asked = http.read(request)
        if asked is None:
            return self._html(400, trouble(self._frame(Words(self._manner.language), "/"), "bad-request"))
        if (found := ASSETS.get(asked.path)) is not None:
            return http.asset(found, asked.headers.get("if-none-match", ""), is_tls=self._manner.is_tls)
        words, cookies = self._words(asked)
        frame = self._frame(words, asked.path)
        if asked.method == "GET":
            here = tuple(
                (name, value) for name, values in asked.query.items() for value in values if len(value) <= ASKED_CHARS_MAX
            )
            frame = msgspec.structs.replace(frame, asked=here)
        answer = await self._guarded(frame, self._route(asked, frame))
        set_cookies = tuple(("Set-Cookie", each) for each in cookies)
        return msgspec.structs.replace(answer, headers=(*answer.headers, *set_cookies)) if set_cookies else answer

    async def _route(self, asked: http.Asked, frame: Frame) -> HttpAnswer:
        if asked.path == "/login":
            return await self._login(asked, frame)
        token = asked.cookies.get(http.cookie_name(SESSION, is_tls=self._manner.is_tls), "")
        now_ms = self._clock.wall_ms()
        session = self._sessions.find(token, now_ms, is_deed=not asked.is_refresh)
        person = None if session is None else self._identity.current(session.name)
        if session is not None and (person is None or person.stamp != session.record.stamp):
            self._sessions.close(session)
            session = None
        if session is None or person is None:
            return self._unknown(asked)
        frame = msgspec.structs.replace(frame, person=person, csrf=session.csrf)
        return await self._guarded(frame, self._known(asked, frame, session, person))

    async def _guarded(self, frame: Frame, work: Coroutine[Any, Any, HttpAnswer]) -> HttpAnswer:
        """What comes of it, or a page about why nothing does."""
        try:
            return await work
        except NoSuchPage:
            return self._html(404, trouble(frame, "not-found"))
        except Busy:
            return self._html(503, trouble(frame, "busy"))
        except RelayError as error:
            return self._html(422, trouble(frame, "refused", error.problem, error.next_step))
        except Exception:
            log.exception("a page of the console failed", path=frame.path)
            return self._html(500, trouble(frame, "failed"))

    def _unknown(self, asked: http.Asked) -> HttpAnswer:
        """To the sign-in, and from there to where he wanted to go; a refresh is only told that it is over. Who sent a form is
        told that nothing was done, and gets it back as it was filled in."""
        if asked.is_refresh:
            return HttpAnswer(401, b"", "text/plain", (http.NO_STORE,))
        deed = DEEDS.get(asked.path.removeprefix("/deed/")) if asked.method == "POST" else None
        wanted = "/"
        if asked.method == "GET":
            wanted = http.path_of(asked.path, asked.query)
        elif deed is not None:
            wanted = http.path_of(asked.path, said_again(deed, asked.form))
        path = address("/login", next=None if wanted == "/" else wanted, late="yes" if deed is not None else None)
        return http.see_other(path, is_tls=self._manner.is_tls)

    async def _known(self, asked: http.Asked, frame: Frame, session: Session, person: Person) -> HttpAnswer:
        if asked.method == "POST" and not (http.is_from_here(asked) and is_csrf(session, asked.field("csrf"))):
            self._metrics.console_deeds.labels("forged").inc()
            return self._html(403, trouble(frame, "bad-request"))
        if asked.path == "/sign-out" and asked.method == "POST":
            self._sessions.close(session)
            self._note(person, asked.address, "sign-out")
            gone = http.cookie(SESSION, "", is_tls=self._manner.is_tls, max_age_s=0)
            return http.see_other("/login", is_tls=self._manner.is_tls, cookies=(gone,))
        if asked.path.startswith("/deed/"):
            return await self._deed(asked, frame, session, person)
        if asked.method != "GET":
            raise NoSuchPage
        if asked.path == "/reports/print":
            return self._print(asked)
        if asked.path == "/failover/keep" and frame.has_failover:
            return await self._keep(asked)
        shown = await self._rooms.show(frame, asked)
        return self._html(200, shown)

    async def _keep(self, asked: http.Asked) -> HttpAnswer:
        """The newest failover run as a file: its report as a page or as JSON (with every line of the log), or the status."""
        form = asked.one("form")
        if form not in KEPT:
            raise NoSuchPage
        name, content_type = KEPT[form]
        text = await self._rooms.failover_text(form)
        return http.attachment(name, text, is_tls=self._manner.is_tls, content_type=content_type)

    def _print(self, asked: http.Asked) -> HttpAnswer:
        number = asked.one("number")
        report = self._sources.report(int(number)) if number.isascii() and number.isdecimal() and len(number) < 16 else None
        if report is None:
            raise NoSuchPage
        return http.attachment(f"report-{report.number}.html", as_html(report), is_tls=self._manner.is_tls)

    # ---- deeds -------------------------------------------------------------------------------------------------------
    async def _deed(self, asked: http.Asked, frame: Frame, session: Session, person: Person) -> HttpAnswer:
        deed = DEEDS.get(asked.path.removeprefix("/deed/"))
        if deed is None or (deed.is_room and not frame.has_failover):
            raise NoSuchPage
        if not allowed(person.role, deed.name):
            self._metrics.console_deeds.labels("forbidden").inc()
            return self._html(403, trouble(frame, "forbidden"))
        if asked.method == "GET":
            return await self._form(frame, session, deed, asked.query)
        if not self._sessions.spend(session, asked.field("form")):
            return await self._form(frame, session, deed, asked.form, frame.words("deed.again"), status=409)
        try:
            args, why = self._doing.read(deed, asked.form, person)
        except NotMeant as error:
            problem = f"{frame.words(error.key)} {error.detail}".strip()
            return await self._form(frame, session, deed, asked.form, problem, status=422)
        outcome = await self._doing.do(deed, args, why, asked.form, person, asked.address, self._clock.wall_ms())
        self._shared.forget()
        shown = deed_done(frame, deed, outcome.said, outcome.next_step, is_done=outcome.is_done, is_half=outcome.is_half)
        return self._html(200 if outcome.is_done else 422, shown)

    async def _form(
        self,
        frame: Frame,
        session: Session,
        deed: Deed,
        given: Mapping[str, tuple[str, ...]],
        problem: str = "",
        status: int = 200,
    ) -> HttpAnswer:
        offer = None
        if deed.is_room:  # what is shown is what an approval signs: asked for at this moment, and no shared answer
            room = await self._rooms.failover_room(session.name)
            offer, given = offer_of(frame, deed, room, given)
        return self._html(status, deed_form(frame, deed, self._sessions.form(session), given, problem, offer))

    # ---- signing in --------------------------------------------------------------------------------------------------
    async def _login(self, asked: http.Asked, frame: Frame) -> HttpAnswer:
        if asked.method == "GET":
            problem = frame.words("login.late") if asked.one("late") == "yes" else ""
            return self._login_page(asked, frame, 200, next_path=http.own_path(asked.one("next") or "/"), problem=problem)
        given = asked.cookies.get(http.cookie_name(FORM, is_tls=self._manner.is_tls), "")
        is_ours = bool(given) and secrets.compare_digest(csrf_of(given).encode(), asked.field("csrf").encode())
        if not http.is_from_here(asked) or not is_ours:
            return self._login_page(asked, frame, 403, problem=frame.words("login.stale"))
        name, password = asked.field("name").strip().lower()[:NAME_CHARS_MAX], asked.field("password")[: PASSWORD_CHARS_MAX + 1]
        place, now_ms = network_of(asked.address), self._clock.monotonic_ms()
        if wait_ms := self._lockout.wait_ms(name, place, now_ms):
            self._metrics.console_sign_ins.labels("waits").inc()
            problem = frame.words("login.wait", wait=frame.words.duration(wait_ms + 999))
            return self._login_page(asked, frame, 429, name=name, problem=problem)
        try:
            person = await self._identity.check(Claim(name, Secret(password), place))
        except TooManySignIns:
            self._metrics.console_sign_ins.labels("busy").inc()
            return self._login_page(asked, frame, 503, name=name, problem=frame.words("login.busy"))
        if person is None:
            self._lockout.failed(name, place, self._clock.monotonic_ms())
            self._metrics.console_sign_ins.labels("wrong").inc()
            log.warning("console sign-in refused", address=asked.address)
            return self._login_page(asked, frame, 401, name=name, problem=frame.words("login.wrong"))
        self._lockout.succeeded(name, place)
        self._metrics.console_sign_ins.labels("done").inc()
        token, _ = self._sessions.open(person, asked.address, self._clock.wall_ms())
        self._note(person, asked.address, "sign-in")
        cookie = http.cookie(SESSION, token, is_tls=self._manner.is_tls)
        return http.see_other(http.own_path(asked.field("next")), is_tls=self._manner.is_tls, cookies=(cookie,))

    def _login_page(
        self, asked: http.Asked, frame: Frame, status: int, *, next_path: str = "", name: str = "", problem: str = ""
    ) -> HttpAnswer:
        is_tls = self._manner.is_tls
        token = asked.cookies.get(http.cookie_name(FORM, is_tls=is_tls), "")
        fresh: tuple[str, ...] = ()
        if not token or len(token) > NAME_CHARS_MAX:
            token = secrets.token_urlsafe(24)
            fresh = (http.cookie(FORM, token, is_tls=is_tls, max_age_s=FORM_COOKIE_S),)
        shown = login(
            msgspec.structs.replace(frame, csrf=csrf_of(token)),
            next_path=next_path or http.own_path(asked.field("next")),
            name=name,
            problem=problem,
        )
        return http.html(status, shown, is_tls=is_tls, cookies=fresh)

    def _note(self, person: Person, address: str, deed: str) -> None:
        """Of coming and going; a record that is not written stops nobody."""
        entry = Entry(
            at_ms=self._clock.wall_ms(), who=person.name, role=person.role.value, address=address, deed=deed, result="done"
        )
        self._book.note(entry, lambda _: None)
        log.info("console", deed=deed, who=person.name, role=person.role.value, address=address)

    # ---- small things ------------------------------------------------------------------------------------------------
    def _words(self, asked: http.Asked) -> tuple[Words, tuple[str, ...]]:
        is_tls, chosen = self._manner.is_tls, language_of(asked.one("lang"))
        known = language_of(asked.cookies.get(http.cookie_name(LANGUAGE, is_tls=is_tls), ""))
        language = chosen or known or preferred(asked.headers.get("accept-language", ""), self._manner.language)
        cookies = () if chosen is None else (http.cookie(LANGUAGE, chosen, is_tls=is_tls, max_age_s=LANGUAGE_COOKIE_S),)
        return Words(language, self._manner.offset_minutes), cookies

    def _frame(self, words: Words, path: str) -> Frame:
        m = self._manner
        return Frame(words=words, center=m.center, path=path, now_ms=self._clock.wall_ms(), has_failover=m.has_failover)

    def _html(self, status: int, page: Html) -> HttpAnswer:
        return http.html(status, page, is_tls=self._manner.is_tls)
