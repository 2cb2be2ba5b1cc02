"""One fake NDC machine against one dialogue at a time, on a queue of virtual time: no sockets, no daemon, no journal but a
dict.

Owns the line between them (bytes cut anywhere, lines that break), a core that says yes or no, and what the desk would
believe: per key, approved or not, and the evidence that came. It must never decide for either side. The trap: evidence is
taken as the desk takes it, the first verdict while an approval awaits it, later only a confirmation of what was unproven.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Sequence

import msgspec

from protocols import dialect as d
from protocols.framing import FrameCutter, wrap
from protocols.ndc.asking import OpenedRequest
from protocols.ndc.codec import decode_host, encode
from protocols.ndc.dialect import NdcDialect, build_dialect, default_profile
from protocols.vocabulary import TAKEN, Answer, Approved, Declined, Received, Request, Verdict
from relay.loopback.customers import Customers
from relay.loopback.deeds import Connect, HangUp, NdcPolicy, Ready, Wake
from relay.loopback.ndcatm import Deed, NdcMind, Utter
from relay.loopback.ndcbooks import NoteBooks
from relay.loopback.ndcstates import DEMO_LOAD
from relay.loopback.ndctally import NdcTally
from tests.support.ndcplay import WALL_MS

VALUES, LOADED = (1_000, 5_000, 10_000, 0), (4_000, 4_000, 4_000, 0)
SOURCE = "127.0.1.1"
STEPS_PER_VISIT_MAX = 400
TERMINAL = f"000@{SOURCE}"


class Debit(msgspec.Struct):
    """What the core and the desk hold of one approved withdrawal."""

    amount: int
    tsn: str
    standing: int
    state: str = "awaiting"  # awaiting | confirmed | part | undone | unproven


class NdcWorld:
    def __init__(self, seed: int, policy: NdcPolicy, kill_share: float = 0.0) -> None:
        self.chance = random.Random(seed)
        self.books = NoteBooks()
        self.books.install(TERMINAL, VALUES, LOADED)
        self.tally = NdcTally()
        profile = default_profile(config_id="0001", load="demo", session={"reply_window_ms": 6_000})
        self.dialect: NdcDialect = build_dialect(profile, lambda name: DEMO_LOAD, lambda: WALL_MS)
        self.mind = NdcMind(TERMINAL, "000", self.books, self.tally, policy, random.Random(f"{seed}/mind"))
        self.customers = Customers(seed, 50, {"withdrawal": 80, "balance-inquiry": 20})
        self.debits: dict[str, Debit] = {}
        self.notes: list[str] = []
        self.stored: dict[str, bytes] = {}
        self.visits = self.visits_max = 0
        self._last_visit_ms = 0
        self.now_ms = 0
        self._kill_share = kill_share
        self._links = itertools.count(1)
        self._order = itertools.count()
        self._queue: list[tuple[int, int, object, tuple[object, ...]]] = []
        self._dialogue: d.Dialogue | None = None
        self._cutter = FrameCutter(self.dialect.rules.framing)
        self._timers: dict[tuple[str, str], int] = {}
        self._generation = 0
        self._later(0, self._connect)

    # ---- time --------------------------------------------------------------------------------------------------------
    def _later(self, after_ms: float, call: object, *args: object) -> None:
        heapq.heappush(self._queue, (self.now_ms + int(after_ms), next(self._order), call, args))

    def run(self, visits: int) -> None:
        """Until so many customers were served and nothing more happened within a minute."""
        self.visits_max = visits
        for _ in range(visits * STEPS_PER_VISIT_MAX):
            at_ms, _, call, args = heapq.heappop(self._queue)
            self.now_ms = at_ms
            call(*args)  # type: ignore[operator]  # what was given to _later
            if self.visits >= visits and self.mind.is_settled and at_ms - self._last_visit_ms > 60_000:
                return
            if self.visits < visits:
                self._last_visit_ms = self.now_ms
        raise AssertionError(f"only {self.visits} visits: {self.notes[-10:]}")

    # ---- the line ----------------------------------------------------------------------------------------------------
    def _connect(self) -> None:
        self._generation += 1
        self._dialogue = self.dialect.new_dialogue()
        self._cutter = FrameCutter(self.dialect.rules.framing)
        opened = d.LinkOpened(SOURCE, 1, stored=self.stored, realm="bank", link_id=f"link-{next(self._links)}")
        self._perform(self._dialogue.step(opened, self.now_ms))
        self._do(self.mind.link_opened(self.now_ms))

    def _break(self) -> None:
        """The line is gone, for both."""
        if self._dialogue is None:
            return
        dialogue, self._dialogue = self._dialogue, None
        self._timers.clear()
        self._perform(dialogue.step(d.LinkClosed("peer-lost"), self.now_ms))
        self._do(self.mind.link_closed(self.now_ms))

    def _do(self, deeds: Sequence[Deed]) -> None:
        generation = self._generation
        for deed in deeds:
            if isinstance(deed, Utter):
                frame = wrap(self.dialect.rules.framing, encode(deed.message))
                at = self.chance.randint(0, len(frame))
                for piece in (frame[:at], frame[at:]):
                    self._later(1, self._arrive, generation, piece)
            elif isinstance(deed, Wake):
                self._timer("mind", deed.name, deed.after_ms, self._mind_timer)
            elif isinstance(deed, Ready):
                self._later(5, self._serve, generation)
            elif isinstance(deed, Connect):
                self._later(deed.after_ms, self._connect)
            elif isinstance(deed, HangUp):
                self._later(0, self._break)

    def _arrive(self, generation: int, piece: bytes) -> None:
        if generation == self._generation and self._dialogue is not None and piece:
            self._perform(self._dialogue.step(d.BytesArrived(piece), self.now_ms))

    def _serve(self, generation: int) -> None:
        if generation == self._generation and self.mind.is_free and self.visits < self.visits_max:
            self.visits += 1
            self._do(self.mind.begin(self.customers.next(self.now_ms), self.now_ms))

    def _timer(self, whose: str, name: str, after_ms: float | None, call: object) -> None:
        self._timers[whose, name] = serial = next(self._order)
        if after_ms is not None:
            self._later(after_ms, call, self._generation, name, serial)

    def _mind_timer(self, generation: int, name: str, serial: int) -> None:
        if generation == self._generation and self._timers.get(("mind", name)) == serial:
            self._do(self.mind.timer_fired(name, self.now_ms))

    def _dialogue_timer(self, generation: int, name: str, serial: int) -> None:
        if generation == self._generation and self._dialogue is not None and self._timers.get(("relay", name)) == serial:
            self._perform(self._dialogue.step(d.TimerFired(name), self.now_ms))

    # ---- the relay's side --------------------------------------------------------------------------------------------
    def _perform(self, actions: Sequence[d.Action]) -> None:
        generation = self._generation
        for action in actions:
            match action:
                case d.Send() | d.Command() | d.Refuse():
                    if action.data:
                        self._later(1, self._hear, generation, action.data)
                case d.Store():
                    self._later(1, self._store, generation, action.name, action.value)
                case d.Timer():
                    self._timer("relay", action.name, action.after_ms, self._dialogue_timer)
                case d.Ask():
                    self._later(3, self._answer, generation, action.message)
                case d.Evidence():
                    self._evidence(action)
                case d.Note():
                    self.notes.append(action.name)
                case d.HangUp():
                    self._later(0, self._break)

    def _hear(self, generation: int, data: bytes) -> None:
        if generation == self._generation and self._dialogue is not None:
            for frame in self._cutter.feed(data):
                self._do(self.mind.received(decode_host(frame.body), self.now_ms))

    def _store(self, generation: int, name: str, value: bytes) -> None:
        self.stored[name] = value
        if generation == self._generation and self._dialogue is not None:
            self._perform(self._dialogue.step(d.Stored(name, True), self.now_ms))

    def _answer(self, generation: int, message: object) -> None:
        """The core and the desk at once: an approval is a debit from here on, whether or not it is heard of."""
        request = self.dialect.to_request(message, Received(WALL_MS, "ndc", "bank"))
        answer: Answer
        if not isinstance(request, Request):
            answer = request
        elif not isinstance(message, OpenedRequest):
            answer = TAKEN
        else:
            answer = Approved(authorisation_id="1") if self.chance.random() < 0.9 else Declined(reason="insufficient-funds")
            if generation != self._generation:
                return  # an approval that nobody can receive: the desk undoes it without an intent
        reply = self.dialect.to_reply(message, answer, WALL_MS)
        if isinstance(request, Request) and request.needs_completion and reply.verdict is Verdict.APPROVE:
            minor = 0 if request.amount is None else request.amount.minor
            self.debits[request.key] = Debit(minor, request.trace, minor)
        if self.chance.random() < self._kill_share:
            self._later(0, self._break)
        if generation == self._generation and self._dialogue is not None:
            self._perform(self._dialogue.step(d.ReplyDecided(message, reply), self.now_ms))

    def _evidence(self, evidence: d.Evidence) -> None:
        debit = self.debits.get(evidence.key)
        if debit is None:
            return
        if debit.state == "awaiting":
            debit.state = evidence.verdict
            debit.standing = {"undone": 0, "part": evidence.standing_minor}.get(evidence.verdict, debit.standing) or 0
        elif debit.state == "unproven" and evidence.verdict == "confirmed":
            debit.state = "confirmed"
