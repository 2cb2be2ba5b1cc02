"""The port every dialect fulfils: events in, actions out, and the translation to and from the shared words.

Owns: the events a link tells a dialogue, the actions a dialogue asks for, and the two protocols `Dialogue` and `Dialect`.
It must never know a dialect. The trap: an action is a wish, not a deed. `Store` is done when `Stored` comes back, and a
dialogue that must not speak before something is durable waits for that event.

Stated totals have their words in totals.py: the action `TotalsStated`, answered by the event `TotalsKept`.
Drawn for four dialects: ISO 8583 (Send, Ask, Timer, Identify), NDC (Command counted against its answers, Store for serials,
Evidence from completions), Zengin (Store for sequence numbers before the first byte), branch (Evidence from receipts).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import msgspec

from protocols.totals import TotalsKept, TotalsStated
from protocols.vocabulary import Answer, Received, Refusal, Reply, Request


class LineRight(msgspec.Struct, frozen=True):
    """The right to speak on a line that only one relay center may use at a time. `token` rises with each change of the holder.
    `other_token` is the highest below it under which another center (`other`) held the line; 0: none did."""

    token: int
    other_token: int = 0
    other: str = ""


# ---- events: past tense, told by the link -------------------------------------------------------------------------------
class LinkOpened(msgspec.Struct, frozen=True):
    peer_host: str
    peer_port: int
    dialled: bool = False  # True where the relay dialled
    certificate_name: str = ""
    stored: Mapping[str, bytes] = {}  # the listener's durable variables: a live view, as last stored
    realm: str = ""  # of the listener: what a dialect needs to name an exchange in `Evidence`
    link_id: str = ""  # never given before by this relay center: what a wire without identities mints its keys from
    right: LineRight | None = None  # of a line that only one relay center may use at a time; None: of any other
    inherited: Mapping[str, bytes] = {}  # what a listener of this name kept durable at another center that this one has taken
    # over: a live view, which fills when that center's journal is opened here and is empty when it has gone back


class BytesArrived(msgspec.Struct, frozen=True):
    data: bytes


class TimerFired(msgspec.Struct, frozen=True):
    name: str


class ReplyDecided(msgspec.Struct, frozen=True):
    """The reply intent is durable: encode it for `message` and send."""

    message: object
    reply: Reply


class Stored(msgspec.Struct, frozen=True):
    name: str
    ok: bool


class CommandRequested(msgspec.Struct, frozen=True):
    """An operator or the core wants something said on this link: "echo", "sign-on", "sign-off", "cutover", "key-exchange"."""

    name: str
    data: bytes = b""


class OutboundOffered(msgspec.Struct, frozen=True):
    """A message that the core started is at the head of this line's queue. The dialogue answers with one or more `Delivery`.

    `id` is the core's idempotency key, `kind` and `body` (JSON) are as posted to /v1/outbound and already durable. `order` is
    given when a message is taken, once, and only goes up; 0 where nobody counts.
    """

    id: str
    kind: str
    body: bytes
    order: int = 0


class OutboundQuestioned(msgspec.Struct, frozen=True):
    """The relay died after a message was given to a dialogue of this line, and before it heard what became of it: by what this
    line keeps durable, did it ever begin with `id`? Nothing else of the line is offered before the answer, a `Delivery`:
    "unsent" where it surely never did, "acknowledged" or "failed" where its end is on record, else "unknown".

    "unsent" is a proof and not a guess: the message is offered again. So it may be said only where every record that the line
    makes before a first byte is durable before that byte, and no record of this `id` can have been forgotten. Asked only where
    the kit is a `RememberingKit`.
    """

    id: str
    order: int


class DrainStarted(msgspec.Struct, frozen=True):
    """We are about to stop: begin nothing, sign off where the dialect does. Messages with a key of their own go to the desk as
    ever: it refuses what is new, and only it knows what is."""


class LinkClosed(msgspec.Struct, frozen=True):
    reason: str


Event: TypeAlias = (
    LinkOpened
    | BytesArrived
    | TimerFired
    | ReplyDecided
    | Stored
    | CommandRequested
    | OutboundOffered
    | OutboundQuestioned
    | TotalsKept
    | DrainStarted
    | LinkClosed
)


# ---- actions: imperative, done by the link ------------------------------------------------------------------------------
class Send(msgspec.Struct, frozen=True):
    data: bytes


class Ask(msgspec.Struct, frozen=True):
    """Take this message to the desk. The dialect's own typed message travels untouched and comes back in ReplyDecided."""

    message: object


class Refuse(msgspec.Struct, frozen=True):
    """The dialogue refused a message before the desk saw it (format, sign-on). `data` is the wire answer, empty for none."""

    reason: Refusal
    data: bytes = b""
    detail: str = ""  # for the log: field, offset, expectation; never a PAN


class Store(msgspec.Struct, frozen=True):
    name: str
    value: bytes


class Forget(msgspec.Struct, frozen=True):
    """A durable variable that is not needed any more, as of a terminal that is gone for good. Done when `Stored` comes back
    with its name, also where it was not there."""

    name: str


class HandBack(msgspec.Struct, frozen=True):
    """What the other center is to find under `name`, one of `LinkOpened.inherited`, when its journal goes back to it. Said when
    the same is durable here. Nothing waits for it and nothing answers: where it is lost, that center finds what it had, and its
    dialogues cope with an old value as after any change of the center."""

    name: str
    value: bytes


class Timer(msgspec.Struct, frozen=True):
    """(Re)start the named timer, or cancel it with `after_ms=None`."""

    name: str
    after_ms: int | None


class Command(msgspec.Struct, frozen=True):
    """Bytes that the far end must answer; the link counts commands against answers (law 4)."""

    name: str
    data: bytes


class CommandAnswered(msgspec.Struct, frozen=True):
    name: str
    ok: bool


class Evidence(msgspec.Struct, frozen=True):
    """What the far end says about an exchange: "confirmed", "part" (with the amount that stands), "undone", "unproven".

    A "part" of the whole amount is taken for "confirmed", of more for "unproven". `detail` is what it said, for a person; never
    card data. Late evidence, about an exchange that is unproven and on the list, closes it as it would have in time; so "part"
    and "undone" are for an explicit word of the far end about this very exchange (law 4), never for a conclusion.
    """

    key: str
    verdict: str
    standing_minor: int | None = None
    detail: str = ""


class Delivery(msgspec.Struct, frozen=True):
    """What became of an outbound message: "deferred" (not now, offer it again), "sent" (its first byte may have left),
    "acknowledged", "unknown" (sent, no acknowledgement: never sent again by itself) or "failed" (not sent, or refused by the
    far end: it has no effect there, and why); in answer to a question also "unsent". After "unknown", later evidence may still
    say "acknowledged" or "failed", on any link. What a dialogue has when its link closes, and has not ended, is taken for
    unknown."""

    id: str
    state: str
    detail: str = ""


class Identify(msgspec.Struct, frozen=True):
    """This link speaks for `terminal` from now on: the roster binds it, and an older link of it is replaced."""

    terminal: str


class Note(msgspec.Struct, frozen=True):
    """Something an operator counts: signed-on, signed-off, echo-answered, echo-missed, cutover, unmatched-answer, ..."""

    name: str
    detail: str = ""


class Tell(msgspec.Struct, frozen=True):
    """A network event the core wants to know (session up or down, cutover)."""

    event: str
    detail: Mapping[str, str] = {}


class HangUp(msgspec.Struct, frozen=True):
    reason: str
    abort: bool = False  # True: reset instead of an orderly close


_Kept: TypeAlias = Store | Forget | HandBack | Timer | Identify | Note | Tell | HangUp
Action: TypeAlias = Send | Ask | Refuse | Command | CommandAnswered | Evidence | Delivery | TotalsStated | _Kept


class Dialogue(Protocol):
    """One link's conversation. Pure: same events, same actions. Never raises for anything a peer can send."""

    @property
    def is_signed_on(self) -> bool: ...

    @property
    def is_idle(self) -> bool:
        """True when nothing is half received and no command waits for its answer: a drain may close now."""
        ...

    def step(self, event: Event, now_ms: int) -> Sequence[Action]:
        """The actions for one event. `now_ms` is monotonic milliseconds, `wall_ms` comes by the dialect's `wall` argument."""
        ...


class Dialect(Protocol):
    """One listener's compiled protocol: codec, dialogue rules and translation tables, checked at start."""

    @property
    def name(self) -> str: ...

    @property
    def answers_on_new_link(self) -> bool:
        """May an answer go to the terminal's newer link, inside the reply deadline?"""
        ...

    @property
    def refusal_ends_message(self) -> bool:
        """Does a terminal that hears a refusal end there? Then a repeat of it that is already on its way must not be approved.
        False where the same message under the same key is said again until somebody decides."""
        ...

    def new_dialogue(self) -> Dialogue: ...

    def to_request(self, message: object, received: Received) -> Request | Refusal:
        """The message as a request. A Refusal where the tables have no row or a mandatory element is missing."""
        ...

    def to_reply(self, message: object, answer: Answer, wall_ms: int) -> Reply:
        """The answer in the dialect's codes; secrets never enter `Reply.data`."""
        ...


@runtime_checkable
class DialectKit(Protocol):
    """What `protocols.dialects.DIALECTS` holds per name: the profile model for `relay check`, and the constructor."""

    name: str

    def build(self, profile: object, read_text: Callable[[str], str], wall_ms: Callable[[], int]) -> Dialect:
        """Compile a profile (an instance of `profile_model`). `read_text(name)` gives an overlay's TOML text.

        Raises protocols.errors.LocalMisuse naming the profile path at fault.
        """
        ...

    @property
    def profile_model(self) -> type: ...


@runtime_checkable
class RememberingKit(Protocol):
    """A kit whose dialogues answer `OutboundQuestioned`, from durable link variables. Optional."""

    answers_questions: Literal[True]
