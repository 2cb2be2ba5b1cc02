"""The person at the list: looks, thinks, tries again, decides, and now and then does the wrong thing at the wrong moment.

Owns who does what when, drawn from the seed, and the invariants of people's decisions. What is decided goes the way of the
control socket (relay/exchange/people.py); the figures go into a book of the person's own (handbook.py). It must never move an
exchange itself. The traps: an honest figure needs patience, because what is on the list may still be on its way at the core,
and the terminal may be in the middle of it; and a relay that dies before it answers leaves the person not knowing either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from protocols.vocabulary import MessageClass
from relay.exchange.exchange import EVIDENCE_EVENT, REBUILT, Event, State
from relay.exchange.people import resolve, retry
from relay.journal.records import LISTED_STATES, StoredExchange, StoredState
from tests.simulation.relayside import SimulatedRelay
from tests.simulation.rooms import Room, Stage, Violation, act_of

WHO = "A. Sato"
PAUSE_MS = (300, 1_800)
PATIENCE_MS = 15_000  # longer than a call, a late commit, a stall and a machine's dispense together
AT_ONCE = (1, 1, 2, 4)  # lines of the list that are worked through at one sitting
SAME_MATTER, TOLD_FIRST = 0.3, 0.4  # how often the person looks for such lines first
WITH_SLIPS = ("atm", "ndc", "branch")
SIGNED = {event.name for event in Event if event.name == "RESOLVED" or event.name.startswith("RETRIED_")}
LEAVES_BY = SIGNED | {event.name for event in (*EVIDENCE_EVENT.values(), Event.EVIDENCE_CONFIRMED_ANEW)}


class Person:
    """`relay` is the life that there is, None between two lives. `row_taken` is told of each decision that was recorded."""

    def __init__(
        self,
        stage: Stage,
        rooms: Mapping[str, Room],
        relay: Callable[[], SimulatedRelay | None],
        row_taken: Callable[[int, State, Event], None],
    ) -> None:
        self._stage = stage
        self._chance = stage.chance("person")
        self._relay = relay
        self._row_taken = row_taken
        self._room_of = {listener: room for room in rooms.values() for listener in room.listeners}
        self._seen: dict[int, tuple[int, int]] = {}  # exchange id -> (its row as last seen, monotonic ms of that)
        self._asked: set[str] = set()  # keys that this person ever signed for
        self._decided: set[str] = set()  # chains of which a line was
        self._tried_now: set[str] = set()  # keys of originals: in this sitting something of them was tried again
        self._booked_now: set[str] = set()  # and these were booked by hand
        self._told: dict[str, SimulatedRelay] = {}  # by key: the life that heard the last decision
        self._unanswered: dict[str, int] = {}  # by key: decisions that it has not answered
        self.wrong: list[str] = []
        self.is_away = False  # nobody works through the list in these histories
        self.is_working = False

    # ---- the working day -------------------------------------------------------------------------------------------------
    def open(self) -> None:
        if not self.is_working and not self.is_away:
            self.is_working = True
            self._stage.time.after(self._chance.randint(*PAUSE_MS), self._sit_down)

    def shut(self) -> None:
        self.is_working = False

    def _sit_down(self) -> None:
        if not self.is_working:
            return
        self._tried_now.clear()
        self._booked_now.clear()
        self._look_up_unknown()
        now_ms = self._stage.time.monotonic_ms()
        listed = self._stage.listed()
        for stored in listed:
            if self._seen.get(stored.taken.exchange_id, (-1, 0))[0] != stored.updated_ms:
                self._seen[stored.taken.exchange_id] = (stored.updated_ms, now_ms)
        if listed:
            for stored in self._picked(listed):
                self._work_on(stored, now_ms - self._seen[stored.taken.exchange_id][1])
        if self._chance.random() < 0.3:
            self._err()
        self._stage.time.after(self._chance.randint(*PAUSE_MS), self._sit_down)

    def _picked(self, listed: list[StoredExchange]) -> list[StoredExchange]:
        """What else lies there of a matter that was decided; or those of which a terminal has said what it paid, for they are
        soon done; or any of them."""
        draw = self._chance.random()
        among: list[StoredExchange] = []
        if draw < SAME_MATTER:
            among = [stored for stored in listed if _chain_of(stored) in self._decided]
        elif draw < SAME_MATTER + TOLD_FIRST:
            among = [stored for stored in listed if stored.standing_minor]
        among = among or listed
        return self._chance.sample(among, min(len(among), self._chance.choice(AT_ONCE)))

    def _work_on(self, stored: StoredExchange, waited_ms: int) -> None:
        draw = self._chance.random()
        if draw < 0.04:
            self._resolve(stored, None, "in haste")
        elif draw < 0.08:
            self._resolve(stored, None, "pressed twice")
            self._resolve(stored, None, "pressed twice")
        elif waited_ms >= PATIENCE_MS and draw < 0.5:
            figure = self._figure(stored)
            if figure is not None:
                self._booked_now.add(stored.taken.original_key or stored.taken.key)
                self._resolve(stored, figure, f"booked by hand: {figure}")
        elif draw < 0.85 and (waited_ms >= PATIENCE_MS or self._stage.bank.retries_early):
            self._retry(stored)

    def _figure(self, stored: StoredExchange) -> int | None:
        """What the ledger lacks by the terminal's books, and was not booked by hand before. None: not to be said yet."""
        relay = self._relay()
        subject = self._subject(stored)
        if relay is None or subject is None or subject.taken.key in self._tried_now:
            return None
        act = self._act(subject)
        for entry in relay.desk.register.by_key.values():  # `relay saf list`: something of this act is still owed
            if subject.taken.key in (entry.key, entry.request.original_key):
                return None
        missing = self._room_of[subject.taken.listener].missing_minor(subject)
        return None if missing is None else missing - self._stage.hand.by_hand(act)

    def _is_booked(self, stored: StoredExchange) -> bool:
        """By hand, already: nobody has that delivered as well who remembers it."""
        subject = self._subject(stored)
        if subject is None or self._stage.bank.is_forgetful:
            return False
        return subject.taken.key in self._booked_now or bool(self._stage.hand.by_hand(self._act(subject)))

    def _act(self, subject: StoredExchange) -> tuple[str, str]:
        """As the book names it: by the slip of a terminal, or, where the numbers begin again with each file, by the key."""
        return act_of(subject) if subject.taken.listener in WITH_SLIPS else ("", subject.taken.key)

    def _subject(self, stored: StoredExchange) -> StoredExchange | None:
        """What a line is about: of a reversal, its original."""
        if stored.taken.message_class is not MessageClass.REVERSAL:
            return stored
        return self._stage.stored(stored.taken.original_key)

    # ---- through the control socket ----------------------------------------------------------------------------------------
    def _resolve(self, stored: StoredExchange, by_hand_minor: int | None, why: str) -> None:
        relay = self._relay()
        if relay is None:
            return
        key = stored.taken.key
        if self._stage.hand.signed(key) is None:
            subject = self._subject(stored)
            self._stage.hand.sign(key, ("", key) if subject is None else self._act(subject), by_hand_minor)
        self._asked.add(key)
        if self._told.get(key) is not relay:
            self._told[key], self._unanswered[key] = relay, 0
        self._unanswered[key] += 1
        # In haste, and told before that something of it is still owed: then that is a line of the list, too.
        although_owed = by_hand_minor is None and self._chance.random() < 0.5
        told = partial(self._resolved, stored)
        resolve(relay.desk.register, relay.desk.saf, key, WHO, why, told, although_owed=although_owed)

    def _resolved(self, stored: StoredExchange, problem: str) -> None:
        hand, key = self._stage.hand, stored.taken.key
        decision = hand.signed(key)
        self._unanswered[key] -= 1
        if problem:
            hand.turned_down += 1
            if decision is not None and not decision.is_known and not self._unanswered[key] and not self._is_decided(key):
                hand.void(key)
        elif decision is None or decision.is_known:
            self.wrong.append(f"law 4: {key} was decided twice")
        else:
            self._known(stored)

    def _known(self, stored: StoredExchange) -> None:
        decision = self._stage.hand.signed(stored.taken.key)
        if decision is None or not self._is_decided(stored.taken.key):
            self.wrong.append(f"law 4: the decision about {stored.taken.key} was confirmed, and is not on disk")
            return
        decision.is_known = True
        self._decided.add(_chain_of(stored))
        self._row_taken(stored.taken.exchange_id, self._was(stored.taken.exchange_id), Event.RESOLVED)

    def _was(self, exchange_id: int) -> State:
        """As what it was last on the list."""
        listed = [line for line in self._stage.disk.lines if line.exchange_id == exchange_id and line.state in LISTED_STATES]
        return REBUILT[listed[-1].state] if listed else State.LISTED

    def _is_decided(self, key: str) -> bool:
        stored = self._stage.stored(key)
        return (
            stored is not None
            and stored.state is StoredState.SETTLED
            and any(
                line.event == Event.RESOLVED.name
                for line in self._stage.disk.lines
                if line.exchange_id == stored.taken.exchange_id
            )
        )

    def _look_up_unknown(self) -> None:
        """A relay died before it answered: the next one's list says what became of the decision."""
        for decision in self._stage.hand.unknown():
            if self._unanswered[decision.key] and self._told[decision.key] is self._relay():
                continue  # it lives, and will answer
            stored = self._stage.stored(decision.key)
            if self._is_decided(decision.key):
                decision.is_known = True
            elif (
                stored is None or stored.state not in LISTED_STATES or self._relay() is not None
            ):  # what it was told died with it
                self._stage.hand.void(decision.key)

    def _retry(self, stored: StoredExchange) -> None:
        relay = self._relay()
        if relay is not None and not self._is_booked(stored):
            key = stored.taken.key
            self._tried_now.add(stored.taken.original_key or key)
            self._asked.add(key)
            retry(relay.desk.register, relay.desk.saf, key, WHO, "once more", partial(self._tried, stored))

    def _tried(self, stored: StoredExchange, problem: str) -> None:
        if not problem:
            self._stage.hand.tried_again += 1
            return
        self._stage.hand.turned_down += 1
        relay, subject = self._relay(), self._subject(stored)
        # The refusal is read: the word is for those who know that no money moved by hand. Else the line is decided, too.
        if relay is None or subject is None or "--although-resolved" not in problem or self._chance.random() < 0.5:
            return
        if not self._stage.hand.by_hand(self._act(subject)):
            self._again_all_the_same(relay, stored)

    def _again_all_the_same(self, relay: SimulatedRelay, stored: StoredExchange) -> None:
        why = "nothing was booked by hand"
        retry(relay.desk.register, relay.desk.saf, stored.taken.key, WHO, why, self._tried_at_last, although_resolved=True)

    def _tried_at_last(self, problem: str) -> None:
        if problem:
            self._stage.hand.turned_down += 1
        else:
            self._stage.hand.tried_again += 1

    # ---- at the wrong moment -------------------------------------------------------------------------------------------------
    def _err(self) -> None:
        """What is under way, decided, unknown or unsigned: nothing of it may be taken off anything."""
        relay = self._relay()
        if relay is None:
            return
        register, disk = relay.desk.register, self._stage.disk
        open_keys = [*register.by_key]
        key = self._chance.choice(open_keys if open_keys and self._chance.random() < 0.6 else [*disk.ids] or ["nobody"])
        stored = self._stage.stored(key)
        draw = self._chance.random()
        if draw < 0.4:
            self._asked.add(key)
            retry(register, relay.desk.saf, key, WHO, "at a wrong moment", self._tried_at_last)
        elif draw < 0.6 or stored is None:
            told = partial(self._must_fail, key)
            resolve(register, relay.desk.saf, key, self._chance.choice(("", " ")), "unsigned", told)
        else:
            self._resolve(stored, None, "at a wrong moment")

    def _must_fail(self, key: str, problem: str) -> None:
        self._stage.hand.turned_down += 1
        if not problem:
            self.wrong.append(f"law 4: {key} was decided by nobody")

    # ---- invariants ----------------------------------------------------------------------------------------------------------
    def check_step(self) -> None:
        if self.wrong:
            raise Violation(self.wrong[0])

    def check_end(self) -> None:
        """Nothing left the list but by a signature or late evidence, and nothing was decided that was not on it."""
        self._look_up_unknown()
        disk = self._stage.disk
        last: dict[int, StoredState] = {}
        for line in disk.lines:
            stored = disk.exchanges.get(line.exchange_id)
            if stored is None:
                raise Violation(f"law 1: exchange {line.exchange_id} was on disk, and is not")
            key = stored.taken.key
            was_listed = last.get(line.exchange_id) in LISTED_STATES
            if was_listed and line.state not in LISTED_STATES and line.event not in LEAVES_BY:
                raise Violation(f"law 4: {key} left the list by {line.event}, and nobody signed")
            if line.event in SIGNED and (not was_listed or key not in self._asked):
                raise Violation(f"law 4: {key}: {line.event}, and it was not on the list, or nobody asked for it")
            last[line.exchange_id] = line.state


def _chain_of(stored: StoredExchange) -> str:
    return stored.taken.original_key or stored.taken.key
