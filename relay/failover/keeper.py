"""The one writer of a run's log: fold first, then the disk, then everybody may know.

Owns the order. It must never decide what is written. The traps: a line that the fold refuses is never written, or no
process could resume; a line of our own that the disk refused leaves a state in memory that is ahead of it, so from then on this
keeper is dead and says so; a copy that the disk refused is forgotten, and taken again when the disk keeps something; a log that
cannot be read is shown, never written and never gone on with; and the wall clock may be set back, while lines stay in order by
their numbers.
"""

from __future__ import annotations

from collections.abc import Callable

from relay.clock import Clock
from relay.errors import RelayError
from relay.failover.chain import ChainBroken, Place, seal_line
from relay.failover.diskcare import DiskCare
from relay.failover.events import BrokeGlass, Declared, Entry, Happening, TermTaken
from relay.failover.logkeys import LogKeys
from relay.failover.records import Records
from relay.failover.run import Run, fold
from relay.failover.states import TERMINAL
from relay.failover.store import RunStore, Shelf, StoreFailed


class Superseded(RelayError):
    """Another orchestrator acts now. This one does nothing any more."""


class Keeper:
    """The newest run of a shelf, at `center`. `on_line` is told of each new line, after it is durable."""

    def __init__(self, shelf: Shelf, clock: Clock, center: str) -> None:
        self._shelf = shelf
        self._clock = clock
        self.center = center
        self._store: RunStore | None = None
        self.place = Place()  # of the newest line
        self.term = 0  # the highest of any run here
        self.name = ""
        self.entries: list[Entry] = []
        self.lines: list[bytes] = []
        self.run = Run()
        self.used_seals: set[str] = set()  # sealed codes of every run here: each opens once, not once in each run
        self.is_dead = False
        self.heard_term = 0  # of a run here, from another center: above our own, we are over
        self.met = ""  # a run of the other center that wanted to be kept here while ours is not over
        self.on_line: Callable[[Entry], None] | None = None
        self.records = Records(shelf)
        self.disk = DiskCare(clock)

    def load(self) -> None:
        """Read every log, keep the newest. One that cannot be read whole is told, and left alone."""
        records = self.records
        records.read()
        newest: tuple[int, int, str] | None = None
        for name in self._shelf.names():
            try:
                entries = self._shelf.open(name).read().entries
                records.known(name, entries)
            except RelayError as error:
                records.found_damaged(name, error)
                continue
            except Exception as error:  # noqa: BLE001  a mistake of ours over one old log must not keep a failover from being declared
                why = f"the run log cannot be read: {type(error).__name__} in the orchestrator."
                records.found_damaged(name, ChainBroken(why, "Tell whoever made it, and keep the file."))
                continue
            found = (entries[-1].term, entries[0].at_ms, name)
            newest = found if newest is None else max(newest, found)
        records.keep()
        self.term = max(self.term, records.term)
        self.used_seals.update(records.seals)
        if newest is not None:
            self._take(newest[2])

    def _take(self, name: str) -> None:
        store = self._shelf.open(name)
        log = store.read()
        self.run = fold(log.entries)
        self._store, self.place, self.name = store, log.place, name
        self.entries = list(log.entries)
        self.lines = list(log.lines)

    def known_of(self, name: str) -> tuple[int, str]:
        """The term and the state of a run, as this center's log has them; (0, "") where there is none. Raises as `earlier`."""
        if name in self.records.damaged:
            return self.records.known_of(name)
        run = self.run if name == self.name else self.earlier(name)[1]
        return (0, "") if run is None or not name else (run.term, run.state.name)

    def earlier(self, name: str) -> tuple[list[bytes], Run | None]:
        """The lines and the standing of another run of this shelf; nothing where it is not here, or damaged. Raises as
        `Shelf.open`, where it was damaged since."""
        if not name or name == self.name or name in self.records.damaged or name not in self._shelf.names():
            return [], None
        log = self._shelf.open(name).read()
        return list(log.lines), fold(log.entries)

    def begin(self, event: Declared, term: int) -> Entry:
        """A new run, with a log of its own. Raises as `write`."""
        self.records.must_be_clear()
        store = self._shelf.open(event.run)
        if event.run in self._shelf.names() or store.read().entries:
            raise StoreFailed(f"there is a run {event.run} already.", "A run's name is used once.")
        self._store, self.place, self.name = store, Place(), event.run
        self.entries, self.lines, self.run = [], [], Run()
        self.heard_term, self.met = 0, ""
        return self.write(event, term)

    @property
    def is_superseded(self) -> bool:
        """Does another center's orchestrator act in this run by now?"""
        return self.heard_term > self.run.term or self.run.center != self.center

    def write(self, event: Happening, term: int = 0, at_ms: int = 0) -> Entry:
        """Durable on return. `term` 0 is the run's own. `at_ms`: the moment (UTC epoch milliseconds) for which it was decided,
        so that the line is judged at that moment and no later one; 0 is now. Raises BadHistory with nothing written,
        StoreFailed for a sick disk, Superseded where the run is another center's by now."""
        if self.is_dead or self._store is None:
            raise StoreFailed("the run log is not written any more.", "Restart the orchestrator: it resumes.")
        if self.heard_term > max(self.run.term, term):
            raise Superseded(f"another orchestrator acts under term {self.heard_term}.", "See `relay failover status` there.")
        if self.run.center != self.center and not isinstance(event, Declared | TermTaken):
            raise Superseded(
                f"the orchestrator of {self.run.center} acts in this run; here is a copy.", "Go there, or adopt it."
            )
        entry = Entry(
            number=len(self.entries) + 1,
            at_ms=at_ms or self._clock.wall_ms(),
            term=term or self.run.term,
            before=self.place.last,
            event=event,
        )
        line = seal_line(entry, self._shelf.keys)
        if self.disk.is_log_lost and self._store is not None and not isinstance(event, Declared):
            self._renew()  # people wait for it: at once
        self.run.apply(entry)
        try:
            self._store.append(line)
        except StoreFailed:
            self.is_dead = True
            raise
        self.disk.mended()
        self._added(entry, line)
        return entry

    def take_copy(self, name: str, entries: list[Entry], lines: list[bytes]) -> None:
        """Lines of the other center's orchestrator, verified by the caller, go behind ours. Raises StoreFailed with those kept
        that are durable, ChainBroken and BadHistory with nothing moved."""
        if self.is_dead or not self.recover():
            raise StoreFailed(self.disk.why or "the run log is not written any more.", "It is tried again by itself.")
        if name == self.name:
            self._add_copies(entries, lines)
            return
        store = self._shelf.open(name)
        log = store.read()
        here = len(log.lines)  # a copy that was begun here before
        if list(log.lines[: len(lines)]) != lines[:here]:
            raise ChainBroken(f"the run {name} has other lines here.")
        fold([*log.entries, *entries[here:]])  # what cannot be folded does not push out the run that is here
        if not here:
            self._durably(store, lines[0], is_ours=False)
            log = store.read()
        self._store, self.place, self.name = store, log.place, name
        self.entries, self.lines, self.run = list(log.entries), list(log.lines), fold(log.entries)
        self.heard_term, self.met = 0, ""
        self.term = max(self.term, log.place.term)
        if not here:
            self._told(self.entries[0])
        self._add_copies(entries[len(self.entries) :], lines[len(self.lines) :])

    def _add_copies(self, entries: list[Entry], lines: list[bytes]) -> None:
        for entry, line in zip(entries, lines, strict=True):
            if self._store is None:
                raise StoreFailed("the run log is not written any more.")
            self.run.apply(entry)
            try:
                self._durably(self._store, line, is_ours=True)
            except StoreFailed:
                self.run = fold(self.entries)  # it is not ahead of what is durable
                raise
            self._added(entry, line)

    def _durably(self, store: RunStore, line: bytes, is_ours: bool) -> None:
        try:
            store.append(line)
        except StoreFailed as error:
            self.disk.failed(error, is_ours)
            raise

    def recover(self) -> bool:
        """Does this center keep copies? After a failure the disk is tried when it is time, with another file: the log of which
        a line was refused is written anew beside it, and takes its place."""
        if self.disk.is_to_be_tried():
            try:
                self._renew()
            except StoreFailed as error:
                self.disk.failed(error, self.disk.is_log_lost)
        return not self.disk.is_sick

    def _renew(self) -> None:
        if self.disk.is_log_lost and self.lines:
            self._store = self._shelf.renew(self.name, self.lines)
        else:
            self.records.must_keep()
        self.disk.mended()

    def _added(self, entry: Entry, line: bytes) -> None:
        self.place = Place(entry.number, line[:64].decode(), entry.term, not line.startswith(b"{", 65))
        self.entries.append(entry)
        self.lines.append(line)
        self.term = max(self.term, entry.term)
        self._told(entry)
        if self.run.state in TERMINAL and self.records.note_end(self.name, self.run.state.name, self.entries):
            self.records.keep()

    def _told(self, entry: Entry) -> None:
        if isinstance(entry.event, BrokeGlass):
            self.used_seals.add(entry.event.seal)
        if self.on_line is not None:
            self.on_line(entry)

    @property
    def last(self) -> str:
        return self.place.last

    @property
    def keys(self) -> LogKeys:
        return self._shelf.keys
