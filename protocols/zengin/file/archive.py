"""Files half received, half taken, and done: what a listener remembers, in memory and in durable link variables.

Owns `Archive`, shared by all links of one listener, and the names of its variables. Pure: every change gives the `Store`
actions that make it durable, in an order that a crash may cut anywhere. It must never judge a file. The traps: the head of a
file is written after its bytes, so that a head never speaks of bytes that are not there, and carries their digest, so that
bytes which are not the ones are noticed and the file starts anew; "done" is written before the bytes are given up; a
variable cannot be forgotten, so that names are used again; and a name belongs to one file, because after a reload two archives
of one listener live side by side for a while.

    zfile/head/STATION/FILE/CYCLE      head of a file that is received or taken; empty: there is none
    zfile/text/STATION/FILE/CYCLE/N    its bytes, part N
    zfile/done/STATION                 completed files within the duplicate window
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from hashlib import sha256

import msgspec

from protocols.dialect import Store
from protocols.zengin.file.message import FileIdentity
from protocols.zengin.file.work import Done, Head, Work
from protocols.zengin.format.reader import FileReader
from protocols.zengin.format.settings import FormatSettings

DONE_MAX = 4_000  # completed files remembered per station, whatever their age
_WORK, _TEXT, _DONE = "zfile/head/", "zfile/text/", "zfile/done/"


class Archive:
    """`open_max` files in work at a time; bytes are made durable in parts of `stage_bytes`.

    `today` is our own day, YYYYMMDD: a station whose clock runs ahead must not make us forget what it sent.
    """

    def __init__(
        self,
        settings_of: Mapping[str, FormatSettings],
        open_max: int,
        stage_bytes: int,
        days: int,
        today: Callable[[], str] = lambda: "99991231",
    ) -> None:
        self._settings_of = settings_of
        self._read_as = {name: sha256(one.model_dump_json().encode()).hexdigest() for name, one in settings_of.items()}
        self._open_max = open_max
        self._stage_bytes = stage_bytes
        self._days = days
        self._today = today
        self._works: dict[str, Work] = {}
        self._done: dict[str, list[Done]] = {}
        self._kept: set[str] = set()  # slots of accepted files that cannot be taken: a person decides, nothing overwrites them
        self._is_loaded = False
        self._stored: Mapping[str, bytes] = {}  # a live view of what is durable
        self._seen: dict[str, bytes] = {}  # what of "done" was read last

    # ---- after a start ------------------------------------------------------------------------------------------------
    def load(self, stored: Mapping[str, bytes]) -> list[str]:
        """Take up what is durable, once. Returns what could not be read, for the log; such a file starts anew."""
        self._stored = stored
        troubles = self._load_done(stored)
        if self._is_loaded:
            return troubles
        self._is_loaded = True
        for name, value in stored.items():
            if name.startswith(_WORK) and value:
                trouble = self._load_work(name[len(_WORK) :], value, stored)
                troubles += [f"{name}: {trouble}"] if trouble else []
        return troubles

    def _load_done(self, stored: Mapping[str, bytes]) -> list[str]:
        """At every link: after a reload another archive of this listener may have finished files meanwhile."""
        troubles = []
        for name, value in stored.items():
            if name.startswith(_DONE) and self._seen.get(name) != value:
                self._seen[name] = value
                try:
                    known = self._done.setdefault(name[len(_DONE) :], [])
                    durable = msgspec.json.decode(value, type=list[Done])
                    known[:0] = [one for one in durable if self.done(one.identity) is None]
                except msgspec.DecodeError:
                    troubles.append(f"{name}: unreadable")
        return troubles

    def _is_lost(self, slot: str, state: str) -> None:
        if state != "receiving":
            self._kept.add(slot)

    def _load_work(self, slot: str, value: bytes, stored: Mapping[str, bytes]) -> str:
        try:
            head = msgspec.json.decode(value, type=Head)
        except msgspec.DecodeError:
            self._is_lost(slot, "")
            return "unreadable"
        if self.is_done(head.identity):
            return ""  # only its bytes were not given up any more
        settings = self._settings_of.get(head.identity.file)
        if settings is None:
            self._is_lost(slot, head.state)
            return f"{head.identity.text()} ({head.state}): its file is no longer configured"
        content = b"".join(stored.get(f"{_TEXT}{slot}/{part}", b"") for part, _ in head.parts)
        if len(content) != sum(size for _, size in head.parts) or sha256(content).hexdigest() != head.digest:
            self._is_lost(slot, head.state)
            return f"{head.identity.text()} ({head.state}): its bytes are not the ones"
        work = Work(slot, head.identity, head.record_bytes, head.record_count, settings)
        work.content += content
        work.hash.update(content)
        work.parts = list(head.parts)
        work.next_part = max((part for part, _ in head.parts), default=-1) + 1
        work.calls = head.calls
        work.state = head.state
        work.taken = head.taken
        work.refused = head.refused
        if head.state != "receiving" and head.settings != self._read_as[head.identity.file]:
            while not work.read():
                pass
            work.reader.finish()
            if work.reader.mistakes:  # it was sound when it was accepted: the settings of the file have changed since
                self._is_lost(slot, head.state)
                return f"{head.identity.text()} ({head.state}): it is not read as it was"
        self._works[slot] = work
        return ""

    # ---- receiving ----------------------------------------------------------------------------------------------------
    def begin(self, identity: FileIdentity, record_bytes: int, record_count: int) -> Work | None:
        """A new file; None where too many are open."""
        slot = f"{identity.station}/{identity.file}/{identity.cycle}"
        if slot in self._works or slot in self._kept or len(self._works) >= self._open_max:
            return None
        work = self._works[slot] = Work(slot, identity, record_bytes, record_count, self._settings_of[identity.file])
        return work

    def find(self, station: str, file: str, cycle: str) -> Work | None:
        """The file in work of that name and cycle, of whatever day."""
        for work in self._works.values():
            one = work.identity
            if (one.station, one.file, one.cycle) == (station, file, cycle):
                return work
        return None

    def latest(self, station: str, file: str) -> Work | None:
        """A half received file of that name, of whatever cycle: what we ask the far end to go on with."""
        for work in self._works.values():
            if (work.identity.station, work.identity.file, work.state) == (station, file, "receiving") and not work.is_run:
                return work
        return None

    def append(self, work: Work, text: bytes) -> list[Store]:
        work.content += text
        return self.stage(work) if len(work.content) - work.staged_bytes >= self._stage_bytes else []

    def rewind(self, work: Work, count: int) -> list[Store]:
        """Forget what came behind the first `count` records: the far end wants to send that part again.

        Until the last of these is durable a crash may bring the forgotten part back.
        """
        del work.content[count * work.record_bytes :]
        work.reader = FileReader(self._settings_of[work.identity.file], date.fromisoformat(work.identity.date))
        work.read_bytes = 0
        work.is_sure = False  # parts that reach further are not its own any more
        return self.stage(work)

    def stage(self, work: Work) -> list[Store]:
        """Make durable whatever of the bytes is not, in parts of about `stage_bytes`."""
        is_head_due = not work.is_sure
        if not work.is_sure:
            self._keep_durable_parts(work)
        at = work.staged_bytes
        stores = []
        while at < len(work.content):
            left = len(work.content) - at
            size = left if left < 2 * self._stage_bytes + work.record_bytes else self._stage_bytes
            fresh = bytes(work.content[at : at + size])
            part = work.next_part
            work.next_part += 1
            work.parts.append((part, len(fresh)))
            work.hash.update(fresh)
            stores.append(Store(f"{_TEXT}{work.slot}/{part}", fresh))
            at += len(fresh)
        return [*stores, self._head(work)] if stores or (is_head_due and work.parts) else []

    def _keep_durable_parts(self, work: Work) -> None:
        """Nobody saw what became of the parts that were given last: keep those that are stored, from the first on.

        The others get new numbers, because a store of an old number may still be on its way.
        """
        parts, work.parts, work.hash, work.is_sure = work.parts, [], sha256(), True
        at = 0
        for part, size in parts:
            text = bytes(work.content[at : at + size])
            if len(text) != size or self._stored.get(f"{_TEXT}{work.slot}/{part}") != text:
                break
            work.parts.append((part, size))
            work.hash.update(text)
            at += size

    def unsure(self, work: Work) -> None:
        """Its link is gone, and with it the word about what was given last."""
        work.is_sure = False
        work.is_run = False

    def discard(self, work: Work) -> list[Store]:
        """Forget it: nothing of it was taken."""
        self._works.pop(work.slot, None)
        return [Store(f"{_WORK}{work.slot}", b""), *self._free(work)]

    # ---- taking -------------------------------------------------------------------------------------------------------
    def accept(self, work: Work, calls: str) -> list[Store]:
        """All of it is here and sound: once the last of these is durable it is taken to its end, whatever the far end does.

        `calls` holds for the first time only: a file that is half taken goes on as it began.
        """
        work.state = "taking"
        work.calls = work.calls or calls
        return [*self.stage(work), self._head(work)]

    def progress(self, work: Work) -> Store:
        return self._head(work)

    def finish(self, work: Work, result: str) -> Store:
        """Every record is taken: remembered as done. `release` follows when that is durable."""
        identity = work.identity
        before = self._done.get(identity.station, [])
        done = [one for one in before if one.identity != identity and self._is_recent(one, identity.date)]
        done.append(Done(identity, work.digest, result))
        self._done[identity.station] = done[-DONE_MAX:]
        return self._store_done(identity.station)

    def release(self, work: Work) -> list[Store]:
        """It is durably done: its bytes are given up."""
        self._works.pop(work.slot, None)
        return [Store(f"{_WORK}{work.slot}", b""), *self._free(work)]

    def _free(self, work: Work) -> list[Store]:
        return [Store(f"{_TEXT}{work.slot}/{part}", b"") for part in range(work.next_part)]

    def is_taking(self, station: str, file: str) -> bool:
        works = self._works.values()
        return any((one.identity.station, one.identity.file, one.state) == (station, file, "taking") for one in works)

    def unfinished(self) -> Iterator[Work]:
        """Accepted files that no link is taking."""
        return (work for work in list(self._works.values()) if work.state == "taking" and not work.is_run)

    # ---- done ---------------------------------------------------------------------------------------------------------
    def is_done(self, identity: FileIdentity) -> bool:
        """Done, and durably so."""
        work = self.find(identity.station, identity.file, identity.cycle)
        if work is not None and work.identity == identity:
            return False
        return self.done(identity) is not None

    def done(self, identity: FileIdentity) -> Done | None:
        return next((one for one in self._done.get(identity.station, ()) if one.identity == identity), None)

    def unconfirmed(self, identity: FileIdentity, digest: str) -> Done | None:
        """The same bytes under the same name and cycle, done on another day, of which the far end may not know."""
        for one in self._done.get(identity.station, ()):
            same = (one.identity.file, one.identity.cycle, one.digest) == (identity.file, identity.cycle, digest)
            if same and not one.confirmed and self.is_done(one.identity) and self._is_recent(one, identity.date):
                return one
        return None

    def twin(self, identity: FileIdentity, digest: str) -> Done | None:
        """A file of that name with the very same bytes, done within the window under another date or cycle."""
        for one in self._done.get(identity.station, ()):
            if (one.identity.file, one.digest) == (identity.file, digest) and self._is_recent(one, identity.date):
                return one
        return None

    def confirm(self, identity: FileIdentity) -> list[Store]:
        """The far end acknowledged our answer about this file."""
        station = identity.station
        before = self._done.get(station, [])
        after = [msgspec.structs.replace(one, confirmed=True) if one.identity == identity else one for one in before]
        if after == before:
            return []
        self._done[station] = after
        return [self._store_done(station)]

    def _is_recent(self, done: Done, day: str) -> bool:
        """`day` is the far end's; ours where that is earlier."""
        age = date.fromisoformat(min(day, self._today())) - date.fromisoformat(done.identity.date)
        return age.days <= self._days

    def _store_done(self, station: str) -> Store:
        return Store(f"{_DONE}{station}", msgspec.json.encode(self._done[station]))

    def _head(self, work: Work) -> Store:
        head = Head(
            work.identity,
            work.state,
            work.record_bytes,
            work.record_count,
            list(work.parts),
            work.digest,
            work.taken,
            work.calls,
            "" if work.state == "receiving" else self._read_as[work.identity.file],
            work.refused,
        )
        return Store(f"{_WORK}{work.slot}", msgspec.json.encode(head))


def head_name(work: Work) -> str:
    """The variable whose `Stored` says that an accepted file is durable."""
    return f"{_WORK}{work.slot}"


def done_name(station: str) -> str:
    """The variable whose `Stored` says that a completion is durable."""
    return f"{_DONE}{station}"
