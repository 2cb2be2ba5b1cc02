"""The notes of fake NDC machines, note by note: in a cassette, in the throat, with the customer, retracted, rejected.

Owns the books that conservation (law 10) is held against: what was loaded, where every note is now, and what each customer
took. It imports nothing of the relay, nor of its protocols or ledger: two parties that share code share mistakes. The trap:
a line is written when notes move, whatever any message says afterwards; a machine that reports a dispense wrongly is what
this is for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence


class CashAct:
    """One customer's withdrawal. `serial` is this machine's own number; `tsn` what the host called it, once it did."""

    __slots__ = ("account", "amount", "ended", "serial", "taken", "terminal", "tsn")

    def __init__(self, terminal: str, serial: int, account: str, amount: int) -> None:
        self.terminal = terminal
        self.serial = serial
        self.account = account
        self.amount = amount
        self.tsn = ""
        self.taken = 0  # value of the notes that the customer carried away
        self.ended = "open"  # what happened, in a word for people


class Machine:
    """One ATM's notes, counted per cassette type."""

    def __init__(self, values: Sequence[int], loaded: Sequence[int]) -> None:
        self.values = tuple(values)
        self.loaded = list(loaded)
        self.cassettes = list(loaded)
        self.throat = [0] * len(self.values)  # stacked or presented, not yet taken
        self.taken = [0] * len(self.values)
        self.retracted = [0] * len(self.values)
        self.rejected = [0] * len(self.values)

    def worth(self, notes: Sequence[int]) -> int:
        return sum(count * value for count, value in zip(notes, self.values, strict=False))

    def stack(self, notes: Sequence[int]) -> None:
        """Notes leave their cassettes for the throat. Raises ValueError where a cassette has not that many."""
        if any(count > have for count, have in zip(notes, self.cassettes, strict=False)):
            raise ValueError("a cassette is empty")
        for index, count in enumerate(notes):
            self.cassettes[index] -= count
            self.throat[index] += count

    def hand_over(self, act: CashAct, notes: Sequence[int]) -> None:
        """The customer takes these notes out of the throat."""
        for index, count in enumerate(notes):
            self.throat[index] -= count
            self.taken[index] += count
        act.taken += self.worth(notes)

    def retract(self) -> None:
        """What was presented and not taken goes into the retract bin."""
        self._empty_throat(self.retracted)

    def purge(self) -> None:
        """What was stacked and never presented goes into the reject bin."""
        self._empty_throat(self.rejected)

    def _empty_throat(self, bin_counts: list[int]) -> None:
        for index, count in enumerate(self.throat):
            bin_counts[index] += count
            self.throat[index] = 0

    def missing(self) -> list[int]:
        """Per type, notes that are nowhere: anything but zeros is a mistake of the machine itself."""
        places = (self.cassettes, self.throat, self.taken, self.retracted, self.rejected)
        return [loaded - sum(place[index] for place in places) for index, loaded in enumerate(self.loaded)]


class NoteBooks:
    """All machines and all acts of one room."""

    def __init__(self) -> None:
        self.machines: dict[str, Machine] = {}
        self._acts: list[CashAct] = []
        self.told: dict[tuple[str, str], int] = {}  # (terminal, command) -> how often it was obeyed

    def install(self, terminal: str, values: Sequence[int], loaded: Sequence[int]) -> Machine:
        machine = self.machines[terminal] = Machine(values, loaded)
        return machine

    def begin(self, terminal: str, account: str, amount: int) -> CashAct:
        act = CashAct(terminal, len(self._acts) + 1, account, amount)
        self._acts.append(act)
        return act

    def tell(self, terminal: str, command: str) -> None:
        """The host gave a command, and the machine obeyed."""
        self.told[terminal, command] = self.told.get((terminal, command), 0) + 1

    def acts(self) -> Iterator[CashAct]:
        return iter(self._acts)

    def taken_by_act(self) -> dict[tuple[str, str], int]:
        """(terminal, TSN) -> what the customer carried away. Raises ValueError where a host used a TSN twice for money."""
        taken: dict[tuple[str, str], int] = {}
        for act in self._acts:
            if act.tsn:
                if (act.terminal, act.tsn) in taken:
                    raise ValueError(f"terminal {act.terminal} was given TSN {act.tsn} twice")
                taken[act.terminal, act.tsn] = act.taken
        return taken

    def total_taken(self) -> int:
        return sum(act.taken for act in self._acts)

    def imbalance(self) -> dict[str, str]:
        """Per terminal, why its notes do not add up: empty where they do."""
        wrong = {}
        for terminal, machine in self.machines.items():
            by_acts = sum(act.taken for act in self._acts if act.terminal == terminal)
            if any(machine.missing()):
                wrong[terminal] = f"notes nowhere: {machine.missing()}"
            elif machine.worth(machine.taken) != by_acts:
                wrong[terminal] = f"notes worth {machine.worth(machine.taken)} left, the acts say {by_acts}"
        return wrong
