"""What the daemon says of itself: the typed answers of the control socket, and what they mean for an operator.

Owns the shape of every answer and the judgement "is this healthy". It must never gather anything: the daemon fills these in.
The trap: no card data ever; a terminal's number and an exchange's key are the most that is said of a customer.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from relay.control.announce import AnnounceReport
from relay.control.pair import PairReport
from relay.failover.cosign import LoneRow
from relay.standing import Standing
from relay.wire.roster import RosterEntry

DaemonState: TypeAlias = Literal["starting", "serving", "draining", "fenced"]

SILENT_MS_MAX = 5_000  # a probe or two may be lost
OWED_AGE_MS_MAX = 600_000  # an advice or reversal unconfirmed for longer is a problem and not only a wait


class ListenerReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    name: str
    endpoint: str = ""
    dialect: str = ""
    is_dialer: bool = False
    links: int = 0
    signed_on: int = 0
    expected: int = 0  # sessions of a usual day; 0 where nobody said
    is_open: bool = True  # listening; for a dialer: connected
    channel: str = ""  # as `relay drain` names it: atm, branch, zengin


class AddressReport(msgspec.Struct, frozen=True, kw_only=True):
    address: str
    health: str  # healthy | failing | ejected | trying, in the words of relay/core
    inflight: int = 0
    failures: int = 0  # in a row


class CoreReport(msgspec.Struct, frozen=True, kw_only=True):
    name: str = ""
    addresses: tuple[AddressReport, ...] = ()
    inflight: int = 0
    inflight_target: int = 0
    queue: int = 0
    queue_max: int = 0
    dns_answer_age_ms: int | None = None  # None: never answered


class RegionReport(msgspec.Struct, frozen=True, kw_only=True):
    """`has_permit` says whether the core may be asked now; `detail` says what is wrong with the region's last answer.
    `silent_ms`: since when it has not answered at all; 0 while it does."""

    region: str = ""
    epoch: int = 0
    has_permit: bool = False
    detail: str = ""
    silent_ms: int = 0
    pinned: str = ""  # who holds it where until when, in a sentence
    sealed_epoch: int = 0  # nothing is said in it or below; 0 for none
    blocked: tuple[str, ...] = ()  # classes of messages that people suspended
    frozen: str = ""  # two regions are named under one epoch, in a sentence
    is_stale: bool = False  # no name server confirms it


class JournalReport(msgspec.Struct, frozen=True, kw_only=True):
    state: Literal["writable", "full", "failed"] = "writable"
    path: str = ""
    size_bytes: int = 0
    waiting: int = 0
    waiting_max: int = 0


class KeyRow(msgspec.Struct, frozen=True):
    """A key by its id, with the credential that holds it; "" where none of the configuration does."""

    key_id: str
    credential: str
    is_current: bool
    is_needed: bool
    is_next: bool = False  # named to write, and not in use yet
    archive_count: int = 0  # archives that cannot be read without it, where they were counted

    @property
    def may_go(self) -> bool:
        """Its credential may be taken out of the configuration."""
        return bool(self.credential) and not (self.is_needed or self.is_current or self.is_next or self.archive_count)


class KeysReport(msgspec.Struct, frozen=True, kw_only=True):
    """The journal's keys, and the walk that seals rows anew. `left`: exchanges not looked at yet, at most."""

    keys: tuple[KeyRow, ...] = ()
    is_walking: bool = False
    rekeyed: int = 0
    left: int = 0
    why: str = ""  # the last walk did not come to its end

    @property
    def current(self) -> str:
        """The id of the key that writes."""
        return next((row.key_id for row in self.keys if row.is_current), "")


class Recorded(msgspec.Struct, frozen=True):
    """Whether a reveal was recorded; not, where this relay keeps another journal."""

    is_recorded: bool = False


class OutboundReport(msgspec.Struct, frozen=True, kw_only=True):
    """Messages that the core started; `unknown` are deliveries that nobody has settled."""

    endpoint: str = ""  # empty: not served
    queued: int = 0
    oldest_queued_ms: int = 0
    under_way: int = 0
    unknown: int = 0
    reports_owed: int = 0
    reports_oldest_ms: int = 0


class ReconnectReport(msgspec.Struct, frozen=True, kw_only=True):
    """The return of the fleet. `present` and `expected` are of the listeners of which it is known how many there should be."""

    present: int = 0
    expected: int = 0
    per_s: float = 0.0  # how many more there are per second, lately
    left_ms: int | None = None  # until all are back at this pace; None: there is no saying
    waiting: int = 0  # connections that wait to be let in
    accept_per_s: int = 0
    gives_way: bool = False  # business waits for the core, so newcomers get the least rate
    ramp_percent: int = 100
    ramp_left_ms: int = 0  # until the whole rate is given, if nothing holds it up
    ramp_held_steps: int = 0
    ramp_p99_ms: int = 0  # of the slowest that was judged in the last step
    events_waiting: int = 0  # network events that the core has not been told yet


class ExclusiveReport(msgspec.Struct, frozen=True, kw_only=True):
    """An exclusive line: its state at this center, under which token, and who else holds it, as last heard."""

    line: str
    state: str = ""
    why: str = ""
    token: int = 0
    links: tuple[str, ...] = ()  # listeners and dialers that are open only while it is held
    holder: str = ""


class StatusReport(msgspec.Struct, frozen=True, kw_only=True):
    version: str = ""
    center: str = ""
    realm: str = ""
    incarnation: int = 0
    pid: int = 0
    config_path: str = ""
    at_ms: int = 0  # wall clock, UTC epoch milliseconds
    uptime_ms: int = 0
    state: DaemonState = "starting"
    why: str = ""  # why draining or fenced
    region: RegionReport = RegionReport()
    pair: PairReport = PairReport()
    listeners: tuple[ListenerReport, ...] = ()
    hours: tuple[Standing, ...] = ()  # of what has hours of service
    reconnect: ReconnectReport = ReconnectReport()
    core: CoreReport = CoreReport()
    journal: JournalReport = JournalReport()
    keys: KeysReport = KeysReport()
    worker: int = 1  # which of them says this
    workers: int = 1  # as configured
    workers_live: int = 1
    exchanges: dict[str, int] = {}  # open state -> how many
    owed: int = 0  # advices and reversals that the core has not confirmed
    owed_oldest_ms: int = 0  # age of the oldest of them
    listed: int = 0  # waiting for a person
    outbound: OutboundReport = OutboundReport()
    announce: AnnounceReport = AnnounceReport()
    exclusive: tuple[ExclusiveReport, ...] = ()
    drained: tuple[str, ...] = ()  # classes that people drain
    counters: dict[str, int] = {}  # since the start: exchanges by ending, and refusals, duplicates
    signatures: tuple[LoneRow, ...] = ()  # first ones (pin, lease take, take-over) that wait for the second


class LinksReport(msgspec.Struct, frozen=True, kw_only=True):
    """`total` counts all links that match, `links` may be cut at the asked maximum."""

    at_ms: int = 0
    total: int = 0
    links: tuple[RosterEntry, ...] = ()


class ListedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange on the person's list."""

    key: str
    listener: str = ""
    terminal: str = ""
    kind: str = ""
    amount_minor: int | None = None
    currency: str = ""
    recorded_ms: int = 0
    updated_ms: int = 0
    tries: int = 0
    detail: str = ""


class ListedReport(msgspec.Struct, frozen=True, kw_only=True):
    total: int = 0
    rows: tuple[ListedRow, ...] = ()


class SafRow(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange that is owed to the core, or waits for a person. `why`: what the last try came to, or why it was listed."""

    key: str = ""
    state: str = ""
    message_class: str = ""
    listener: str = ""
    terminal: str = ""
    kind: str = ""
    amount_minor: int | None = None
    currency: str = ""
    original_key: str = ""
    standing_minor: int | None = None  # of what is undone: the amount that is to stand
    recorded_ms: int = 0
    tries: int = 0
    why: str = ""
    is_listed: bool = False
    is_waiting: bool = False  # behind another one of its key


class SafReport(msgspec.Struct, frozen=True, kw_only=True):
    """`owed` and `listed` count all there are; `rows` may be cut at the asked maximum, oldest first."""

    owed: int = 0
    listed: int = 0
    rows: tuple[SafRow, ...] = ()


class SafStep(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an exchange's history; a person's decision has who and why in `detail`."""

    at_ms: int
    event: str
    state: str
    detail: str = ""


class SafDetail(msgspec.Struct, frozen=True, kw_only=True):
    row: SafRow = SafRow()
    history: tuple[SafStep, ...] = ()


class OutboundRow(msgspec.Struct, frozen=True, kw_only=True):
    """One message that the core started. `is_reported`: the core has confirmed to have heard of this state."""

    key: str = ""
    listener: str = ""
    line: str = ""
    kind: str = ""
    state: str = ""
    detail: str = ""
    body_bytes: int = 0
    recorded_ms: int = 0
    updated_ms: int = 0
    sent_ms: int | None = None
    expires_ms: int | None = None
    is_reported: bool = False


class OutboundListReport(msgspec.Struct, frozen=True, kw_only=True):
    rows: tuple[OutboundRow, ...] = ()


class ReloadReport(msgspec.Struct, frozen=True, kw_only=True):
    """All or nothing: with `reasons` nothing was changed."""

    is_applied: bool = False
    changes: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


class Done(msgspec.Struct, frozen=True):
    """A command without more to say than a sentence. `is_half`: signed by one of two, and nothing is done until the second
    says the same."""

    text: str = ""
    is_half: bool = False


class ParkedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A message that could not be processed and waits for a person. `name` is what the words about it take."""

    listener: str
    line: str
    name: str
    place: str
    parked_ms: int
    reason: str
    body_bytes: int
    decision: str = ""  # resubmitted, answered or dropped; empty while it waits
    who: str = ""


class ParkedReport(msgspec.Struct, frozen=True, kw_only=True):
    total: int = 0
    rows: tuple[ParkedRow, ...] = ()
