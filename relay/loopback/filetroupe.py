"""A company's file station as a troupe: files to the relay, record by record in the ledger, and files that the core sends it.

Owns the configuration of both links, the pace of files and the claims of their records. It must never know another dialect.
The traps: a file whose line broke is sent again until the relay says that it has it, from where it stopped; a file is in the
ledger whole or not at all; and requests are counted in records, as each is one call to the core.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterable, Mapping

from protocols.zengin.file.profile import FileProfile
from relay.bridge import spawn
from relay.clock import SystemClock
from relay.loopback import fileparcels as made
from relay.loopback.claims import Claim, hold
from relay.loopback.filebooks import FileFate, SentFile
from relay.loopback.report import Conservation, LedgerLine, Listed
from relay.loopback.station import FileStation, Parcel
from relay.loopback.tally import Tally
from relay.loopback.troupe import HOST, Part, Post, Site, until

BANK, COMPANY = "11111111111111", "22222222222222"
PASSWORDS = {
    "open_password": "OPEN01",
    "open_answer_password": "OPEN02",
    "close_password": "CLOSE1",
    "close_answer_password": "CLOSE2",
}
ACCESS_KEY = "KEY1"
IN, OUT = "SOUFURI", "KEKKA"  # names of files to the relay and from it
SEND_EVERY_S, POST_EVERY_S = 4.0, 5.0
RECORDS_MIN, RECORDS_MAX, OUT_RECORDS = 5, 2_000, 20
AGAIN_S = 0.3  # before a file whose line broke is sent again
SETTLE_S = 60.0
GOT = frozenset({"ok", "duplicate-cycle"})

_SECRETS = "\n".join(f'{name} = "credential:{name}"' for name in PASSWORDS)
_PROFILE = f"""centre_code = "{BANK}"
text_bytes_max = 2048
send_count = 3
stage_bytes = 16384
progress_records = 50
[[KIND.profile.stations]]
name = "COMPANY"
centre_code = "{COMPANY}"
{_SECRETS}
"""
_FILE = """[[KIND.profile.files]]
name = "NAME"
DIRECTION
[KIND.profile.files.format]
formats = ["21"]
"""


def config(listen_port: int, station_port: int, host: str = HOST, station_host: str = HOST) -> str:
    """A listener that takes files and a dialer that sends them."""
    listener = '[[listener]]\nname = "files"\ndialect = "zengin-file"\nchannel = "partner"\n'
    listener += f'endpoint = "tcp:{listen_port}:interface={host}"\n[listener.profile]\n{_PROFILE}'
    for name in made.names(IN):
        listener += _FILE.replace("NAME", name).replace(
            "DIRECTION", 'direction = "receive"\naccess_key = "credential:access-key"'
        )
    dialer = '[[dialer]]\nname = "company"\ndialect = "zengin-file"\nchannel = "partner"\n'
    dialer += f'endpoint = "tcp:host={station_host}:port={station_port}"\nbackoff_first_ms = 100\nbackoff_max_ms = 1000\n'
    dialer += f"[dialer.profile]\n{_PROFILE}"
    for name in made.names(OUT):
        dialer += _FILE.replace("NAME", name).replace("DIRECTION", 'direction = "send"')
    return "\n" + listener.replace("KIND", "listener") + "\n" + dialer.replace("KIND", "dialer")


class FileTroupe:
    """`port` is where the relay listens, `station_port` where the company does."""

    name, peers, key_word = "zengin-file", "station", "zfile"
    customer_waits = False

    def __init__(self, part: Part, port: int, station_port: int, host: str = HOST, station_host: str = HOST) -> None:
        self.tally = Tally()
        clock = SystemClock()
        self._monotonic_us = clock.monotonic_us
        self._port, self._station_port = port, station_port
        self._host, self._station_host = host, station_host
        rate = part.rate_per_s
        self.records = RECORDS_MIN * 4 if rate is None else min(RECORDS_MAX, max(RECORDS_MIN, round(rate * SEND_EVERY_S)))
        self._pause_s = SEND_EVERY_S if rate is None else (self.records / rate if rate > 0 else 86_400.0)
        relay = {"name": "BANK", "centre_code": BANK, **PASSWORDS}
        profile = {"centre_code": COMPANY, "stations": [relay], "text_bytes_max": 2048, "send_count": 3}
        self._credentials = {**PASSWORDS, "access-key": ACCESS_KEY}
        self.station = FileStation(FileProfile.model_validate(profile), clock.wall_ms)
        self.books = self.station.books
        self._is_open = False
        self._sending: asyncio.Task[None] | None = None
        self._under_way = 0
        self._posted: dict[tuple[str, str], bytes] = {}
        self._posted_s = 0.0

    async def prepare(self) -> None:
        await self.station.serve(self._station_host, self._station_port)

    def site(self) -> Site:
        there = f"{self._station_host}:{self._station_port}"
        return Site(
            config=config(self._port, self._station_port, self._host, self._station_host),
            address=f"{self._host}:{self._port}",
            note=f"Zengin files, {self.records} payments each; the relay calls the station at {there}",
            credentials=self._credentials,
        )

    def start(self) -> None:
        """Nothing: a station calls when it has a file."""

    def peer_count(self) -> int:
        return 1

    def present_count(self) -> int:
        """Always: there is no session to keep between files."""
        return 1

    def open_doors(self) -> None:
        self._is_open = True
        self._sending = spawn("files of the company", self._send())

    def close_doors(self) -> None:
        """No new file; the one under way is finished."""
        self._is_open = False

    async def evening(self) -> None:
        await until(lambda: not self._under_way, SETTLE_S)

    def unsettled_count(self) -> int:
        return self._under_way

    async def stop(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait([self._sending])
        await self.station.stop()

    # ---- traffic ---------------------------------------------------------------------------------------------------------
    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        for number in range(made.FILES_MAX):
            began_s = loop.time()
            if not self._is_open:
                return
            name, cycle = made.name_of(IN, number)
            parcel = Parcel(
                name=name,
                cycle=cycle,
                content=made.content_of(number, self.records, self._today()),
                access_key=ACCESS_KEY,
                settings=made.SETTINGS,
            )
            await self._deliver(parcel)
            await asyncio.sleep(max(0.0, began_s + self._pause_s - loop.time()))

    async def _deliver(self, parcel: Parcel) -> None:
        asked_ms = self._monotonic_us() / 1_000
        self.tally.requests += self.records
        self._under_way = self.records
        while True:
            try:
                (result,) = await self.station.send(self._host, self._port, [parcel])
            except OSError:
                result = ""
            if result in GOT:
                break
            if result not in ("", "other"):
                self.tally.violation(f"file {parcel.name}, cycle {parcel.cycle}: {result}")
                break
            self.tally.repeats_sent += 1
            await asyncio.sleep(AGAIN_S)
        self._under_way = 0
        self.tally.taken(self.records if result in GOT else 0, asked_ms, self._monotonic_us() / 1_000)

    def _today(self) -> str:
        """MMDD of the station's clock."""
        return self.station.today()[4:]

    # ---- the core's own --------------------------------------------------------------------------------------------------
    def next_post(self) -> Post | None:
        now_s = self._monotonic_us() / 1_000_000
        if now_s < self._posted_s + POST_EVERY_S or len(self._posted) >= made.FILES_MAX:
            return None
        self._posted_s = now_s
        name, cycle = made.name_of(OUT, len(self._posted))
        content = made.content_of(len(self._posted) + made.FILES_MAX, OUT_RECORDS, self._today())
        self._posted[name, cycle] = content
        body = {"file": name, "cycle": cycle, "format": made.CODE, "content": base64.b64encode(content).decode()}
        return Post(listener="company", kind="zengin-file", body=body, mark=f"{name}/{cycle}")

    def heard(self) -> Mapping[tuple[str, str], int]:
        return {("", f"{name}/{cycle}"): 1 for name, cycle in self.books.received}

    # ---- the end ---------------------------------------------------------------------------------------------------------
    def reversed_count(self) -> int:
        """None: a file is never taken back."""
        return 0

    def conserve(self, lines: Iterable[LedgerLine], listed: Iterable[Listed], posted_twice: Iterable[str]) -> Conservation:
        """Each record of a delivered file is in the ledger once; of a file without a word, all or none."""
        named = [_named(line) for line in lines]
        there = {line.terminal for line in named if line.delta_minor}
        for file, content in self.books.received.items():
            if self._posted.get(file) != content:
                self.tally.violation(f"file {'/'.join(file)} came with other bytes than the core gave")
        claims = (claim for sent in self.books.sent() for claim in _claims(sent, there))
        return hold(claims, named, listed, posted_twice)

    def extras(self) -> Mapping[str, int]:
        return {
            "files_in": sum(1 for sent in self.books.sent() if sent.fate is FileFate.DELIVERED),
            "files_out": len(self.books.received),
            "lines_lost": len(self.station.problems),
        }


def _claims(sent: SentFile, there: set[str]) -> Iterable[Claim]:
    names = [f"{sent.name}/{date}/{sent.cycle}" for date in sent.dates]
    name = next((one for one in names if one in there), names[-1])
    if sent.fate is FileFate.REFUSED:
        return
    may_miss = sent.fate is not FileFate.DELIVERED and name not in there
    for number, amount in enumerate(sent.amounts, 1):
        yield Claim(terminal=name, trace=f"{number:06}", kind="file", fate=sent.fate.value, minor=-amount, may_miss=may_miss)


def _named(line: LedgerLine) -> LedgerLine:
    """A key is realm:zfile:station:file:date:cycle:record."""
    parts = line.key.split(":")
    return LedgerLine(line.key, "/".join(parts[3:6]), parts[6], line.delta_minor, line.account, line.kind)
