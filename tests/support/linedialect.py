"""A dialect of lines, so that a test of the wire reads as a transcript.

Owns a `Dialect` whose dialogue can be told to use every action of the port. A line is at most 64 bytes: `HELLO t` identify
and sign on · `ASK x` to the desk · `PING` · `BIG n` · `STORE n v` · `BACK n v` · `THEIRS` · `TIMER n ms` · `COMMAND n` sends a
command · `ANSWER n` to it · `EVIDENCE key verdict` · `TOTALS id` states some · `TELL event` · `ACK id` of an outbound message ·
`WHO` asks for the link's id · `BYE` · `CRASH` raises, as a bug of ours would. An outbound message of kind "later" is deferred,
"never" fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from protocols import dialect as d
from protocols.totals import TotalsKept, TotalsStated
from protocols.vocabulary import Answer, Received, Refusal, Reply, Request, Verdict

LINE_BYTES_MAX = 64
PARTIAL_MS = 5_000


class LineMessage(msgspec.Struct, frozen=True):
    terminal: str
    text: str


class LineDialogue:
    __slots__ = ("_buffer", "_inherited", "_is_draining", "_link_id", "is_signed_on", "terminal")

    def __init__(self) -> None:
        self._buffer = b""
        self._link_id = ""
        self._inherited: Mapping[str, bytes] = {}
        self._is_draining = False
        self.is_signed_on = False
        self.terminal = ""

    @property
    def is_idle(self) -> bool:
        return not self._buffer

    def step(self, event: d.Event, now_ms: int) -> Sequence[d.Action]:
        match event:
            case d.BytesArrived(data):
                return self._cut(data)
            case d.ReplyDecided(LineMessage(_, text), reply):
                return [d.Send(f"ANS {text} {reply.code}\n".encode())]
            case d.LinkOpened(certificate_name=name, stored=stored, dialled=dialled, link_id=link_id, inherited=inherited):
                self._link_id, self._inherited = link_id, inherited
                words = ["OPEN", *([name] if name else []), *(f"{k}={v.decode()}" for k, v in stored.items())]
                return [d.Send(" ".join(words).encode() + b"\n")] if len(words) > 1 or dialled else []
            case d.TimerFired("partial"):
                return [d.Note("partial-frame"), d.HangUp("partial-frame")]
            case d.TimerFired(name):
                return [d.Send(f"FIRED {name}\n".encode())]
            case d.Stored(name, ok):
                return [d.Send(f"STORED {name} {ok}\n".encode())]
            case d.CommandRequested(name):
                return [d.Command(name, f"COMMAND {name}\n".encode())]
            case d.OutboundOffered(id, "later"):
                return [d.Delivery(id, "deferred", "not now")]
            case d.OutboundOffered(id, "never"):
                return [d.Delivery(id, "failed", "no such kind")]
            case d.OutboundOffered(id, kind, body):
                return [d.Delivery(id, "sent"), d.Send(f"OUT {id} {kind} {body.decode()}\n".encode())]
            case d.OutboundQuestioned(id, order):
                return [d.Delivery(id, "unsent" if order > 1 else "unknown")]
            case TotalsKept(id, result):
                return [d.Send(f"TOTALS {id} {result}\n".encode())]
            case d.DrainStarted():
                self._is_draining = True
                return [d.Send(b"DRAINING\n")]
            case d.LinkClosed(reason):
                return [d.Tell("session-down", {"reason": reason}), d.Send(b"too late\n")] if self.terminal else []
        return []

    def _cut(self, data: bytes) -> list[d.Action]:
        was_partial = bool(self._buffer)
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        actions: list[d.Action] = []
        for line in lines:
            actions += self._line(line.decode("ascii", "replace"))
        if len(self._buffer) > LINE_BYTES_MAX:
            self._buffer = b""
            return [*actions, d.Note("frame-error"), d.HangUp("frame-error", abort=True)]
        if self._buffer and (lines or not was_partial):
            actions.append(d.Timer("partial", PARTIAL_MS))  # from the first byte of this line, not from the last
        elif was_partial and not self._buffer:
            actions.append(d.Timer("partial", None))
        return actions

    def _line(self, line: str) -> list[d.Action]:
        match line.split(" "):
            case ["HELLO", terminal]:
                self.terminal, self.is_signed_on = terminal, True
                return [d.Identify(terminal), d.Send(f"OK {terminal}\n".encode()), d.Note("signed-on"), d.Tell("session-up")]
            case ["ASK", text]:
                return [d.Ask(LineMessage(self.terminal, text))]
            case ["PING"]:
                return [d.Send(b"PONG\n")]
            case ["BIG", count]:
                return [d.Send(b"x" * int(count) + b"\n")]
            case ["STORE", name, value]:
                return [d.Store(name, value.encode())]
            case ["BACK", name, value]:
                return [d.HandBack(name, value.encode())]
            case ["THEIRS"]:
                return [d.Send(" ".join(f"{k}={v.decode()}" for k, v in self._inherited.items()).encode() + b"\n")]
            case ["FORGET", name]:
                return [d.Forget(name)]
            case ["TIMER", name, ms]:
                return [d.Timer(name, int(ms) or None)]
            case ["COMMAND", name]:
                return [d.Command(name, f"COMMAND {name}\n".encode())]
            case ["ANSWER", name]:
                return [d.CommandAnswered(name, True)]
            case ["EVIDENCE", key, verdict]:
                return [d.Evidence(key, verdict)]
            case ["TOTALS", id]:
                return [TotalsStated(id=id, party=self.terminal, business_date="", source="line")]
            case ["TELL", event]:
                return [d.Tell(event)]
            case ["ACK", id]:
                return [d.Delivery(id, "acknowledged")]
            case ["WHO"]:
                return [d.Send(f"LINK {self._link_id}\n".encode())]
            case ["BYE"]:
                self.is_signed_on = False
                return [d.Send(b"BYE\n"), d.HangUp("bye")]
            case ["CRASH"]:
                raise RuntimeError("a bug of ours")
        return [d.Refuse(Refusal.FORMAT_ERROR, b"ERR format\n", "unknown word")]


class LineDialect:
    name = "line"

    def __init__(self, answers_on_new_link: bool = True) -> None:
        self.answers_on_new_link = answers_on_new_link
        self.refusal_ends_message = True

    def new_dialogue(self) -> d.Dialogue:
        return LineDialogue()

    def to_request(self, message: object, received: Received) -> Request | Refusal:
        return Refusal.UNSUPPORTED

    def to_reply(self, message: object, answer: Answer, wall_ms: int) -> Reply:
        return Reply(Verdict.DECLINE, "12")


class LineKit:
    """Fulfils DialectKit for those who want a dialect by name."""

    name = "line"
    profile_model = dict

    def build(self, profile: object, read_text: Callable[[str], str], wall_ms: Callable[[], int]) -> d.Dialect:
        return LineDialect()
