"""What the daemon says of itself: the typed answers of the control socket, and what they mean for an operator.

Owns the shape of every answer and the judgement "is this healthy". It must never gather anything: the daemon fills these in.
The trap: no card data ever; a terminal's number and an exchange's key are the most that is said of a customer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec

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
    is_open: bool = True  # listening; for a dialer: connected


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
    listeners: tuple[ListenerReport, ...] = ()
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
    counters: dict[str, int] = {}  # since the start: exchanges by ending, and refusals, duplicates


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
    """A command without more to say than a sentence."""

    text: str = ""


# ---- what it means ------------------------------------------------------------------------------------------------------
class Problem(msgspec.Struct, frozen=True):
    """Something an operator acts on: what is wrong, and where to look."""

    text: str
    next_step: str = ""


def problems(report: StatusReport) -> Iterator[Problem]:
    """Everything that makes this relay less than healthy, worst first. Nothing: it serves."""
    if report.state == "fenced":
        yield Problem(f"fenced: {report.why or 'it takes no money messages'}", "runbook: RelayJournalFailed")
    elif report.state == "draining":
        yield Problem(f"draining: {report.why or 'it stops when the exchanges in flight are done'}")
    elif report.state == "starting":
        yield Problem("starting: it does not serve yet")
    if report.journal.state == "failed":
        yield Problem("the journal failed: nothing can be made durable", "runbook: RelayJournalFailed")
    elif report.journal.state == "full":
        yield Problem(
            f"nothing can be written to {report.journal.path}: money messages are refused", "runbook: RelayJournalNotWritable"
        )
    if report.workers_live < report.workers:
        gone = report.workers - report.workers_live
        yield Problem(f"{gone} of {report.workers} workers do not live", "runbook: RelayWorkerGone")
    yield from _region_problems(report.region)
    if report.keys.why:
        yield Problem(f"rows still need an older key of the journal: {report.keys.why}", "runbook: RelayJournalRekeyFailed")
    yield from _core_problems(report)
    for listener in report.listeners:
        if not listener.is_open:
            what, next_step = "does not listen", ""
            if listener.is_dialer:
                what = "is not connected"
                next_step = "the log's `dial failed` says why; it dials again by itself, a far end that is down is theirs"
            yield Problem(f"{listener.name} {what} ({listener.endpoint})", next_step)
    if report.owed_oldest_ms > OWED_AGE_MS_MAX:
        yield Problem(
            f"{report.owed} owed to the core, the oldest for {report.owed_oldest_ms // 60_000} minutes",
            "runbook: RelayOwedMessagesOld",
        )
    outbound = report.outbound
    if outbound.unknown:
        yield Problem(
            f"{outbound.unknown} outbound deliver{'y' if outbound.unknown == 1 else 'ies'} unknown: a person finds out",
            "runbook: RelayOutboundUnknown",
        )
    if outbound.reports_oldest_ms > OWED_AGE_MS_MAX:
        yield Problem(
            f"{outbound.reports_owed} delivery reports owed to the core, the oldest for "
            f"{outbound.reports_oldest_ms // 60_000} minutes",
            "runbook: RelayOutboundReportsOld",
        )


def _region_problems(region: RegionReport) -> Iterator[Problem]:
    """What people decided about the region, and what the name servers say against it: loud as long as it lasts."""
    if region.sealed_epoch and region.sealed_epoch >= region.epoch:
        yield Problem(f"epoch {region.sealed_epoch} is sealed: nothing is asked in it", "runbook: RelayRegionSealed")
    if region.blocked:
        yield Problem(f"suspended by people: {', '.join(region.blocked)}", "relay region status; runbook: RelayClassBlocked")
    if region.frozen:
        yield Problem(f"frozen: {region.frozen}", "runbook: RelayRegionFrozen")
    if region.pinned:
        yield Problem(f"pinned: {region.pinned}", "runbook: RelayRegionPinned")
    if region.is_stale:
        yield Problem(f"no name server confirms {region.region or 'any region'}", "runbook: RelayRegionStale")


def _core_problems(report: StatusReport) -> Iterator[Problem]:
    """Of the core and its region: a cause is told once, by the word that says most."""
    region, addresses = report.region, report.core.addresses
    is_serving = report.state == "serving"
    is_silent = is_serving and bool(addresses) and region.silent_ms >= SILENT_MS_MAX
    if is_silent:
        yield Problem(
            f"the core has not answered for {region.silent_ms // 1_000} s: money messages are refused or end in doubt",
            "runbook: RelayCoreUnreachable",
        )
    if is_serving and not region.has_permit and (region.detail or (addresses and not is_silent)):
        yield Problem(
            f"the core may not be asked: {region.detail or 'no region has answered yet'}", "runbook: RelayRegionNotServing"
        )
    elif is_serving and region.detail:
        yield Problem(f"an answer of the core's region is not believed: {region.detail}", "runbook: RelayRegionNotServing")
    if not is_silent and addresses and not any(address.health == "healthy" for address in addresses):
        yield Problem(f"no address of {report.core.name} is healthy", "runbook: RelayCoreUnreachable")
    if not addresses and is_serving:
        yield Problem(
            f"no address of {report.core.name or 'the core'} is known", "is DNS answering? runbook: RelayCoreUnreachable"
        )


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
