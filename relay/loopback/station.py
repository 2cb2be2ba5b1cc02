"""A fake file transfer station: a company that calls the relay, or a bank that the relay calls, with faults on demand.

Owns sessions of both roles and keeps `FileBooks`. It must never look into the relay. The traps: what is in the books is
written by whoever has the word of the other side, at the moment it comes; and a fault (cut line, wrong password, a cycle used
twice, a re-send) is asked for per call, never drawn by chance, because a test wants to know what it did.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from protocols.vocabulary import Secret
from protocols.zengin.file.codec import Codec
from protocols.zengin.file.message import DataMessage, FileMessage, StationMessage
from protocols.zengin.file.profile import FileProfile, Station
from protocols.zengin.format.reader import read_file
from protocols.zengin.format.settings import FormatSettings
from relay.loopback.filebooks import FileBooks, FileFate
from relay.loopback.filewire import FileWire, LineLost

SEND, FETCH = "1", "2"  # モード, as the caller sees it


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """A file to send."""

    name: str
    cycle: str
    content: bytes
    record_bytes: int = 120
    access_key: str = ""
    settings: FormatSettings = FormatSettings()

    @property
    def count(self) -> int:
        return -(-len(self.content) // self.record_bytes)  # the last may be short

    @property
    def code(self) -> str:
        """コード区分: 0 JIS, 1 EBCDIC."""
        return "0" if self.settings.characters.charset in ("jis-x-0201", "shift-jis") else "1"

    def amounts(self) -> list[int]:
        records = read_file(self.content, self.settings).records
        return [record.number("amount") for record in records if record.kind == "2"]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What goes wrong in one call. Counts are of data telegrams; None: never."""

    cut_after: int | None = None  # reset the line after so many data telegrams
    cut_before_answer: bool = False  # ask for the end, then reset the line
    wrong_password: bool = False


NO_FAULT = Fault()


class FileStation:
    """`profile` is the station's own: its one `stations` entry is the relay. `wall_ms` gives UTC epoch milliseconds."""

    def __init__(self, profile: FileProfile, wall_ms: Callable[[], int]) -> None:
        self.profile = profile
        self.books = FileBooks()
        self._codec = Codec(profile)
        self._wall_ms = wall_ms
        self._places: dict[tuple[str, str], int] = {}  # (file, cycle) -> records acknowledged
        self._giving: list[Parcel] = []
        self._server: asyncio.Server | None = None
        self.problems: list[str] = []
        self.cut_receiving_after: int | None = None  # reset the line, once, after so many data telegrams that came
        self._halves: dict[tuple[str, str], bytes] = {}  # what came of files that did not come whole
        self.after_telegram: Callable[[int], Awaitable[None]] | None = None  # told how many data telegrams of a file went out

    # ---- we call ---------------------------------------------------------------------------------------------------------
    async def send(self, host: str, port: int, parcels: Sequence[Parcel], fault: Fault = NO_FAULT) -> list[str]:
        """連絡モード: one session with these files. Returns the 処理結果 of each; "" where the line broke."""
        wire = await self._connect(host, port)
        results: list[str] = []
        try:
            await self._open(wire, SEND, fault)
            for parcel in parcels:
                results.append(await self._send_one(wire, parcel, fault))
            await self._close(wire)
        except LineLost as error:
            self.problems.append(str(error))
            wire.cut()
        else:
            await wire.close()
        return [*results, *[""] * (len(parcels) - len(results))]

    async def fetch(self, host: str, port: int, name: str, cycle: str = "00", access_key: str = "") -> bytes | None:
        """照会モード: ask for one file. None where there is none."""
        wire = await self._connect(host, port)
        try:
            await self._open(wire, FETCH, NO_FAULT)
            await wire.say(FileMessage(kind="file-start", file=name, access_key=Secret(access_key), cycle=cycle))
            answer = await wire.hear_file("file-start-answer")
            content = None if answer.result != "ok" else await self._receive(wire, answer)
            await self._close(wire)
        except LineLost:
            wire.cut()
            raise
        await wire.close()
        return content

    async def _connect(self, host: str, port: int) -> FileWire:
        reader, writer = await asyncio.open_connection(host, port)
        return FileWire(reader, writer, self._codec)

    async def _open(self, wire: FileWire, mode: str, fault: Fault) -> None:
        relay = self.profile.stations[0]
        password = Secret("WRONG") if fault.wrong_password else relay.secret("open")
        await wire.say(self._message("open", relay, password, mode))
        answer = await wire.hear_station("open-answer")
        if answer.result != "ok":
            raise LineLost(f"open: {answer.result}")
        if answer.password != relay.secret("open_answer"):
            raise LineLost("open: the answer is not the relay's")

    async def _close(self, wire: FileWire) -> None:
        relay = self.profile.stations[0]
        await wire.say(self._message("close", relay, relay.secret("close"), SEND))
        answer = await wire.hear_station("close-answer")
        if answer.result != "ok" or answer.password != relay.secret("close_answer"):
            raise LineLost(f"close: {answer.result}")

    async def _send_one(self, wire: FileWire, parcel: Parcel, fault: Fault) -> str:
        line = self.books.begin(parcel.name, self.today(), parcel.cycle, parcel.amounts())
        place = self._places.get((parcel.name, parcel.cycle), 0)
        start = FileMessage(
            kind="file-resend" if place else "file-start",
            file=parcel.name,
            access_key=Secret(parcel.access_key),
            cycle=parcel.cycle,
            record_bytes=parcel.record_bytes,
            record_count=parcel.count,
            resume=place + 1 if place else 0,
            code=parcel.code,
        )
        await wire.say(start)
        answer = await wire.hear_file("file-start-answer")
        if answer.result != "ok":
            if answer.result == "duplicate-cycle" and line.fate is FileFate.UNANSWERED:
                line.fate = FileFate.DELIVERED
            elif answer.result != "duplicate-cycle" and line.fate is FileFate.OPEN:
                line.why = answer.result
            return answer.result
        await self._send_data(wire, parcel, max(1, answer.resume), fault)
        line.fate = FileFate.UNANSWERED
        end = FileMessage(
            kind="file-end",
            file=parcel.name,
            cycle=parcel.cycle,
            record_bytes=parcel.record_bytes,
            record_count=parcel.count,
            code=parcel.code,
        )
        await wire.say(end)
        if fault.cut_before_answer:
            raise LineLost("cut before the answer, on purpose")
        answer = await wire.hear_file("file-end-answer")
        line.fate = FileFate.DELIVERED if answer.result == "ok" else FileFate.REFUSED
        line.why = answer.result
        return answer.result

    async def _send_data(self, wire: FileWire, parcel: Parcel, first: int, fault: Fault) -> None:
        fit = max(1, self.profile.text_bytes_max // parcel.record_bytes)
        telegrams = unacknowledged = 0
        while first <= parcel.count:
            last = min(parcel.count, first + fit - 1)
            text = parcel.content[(first - 1) * parcel.record_bytes : last * parcel.record_bytes]
            is_asked = unacknowledged >= self.profile.send_count or last == parcel.count
            await wire.say(DataMessage(first, text), ack_wanted=is_asked)
            unacknowledged = 0 if is_asked else unacknowledged + 1
            if is_asked:
                self._places[parcel.name, parcel.cycle] = last
            first = last + 1
            telegrams += 1
            if self.after_telegram is not None:
                await self.after_telegram(telegrams)
            if fault.cut_after is not None and telegrams >= fault.cut_after:
                raise LineLost("cut in the middle, on purpose")

    # ---- we are called ---------------------------------------------------------------------------------------------------
    async def serve(self, host: str, port: int) -> None:
        """Listen for the relay. What `give` holds is handed out to who asks."""
        self._server = await asyncio.start_server(self._called, host, port)

    def give(self, parcel: Parcel) -> None:
        self._giving.append(parcel)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = FileWire(reader, writer, self._codec)
        try:
            await self._session(wire)
        except LineLost as error:
            self.problems.append(str(error))
        wire.cut()

    async def _session(self, wire: FileWire) -> None:
        relay = self.profile.stations[0]
        asked = await wire.hear_station("open")
        result = "ok" if asked.password == relay.secret("open") and asked.own_code == relay.centre_code else "wrong-password"
        answer = self._message("open-answer", relay, relay.secret("open_answer"), asked.mode)
        await wire.say(msgspec.structs.replace(answer, result=result))
        mode = asked.mode
        while result == "ok":
            telegram = await wire.hear()
            if isinstance(telegram, FileMessage) and mode == SEND:
                await self._take_one(wire, telegram)
            elif isinstance(telegram, FileMessage):
                await self._give_one(wire, telegram)
            elif isinstance(telegram, StationMessage) and telegram.kind == "mode":
                mode = telegram.mode
                await wire.say(self._message("mode-answer", relay, Secret(""), mode))
            elif isinstance(telegram, StationMessage) and telegram.kind == "close":
                await wire.say(self._message("close-answer", relay, relay.secret("close_answer"), mode))
                await wire.hear()  # nothing: the relay hangs up
                return
            else:
                raise LineLost(f"out of order: {telegram!r:.80}")

    async def _take_one(self, wire: FileWire, asked: FileMessage) -> None:
        key = (asked.file, asked.cycle)
        known = key in self.books.received
        half = self._halves.pop(key, b"") if asked.kind == "file-resend" else b""
        answer = msgspec.structs.replace(
            asked,
            kind="file-start-answer",
            result="duplicate-cycle" if known else "ok",
            resume=len(half) // asked.record_bytes + 1,
            access_key=Secret(""),
        )
        await wire.say(answer)
        if not known:
            await self._receive(wire, answer, half)

    async def _give_one(self, wire: FileWire, asked: FileMessage) -> None:
        parcel = next((one for one in self._giving if one.name == asked.file), None)
        if parcel is None:
            await wire.say(FileMessage(kind="file-start-answer", result="no-file", file=asked.file, cycle=asked.cycle))
            return
        line = self.books.begin(parcel.name, self.today(), parcel.cycle, parcel.amounts())
        first = max(1, asked.resume) if asked.kind == "file-resend" else 1
        answer = FileMessage(
            kind="file-start-answer",
            file=parcel.name,
            cycle=parcel.cycle,
            record_bytes=parcel.record_bytes,
            record_count=parcel.count,
            resume=first,
            code=asked.code,
        )
        await wire.say(answer)
        await self._send_data(wire, parcel, first, NO_FAULT)
        line.fate = FileFate.UNANSWERED
        await wire.say(msgspec.structs.replace(answer, kind="file-end", resume=0))
        heard = await wire.hear_file("file-end-answer")
        line.fate = FileFate.DELIVERED if heard.result == "ok" else FileFate.REFUSED
        self._giving.remove(parcel)

    async def _receive(self, wire: FileWire, started: FileMessage, half: bytes = b"") -> bytes:
        content = half
        telegrams = 0
        while True:
            telegram = await wire.hear_data_or_end()
            if isinstance(telegram, FileMessage):
                break
            if telegram.serial != len(content) // started.record_bytes + 1:
                raise LineLost(f"record {telegram.serial} out of order")
            content += telegram.text
            telegrams += 1
            if telegrams == self.cut_receiving_after:
                self.cut_receiving_after = None
                self._halves[started.file, started.cycle] = content
                raise LineLost("cut in the middle, on purpose")
        whole = -(-len(content) // started.record_bytes) == telegram.record_count
        self.books.received[started.file, started.cycle] = content
        result = "ok" if whole else "count-differs"
        await wire.say(msgspec.structs.replace(telegram, kind="file-end-answer", result=result))
        return content

    # ---- small parts -----------------------------------------------------------------------------------------------------
    def today(self) -> str:
        return self._now()[:8]

    def _now(self) -> str:
        return (datetime.fromtimestamp(self._wall_ms() / 1000, UTC) + timedelta(hours=9)).strftime("%Y%m%d%H%M%S")

    def _message(self, kind: str, relay: Station, password: Secret, mode: str) -> StationMessage:
        return StationMessage(
            kind=kind,
            peer_code=relay.centre_code,
            own_code=self.profile.centre_code,
            password=password,
            at=self._now(),
            mode=mode,
            send_count=self.profile.send_count,
            text_bytes_max=self.profile.text_bytes_max,
        )
