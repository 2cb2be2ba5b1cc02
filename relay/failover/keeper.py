"""The one writer of a run's log: fold first, then the disk, then everybody may know.

Owns the order. It must never decide what is written. The traps: a line that the fold refuses is never written, or no
process could resume; a line that the disk refused leaves a state in memory that is ahead of it, so from then on this keeper
is dead and says so; and the wall clock may be set back, while lines stay in order by their numbers.
"""

from __future__ import annotations

from collections.abc import Callable

from relay.clock import Clock
from relay.errors import RelayError
from relay.failover.chain import Place, seal_line
from relay.failover.events import BrokeGlass, Declared, Entry, Happening, TermTaken
from relay.failover.logkeys import LogKeys
from relay.failover.run import Run, fold
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

    def load(self) -> None:
        """Read every log, keep the newest. Raises StoreFailed, ChainBroken, BadHistory."""
        newest: tuple[int, int, str] | None = None
        for name in self._shelf.names():
            entries = self._shelf.open(name).read().entries
            if not entries:
                continue
            self.term = max(self.term, entries[-1].term)
            self.used_seals.update(entry.event.seal for entry in entries if isinstance(entry.event, BrokeGlass))
            found = (entries[-1].term, entries[0].at_ms, name)
            newest = found if newest is None else max(newest, found)
        if newest is not None:
            self._take(newest[2])

    def _take(self, name: str) -> None:
        store = self._shelf.open(name)
        log = store.read()
        self.run = fold(log.entries)
        self._store, self.place, self.name = store, log.place, name
        self.entries = list(log.entries)
        self.lines = list(log.lines)

    def earlier(self, name: str) -> tuple[list[bytes], Run | None]:
        """The lines and the standing of another run of this shelf; nothing where it is not here. Raises as `load`."""
        if not name or name == self.name or name not in self._shelf.names():
            return [], None
        log = self._shelf.open(name).read()
        return list(log.lines), fold(log.entries)

    def begin(self, event: Declared, term: int) -> Entry:
        """A new run, with a log of its own. Raises as `write`."""
        store = self._shelf.open(event.run)
        if store.read().entries:
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
        self.run.apply(entry)
        try:
            self._store.append(line)
        except StoreFailed:
            self.is_dead = True
            raise
        self._added(entry, line)
        return entry

    def take_copy(self, name: str, entries: list[Entry], lines: list[bytes]) -> None:
        """Lines of the other center's orchestrator, verified by the caller, go behind ours. Raises as `write`."""
        if name != self.name:
            store = self._shelf.open(name)
            log = store.read()
            fold([*log.entries, *entries])  # what cannot be folded does not push out the run that is here
            self._store, self.place, self.name = store, log.place, name
            self.entries, self.lines, self.run = list(log.entries), list(log.lines), fold(log.entries)
            self.heard_term, self.met = 0, ""
        for entry, line in zip(entries, lines, strict=True):
            self.run.apply(entry)
            if self._store is None or self.is_dead:
                raise StoreFailed("the run log is not written any more.")
            try:
                self._store.append(line)
            except StoreFailed:
                self.is_dead = True
                raise
            self._added(entry, line)

    def _added(self, entry: Entry, line: bytes) -> None:
        self.place = Place(entry.number, line[:64].decode(), entry.term, not line.startswith(b"{", 65))
        self.entries.append(entry)
        self.lines.append(line)
        self.term = max(self.term, entry.term)
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
