"""The console without a socket: a site on virtual time, sources that a test writes, and a browser that keeps its cookies.

Owns one room: accounts with a cheap hash, a journal of variables, a relay whose answers are given. It must never open a port.
The trap: a browser sends what a form of the page holds, so forms are read out of the page and not made up.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

import msgspec

from protocols.vocabulary import Secret
from relay.console.accounts import Cost, LocalAccounts, account, write_accounts
from relay.console.audit import Book
from relay.console.identity import Person, Role
from relay.console.pages.layout import Frame
from relay.console.ring import Point
from relay.console.roll import RollLink
from relay.console.sessions import Limits, Sessions
from relay.console.site import Manner, Site
from relay.console.sources import Shared
from relay.console.words import Language, Words
from relay.control.drain import DrainReport
from relay.control.regions import RegionsReport
from relay.control.report import Done, OutboundListReport, SafDetail, SafReport, StatusReport
from relay.errors import RelayError
from relay.journal.port import JournalFailed, StepResult
from relay.journal.reader import ExchangeDetail, ExchangeView, Query
from relay.outbound.api import HttpAnswer, HttpRequest
from relay.reconcile.report import Report
from relay.telemetry.metrics import Metrics
from tests.support.virtualtime import WALL_START_MS, VirtualTime

CHEAP = Cost(n=2, r=1, p=1)
PASSWORD = "a good long password"


def frame(path: str = "/", role: Role | None = Role.ADMINISTRATOR, language: Language = "en") -> Frame:
    """Somebody who looks at a page, nine hours east of UTC."""
    person = None if role is None else Person("sato", role, "")
    return Frame(words=Words(language, 540), center="tokyo", path=path, now_ms=WALL_START_MS, person=person, csrf="proof")


class Variables:
    """Durable at once, or never."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, bytes]] = {}
        self.is_failing = False

    def variables(self, link_name: str) -> Mapping[str, bytes]:
        return dict(self.kept.get(link_name, {}))

    def store_variable(self, link_name: str, name: str, value: bytes | None, done: Callable[[StepResult], None]) -> None:
        if self.is_failing:
            done(JournalFailed("full"))
            return
        known = self.kept.setdefault(link_name, {})
        if value is None:
            known.pop(name, None)
        else:
            known[name] = value
        done(None)


class WrittenSources:
    """Answers as a test writes them; what was asked is kept."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, msgspec.Struct]] = []
        self.answers: dict[str, msgspec.Struct | RelayError | Exception] = {
            "status": StatusReport(state="serving", center="tokyo"),
            "region-status": RegionsReport(),
            "drain-status": DrainReport(),
            "saf-list": SafReport(),
            "saf-show": SafDetail(),
            "outbound-list": OutboundListReport(),
        }
        self.lines: Sequence[RollLink] = ()
        self.names: dict[str, str] = {}
        self.found: list[ExchangeView] = []
        self.detail: ExchangeDetail | None = None
        self.queries: list[Query] = []
        self.shelf: list[Report] = []
        self.ring: tuple[Point, ...] = ()

    async def ask(self, command: str, args: msgspec.Struct) -> msgspec.Struct:
        self.asked.append((command, args))
        answer = self.answers.get(command, Done(f"{command} done"))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def links(self) -> Sequence[RollLink]:
        return self.lines

    def dialects(self) -> Mapping[str, str]:
        return self.names

    def points(self, span: str) -> Sequence[Point]:
        return self.ring

    async def search(self, query: Query) -> Sequence[ExchangeView]:
        self.queries.append(query)
        return self.found

    async def show(self, key: str) -> ExchangeDetail | None:
        return self.detail

    def reports(self) -> Sequence[Report]:
        return self.shelf

    def report(self, number: int) -> Report | None:
        return next((each for each in self.shelf if each.number == number), None)

    async def turn(self) -> None:
        await asyncio.sleep(0)

    def commands(self) -> list[str]:
        return [command for command, _ in self.asked]


class ConsoleRoom:
    def __init__(
        self,
        directory: Path,
        *,
        is_tls: bool = True,
        limits: Limits | None = None,
        time: VirtualTime | None = None,
        offset_minutes: int = 0,
    ) -> None:
        self.path = str(directory / "accounts.json")
        self.time = VirtualTime() if time is None else time
        self.offset_minutes = offset_minutes
        self.metrics = Metrics()
        self.sources = WrittenSources()
        self.variables = Variables()
        self.limits = Limits() if limits is None else limits
        self.is_tls = is_tls
        self.accounts = {role.value: account(role.value, role, Secret(PASSWORD), 0, CHEAP) for role in Role}
        self.write()
        self.restart()

    def write(self) -> None:
        write_accounts(self.path, self.accounts.values())

    def restart(self, *, has_failover: bool = False) -> None:
        """Another life of the relay, with the same journal."""
        self.book = Book(self.variables)
        self.sessions = Sessions(self.limits, lambda: secrets.token_urlsafe(16), self.book.keep_session, self.book.sessions())
        shared = Shared(self.sources.ask, lambda: self.time.monotonic_ms() * 1_000, lambda seconds: None)
        self.site = Site(
            Manner(center="tokyo", is_tls=self.is_tls, has_failover=has_failover, offset_minutes=self.offset_minutes),
            LocalAccounts(self.path, CHEAP),
            self.sessions,
            self.book,
            self.sources,
            shared,
            self.time,
            self.metrics,
        )

    def browser(self, address: str = "192.0.2.7") -> Browser:
        return Browser(self, address)

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


class Browser:
    """One person's. It follows no redirect by itself."""

    def __init__(self, room: ConsoleRoom, address: str) -> None:
        self.room = room
        self._address = address
        self.cookies: dict[str, str] = {}
        self.headers: dict[str, str] = {"host": "relay.example"}
        self.answer = HttpAnswer(0, b"")

    async def get(self, target: str, **headers: str) -> str:
        return await self._send("GET", target, b"", headers)

    async def post(self, path: str, form: Mapping[str, str | Sequence[str]], **headers: str) -> str:
        sent = {"content-type": "application/x-www-form-urlencoded", **headers}
        return await self._send("POST", path, urlencode(form, doseq=True).encode(), sent)

    async def submit(self, action: str, **fields: str | Sequence[str]) -> str:
        """The form of the last page with this action, with what is filled in here."""
        return await self.post(action, {**fields_of(self.text, action), **fields})

    async def sign_in(self, name: str = "operator", password: str = PASSWORD) -> str:
        await self.get("/login")
        return await self.submit("/login", name=name, password=password)

    @property
    def text(self) -> str:
        return self.answer.body.decode()

    @property
    def status(self) -> int:
        return self.answer.status

    def header(self, name: str) -> str:
        return next((value for each, value in self.answer.headers if each.lower() == name.lower()), "")

    async def _send(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> str:
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        self.answer = await self.room.site.answer(HttpRequest(method, target, sent, body, "", self._address))
        for name, value in self.answer.headers:
            if name == "Set-Cookie":
                cookie, _, rest = value.partition(";")
                key, _, content = cookie.partition("=")
                self.cookies[key] = content
                if "Max-Age=0" in rest:
                    del self.cookies[key]
        return self.text


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.forms.append((given.get("action") or "", {}))
            return
        name, is_ticked = given.get("name"), given.get("type") not in ("checkbox", "radio") or "checked" in given
        if tag == "input" and self.forms and name and is_ticked:
            self.forms[-1][1][name] = given.get("value") or ""


def fields_of(page: str, action: str) -> dict[str, str]:
    """What the form with this action would send as it stands."""
    reader = _Forms()
    reader.feed(page)
    return next(fields for where, fields in reader.forms if where == action)


def words_of(page: str) -> str:
    """The text of a page without its markup."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


class _Balance(HTMLParser):
    VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"{tag} has an attribute twice: {names}"
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag


def tags_of(page: str) -> list[tuple[str, dict[str, str | None]]]:
    """Every element with its attributes. Raises AssertionError where elements are not nested."""
    reader = _Balance()
    reader.feed(page)
    assert not reader.open
    return reader.tags


def assert_page(page: str) -> None:
    """What holds for every page: nested, no inline style or script, one h1, labels on fields, nothing from elsewhere."""
    tags = tags_of(page)
    assert sum(tag == "h1" for tag, _ in tags) == 1
    ids = [given["id"] for _, given in tags if "id" in given]
    assert len(ids) == len(set(ids))
    for tag, given in tags:
        assert "style" not in given, tag
        assert tag != "style", "the policy would drop it"
        assert not [name for name in given if name.startswith("on")], tag
        for name in ("src", "href", "action"):
            assert not re.match(r"[a-z]+:|//", given.get(name) or ""), given
    assert [given.get("src") for tag, given in tags if tag == "script"], "one script, from a file"
    assert all(given.get("src") for tag, given in tags if tag == "script")
