"""Each page by its path: what it asks of the relay, and which page function shows it.

Owns the table of pages. It must never do a deed (doing.py) nor know who is signed in beyond the frame. The trap: everything in
an address was typed by somebody, so each value is read into a plain type, and what does not read is as if it was not there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, cast

import msgspec

from relay.console.audit import Book
from relay.console.html import Html
from relay.console.http import Asked
from relay.console.pages.audit import PAGE_COUNT, audit
from relay.console.pages.failover import failover
from relay.console.pages.journal import HOURS, HOURS_USUAL, journal, journal_one
from relay.console.pages.journal import Asked as JournalAsked
from relay.console.pages.layout import REFRESH_MS, Frame
from relay.console.pages.outbound import STATES, outbound
from relay.console.pages.overview import overview
from relay.console.pages.owed import WHICH, owed, owed_one
from relay.console.pages.reports import report_one, reports
from relay.console.pages.sessions import SIGNED, sessions
from relay.console.pages.system import system
from relay.console.pages.tables import tables
from relay.console.pages.traffic import SPANS_MS, traffic
from relay.console.roll import TEXT_CHARS_MAX, Page, Wanted, look_through
from relay.console.sources import Busy, Shared, Sources
from relay.control import commands as c
from relay.control.drain import DrainReport
from relay.control.failover import FailoverReportArgs, FailoverRoomArgs
from relay.control.regions import RegionsReport
from relay.control.report import Done, OutboundListReport, SafDetail, SafReport, StatusReport
from relay.errors import RelayError
from relay.failover.room import RoomView
from relay.journal.reader import Query
from relay.journal.records import StoredState
from relay.reconcile.plain import as_text
from relay.telemetry.mask import mask_text

ROWS_COUNT_MAX: Final = 100
REPORTS_COUNT_MAX: Final = 100
SLOW_REFRESH_MS: Final = 5_000
WALKS_COUNT_MAX: Final = 4  # searches through the sessions at once
WALK_KEPT_MS: Final = 4_500  # what one page walked for, pages that refresh themselves with the same search take
WALKS_KEPT_COUNT_MAX: Final = 8
KEY_CHARS_MAX: Final = 400
_HOUR_MS: Final = 3_600_000


class NoSuchPage(Exception):
    """There is nothing at this path."""


Show = Callable[[Frame, Asked], Awaitable[Html]]


class Rooms:
    def __init__(self, sources: Sources, shared: Shared, book: Book) -> None:
        self._sources = sources
        self._shared = shared
        self._book = book
        self._walks = 0
        self._walked: dict[Wanted, Page] = {}
        self.table: Mapping[str, Show] = {
            "/": self._overview,
            "/sessions": self._sessions,
            "/traffic": self._traffic,
            "/owed": self._owed,
            "/owed/one": self._owed_one,
            "/outbound": self._outbound,
            "/reports": self._reports,
            "/reports/one": self._report,
            "/journal": self._journal,
            "/journal/one": self._journal_one,
            "/tables": self._tables,
            "/system": self._system,
            "/audit": self._audit,
            "/failover": self._failover,
        }

    async def show(self, frame: Frame, asked: Asked) -> Html:
        """Raises NoSuchPage, Busy, RelayError."""
        show = self.table.get(asked.path)
        if show is None:
            raise NoSuchPage
        return await show(frame, asked)

    # ---- pages -------------------------------------------------------------------------------------------------------
    async def _overview(self, frame: Frame, asked: Asked) -> Html:
        status = await self._shared.get("status", c.StatusArgs(), StatusReport)
        regions = await self._shared.get("region-status", c.StatusArgs(), RegionsReport)
        return overview(frame, status, regions, self._sources.points("half-hour"), REFRESH_MS)

    async def _sessions(self, frame: Frame, asked: Asked) -> Html:
        wanted = Wanted(
            text=asked.one("q")[:TEXT_CHARS_MAX],
            listener=asked.one("listener"),
            dialect=asked.one("dialect"),
            branch=asked.one("branch"),
            is_signed_on=SIGNED.get(asked.one("signed")),
            after=asked.one("after"),
            before="" if asked.one("after") else asked.one("before"),
        )
        dialects = self._sources.dialects()
        found = self._walked.get(wanted) if asked.is_refresh else None
        if found is None or not 0 <= frame.now_ms - found.at_ms < WALK_KEPT_MS:
            found = await self._walk(wanted, dialects, frame.now_ms)
        return sessions(frame, found, wanted, tuple(dialects), SLOW_REFRESH_MS)

    async def _walk(self, wanted: Wanted, dialects: Mapping[str, str], now_ms: int) -> Page:
        """Who asks by themselves is always walked for; ten pages that stand open cost one walk."""
        if self._walks >= WALKS_COUNT_MAX:
            raise Busy
        self._walks += 1
        try:
            found = await look_through(self._sources.links(), wanted, dialects, now_ms, self._sources.turn)
        finally:
            self._walks -= 1
        self._walked.pop(wanted, None)
        self._walked[wanted] = found
        while len(self._walked) > WALKS_KEPT_COUNT_MAX:
            del self._walked[next(iter(self._walked))]
        return found

    async def _traffic(self, frame: Frame, asked: Asked) -> Html:
        span = asked.one("span") if asked.one("span") in SPANS_MS else next(iter(SPANS_MS))
        return traffic(frame, self._sources.points(span), span, frame.now_ms, SLOW_REFRESH_MS)

    async def _owed(self, frame: Frame, asked: Asked) -> Html:
        which = asked.one("what")
        if which not in WHICH:
            raise NoSuchPage
        args = c.SafListArgs(what=which, count_max=ROWS_COUNT_MAX)  # type: ignore[arg-type]  # one of WHICH
        report = await self._shared.get("saf-list", args, SafReport, is_sliced=True)
        return owed(frame, report, which, SLOW_REFRESH_MS)

    async def _owed_one(self, frame: Frame, asked: Asked) -> Html:
        key = _key(asked)
        return owed_one(frame, cast(SafDetail, await self._sources.ask("saf-show", c.SafKeyArgs(key=key))))

    async def _outbound(self, frame: Frame, asked: Asked) -> Html:
        state = asked.one("state")
        if state not in STATES:
            raise NoSuchPage
        args = c.OutboundListArgs(state=state, count_max=ROWS_COUNT_MAX)  # type: ignore[arg-type]  # one of STATES
        report = await self._shared.get("outbound-list", args, OutboundListReport)
        return outbound(frame, report, state, SLOW_REFRESH_MS)

    async def _reports(self, frame: Frame, asked: Asked) -> Html:
        shelf = self._sources.reports()
        return reports(frame, shelf[: -REPORTS_COUNT_MAX - 1 : -1], len(shelf))

    async def _report(self, frame: Frame, asked: Asked) -> Html:
        number = asked.one("number")
        report = self._sources.report(int(number)) if number.isascii() and number.isdecimal() and len(number) < 16 else None
        if report is None:
            raise NoSuchPage
        return report_one(frame, report, as_text(report))

    async def _journal(self, frame: Frame, asked: Asked) -> Html:
        state = asked.one("state") if asked.one("state") in {each.value for each in StoredState} else ""
        hours = next((each for each in HOURS if str(each) == asked.one("hours")), HOURS_USUAL)
        said = JournalAsked(
            terminal=asked.one("terminal")[:64],
            kind=asked.one("kind")[:64],
            state=state,
            business_date=asked.one("business_date")[:10],
            hours=hours,
        )
        query = Query(
            terminal=said.terminal or None,
            kind=said.kind or None,
            state=StoredState(state) if state else None,
            business_date=said.business_date or None,
            since_ms=frame.now_ms - hours * _HOUR_MS,
            limit=ROWS_COUNT_MAX,
        )
        return journal(frame, await self._sources.search(query), said, ROWS_COUNT_MAX)

    async def _journal_one(self, frame: Frame, asked: Asked) -> Html:
        detail = await self._sources.show(_key(asked))
        if detail is None:
            raise RelayError("the journal has no such exchange.", "Search for its terminal.")
        return journal_one(frame, detail)

    async def _tables(self, frame: Frame, asked: Asked) -> Html:
        return tables(frame)

    async def _system(self, frame: Frame, asked: Asked) -> Html:
        status = await self._shared.get("status", c.StatusArgs(), StatusReport)
        drain = await self._shared.get("drain-status", c.StatusArgs(), DrainReport, is_sliced=True)
        return system(frame, status, drain, SLOW_REFRESH_MS)

    async def _failover(self, frame: Frame, asked: Asked) -> Html:
        if not frame.has_failover:
            raise NoSuchPage
        login = "" if frame.person is None else frame.person.name
        room = await self._shared.get("failover-room", FailoverRoomArgs(login=login), RoomView, is_sliced=True)
        status = await self._shared.get("status", c.StatusArgs(), StatusReport)
        return failover(frame, room, SLOW_REFRESH_MS, status.signatures)

    async def failover_room(self, login: str) -> RoomView:
        """As it is at this moment. Raises RelayError."""
        return cast(RoomView, await self._sources.ask("failover-room", FailoverRoomArgs(login=login)))

    async def failover_text(self, form: str) -> str:
        """The report of the newest run ("html", "json") or its "status", card numbers masked. Raises RelayError."""
        if form == "status":
            status = await self._sources.ask("failover-status", c.StatusArgs())
            return mask_text(msgspec.json.format(msgspec.json.encode(status), indent=1).decode())
        args = FailoverReportArgs(form="html" if form == "html" else "json")
        return mask_text(cast(Done, await self._sources.ask("failover-report", args)).text)

    async def _audit(self, frame: Frame, asked: Asked) -> Html:
        below = asked.one("below")
        number = int(below) if below.isascii() and below.isdecimal() and len(below) < 16 else 0
        return audit(frame, self._book.newest(PAGE_COUNT, number))


def _key(asked: Asked) -> str:
    key = asked.one("key")
    if not key or len(key) > KEY_CHARS_MAX:
        raise NoSuchPage
    return key
