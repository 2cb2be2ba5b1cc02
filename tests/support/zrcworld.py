"""The relay's dialogue and the fake center on one wire in memory, with a clock, a disk, and crashes at every durable step.

Owns the world of a simulated day: events go round until nothing moves, then the next timer fires. It must never decide what
is right; `lost`, `doubled` and the like only count. The desk's rules it copies: an offer that had no end when the link
went is unknown, and only evidence changes that; one that had none when the relay died is asked about before anything else is
offered, and waits again only where the line proves that it never began with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random

import msgspec

from protocols.dialect import (
    Action,
    Ask,
    BytesArrived,
    CommandRequested,
    Delivery,
    Event,
    HangUp,
    LinkClosed,
    LinkOpened,
    Note,
    OutboundOffered,
    OutboundQuestioned,
    ReplyDecided,
    Send,
    Store,
    Stored,
    Timer,
    TimerFired,
)
from protocols.vocabulary import TAKEN, Received, Refusal, Request
from protocols.zengin.session.dialogue import ZrcDialogue
from protocols.zengin.session.session import State
from relay.loopback.center import CenterMind
from relay.loopback.centerbooks import CenterBooks
from relay.loopback.centerdeeds import CenterDeed, CenterSettings, Cut, Later, Write
from tests.support.zrcline import BODY, LineRig

REDIAL_MS = 200
# 種目コード -> kind of what the core posts, in turn: where there are several LCNs, each kind has its own.
OUTWARD = {
    "1000": "interbank-transfer",
    "1100": "interbank-salary",
    "2000": "interbank-remittance",
    "4000": "interbank-settlement",
}
FINAL = frozenset({"acknowledged", "failed"})


class Crash(Exception):
    """The relay dies here."""


class ZrcWorld:
    """`crashes(where)` says whether the relay dies at a durable step; `where` names it."""

    def __init__(
        self, chance: Random, crashes: Callable[[str], bool] = lambda where: False, lcns: tuple[int, ...] = (0,)
    ) -> None:
        self.chance = chance
        self.crashes = crashes
        self.crash_count = 0
        spread = {subject: lcns[n % len(lcns)] for n, subject in enumerate(OUTWARD)}
        self.rig = LineRig(
            timers={"ack_wait_ms": 1_000, "watch_send_ms": 5_000, "watch_silence_ms": 12_000},
            line={"lcns": lcns, "lcn_of": spread},
        )
        self.now_ms = self.rig.now_ms
        self.books = CenterBooks()
        self.mind = CenterMind(self.books, CenterSettings(ack_wait_ms=1_500, watch_ms=4_000, lcns=lcns))
        self.dialogue: ZrcDialogue | None = None
        self.journal: dict[str, tuple[Request, int]] = {}  # key -> request, times the core was told
        self.conflicts = 0
        self.timers: dict[tuple[str, str], int] = {("relay", "redial"): self.now_ms}
        self.events: deque[Event] = deque()
        self.outbound: dict[str, str] = {}  # id -> state
        self.waiting: deque[str] = deque()
        self.offered = ""
        self.questioned = ""  # of a former life: the line is asked about it first
        self.asked = False
        self.orders: dict[str, int] = {}  # id -> its place among all that were posted
        self.requeued: list[str] = []
        self.again_at_ms = 0
        self.notes: list[str] = []

    # ---- the outbound desk -----------------------------------------------------------------------------------------------
    def post(self, id: str) -> None:
        """`id` is the amount, too: it tells telegrams apart in the center's books."""
        self.outbound[id] = "queued"
        self.orders[id] = len(self.orders) + 1
        self.waiting.append(id)

    def _offer(self) -> None:
        if self.offered or not self.waiting or self.dialogue is None or self.now_ms < self.again_at_ms:
            return
        if not self.dialogue.is_signed_on or self.questioned:
            return
        self.offered = self.waiting.popleft()
        self.outbound[self.offered] = "sent"
        self._die_if("before-offer")
        body = msgspec.json.encode({**msgspec.json.decode(BODY), "amount": self.offered})
        kind = list(OUTWARD.values())[int(self.offered) % len(OUTWARD)]
        self._step(OutboundOffered(self.offered, kind, body, self.orders[self.offered]))

    def _question(self) -> None:
        if self.questioned and self.dialogue is not None and not self.asked and not self.events:
            self.asked = True
            self._step(OutboundQuestioned(self.questioned, self.orders[self.questioned]))

    def _delivered(self, action: Delivery) -> None:
        state = self.outbound[action.id]
        if action.state == "unsent":
            assert action.id == self.questioned, "an answer that nobody asked for"
            self.waiting.appendleft(action.id)
            self.outbound[action.id] = "queued"
            self.requeued.append(action.id)
            self.questioned = ""
        elif action.state == "deferred":
            if self.offered == action.id:
                self.waiting.appendleft(action.id)
                self.outbound[action.id] = "queued"
                self.offered = ""
                self.again_at_ms = self.now_ms + 100
        elif state not in FINAL and action.state != "sent":
            self.outbound[action.id] = action.state
            if self.offered == action.id:
                self.offered = ""
            if self.questioned == action.id:
                self.questioned = ""

    def _end_offered(self) -> None:
        if self.offered:
            self.outbound[self.offered] = "unknown"
            self.offered = ""

    # ---- the relay -------------------------------------------------------------------------------------------------------
    def _die_if(self, where: str) -> None:
        if self.crashes(where):
            raise Crash

    def _crash(self) -> None:
        self.crash_count += 1
        self.questioned = self.questioned or self.offered
        self.offered = ""
        self._close_link(told=False)

    def _close_link(self, told: bool) -> None:
        if self.dialogue is None:
            return
        if told:
            for action in self.dialogue.step(LinkClosed("peer-lost"), self.now_ms):
                if isinstance(action, Delivery):
                    self._delivered(action)
        self.dialogue = None
        self.asked = False
        self.events.clear()
        self._end_offered()
        self.mind.link_closed()
        self.timers = {("relay", "redial"): self.now_ms + REDIAL_MS}

    def _dial(self) -> None:
        self.rig.link()
        self.dialogue = self.rig.dialogue
        self.events.append(LinkOpened("192.0.2.7", 5_000, dialled=True, stored=dict(self.rig.disk)))
        self._center(self.mind.link_opened())

    def _step(self, event: Event) -> None:
        dialogue = self.dialogue
        if dialogue is None:
            return
        for action in dialogue.step(event, self.now_ms):
            self._perform(action)
            if self.dialogue is not dialogue:
                return

    def _perform(self, action: Action) -> None:
        if isinstance(action, Store):
            self._die_if("before-store")
            self.rig.disk[action.name] = action.value
            self._die_if("after-store")
            self.events.append(Stored(action.name, True))
        elif isinstance(action, Ask):
            self._ask(action.message)
        elif isinstance(action, Send):
            self._die_if("before-send")
            self._center(self.mind.bytes_arrived(action.data))
        elif isinstance(action, Timer):
            self.timers.pop(("relay", action.name), None)
            if action.after_ms is not None:
                self.timers["relay", action.name] = self.now_ms + action.after_ms
        elif isinstance(action, Delivery):
            self._delivered(action)
        elif isinstance(action, Note):
            self.notes.append(action.name)
        elif isinstance(action, HangUp):
            self._close_link(told=True)

    def _ask(self, message: object) -> None:
        self._die_if("before-journal")
        request = self.rig.dialect.to_request(message, Received(self.rig.wall_ms, "zengin", "bank", "partner"))
        if isinstance(request, Refusal):
            self.events.append(ReplyDecided(message, self.rig.dialect.to_reply(message, request, 0)))
            return
        known = self.journal.get(request.key)
        if known is None:
            self.journal[request.key] = (request, 1)
        elif known[0].fingerprint_text != request.fingerprint_text:
            self.conflicts += 1
        self._die_if("after-journal")
        self.events.append(ReplyDecided(message, self.rig.dialect.to_reply(message, TAKEN, 0)))

    # ---- the center ------------------------------------------------------------------------------------------------------
    def _center(self, deeds: object) -> None:
        for deed in list(deeds):  # type: ignore[call-overload]  # a sequence of deeds
            self._deed(deed)

    def _deed(self, deed: CenterDeed) -> None:
        if self.dialogue is None:
            return
        if isinstance(deed, Write):
            at = self.chance.randrange(len(deed.data) + 1)
            self.events += [BytesArrived(part) for part in (deed.data[:at], deed.data[at:]) if part]
        elif isinstance(deed, Later):
            self.timers.pop(("center", deed.name), None)
            if deed.after_ms is not None:
                self.timers["center", deed.name] = self.now_ms + deed.after_ms
        elif isinstance(deed, Cut):
            while self.events and self.dialogue is not None:  # what was written before is read before
                self._step(self.events.popleft())
            self._close_link(told=True)

    def order(self, serial: int, amount: int) -> None:
        self._center(self.mind.order(serial, f"001-1-{serial:07}", amount))

    def command(self, name: str, data: str = "") -> None:
        self.events.append(CommandRequested(name, data.encode()))

    # ---- time ------------------------------------------------------------------------------------------------------------
    def run(self, until: Callable[[], bool], rounds_max: int = 30_000) -> bool:
        """Let things happen until `until`, or for so many rounds. Returns whether it came."""
        for _ in range(rounds_max):
            if until():
                return True
            try:
                self._round()
            except Crash:
                self._crash()
        return until()

    def _round(self) -> None:
        self._question()
        self._offer()
        if self.events:
            self._step(self.events.popleft())
            return
        if not self.timers:
            return
        (who, name), at = min(self.timers.items(), key=lambda timer: (timer[1], timer[0]))
        del self.timers[who, name]
        self.rig.wall_ms += max(0, at - self.now_ms)
        self.now_ms = self.rig.now_ms = max(self.now_ms, at)
        if name == "redial":
            self._dial()
        elif who == "relay":
            self.events.append(TimerFired(name))
        else:
            self._center(self.mind.woken(name))

    @property
    def state(self) -> State:
        return State.DOWN if self.dialogue is None else self.dialogue.state

    @property
    def is_quiet(self) -> bool:
        """Both sides have done what they can."""
        is_idle = not self.events and not self.waiting and not self.offered and not self.questioned
        return is_idle and self.mind.is_settled and self.state is State.OPEN

    # ---- conservation ----------------------------------------------------------------------------------------------------
    def lost(self) -> list[int]:
        """Telegrams that the center believes delivered and the journal does not have."""
        held = {(request.acquirer, request.trace) for request, _ in self.journal.values()}
        return [given.receipt for given in self.books.given() if (given.bank, str(given.serial)) not in held]

    def wrong_outbound(self) -> list[str]:
        """Ids whose state contradicts the center's books."""
        arrived = {str(got.amount) for got in self.books.got()}
        wrong = [id for id, state in self.outbound.items() if state == "acknowledged" and id not in arrived]
        return wrong + [id for id, state in self.outbound.items() if state == "failed" and id in arrived]
