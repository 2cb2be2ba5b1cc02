"""One logical line at work: its state in the table, its durable values, and the words its parts share.

Owns what outward.py, inward.py and day.py all need: the machine, the three stored values, alarms, release. It must never
decide when something is due. The trap: the values here are what will be on disk once the waiting writes are done; whatever
leaves the relay waits for `Stored`, so nobody outside ever sees a value that a crash could take back.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from protocols.dialect import Action, HangUp, LineRight, Note, Tell
from protocols.machine import Unexpected, next_state
from protocols.zengin.session.matching import lines_of
from protocols.zengin.session.rules import Rules
from protocols.zengin.session.session import CARRIES, INITIAL, TRANSITIONS, Moment, State
from protocols.zengin.session.state import Day, Inward, Outward, pack, unpack
from protocols.zengin.session.stores import Stores, Then, nothing
from protocols.zengin.telegram.message import Figures

OUT, IN, DAY = "out", "in", "day"


class Line:
    __slots__ = ("day", "draining", "inward", "outward", "released", "right", "rules", "state", "stores")

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.state = INITIAL
        self.stores = Stores(f"zrc-{rules.name}/")
        self.outward = Outward()
        self.inward = Inward()
        self.day = Day()
        self.draining = False
        self.released = False
        self.right: LineRight | None = None  # of a line that one relay center at a time may use

    @property
    def is_superseded(self) -> bool:
        """This line's own record knows a later holder than the one we speak as."""
        return self.right is not None and self.right.token < self.outward.token

    @property
    def had_other_holder(self) -> bool:
        """Since this record was last agreed on, another relay center had the line: numbers above ours are its numbers."""
        return self.right is not None and self.right.other_token > self.outward.token

    def restore(self, stored: Mapping[str, bytes]) -> str:
        """Take over what is on disk. The problem as a sentence where it cannot be read: then nothing may be sent or taken."""
        prefix = self.stores.prefix
        try:
            self.outward = unpack(Outward, stored.get(prefix + OUT))
            self.inward = unpack(Inward, stored.get(prefix + IN))
            self.day = unpack(Day, stored.get(prefix + DAY))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return f"the stored state of line {self.rules.name} cannot be read: {error}"
        return ""

    @property
    def carries(self) -> bool:
        return self.state in CARRIES

    def move(self, moment: Moment, actions: list[Action]) -> bool:
        """Move by the table. False, and noted, where the table has no row: a message at the wrong time."""
        try:
            self.state = next_state(TRANSITIONS, self.state, moment)
        except Unexpected as error:
            actions.append(Note("out-of-turn", str(error)))
            return False
        return True

    def figures(self) -> list[Figures]:
        """Our own lines of the day, for the match."""
        rules = self.rules
        return lines_of({rules.out_direction: self.outward.totals, rules.in_direction: self.inward.totals})

    # ---- durable -------------------------------------------------------------------------------------------------------
    def keep_outward(self, value: Outward, actions: list[Action], then: Then = nothing) -> None:
        self.outward = value
        self.stores.put(OUT, pack(value), actions, then)

    def keep_inward(self, value: Inward, actions: list[Action], then: Then = nothing) -> None:
        self.inward = value
        self.stores.put(IN, pack(value), actions, then)

    def keep_day(self, value: Day, actions: list[Action], then: Then = nothing) -> None:
        self.day = value
        self.stores.put(DAY, pack(value), actions, then)

    # ---- said ----------------------------------------------------------------------------------------------------------
    def alarm(self, name: str, detail: str, actions: list[Action]) -> None:
        """Counted for the operator and told to the core."""
        actions.append(Note(name, detail))
        actions.append(Tell(name, {"line": self.rules.name, "detail": detail}))

    def release(self, reason: str, actions: list[Action], *, fault: bool = False) -> None:
        """Give the connection back; it is dialled again. `reason` is one of a few words, nothing of the peer's."""
        if fault:
            self.move(Moment.FAILED, actions)
        if not self.released:
            self.released = True
            actions.append(HangUp(reason))


__all__ = ["DAY", "IN", "OUT", "Line", "Moment", "State"]
