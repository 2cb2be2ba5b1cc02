"""A zfile listener for live tests: its configuration, a station that calls it, and a ledger that can be waited for.

Owns what the live test and the loopback tests share. It must never look into the daemon.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from relay.core import contract as c
from relay.loopback.entries import EntryState
from relay.loopback.ledger import Caller, Ledger, Refused
from relay.loopback.station import FileStation, Parcel
from tests.support.zenginfiles import sound_file
from tests.support.zenginlink import BANK, COMPANY, PASSWORDS, WALL_MS, profile

PATIENCE_S = 60.0
_SECRETS = "\n".join(f'{name} = "credential:{name}"' for name in PASSWORDS)

LISTENER = f"""
[[listener]]
name = "files"
dialect = "zengin-file"
channel = "partner"
endpoint = "tcp:{{port}}:interface=127.0.0.1"
[listener.profile]
centre_code = "{BANK}"
text_bytes_max = 2048
send_count = 3
stage_bytes = 16384
progress_records = 50
[[listener.profile.stations]]
name = "COMPANY"
centre_code = "{COMPANY}"
{_SECRETS}
[[listener.profile.files]]
name = "SOUFURI"
access_key = "credential:access-key"
direction = "receive"
format = {{ formats = ["21"] }}
"""

DIALER = f"""
[[dialer]]
name = "bank"
dialect = "zengin-file"
channel = "partner"
endpoint = "tcp:host=127.0.0.1:port={{station_port}}"
backoff_first_ms = 100
backoff_max_ms = 500
[dialer.profile]
centre_code = "{BANK}"
text_bytes_max = 2048
[[dialer.profile.stations]]
name = "BRANCH"
centre_code = "{COMPANY}"
{_SECRETS}
[[dialer.profile.files]]
name = "MEISAI"
direction = "receive"
fetch = true
format = {{ formats = ["03"] }}
"""


def write_credentials(directory: Path) -> None:
    """The secrets that the listener names, as files."""
    for name, value in {**PASSWORDS, "access-key": "KEY1"}.items():
        (directory / name).write_text(value)
        (directory / name).chmod(0o600)


class WaitedLedger(Ledger):
    """Says when something is posted."""

    def __init__(self, utc_offset_minutes: int = 540) -> None:
        super().__init__(utc_offset_minutes=utc_offset_minutes)
        self._heard = asyncio.Event()

    def post(self, key: str, request: c.TransactionRequest, caller: Caller, wall_ms: int) -> c.TransactionAnswer | Refused:
        answer = super().post(key, request, caller, wall_ms)
        self._heard.set()
        return answer

    async def until(self, file: str, cycle: str, count: int) -> None:
        """Until at least `count` records of this file stand here."""
        async with asyncio.timeout(PATIENCE_S):
            while len([1 for name, _, used, _, _ in self.records() if (name, used) == (file, cycle)]) < count:
                self._heard.clear()
                await self._heard.wait()

    def records(self) -> list[tuple[str, str, str, int, int]]:
        """(name, date, cycle, number, yen) of every posted record, read from the keys."""
        found = []
        for entry in self.entries():
            parts = entry.key.split(":")
            if parts[1] == "zfile" and entry.state is EntryState.POSTED and entry.amount is not None:
                _, _, _, name, date, cycle, number = parts
                if number.isdecimal():  # a call for a whole batch is no record
                    found.append((name, date, cycle, int(number), int(entry.amount.minor)))
        return found


def company(text_bytes_max: int = 2048, send_count: int = 3, **changes: object) -> FileStation:
    """A station that calls the relay."""
    settings = profile(COMPANY, BANK, text_bytes_max=text_bytes_max, send_count=send_count, **changes)
    return FileStation(settings, lambda: WALL_MS)


def parcel(count: int, cycle: str, code: str = "21") -> Parcel:
    if code == "03":
        return Parcel(name="MEISAI", cycle=cycle, content=sound_file("03", count), record_bytes=200)
    return Parcel(name="SOUFURI", cycle=cycle, content=sound_file("21", count), access_key="KEY1")


def spoiled(one: Parcel) -> Parcel:
    """The same file with a total that is one yen too high."""
    start = len(one.content) - 240
    assert one.content[start : start + 1] == b"8"
    total = int(one.content[start + 7 : start + 19]) + 1
    content = one.content[: start + 7] + f"{total:012}".encode() + one.content[start + 19 :]
    return msgspec.structs.replace(one, content=content)
