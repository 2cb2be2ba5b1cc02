"""A running relay in a browser over TLS: terminals come, one of them with script for a name; every page; a deed; a kill.

What test_pages.py sees of written reports, this sees of a daemon with its journal, its terminals and a core beside it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from protocols.vocabulary import Secret
from relay.console.accounts import account, write_accounts
from relay.console.identity import Role
from tests.browser.pictures import PAGES
from tests.support.certificates import Certificates
from tests.support.chromium import PHONE, Chromium, Seat
from tests.support.consoleroom import CHEAP, PASSWORD
from tests.support.daemonworld import DaemonWorld
from tests.support.foreignatm import PAN, ForeignAtm

SCRIPT = "<script>"  # a terminal's id has eight characters, and these are eight
# Of a daemon that was killed, perhaps in the middle of an answer.
GONE = ("ERR_CONNECTION_", "ERR_EMPTY_RESPONSE", "ERR_CONTENT_LENGTH_MISMATCH", "ERR_SOCKET_NOT_CONNECTED")
ELSEWHERE = {"failover", "approve", "abort", "nowhere"}  # an orchestrator's
ONE_OF_MANY = {"owed-one", "report", "journal-one"}  # which are not there yet
OWN = {name: path for name, path in PAGES.items() if name not in ELSEWHERE | ONE_OF_MANY}


def configure(world: DaemonWorld, port: int) -> None:
    certificates = Certificates(world.directory)
    accounts = world.directory / "accounts.json"
    write_accounts(str(accounts), [account("sato", Role.ADMINISTRATOR, Secret(PASSWORD), 0, CHEAP)])
    world.configure(
        extra=f"""
[console]
endpoint = "tcp:{port}:interface=127.0.0.1"
accounts_path = "{accounts}"
[console.tls]
certificate = "{certificates.relay[0]}"
key = "{certificates.relay[1]}"
[drain]
step_ms = 100
sign_off_ms = 200
"""
    )


async def signed_on(world: DaemonWorld, terminal: str, atms: list[ForeignAtm]) -> ForeignAtm:
    atm = ForeignAtm(world.port, terminal=terminal)
    atms.append(atm)
    assert (await asyncio.to_thread(atm.sign_on))["39"] == "00"
    return atm


async def counted(seat: Seat, text: str) -> None:
    """Until the first tile says so, without anybody asking for the page again."""
    await seat.page.wait_for_function("(text) => document.querySelector('.tile .value b').textContent === text", arg=text)


@pytest.mark.timeout(400)
async def test_a_day_at_the_console(tmp_path: Path, chromium: Chromium) -> None:
    world = DaemonWorld(tmp_path)
    port, atms = world.hold_port(), list[ForeignAtm]()
    try:
        await world.start_core()
        configure(world, port)
        await world.start()
        await signed_on(world, "ATM00001", atms)
        seat = await chromium.seat(f"https://127.0.0.1:{port}")
        await seat.sign_in("sato", PASSWORD)
        await counted(seat, "1")
        strange = await signed_on(world, SCRIPT, atms)
        await counted(seat, "2")  # the page looked again by itself
        answer = await asyncio.to_thread(strange.ask, strange.withdrawal("000002"))
        assert answer["39"] == "00"

        # ---- every page, on a desk and on a phone
        phone = await chromium.seat(seat.address, width=PHONE, language="ja")
        await phone.sign_in("sato", PASSWORD)
        for name, path in OWN.items():
            for each in (seat, phone):
                assert await each.go(path) == 200, name
                assert await each.overflow() == [], name
        await phone.close()

        # ---- the strange one
        await seat.go("/sessions?q=%3Cscript%3E")
        assert await seat.text("tbody td:first-child") == SCRIPT
        await seat.page.click("tbody a")
        await seat.page.wait_for_url("**/journal?*")
        row = await seat.text("tbody")
        assert SCRIPT in row
        assert f"{PAN[:6]}******{PAN[-4:]}" in row
        assert PAN not in await seat.page.content()
        await seat.page.click("tbody a")
        await seat.page.wait_for_url("**/journal/one?*")
        assert SCRIPT in await seat.text(".facts")

        # ---- a deed
        await seat.go("/system")
        await seat.page.click("text=Take out of service")
        await seat.page.fill("[name=why]", "to see that it can")
        await seat.page.check("[name=sure]")
        await seat.page.click("main button.grave")
        await seat.page.wait_for_selector("[role=status] .tag.good")
        await seat.page.click("text=Back")
        await seat.page.wait_for_selector("#live >> text=out of service")  # all have gone
        await seat.page.click("text=Back into service")
        await seat.page.fill("[name=why]", "seen")
        await seat.page.press("[name=why]", "Tab")
        await seat.page.keyboard.press("Enter")
        await seat.page.wait_for_selector("[role=status] .tag.good")

        # ---- killed, and there again: the page says so, and nobody has to sign in
        await seat.go("/")
        await world.kill()
        await seat.page.wait_for_selector("#lost:not([hidden])")
        await world.start()
        await seat.page.wait_for_selector("#lost", state="hidden")
        await seat.go("/audit")
        said = await seat.text("tbody")
        assert "Take out of service" in said
        assert "to see that it can" in said
        assert [each for each in await seat.troubles() if not any(word in each for word in GONE)] == []
        await seat.close()
    finally:
        for atm in atms:
            atm.close()
        await world.close()
