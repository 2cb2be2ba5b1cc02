"""The smallest dialect that keeps the laws: one line in, one line out. The example that docs/adding-a-dialect.md quotes.

    PAY T1 20261125 17 acc-1 5000     terminal, business date, number, account, yen
    17 00                             number, code

Owns a whole dialect in one file, because it is an example; a real one is a folder. It must never be listed in the product.
The trap: a line that is no line has no sender, so it gets no answer; everything else is answered, whatever is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from protocols import dialect as d
from protocols.errors import FieldError, FrameError, LocalMisuse
from protocols.framing import FrameCutter, Framing
from protocols.vocabulary import (
    Answer,
    Approved,
    DoubtPolicy,
    MessageClass,
    Money,
    Received,
    Refusal,
    Reply,
    Request,
    Secret,
    Verdict,
)

LINE_BYTES_MAX = 128


# [profile]
class TinyProfile(BaseModel):
    """What a listener may set."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    approved: str = Field("00", pattern=r"^[0-9]{2}$", description="Code of an approval.")
    declined: str = Field("05", pattern=r"^[0-9]{2}$", description="Code of everything else that is certain.")
    in_doubt: str = Field("68", pattern=r"^[0-9]{2}$", description="Code of an unknown outcome.")
    partial_line_ms: int = Field(5_000, ge=1, description="Half a line, then nothing: hang up after, milliseconds.")


# [message]
class TinyMessage(msgspec.Struct, frozen=True):
    terminal: str
    date: str
    number: str
    account: str
    amount: int


def read(line: bytes) -> TinyMessage:
    """Raises FieldError, which never repeats what it found."""
    words = line.decode("ascii", "replace").split(" ")
    if len(words) != 6 or words[0] != "PAY":
        raise FieldError("line", 0, "PAY and five words")
    _, terminal, date, number, account, amount = words
    if not (terminal.isalnum() and len(date) == 8 and date.isdecimal() and number.isdecimal() and account):
        raise FieldError("words", 4, "terminal, YYYYMMDD, number, account")
    if not (amount.isdecimal() and amount.isascii() and len(amount) <= 12 and int(amount)):
        raise FieldError("amount", 4, "1 to 12 digits, more than zero")
    return TinyMessage(terminal, date, number, account, int(amount))


# [dialogue]
class TinyDialogue:
    """One link. Events in, actions out; no socket, no clock, no core."""

    def __init__(self, profile: TinyProfile) -> None:
        self._profile = profile
        self._cutter = FrameCutter(Framing(length="none", trailer=b"\n", max_bytes=LINE_BYTES_MAX))
        self._terminal = ""

    @property
    def is_signed_on(self) -> bool:
        return bool(self._terminal)

    @property
    def is_idle(self) -> bool:
        return not self._cutter.has_partial

    def step(self, event: d.Event, now_ms: int) -> Sequence[d.Action]:
        match event:
            case d.BytesArrived(data):
                return self._bytes(data)
            case d.ReplyDecided(TinyMessage(number=number), reply):
                return [d.Send(f"{number} {reply.code}\n".encode())]
            case d.TimerFired("partial") if self._cutter.has_partial:
                return [d.Note("partial-frame"), d.HangUp("partial-frame")]
            case d.OutboundOffered(id=identifier):
                return [d.Delivery(identifier, "failed", "this dialect has nothing that the core starts")]
        return []

    def _bytes(self, data: bytes) -> list[d.Action]:
        actions: list[d.Action] = []
        broken = ""
        try:
            frames = self._cutter.feed(data)
        except FrameError as error:
            frames, broken = self._cutter.frames_before_error, str(error)
        for frame in frames:
            try:
                message = read(frame.body)
            except FieldError as error:
                actions.append(d.Refuse(Refusal.FORMAT_ERROR, b"", str(error)))
                continue
            if message.terminal != self._terminal:
                self._terminal = message.terminal
                actions.append(d.Identify(message.terminal))
            actions.append(d.Ask(message))
        if broken:
            return [*actions, d.Note("frame-error", broken), d.HangUp("frame-error")]
        waits = self._cutter.has_partial
        return [*actions, d.Timer("partial", self._profile.partial_line_ms if waits else None)]


# [translation]
class TinyDialect:
    name = "tiny"
    answers_on_new_link = True
    refusal_ends_message = True

    def __init__(self, profile: TinyProfile) -> None:
        self._profile = profile

    def new_dialogue(self) -> d.Dialogue:
        return TinyDialogue(self._profile)

    def to_request(self, message: object, received: Received) -> Request | Refusal:
        if not isinstance(message, TinyMessage):
            return Refusal.INTERNAL
        return Request(
            key=f"{received.realm}:tiny:{message.terminal}:{message.date}:{message.number}",  # the sender's own words only
            message_class=MessageClass.FINANCIAL,
            kind="withdrawal",
            doubt_policy=DoubtPolicy.UNDO,  # law 3: every kind names its policy
            channel=received.channel,
            realm=received.realm,
            terminal=message.terminal,
            acquirer="-",
            fingerprint_text=Secret(f"withdrawal|{message.amount}|{message.account}"),
            trace=message.number,
            business_date=f"{message.date[:4]}-{message.date[4:6]}-{message.date[6:]}",
            amount=Money(message.amount, "JPY"),
            from_account=message.account,
        )

    def to_reply(self, message: object, answer: Answer, wall_ms: int) -> Reply:
        if isinstance(answer, Approved):
            return Reply(Verdict.APPROVE, self._profile.approved)
        if answer is Refusal.IN_DOUBT:
            return Reply(Verdict.DOUBT, self._profile.in_doubt)
        return Reply(Verdict.DECLINE, self._profile.declined)


# [kit]
class TinyKit:
    name = "tiny"
    profile_model = TinyProfile

    def build(self, profile: object, read_text: Callable[[str], str], wall_ms: Callable[[], int]) -> d.Dialect:
        if not isinstance(profile, TinyProfile):
            raise LocalMisuse("a TinyProfile", "profile")
        codes = (profile.approved, profile.declined, profile.in_doubt)
        if len(set(codes)) != len(codes):
            raise LocalMisuse("three different codes", "approved")
        return TinyDialect(profile)


TINY = TinyKit()
# [end]
