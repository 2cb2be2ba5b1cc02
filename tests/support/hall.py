"""People in browsers of their own before a failover room, and what their telephones show.

Owns their seats, the codes that each has used, and the filling in of a form. It must never decide who does what. The trap: a
code counts once, and a clock may be half a minute off either way; so the oldest code that will still count when it is typed
comes first, and whoever acts four times in a minute waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from relay.clock import SystemClock
from relay.failover.codes import STEP_S, code_at
from tests.support.chromium import DESK, Chromium, Language, Seat

CODE_S = 60.0
LOOK_S = 0.2
TYPING_MS = 15_000  # until the room has looked at it
ROOM = "/failover"


class Chair(NamedTuple):
    """Where somebody sits, before which width and in which language. `secret` is their authenticator's."""

    login: str
    password: str
    secret: bytes
    address: str
    width: int = DESK
    language: Language = "en"


class Hall:
    def __init__(self, chromium: Chromium, chairs: Mapping[str, Chair]) -> None:
        self._chromium, self._chairs = chromium, chairs
        self._seats: dict[str, Seat] = {}
        self._used: dict[str, int] = {}

    async def seat(self, name: str) -> Seat:
        if name not in self._seats:
            chair = self._chairs[name]
            seat = await self._chromium.seat(chair.address, width=chair.width, language=chair.language)
            try:
                await seat.sign_in(chair.login, chair.password, ROOM)
            except BaseException:  # else whoever comes again would find somebody seated who was never let in
                await seat.close()
                raise
            self._seats[name] = seat
        return self._seats[name]

    async def code(self, name: str) -> str:
        """What that person's authenticator shows, and did not show before."""
        async with asyncio.timeout(CODE_S):
            while True:
                now, gone_ms = divmod(SystemClock().wall_ms(), STEP_S * 1_000)
                oldest = now if gone_ms > STEP_S * 1_000 - TYPING_MS else now - 1
                step = max(oldest, self._used.get(name, 0) + 1)
                if step <= now + 1:
                    self._used[name] = step
                    return code_at(self._chairs[name].secret, step)
                await asyncio.sleep(LOOK_S)

    async def open(self, name: str, path: str) -> Seat:
        """The form behind the room's own link to `path`."""
        seat = await self.look(name)
        await seat.page.click(f'main a[href^="{path}"] >> nth=0')
        await seat.page.wait_for_url(f"**{path}*")
        return seat

    async def fill(self, name: str, fields: Mapping[str, str]) -> str:
        """By hand, and sent; what the page says of it. An empty value is the first that is offered."""
        seat = await self.seat(name)
        page = seat.page
        for field, value in fields.items():
            if await page.locator(f'[type=radio][name="{field}"]').count():
                await page.check(f'[name="{field}"][value="{value}"]' if value else f'[name="{field}"] >> nth=0')
            elif await page.locator(f'select[name="{field}"]').count():
                await page.select_option(f'[name="{field}"]', value)
            else:
                await page.fill(f'[name="{field}"]', value)
        if await page.locator("[name=sure]").count():
            await page.check("[name=sure]")
        if await page.locator("[name=proof]").count():
            await page.fill("[name=proof]", await self.code(name))
        await page.click("main button[type=submit]")
        await page.wait_for_selector("main [role=status], main [role=alert]")
        return await seat.text("main")

    async def do(self, name: str, path: str, **fields: str) -> str:
        """The form behind this link, filled in; what the page says of it."""
        seat = await self.open(name, path)
        assert await seat.overflow() == []
        return await self.fill(name, fields)

    async def look(self, name: str) -> Seat:
        seat = await self.seat(name)
        await seat.go(ROOM)
        return seat

    async def close(self) -> list[str]:
        """What must never have happened on any page."""
        troubles: list[str] = []
        for name, seat in self._seats.items():
            troubles += [f"{name}: {each}" for each in await seat.troubles()]
            await seat.close()
        self._seats.clear()
        return troubles
