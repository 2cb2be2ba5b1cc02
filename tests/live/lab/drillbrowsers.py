"""The voice of people at consoles: each in a Chromium window of their own, in the lab's office, with their own code.

Owns the browser, its thread, and the way from a saying to a form of the failover room. It must never decide what is said. The
traps: a browser belongs into the office's namespace, so its thread is there for good, and whoever takes the lab away takes
it, too; a room whose orchestrator was just killed offers nothing, which is an answer and no error; and a window stays signed
in, so what must never happen on a page is asked at the end, of all of them.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from playwright.async_api import Error as BrowserError

from relay.cli.labaccounts import make_accounts
from relay.failover.plan import version_of
from relay.loopback.lab.centers import console_address
from relay.loopback.lab.door import enter
from relay.loopback.lab.drillconsoles import key_of, office
from relay.loopback.lab.drillpeople import Said, Saying, Voice
from relay.loopback.lab.drillplan import DECLARER, PEOPLE, Person
from relay.loopback.lab.lab import Lab
from relay.loopback.lab.secretsmade import Secrets
from relay.loopback.lab.topology import console_ip, peer_of
from tests.support.chromium import DESK, PHONE, Chromium, Language
from tests.support.hall import Chair, Hall

PATIENCE_S = 150.0
BUSINESS = "business"  # at home, with a phone
LOOKS: tuple[tuple[int, Language], ...] = ((DESK, "en"), (DESK, "ja"), (PHONE, "en"), (PHONE, "ja"))
T = TypeVar("T")


class Browsers:
    """`center` is whose orchestrator acts. `pictures`: a folder for what is seen at each gate, at both widths, in both
    languages, and at the other center."""

    def __init__(self, lab: Lab, center: str, pictures: Path | None = None) -> None:
        self._lab, self._center, self._pictures = lab, center, pictures
        self._seen: set[int] = set()
        self._ready, self._loop = threading.Event(), asyncio.new_event_loop()
        self._chromium = Chromium(hosts=(console_ip(center), console_ip(peer_of(center))))
        self._hall = Hall(self._chromium, self._chairs())
        self._thread = threading.Thread(target=self._live, name="browsers", daemon=True)
        self.troubles: list[str] = []

    def _chairs(self) -> dict[str, Chair]:
        password, chairs = Secrets.of(self._lab.folder).password, {}
        for one in PEOPLE:
            chair = Chair(one.login, password, key_of(self._lab, one), console_address(self._center))
            is_outside = one.role == BUSINESS
            chairs[one.name] = chair._replace(width=PHONE, language="ja") if is_outside else chair
            chairs |= {f"{one.name} {width} {word}": chair._replace(width=width, language=word) for width, word in LOOKS}
            chairs[f"{one.name} elsewhere"] = chair._replace(address=console_address(peer_of(self._center)))
        return chairs

    # ---- the thread ------------------------------------------------------------------------------------------------------
    def __enter__(self) -> Browsers:
        make_accounts(self._lab)
        self._thread.start()
        self._ready.wait(PATIENCE_S)
        self._do(self._chromium.start())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self.troubles += self._do(self._hall.close())
        finally:
            self._do(self._chromium.stop())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(PATIENCE_S)

    def _live(self) -> None:
        enter(office(self._lab))
        asyncio.set_event_loop(self._loop)
        self._loop.call_soon(self._ready.set)
        self._loop.run_forever()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    # ---- what people do --------------------------------------------------------------------------------------------------
    def __call__(self, one: Person, saying: Saying) -> Said:
        return self._do(self._say(one, saying))

    async def _say(self, one: Person, saying: Saying) -> Said:
        path, hall = path_of(saying), self._hall
        try:
            seat = await hall.look(one.name)
            if not await seat.page.locator(f'main a[href^="{path}"]').count():
                return Said(False, f"the room offers nothing of that: {(await seat.text('main'))[:200]}")
            if saying.verb == "approve":
                await self._look_around(one, saying)
            await hall.open(one.name, path)
            self.troubles += [f"{one.name} at {path}: {each}" for each in await seat.overflow()]
            said = await hall.fill(one.name, fields_of(saying))
            is_done = await seat.page.locator("main [role=status] .tag:not(.bad)").count() > 0
        except BrowserError as error:
            return Said(False, f"the browser: {error.message.splitlines()[0]}")
        return Said(is_done, " ".join(said.split())[:300])

    async def _look_around(self, one: Person, saying: Saying) -> None:
        """The room and the form as this one sees them, on a desk and on a phone, in both languages; once for each gate."""
        if self._pictures is None or saying.gate in self._seen:
            return
        self._seen.add(saying.gate)
        for width, language in LOOKS:
            name = f"gate-{saying.gate}-{width}-{language}"
            seat = await self._hall.look(f"{one.name} {width} {language}")
            await seat.picture(self._pictures / f"{name}-room.png", is_whole=True)
            await seat.go(path_of(saying))
            await seat.picture(self._pictures / f"{name}-form.png", is_whole=True)
            self.troubles += [f"{name}: {each}" for each in (*await seat.overflow(), *await seat.sideways())]
        seat = await self._hall.look(f"{one.name} elsewhere")
        await seat.picture(self._pictures / f"gate-{saying.gate}-elsewhere.png", is_whole=True)

    def report(self) -> str:
        """Of the run that is over, as the declarer keeps it from the page."""
        return self._do(self._report())

    async def _report(self) -> str:
        seat = await self._hall.look(DECLARER.name)
        if self._pictures is not None:
            await seat.picture(self._pictures / "over.png", is_whole=True)
        async with seat.page.expect_download() as waiting:
            await seat.page.click('a[href="/failover/keep?form=html"]')
        return (await (await waiting.value).path()).read_text(encoding="utf-8")


def split(at_desks: Voice, in_browsers: Voice) -> Voice:
    """Whoever is of the business is before a browser, the others at a terminal."""
    return lambda one, saying: (in_browsers if one.role == BUSINESS else at_desks)(one, saying)


def path_of(saying: Saying) -> str:
    """How the link begins that leads to its form."""
    path = f"/deed/failover-{saying.verb}"
    match saying.verb:
        case "declare":
            return path
        case "approve":
            return f"{path}?run={saying.run}&gate={saying.gate}"
        case "again":
            return f"{path}?run={saying.run}&step={saying.step}"
        case _:
            return f"{path}?run={saying.run}"


def fields_of(saying: Saying) -> dict[str, str]:
    """What is filled in by hand; the rest stands in the form."""
    fields = {"why": saying.why}
    match saying.verb:
        case "declare":
            fields |= {"version": version_of(Path(saying.plan).read_text(encoding="utf-8")), "role": ""}
        case "approve":
            fields["role"] = ""
        case "say":
            fields |= {"topic": saying.topic} | ({"second": saying.second} if saying.second else {})
    return fields
