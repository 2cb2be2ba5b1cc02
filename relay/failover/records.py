"""What is known of all runs of this center beside the newest: which logs are damaged, and which runs are over.

Owns the register's upkeep and the question whether a damaged run stands in the way of another one. It must never write into a
log. The traps: that a run is over is said in the register as soon as its log says it, and again at each start, so that the log
may be damaged later; a register that cannot be read or kept holds nothing up, for the logs say the same as long as they are
whole; and only what the other center's own log says counts there, never what people have said here or there of the other's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from relay.errors import RelayError
from relay.failover.damage import ENDS, Damaged, damaged, judged, why_cut_off
from relay.failover.events import BrokeGlass, Entry
from relay.failover.register import Over, Register
from relay.failover.run import fold
from relay.failover.store import Shelf, StoreFailed
from relay.telemetry.log import get_log

_log = get_log("failover")
DAMAGED: Final = "DAMAGED"  # what is said of a run, to the other center, whose log is
NOT_THERE: Final = "NOT THERE"


class Records:
    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._register = Register(shelf.keys)
        self.damaged: dict[str, Damaged] = {}  # by run
        self.term = 0  # the highest that was seen
        self.seals: set[str] = set()

    # ---- at the start ----------------------------------------------------------------------------------------------------
    def read(self) -> None:
        register = self._register
        try:
            register.read(self._shelf.read_register())
        except StoreFailed as error:
            _log.error("the register of runs that are over cannot be read", why=error.problem, next=error.next_step)
        if register.unread:
            _log.error("lines of the register of runs that are over are not believed", lines=register.unread)
        for said in register.all():
            self._seen(said.term, said.seals)

    def known(self, name: str, entries: Sequence[Entry]) -> None:
        """A log that was read. Raises RelayError where it tells no run, or not the end of one that is over."""
        run, last = fold(entries), entries[-1]
        if run.state.name in ENDS:
            self.note_end(name, run.state.name, entries)
        elif (cut_off := why_cut_off(name, last.number, self._register)) is not None:
            raise cut_off
        self._seen(last.term, _seals(entries))

    def found_damaged(self, name: str, error: RelayError) -> None:
        try:
            data = self._shelf.raw(name)
        except StoreFailed:
            data = None
        one = self.damaged[name] = damaged(name, error, data, self._shelf.keys, self._register)
        self._seen(one.term, one.seals)
        told = one.proof or "NOBODY KNOWS: no run can be declared before two people have looked"
        _log.error("a run log is damaged", run=name, why=one.why, is_over=told, next=one.next_step)

    def _seen(self, term: int, seals: Sequence[str]) -> None:
        self.term = max(self.term, term)
        self.seals.update(seals)

    # ---- the register ----------------------------------------------------------------------------------------------------
    def note_end(self, name: str, state: str, entries: Sequence[Entry]) -> bool:
        """A run is over, its own whole log says it. True where that is news."""
        if self._register.of(name, "log") is not None:
            return False
        last = entries[-1]
        self._register.add(
            Over(
                run=name,
                how="log",
                state=state,
                lines=last.number,
                term=last.term,
                seals=_seals(entries),
                at_ms=last.at_ms,
            )
        )
        return True

    def keep(self) -> None:
        """What is not kept now is found again at the next start."""
        try:
            if self._register.text() != self._shelf.read_register():
                self.must_keep()
        except StoreFailed as error:
            _log.error("the register of runs that are over cannot be kept", why=error.problem, next=error.next_step)

    def must_keep(self) -> None:
        """Raises StoreFailed."""
        self._shelf.write_register(self._register.text())

    def say_over(self, said: Over) -> None:
        """A damaged run is over, by the other center's log or by people. Raises StoreFailed, and then it does not count."""
        before = self._register.of(said.run, said.how)
        self._register.add(said)
        try:
            self.must_keep()
        except StoreFailed:
            self._register.take_back(said, before)
            raise
        self.damaged[said.run] = judged(self.damaged[said.run], self._register)

    # ---- what is asked of it ---------------------------------------------------------------------------------------------
    @property
    def unclear(self) -> tuple[str, ...]:
        """Damaged runs of which nobody knows that they are over: each stands in the way of another run."""
        return tuple(one.run for one in self.damaged.values() if one.standing == "unknown")

    @property
    def unasked(self) -> tuple[str, ...]:
        """Those of them about which the other center was not heard yet."""
        return tuple(name for name in self.unclear if not self.damaged[name].peer)

    def must_be_clear(self) -> None:
        """Raises RelayError where a damaged run may not be over."""
        for name in self.unclear:
            raise RelayError(
                f"the log of the run {name} is damaged, and nothing says that it is over.",
                "relay failover status has what is known of it, and the line that two people sign.",
            )

    def heard(self, name: str, term: int, state: str, at_ms: int) -> None:
        """What the other center's log says of a damaged run. Under an older term than is read here, it lacks what came after.
        Raises as `say_over`."""
        one = self.damaged[name] = msgspec.structs.replace(self.damaged[name], peer=state or NOT_THERE)
        if state in ENDS and term >= one.term and one.standing == "unknown":
            self.say_over(Over(run=name, how="peer", state=state, term=term, at_ms=at_ms))
            _log.warning("a damaged run is over, by the other center's log", run=name, state=state)

    def known_of(self, name: str) -> tuple[int, str]:
        """Term and state of a damaged run: as its log had them when it was whole and at its end."""
        known = self._register.of(name, "log")
        return (self.damaged[name].term, DAMAGED) if known is None else (known.term, known.state)


def _seals(entries: Sequence[Entry]) -> tuple[str, ...]:
    return tuple(entry.event.seal for entry in entries if isinstance(entry.event, BrokeGlass))
