"""A walk through the states of a fake NDC machine, as the host loaded them: card, PIN, keys, amount, until something is
asked.

Owns the reading of loaded states and one customer's way through them. It must never know a message's bytes, the books or a
clock. The state types it walks: A card read, B PIN entry, D operation code presets, E four keys, F amount entry, I
transaction request, J close; their eight entries are read as in common practice [X]. The trap: a table that leads nowhere,
or in a circle, ends the customer's visit; it never hangs the machine.

`DEMO_LOAD` is a small bank's table: enough for a withdrawal and a balance, and for every state that the default replies
name.
"""

from __future__ import annotations

import msgspec

STEPS_MAX = 40
IDLE = "000"

DEMO_LOAD = """\
# States, screens and FIT of the demo bank, sent to an ATM whose configuration id is another one.
config_id = "0001"
parameters = ["001", "00010002", "00060"]
fit = ["000064000000255255000132000015000016000000000"]
states = [
    "000A001001004000000000002000",
    "001B010000000000000020002003",
    "002E020000000010020000000004",
    "010D011255068000000130000000",
    "011F030000000012012012012000",
    "012I040000001000001001001000",
    "020D021255064004000130000000",
    "021I040000001000001000001000",
    "073J050000000000000000000000",
    "101J050000000000000000000000",
    "125J050000000000000000000000",
    "126J050000000000000000000000",
    "127J050000000000000000000000",
    "130J050000000000000000000000",
    "131J050000000000000000000000",
    "132J050000000000000000000000",
    "133J050000000000000000000000",
    "140J050000000000000000000000",
]
screens = [
    "C00\\u000c\\u000fAEONE MOMENT",
    "001\\u000c\\u000fAEWELCOME",
    "010\\u000c\\u000fAEYOUR PIN",
    "040\\u000c\\u000fAEPLEASE WAIT",
]
"""


class Wish(msgspec.Struct, frozen=True):
    """What a customer is about to do: which of the four keys, and how much."""

    key: str  # A to D
    amount: str  # digits as typed


class Walk(msgspec.Struct):
    """One customer's visit so far."""

    wish: Wish
    state: str = IDLE
    operation: str = " " * 8
    amount: str = ""
    has_card: bool = False
    has_pin: bool = False
    steps: int = 0


class Asks(msgspec.Struct, frozen=True):
    """State I: a transaction request with these parts; on a time-out the walk goes on at `timeout_state`."""

    timeout_state: str
    with_track2: bool
    with_operation: bool
    with_amount: bool
    with_pin: bool


class States:
    """The table as loaded."""

    def __init__(self) -> None:
        self._table: dict[str, tuple[str, tuple[str, ...]]] = {}

    def load(self, entries: tuple[str, ...]) -> int:
        """Take over loaded states; returns how many could be read."""
        read = 0
        for entry in entries:
            if len(entry) == 28:
                self._table[entry[:3]] = (entry[3], tuple(entry[at : at + 3] for at in range(4, 28, 3)))
                read += 1
        return read

    def __len__(self) -> int:
        return len(self._table)

    def is_close(self, number: str) -> bool:
        return self._table.get(number, ("", ()))[0] == "J"

    def step(self, walk: Walk) -> Asks | bool:
        """One state further: what is asked of the host, True to go on, False where the visit is over."""
        walk.steps += 1
        found = self._table.get(walk.state)
        if found is None or walk.steps > STEPS_MAX:
            return False
        kind, entries = found
        if kind == "A":
            walk.has_card, walk.state = True, entries[1]
        elif kind == "B":
            walk.has_pin, walk.state = True, entries[6]
        elif kind == "D":
            _preset(walk, entries)
            walk.state = entries[0]
        elif kind == "E":
            walk.state = entries[3 + "ABCD".index(walk.wish.key)]
        elif kind == "F":
            walk.amount, walk.state = walk.wish.amount, entries[3]
        elif kind == "I":
            wanted = [entry == "001" for entry in entries[2:7]]
            return Asks(entries[1], wanted[0], wanted[2], wanted[3], wanted[4])
        else:
            return False
        return True


def _preset(walk: Walk, entries: tuple[str, ...]) -> None:
    """State D: clear the places of a mask, then write A, B, C, D into the places of theirs. Bit n is place n from the left."""
    places = list(walk.operation)
    for letter, mask in zip(" ABCD", entries[1:6], strict=True):
        for place in range(8):
            if int(mask) >> place & 1:
                places[place] = letter
    walk.operation = "".join(places)
