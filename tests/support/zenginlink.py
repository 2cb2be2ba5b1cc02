"""Two file transfer dialogues on one line, with a desk and durable variables: a bank and a company without a network.

Owns `Side` (a listener's dialect, its journal and its current dialogue) and `Line` (bytes between two sides, cut where the test
says). It must never know what a file is. The traps: the journal keeps what was given before a crash and nothing else, and keeps
keys, so that a record asked twice is one record; time moves only by `Line.fire`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from protocols.dialect import (
    Action,
    Ask,
    BytesArrived,
    Delivery,
    Event,
    HangUp,
    LinkClosed,
    LinkOpened,
    Note,
    OutboundOffered,
    ReplyDecided,
    Send,
    Store,
    Stored,
    Tell,
    Timer,
    TimerFired,
)
from protocols.totals import KeptResult, TotalsKept, TotalsStated
from protocols.vocabulary import TAKEN, Received, Refusal, Request, Secret
from protocols.zengin.file.dialect import FileDialect
from protocols.zengin.file.dialogue import FileDialogue
from protocols.zengin.file.message import FileMessage, Frame, Signal, StationMessage, Telegram
from protocols.zengin.file.profile import FileProfile
from protocols.zengin.format.settings import FormatSettings

WALL_MS = 1_795_600_000_000  # 25 November 2026, noon in Japan, more or less
BANK, COMPANY = "11111111111111", "22222222222222"
PASSWORDS = {
    "open_password": "OPEN01",
    "open_answer_password": "OPEN02",
    "close_password": "CLOSE1",
    "close_answer_password": "CLOSE2",
}
AT = "20261125120000"
RECEIVED = Received(WALL_MS, "zfile", "bank", "partner")


def profile(own: str, peer: str, **changes: object) -> FileProfile:
    return FileProfile.model_validate(
        {
            "centre_code": own,
            "stations": [{"name": "COMPANY" if peer == COMPANY else "BANK", "centre_code": peer, **PASSWORDS}],
            "files": [
                {
                    "name": "SOUFURI",
                    "access_key": "KEY1",
                    "direction": "both",
                    "same_bytes": "take",
                    "format": FormatSettings(formats=("21",)),
                },
                {"name": "MEISAI", "direction": "both", "same_bytes": "take", "format": FormatSettings(formats=("03", "01"))},
            ],
            "text_bytes_max": 256,
            "timers": {"linger_ms": 0, "offer_ms": 0},
            **changes,
        }
    )


class Side:
    """One end. `ledger` is what its journal took: key -> request. `refuse` may refuse a request for a while, or for ever."""

    def __init__(self, settings: FileProfile) -> None:
        self.profile = settings
        self.variables: dict[str, bytes] = {}
        self.ledger: dict[str, Request] = {}
        self.asked_count = 0
        self.refuse: Callable[[Request], Refusal | None] = lambda request: None
        self.notes: list[tuple[str, str]] = []
        self.tells: list[str] = []
        self.deliveries: list[tuple[str, str]] = []
        self.timers: dict[str, int] = {}
        self.wall_ms = WALL_MS
        self.now_ms = 1_000_000
        self.out: deque[bytes] = deque()
        self.hung_up = ""
        self.is_slow = False  # the journal takes what it is given only when `commit` says so
        self.journal: deque[tuple[Store | Ask | TotalsStated, FileDialogue | None]] = deque()
        self.stated: dict[tuple[str, str], TotalsStated] = {}  # by id and date
        self.keeps: KeptResult = "kept"
        self.restart()

    def restart(self) -> None:
        """The process begins anew: only variables and ledger are left, and nothing of what was given and not committed."""
        self.journal.clear()
        self.dialect = FileDialect(self.profile, lambda: self.wall_ms)
        self.dialogue: FileDialogue | None = None

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.notes]

    def open(self, *, dialled: bool) -> None:
        dialogue = self.dialect.new_dialogue()
        assert isinstance(dialogue, FileDialogue)
        self.dialogue = dialogue
        self.out.clear()
        self.timers.clear()
        self.hung_up = ""
        self.step(LinkOpened("192.0.2.1", 5020, dialled, stored=dict(self.variables), link_id="1"))

    def close(self) -> None:
        if self.dialogue is not None:
            self.step(LinkClosed("peer-lost"))
            self.dialogue = None
            self.timers.clear()

    def step(self, event: Event) -> None:
        events: deque[Event] = deque([event])
        while events and self.dialogue is not None:
            for action in self.dialogue.step(events.popleft(), self.now_ms):
                events.extend(self._do(action))

    def _do(self, action: Action) -> list[Event]:
        match action:
            case Send():
                self.out.append(action.data)
            case Ask() | Store() | TotalsStated():
                if self.is_slow:
                    self.journal.append((action, self.dialogue))
                    return []
                return self._take(action)
            case Timer():
                self.timers.pop(action.name, None)
                if action.after_ms is not None:
                    self.timers[action.name] = self.now_ms + action.after_ms
            case Note():
                self.notes.append((action.name, action.detail))
            case Tell():
                self.tells.append(action.event)
            case Delivery():
                self.deliveries.append((action.id, action.state))
            case HangUp():
                self.hung_up = action.reason
            case _:
                pass
        return []

    def commit(self, count: int) -> None:
        """The next `count` records become durable, in order; a dialogue that is gone does not hear of its own."""
        for _ in range(min(count, len(self.journal))):
            action, dialogue = self.journal.popleft()
            for event in self._take(action):
                if dialogue is self.dialogue:
                    self.step(event)

    def _take(self, action: Ask | Store | TotalsStated) -> list[Event]:
        if isinstance(action, Ask):
            return self._ask(action)
        if isinstance(action, TotalsStated):
            before = self.stated.get((action.id, action.business_date))
            if self.keeps == "failed":
                return [TotalsKept(action.id, "failed")]
            self.stated[action.id, action.business_date] = before or action
            return [TotalsKept(action.id, self.keeps if before is None else "known" if before == action else "conflict")]
        self.variables[action.name] = action.value
        return [Stored(action.name, True)]

    def _ask(self, action: Ask) -> list[Event]:
        self.asked_count += 1
        request = self.dialect.to_request(action.message, RECEIVED)
        assert isinstance(request, Request), request
        refusal = self.refuse(request)
        if refusal is None:
            known = self.ledger.setdefault(request.key, request)
            assert known.fingerprint_text == request.fingerprint_text, "one key with two contents"
        reply = self.dialect.to_reply(action.message, TAKEN if refusal is None else refusal, WALL_MS)
        return [ReplyDecided(action.message, reply)]

    def fire(self, name: str) -> None:
        """The named timer, at its time."""
        self.now_ms = max(self.now_ms, self.timers.pop(name))
        self.step(TimerFired(name))

    def offer(self, offer_id: str, body: bytes, kind: str = "zengin-file") -> None:
        self.step(OutboundOffered(offer_id, kind, body))

    def amounts(self) -> list[int]:
        return [request.amount.minor for request in self.ledger.values() if request.amount is not None]


class Line:
    """Bytes between two sides. `caller` dialled. `budget` bytes may still pass in all; then the line is cut."""

    def __init__(self, caller: Side, called: Side) -> None:
        self.caller = caller
        self.called = called
        self.passed = 0
        self.transcript: list[str] = []
        self.crashes = False  # the called side's process ends with the line, and hears nothing of it

    def connect(self) -> None:
        self.called.open(dialled=False)
        self.caller.open(dialled=True)

    def settle(self, commits: Iterator[int], budget: int | None = None) -> None:
        """Like `run`, with a slow journal on the called side: each time nobody speaks it takes the next number of records."""
        self.run(budget)
        for count in commits:
            if self.called.dialogue is None or not (self.called.journal or self.caller.out or self.called.out):
                break
            self.called.commit(count)
            self.run(budget)

    def run(self, budget: int | None = None, piece: int | None = None) -> None:
        """Carry bytes until nobody speaks, somebody hung up, or `budget` bytes have passed; then cut."""
        while (self.caller.out or self.called.out) and (budget is None or self.passed < budget):
            for source, target in ((self.caller, self.called), (self.called, self.caller)):
                while source.out:
                    data = source.out.popleft()
                    if budget is not None:
                        data = data[: max(0, budget - self.passed)]
                    self.passed += len(data)
                    self._note(source, data)
                    size = piece or len(data) or 1
                    for at in range(0, len(data), size):
                        target.step(BytesArrived(data[at : at + size]))
        if (budget is not None and self.passed >= budget) or self.caller.hung_up or self.called.hung_up:
            self.cut()

    def cut(self) -> None:
        self.caller.close()
        if self.crashes:
            self.called.restart()
        else:
            self.called.close()

    def _note(self, source: Side, data: bytes) -> None:
        codec = source.dialect.rules.codec
        for raw in codec.cutter().feed(data):
            frame = codec.read(raw)
            who = "caller" if source is self.caller else "called"
            if isinstance(frame, Signal):
                self.transcript.append(f"{who} {frame.name}")
            elif isinstance(frame, Frame):
                kind = getattr(frame.telegram, "kind", "data")
                result = getattr(frame.telegram, "result", "ok")
                self.transcript.append(f"{who} {kind}" + ("" if result == "ok" else f" {result}"))


def pair(**changes: object) -> Line:
    """A company that calls and a bank that is called."""
    return Line(Side(profile(COMPANY, BANK, **changes)), Side(profile(BANK, COMPANY, **changes)))


class Hand:
    """Speaks to a called side telegram by telegram, as a far end that may do anything."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.serial = 0
        self.codec = side.dialect.rules.codec

    def say(self, telegram: Telegram, serial: int | None = None, *, ack_wanted: bool = True) -> None:
        self.serial = self.serial + 1 if serial is None else serial
        self.side.step(BytesArrived(self.codec.write(self.serial, telegram, ack_wanted=ack_wanted)))

    def open(self, mode: str = "1") -> None:
        self.say(
            StationMessage(
                kind="open",
                peer_code=BANK,
                own_code=COMPANY,
                password=Secret("OPEN01"),
                at=AT,
                mode=mode,
                text_bytes_max=32_767,
            )
        )
        assert self.heard(StationMessage).result == "ok"

    def signals(self) -> list[Signal]:
        frames = [self.codec.read(self.codec.cutter().feed(data)[0]) for data in self.side.out]
        return [frame for frame in frames if isinstance(frame, Signal)]

    def heard(self, kind: type) -> StationMessage | FileMessage:  # type: ignore[type-arg]
        """The last telegram; it is acknowledged."""
        frames = [self.codec.read(self.codec.cutter().feed(data)[0]) for data in self.side.out]
        self.side.out.clear()
        frame = frames[-1]
        assert not isinstance(frame, Signal)
        self.side.step(BytesArrived(self.codec.signal(Signal("ack", frame.serial))))
        assert isinstance(frame.telegram, kind)
        return frame.telegram  # type: ignore[return-value]


def opened() -> tuple[Side, Hand]:
    bank = Side(profile(BANK, COMPANY))
    bank.open(dialled=False)
    hand = Hand(bank)
    hand.open()
    return bank, hand
