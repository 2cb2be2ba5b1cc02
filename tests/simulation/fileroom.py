"""The company that sends files: each file again and again until the relay says that it has it, over lines that break.

Owns which faults its calls have, and the comparison of its books with the ledger, record by record. It must never look at the
relay. The trap: the file's name in the ledger has the station's date in it, so a history must not cross midnight.
"""

from __future__ import annotations

import asyncio

from relay.journal.records import StoredExchange
from relay.loopback.entries import EntryState
from relay.loopback.filebooks import FileFate
from relay.loopback.filewire import LineLost
from relay.loopback.station import NO_FAULT, Fault, FileStation, Parcel
from tests.simulation.lines import FILES
from tests.simulation.rooms import Stage, Violation
from tests.support.zenginfiles import sound_file
from tests.support.zenginlink import BANK, COMPANY, profile

PAUSE_S = (1.0, 8.0)
AGAIN_S = 1.0
SILENCE_S = 15.0
RECORDS = (5, 20, 60)
CYCLES_MAX = 99
PREFIX = "bank:zfile:"


class FileRoom:
    listeners = ("files",)

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._chance = stage.chance("files")
        self.station = FileStation(profile(COMPANY, BANK, text_bytes_max=2048, send_count=3), stage.time.wall_ms)
        self.is_open = False
        self._is_calm = False
        self._task: asyncio.Task[None] | None = None
        self._cycle = 0
        self._begun = self._done = 0

    async def _work(self) -> None:
        while self.is_open and self._cycle < CYCLES_MAX:
            self._cycle += 1
            self._begun += 1
            content = sound_file("21", self._chance.choice(RECORDS))
            await self._deliver(Parcel(name="SOUFURI", cycle=f"{self._cycle:02}", content=content, access_key="KEY1"))
            self._done += 1
            await asyncio.sleep(self._chance.uniform(*PAUSE_S))

    async def _deliver(self, parcel: Parcel) -> None:
        while True:
            try:
                async with asyncio.timeout(SILENCE_S):
                    (result,) = await self.station.send("10.9.0.4", FILES, [parcel], self._fault())
            except (OSError, TimeoutError, LineLost):
                result = ""
            if result in ("ok", "duplicate-cycle"):
                return
            if result not in ("", "other"):
                raise Violation(f"a sound file was refused: {result}; {self.station.problems[-3:]}")
            await asyncio.sleep(AGAIN_S)

    def _fault(self) -> Fault:
        draw = 1.0 if self._is_calm else self._chance.random()
        if draw < 0.15:
            return Fault(cut_after=self._chance.randint(1, 5))
        if draw < 0.25:
            return Fault(cut_before_answer=True)
        return Fault(wrong_password=True) if draw < 0.3 else NO_FAULT

    # ---- Room ------------------------------------------------------------------------------------------------------------
    @property
    def is_settled(self) -> bool:
        wanted = sum(len(line.amounts) for line in self.station.books.sent() if line.fate is FileFate.DELIVERED)
        return self._begun == self._done and len(self._records()) + len(self._elsewhere()) == wanted

    def _elsewhere(self) -> list[tuple[str, str, str, int, int]]:
        """Records that are not in the ledger, and that people have: on the list, or booked by hand."""
        given_up = sorted(self._stage.given_up().items())
        return [
            _record(key, stored.taken.amount_minor or 0)
            for key, stored in given_up
            if key.startswith(PREFIX) and not self._stage.ledger.knows(key)
        ]

    def _by_hand(self) -> list[tuple[str, str, str, int, int]]:
        """Booked by hand and in the ledger all the same."""
        decided = [d for d in self._stage.hand.decided() if d.key.startswith(PREFIX) and d.by_hand_minor]
        return [_record(d.key, d.by_hand_minor or 0) for d in decided if self._stage.ledger.knows(d.key)]

    def _records(self) -> list[tuple[str, str, str, int, int]]:
        """(name, date, cycle, number, yen) of every posted record, read from the keys."""
        found = []
        for entry in self._stage.ledger.entries():
            if entry.key.startswith(PREFIX) and entry.state is EntryState.POSTED and entry.amount is not None:
                found.append(_record(entry.key, int(entry.amount.minor)))
        return found

    def open(self) -> None:
        self.is_open = True
        if self._task is None or self._task.done():
            self._task = self._stage.loop.create_task(self._work())

    def shut(self) -> None:
        self.is_open = False
        self._is_calm = True

    def check_step(self) -> None:
        if self._task is not None and self._task.done() and self._task.exception() is not None:
            raise Violation(f"the station cannot go on: {self._task.exception()!r}") from self._task.exception()

    def check_end(self) -> None:
        differences = self.station.books.differences(self._records() + self._elsewhere() + self._by_hand())
        if differences:
            raise Violation(f"law 10: files: {differences[:3]}")

    def missing_minor(self, stored: StoredExchange) -> int | None:
        return 0 if self._stage.ledger.knows(stored.taken.key) else stored.taken.amount_minor

    def asked_and_answered(self) -> tuple[int, int]:
        return self._begun, self._done


def _record(key: str, yen: int) -> tuple[str, str, str, int, int]:
    _, _, _, name, date, cycle, number = key.split(":")
    return (name, date, cycle, int(number), yen)
