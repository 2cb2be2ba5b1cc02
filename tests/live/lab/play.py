"""One life of a lab, in which scenarios are played one after the other: strike, wait for service, mend, and the check at the
end.

Owns the waiting and the measuring. It must never know a scenario. The traps: times are taken here, by one clock, from the
moment before the blow; nothing waits for a time but for a word, except the calm before a blow, which is what it is measured
against; and who was killed is started again before the check, for what it had begun is its own to end, unless somebody has
taken it over: then the check is made without it.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import msgspec

from relay.loopback.lab.crowd import Evening, Sight, Verdict, crowd_socket
from relay.loopback.lab.door import LabError
from relay.loopback.lab.hotline import Nothing, ask
from relay.loopback.lab.lab import BFD_MS, Lab, Plan, until
from relay.loopback.lab.relays import Announced, Relay
from relay.loopback.lab.takeovers import GivenBack, give_back, lost
from relay.loopback.lab.topology import CENTERS, peer_of
from relay.loopback.lab.watching import Seen
from tests.live.lab.cpu import Meter, Share

LOOK_S = 0.01
LOOK_AT_S = 1.0  # one look at a relay, which may stand still
PATIENCE_S = 120.0
CALM_BFD_MS = 1_000  # where no time is judged: a BIRD that a busy machine starves for a second is taken for dead
AT_TERMINALS = ("iso8583", "ndc", "branch-p1")  # where somebody waits for the answer
UNKNOWN_ENDS = """
SELECT s.state || ', ' || coalesce('told ' || s.verdict, 'told nobody'), count(*) FROM relay_journal.standing s
WHERE s.exchange_id IN (SELECT exchange_id FROM relay_journal.history
    WHERE event = 'OUTCOME_UNKNOWN' OR event LIKE 'DEADLINE\\_PASSED\\_%' OR event LIKE 'RECOVERED\\_%')
GROUP BY 1 ORDER BY 1"""
ADOPTED_ENDS = """
SELECT s.state || ', ' || coalesce('told ' || s.verdict, 'told nobody'), count(*)
FROM relay_journal.standing s JOIN relay_journal.taken t USING (exchange_id)
WHERE t.recorded_ms < {since_ms} AND s.updated_ms >= {since_ms} GROUP BY 1 ORDER BY 1"""
DENSE = "iso8583"  # who asks often enough to measure a pause


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario, once. Times are milliseconds from the blow; `pause_ms` is the longest without an answer to any ATM,
    `goal_ms` is compared with `judged_ms`."""

    scenario: str
    detected: dict[str, int]
    judged: str
    judged_ms: int
    goal_ms: int
    pause_ms: dict[str, int]
    sessions_lost: int
    sessions_back_ms: int
    refused: int
    doubted: int
    timed_out: int
    in_flight: int
    cpu_total: float
    cpu_forwarder: float
    is_void: bool
    notes: dict[str, str]
    figures: dict[str, int] = {}  # what else was measured, milliseconds or a count, by its name
    ends: dict[str, int] = {}  # of what a lost center had left open: how it ended at the heir


def now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class Stage:
    """What a blow does to the terminals, from just before it."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self.in_flight = sum(row.waiting for row in play.lab.crowd().rows)
        forwarder = play.lab.door.process("wires")
        self._meter = Meter(0 if forwarder is None else forwarder.pid)
        play.lab.crowd_does("mark")
        self.begun_ms = now_ms()
        self.detected: dict[str, int] = {}
        self.notes: dict[str, str] = {}
        self.figures: dict[str, int] = {}
        self.ends: dict[str, int] = {}

    def since_ms(self) -> int:
        return now_ms() - self.begun_ms

    def detect(self, what: str, holds: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
        """Wait until `holds`; when that was."""
        look_until(holds, lambda: f"{what}\n{self._play.words()}", patience_s)
        self.detected[what] = self.since_ms()

    def served(self, answers: int = 20) -> None:
        """Wait until so many more answers came, of every dialect at a terminal at least one, and everybody is there."""
        first = {row.name: row.answers for row in self._play.sight()}

        def is_served() -> bool:
            rows = self._play.sight()
            more = {row.name: row.answers - first[row.name] for row in rows}
            return (
                sum(more.values()) >= answers
                and all(more[name] > 0 for name in AT_TERMINALS)
                and all(row.present >= row.expected for row in rows)
            )

        look_until(is_served, lambda: f"everybody is served again: {self._play.sight()}\n{self._play.words()}")

    def result(self, scenario: str, judged: str, judged_ms: int, goal_ms: int) -> Result:
        rows = self._play.sight()
        share: Share = self._meter.share()
        return Result(
            scenario=scenario,
            detected=self.detected,
            judged=judged,
            judged_ms=judged_ms,
            goal_ms=goal_ms,
            pause_ms={row.name: round(row.pause_ms) for row in rows if row.name in AT_TERMINALS},
            sessions_lost=sum(row.missing_most for row in rows),
            sessions_back_ms=self.since_ms()
            if any(row.back_ms < 0 for row in rows)
            else round(max(row.back_ms for row in rows)),
            refused=sum(row.refused for row in rows),
            doubted=sum(row.doubted for row in rows),
            timed_out=sum(row.timed_out for row in rows),
            in_flight=self.in_flight,
            cpu_total=round(share.total, 3),
            cpu_forwarder=round(share.forwarder, 3),
            is_void=share.is_void,
            notes=self.notes,
            figures=self.figures,
            ends=self.ends,
        )


class Play:
    """`name` is the lab's."""

    def __init__(self, name: str) -> None:
        self.lab = Lab(name)
        self.results: list[Result] = []

    def start(self, say: Callable[[str], None] = lambda text: None, bfd_ms: int = BFD_MS) -> None:
        """A lab of its own, with everybody signed on and customers at the machines. Raises LabError."""
        self.lab.up(Plan(has_guard=True, bfd_ms=bfd_ms), say)
        say("terminals")
        self.lab.start_crowd()
        self.lab.open_doors()
        self.until_normal()

    def close(self) -> None:
        self.lab.down()

    # ---- what is asked ---------------------------------------------------------------------------------------------------
    def sight(self) -> tuple[Seen, ...]:
        return ask(crowd_socket(self.lab.folder), "sight", Nothing(), Sight).rows

    def seen(self, name: str = DENSE) -> Seen:
        return next(row for row in self.sight() if row.name == name)

    def announced(self, city: str) -> Announced:
        """Without a word of its own where the relay does not answer."""
        try:
            return self.lab.relays[city].announced(LOOK_AT_S)
        except LabError:
            return Announced()

    def holder(self) -> str:
        for city in CENTERS:
            if self.announced(city).role == "holding":
                return city
        return ""

    def who_holds(self) -> str:
        """Once one of them says that it does: a busy relay may take its time to answer, and a role may be on its way."""
        found = [""]

        def is_said() -> bool:
            found[0] = self.holder()
            return bool(found[0])

        look_until(is_said, self.words)
        return found[0]

    def finding(self, city: str) -> str:
        try:
            return self.lab.relays[city].status(LOOK_AT_S).pair.finding
        except LabError:
            return ""

    def active(self) -> str:
        return self.lab.regions().primary

    def relay(self, city: str) -> Relay:
        return self.lab.relays[city]

    def posted(self, region: str) -> int:
        """Messages of money that a region took."""
        return sum(row.posted for row in self.lab.regions().calls if row.region == region)

    def posted_by(self, center: str) -> dict[str, tuple[int, int, int]]:
        """What a center posted, reversed, and was refused, by region."""
        rows = [row for row in self.lab.regions().calls if row.center == center]
        return {row.region: (row.posted, row.reversed, row.refused) for row in rows}

    def words(self) -> str:
        """What the relays last said, for whoever waits in vain."""
        rows, _ = self.lab.rows()
        logs = "\n".join(self.lab.door.log(f"relay-{city}")[-2_500:] for city in CENTERS)
        return "\n".join("  ".join(row) for row in rows) + "\n" + logs

    # ---- one scenario after the other ------------------------------------------------------------------------------------
    def stage(self) -> Stage:
        return Stage(self)

    @property
    def lost(self) -> str:
        """The center that is lost for good, or taken for it; "" where none is."""
        return lost(self.lab)

    def give_back(self) -> GivenBack:
        """The lost center is there again, with its journal."""
        return give_back(self.lab, self.lost)

    def until_alive(self) -> None:
        """Nothing is cut or lost, both relays live and announce themselves, everybody is there and answered."""
        lab = self.lab
        lab.heal()
        if self.lost:
            self.give_back()
        for city in CENTERS:
            lab.wake(f"relay-{city}")
            if lab.door.process(f"relay-{city}") is None:
                lab.start_relay(city)
        for city in CENTERS:
            lab.until_serving(city)
        for city in CENTERS:
            lab.until_role(city, "standby", "holding")
        until(lambda: bool(self.holder()), self.words)
        self._until_answered()

    def until_normal(self) -> None:
        """And Tokyo holds, both see that all is well, and each journal has its standby."""
        self.until_alive()
        if self.holder() != CENTERS[0]:
            self._hand_back()
        until(lambda: all(self.finding(city) == "normal" for city in CENTERS), self.words)
        until(lambda: all(self._way(city) == "direct" for city in CENTERS), self.words)
        until(lambda: all(self._copy(city) == "follows" for city in CENTERS), self.words)
        self._until_answered()

    def _until_answered(self) -> None:
        self.lab.crowd_does("mark")
        until(
            lambda: (
                all(row.present >= row.expected for row in self.sight())
                and all(self.seen(name).answers > 0 for name in AT_TERMINALS)
            ),
            lambda: f"everybody is there and answered: {self.sight()}\n{self.words()}",
        )

    def _copy(self, city: str) -> str:
        """How a center's journal is copied, as its relay sees it."""
        try:
            return self.lab.relays[city].status().pair.acks.peer
        except LabError:
            return ""

    def _way(self, city: str) -> str:
        try:
            return self.lab.relays[city].status().pair.way
        except LabError:
            return ""

    def _hand_back(self) -> None:
        def handed() -> bool:
            with suppress(LabError):  # Tokyo may not take it yet: damping
                self.lab.relays[peer_of(CENTERS[0])].hand_back()
            return self.holder() == CENTERS[0]

        until(handed, self.words)

    def unknown_ends(self) -> dict[str, int]:
        """Of all exchanges whose outcome was unknown for a time: where each journal says they stand, and how many."""
        ends: dict[str, int] = {}
        for city in CENTERS:
            for state, count in self._counted(city, UNKNOWN_ENDS).items():
                ends[state] = ends.get(state, 0) + count
        return ends

    def adopted_ends(self, since_ms: int) -> dict[str, int]:
        """What the lost center had recorded, and what has moved since a wall clock: where it stands, and how many."""
        return self._counted(self.lost, ADOPTED_ENDS.format(since_ms=since_ms))

    def _counted(self, city: str, question: str) -> dict[str, int]:
        server = f"standby-{city}" if city == self.lost else f"journal-{city}"
        lines = [line.rpartition("|") for line in self.lab.ask_database(server, question).splitlines()]
        return {state: int(count) for state, _, count in lines}

    def evening(self) -> Verdict:
        """Doors closed, everything at rest, the books against the ledger; without the center that is lost, where one is."""
        if not self.lost:
            self.until_alive()
        return self._verdict("evening")

    def books(self) -> Verdict:
        """After the evening, once more: nothing has changed, and both centers live."""
        for city in CENTERS:
            self.lab.until_serving(city)
        return self._verdict("books")

    def _verdict(self, do: str) -> Verdict:
        return ask(crowd_socket(self.lab.folder), do, Evening(self.lost), Verdict, timeout_s=480.0)


def look_until(holds: Callable[[], bool], what: Callable[[], str], patience_s: float = PATIENCE_S) -> None:
    """Look each hundredth of a second."""
    end_s = time.monotonic() + patience_s
    while not holds():
        if time.monotonic() > end_s:
            raise LabError(f"waited {patience_s:.0f} s in vain: {what()}")
        select.select([], [], [], LOOK_S)


@contextmanager
def played(name: str = "", say: Callable[[str], None] = lambda text: None, bfd_ms: int = BFD_MS) -> Iterator[Play]:
    """A lab for these lines, gone after them. Its name is this process's."""
    play = Play(name or f"p{os.getpid() % 1_000_000}")
    try:
        play.start(say, bfd_ms)
        yield play
    finally:
        if not os.environ.get("RELAY_LAB_KEEP"):
            play.close()
