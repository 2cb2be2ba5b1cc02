"""The control socket's language: one JSON object per line there and back, and the table of commands.

Owns the names, the arguments and the answers. It must never know a socket. The trap: a tool may be older or newer than the
daemon, so unknown members are ignored, and an unknown command is answered with those that there are.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from relay.control.announce import AnnounceArgs, AnnounceReport
from relay.control.audit import AuditArgs, AuditReport
from relay.control.drain import DrainAbortArgs, DrainReport, DrainStartArgs
from relay.control.failover import (
    FailoverCheckArgs,
    FailoverChecked,
    FailoverDeclareArgs,
    FailoverGateArgs,
    FailoverLayAsideArgs,
    FailoverReportArgs,
    FailoverRoomArgs,
    FailoverRunArgs,
    FailoverSayArgs,
    FailoverStepArgs,
    FailoverTickArgs,
)
from relay.control.lease import LeaseReport, LeaseSignedArgs, LeaseTakeArgs
from relay.control.pace import PaceReport
from relay.control.pressure import PressureReport
from relay.control.regions import (
    RegionBlockArgs,
    RegionPinArgs,
    RegionReleaseArgs,
    RegionSealArgs,
    RegionsReport,
    RegionTailArgs,
    RegionUnpinArgs,
)
from relay.control.report import (
    Done,
    KeysReport,
    LinksReport,
    ListedReport,
    OutboundListReport,
    OutboundRow,
    ParkedReport,
    Recorded,
    ReloadReport,
    SafDetail,
    SafReport,
    StatusReport,
)
from relay.control.takeover import TakeoverBeginArgs, TakeoverFinishArgs, TakeoverReport
from relay.failover.room import RoomView
from relay.failover.view import RunView

LINE_BYTES_MAX = 65_536  # one request
ANSWER_BYTES_MAX = 16 * 1024 * 1024  # one answer; a thousand links are a fifth of a megabyte
ROWS_MAX = 10_000

Rows: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=ROWS_MAX)]
# What a link may be told: network management of terminals and switches; the session of a Zengin line and its parked telegrams;
# that a terminal named in the data is gone for good.
Spoken: TypeAlias = Literal[
    "echo",
    "sign-on",
    "sign-off",
    "cutover",
    "key-exchange",
    "open",
    "pre-close",
    "close",
    "force-close",
    "sign",
    "tables-previous",
    "tables-current",
    "resubmit",
    "answer-parked",
    "drop-parked",
    "forget",
]
Said: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]


class StatusArgs(msgspec.Struct, frozen=True):
    pass


class LinksArgs(msgspec.Struct, frozen=True, kw_only=True):
    """Empty texts match every link."""

    listener: str = ""
    terminal: str = ""
    count_max: Rows = 1_000


class DrainArgs(msgspec.Struct, frozen=True, kw_only=True):
    who: str = ""
    why: str = ""


class ReloadArgs(msgspec.Struct, frozen=True):
    pass


class ListedArgs(msgspec.Struct, frozen=True, kw_only=True):
    count_max: Rows = 1_000


class ParkedArgs(msgspec.Struct, frozen=True, kw_only=True):
    """Messages that could not be processed; with `all` those too that a person has decided about."""

    listener: str = ""
    all: bool = False
    count_max: Rows = 1_000


class ResolveArgs(msgspec.Struct, frozen=True, kw_only=True):
    """A person has settled a listed exchange by other means, and signs for it. `although_owed`: also where another message of
    its chain is owed to the core, which goes to the list instead, or is on the list."""

    key: Said
    who: Said
    why: Said
    although_owed: bool = False


class SafListArgs(msgspec.Struct, frozen=True, kw_only=True):
    """What is owed to the core ("owed"), what waits for a person ("listed"), or both."""

    what: Literal["", "owed", "listed"] = ""
    count_max: Rows = 1_000


class SafKeyArgs(msgspec.Struct, frozen=True, kw_only=True):
    key: Said


class SafRetryArgs(msgspec.Struct, frozen=True, kw_only=True):
    """A person wants something owed, or given up, tried now, and signs for it. `although_resolved`: also where a person has
    resolved another message of its chain."""

    key: Said
    who: Said
    why: Said
    although_resolved: bool = False


class LogLevelArgs(msgspec.Struct, frozen=True, kw_only=True):
    level: Literal["debug", "info", "warning", "error"]


class CommandArgs(msgspec.Struct, frozen=True, kw_only=True):
    """Say something on the links of a listener, or on the one of a terminal. `data`: what the word needs, for its dialect."""

    name: Spoken
    listener: str = ""
    terminal: str = ""
    data: Annotated[str, msgspec.Meta(max_length=200)] = ""


class OutboundListArgs(msgspec.Struct, frozen=True, kw_only=True):
    """An empty state matches every message."""

    state: Literal["", "queued", "sent", "acknowledged", "unknown", "failed", "cancelled"] = ""
    count_max: Rows = 1_000


class OutboundKeyArgs(msgspec.Struct, frozen=True, kw_only=True):
    key: Said


class OutboundSignedArgs(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel a message, and sign for it."""

    key: Said
    who: Said
    why: Said


class OutboundSettleArgs(msgspec.Struct, frozen=True, kw_only=True):
    """A person has found out what became of an unknown delivery, and signs for it."""

    key: Said
    state: Literal["acknowledged", "failed"]
    who: Said
    why: Said


class OutboundPostArgs(msgspec.Struct, frozen=True, kw_only=True):
    """A message for a line, as the core posts it. `body` is a JSON object, the dialect's own."""

    key: Annotated[str, msgspec.Meta(pattern="^[!-~]{1,255}$")]
    listener: Said
    kind: Said
    line: str = ""
    body: msgspec.Raw = msgspec.Raw(b"{}")
    expires_ms: Annotated[int, msgspec.Meta(ge=0)] | None = None


class ReconcileNowArgs(msgspec.Struct, frozen=True, kw_only=True):
    """Sweep `business_date` now; empty is the day that runs."""

    business_date: Annotated[str, msgspec.Meta(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")] = ""


class ReconcileReportArgs(msgspec.Struct, frozen=True, kw_only=True):
    """One report; number 0 is the newest."""

    number: Annotated[int, msgspec.Meta(ge=0)] = 0
    form: Literal["text", "html", "json"] = "text"


class ReconcileSignArgs(msgspec.Struct, frozen=True, kw_only=True):
    """A person has gone through a report, and signs for it."""

    number: Annotated[int, msgspec.Meta(ge=1)]
    who: Said
    why: Said


class RekeyArgs(msgspec.Struct, frozen=True):
    """Take up the journal's keys as the configuration names them now, and seal older rows anew."""


class RevealArgs(msgspec.Struct, frozen=True, kw_only=True):
    """Record that a person is about to be shown card numbers in clear, in the journal at `place`; no card number is in it."""

    token: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
    who: Said
    reason: Said
    asked: Annotated[str, msgspec.Meta(max_length=1_000)]
    exchange_ids: Annotated[tuple[int, ...], msgspec.Meta(min_length=1, max_length=100)]
    place: Annotated[str, msgspec.Meta(max_length=4_096)]


class CommandSpec(msgspec.Struct, frozen=True):
    args: type[msgspec.Struct]
    answer: type[msgspec.Struct]
    changes: bool  # written to the log with the caller's user id


COMMANDS: Final[dict[str, CommandSpec]] = {
    "status": CommandSpec(StatusArgs, StatusReport, changes=False),
    "links": CommandSpec(LinksArgs, LinksReport, changes=False),
    "listed": CommandSpec(ListedArgs, ListedReport, changes=False),
    "parked": CommandSpec(ParkedArgs, ParkedReport, changes=False),
    "pressure": CommandSpec(StatusArgs, PressureReport, changes=False),
    "audit": CommandSpec(AuditArgs, AuditReport, changes=False),
    "pace": CommandSpec(StatusArgs, PaceReport, changes=False),
    "drain": CommandSpec(DrainArgs, Done, changes=True),
    "reload": CommandSpec(ReloadArgs, ReloadReport, changes=True),
    "resolve": CommandSpec(ResolveArgs, Done, changes=True),
    "saf-list": CommandSpec(SafListArgs, SafReport, changes=False),
    "saf-show": CommandSpec(SafKeyArgs, SafDetail, changes=False),
    "saf-retry": CommandSpec(SafRetryArgs, Done, changes=True),
    "log-level": CommandSpec(LogLevelArgs, Done, changes=True),
    "command": CommandSpec(CommandArgs, Done, changes=True),
    "reconcile-now": CommandSpec(ReconcileNowArgs, Done, changes=True),
    "reconcile-report": CommandSpec(ReconcileReportArgs, Done, changes=False),
    "reconcile-sign": CommandSpec(ReconcileSignArgs, Done, changes=True),
    "announce-status": CommandSpec(StatusArgs, AnnounceReport, changes=False),
    "announce-withdraw": CommandSpec(AnnounceArgs, Done, changes=True),
    "announce-resume": CommandSpec(AnnounceArgs, Done, changes=True),
    "announce-hand-back": CommandSpec(AnnounceArgs, Done, changes=True),
    "region-status": CommandSpec(StatusArgs, RegionsReport, changes=False),
    "region-pin": CommandSpec(RegionPinArgs, Done, changes=True),
    "region-unpin": CommandSpec(RegionUnpinArgs, Done, changes=True),
    "region-seal": CommandSpec(RegionSealArgs, Done, changes=True),
    "region-unseal": CommandSpec(RegionSealArgs, Done, changes=True),
    "region-block": CommandSpec(RegionBlockArgs, Done, changes=True),
    "region-release": CommandSpec(RegionReleaseArgs, Done, changes=True),
    "region-tail": CommandSpec(RegionTailArgs, Done, changes=True),
    "lease-status": CommandSpec(StatusArgs, LeaseReport, changes=False),
    "lease-take": CommandSpec(LeaseTakeArgs, Done, changes=True),
    "lease-release": CommandSpec(LeaseSignedArgs, Done, changes=True),
    "lease-standby": CommandSpec(LeaseSignedArgs, Done, changes=True),
    "takeover-status": CommandSpec(StatusArgs, TakeoverReport, changes=False),
    "takeover-begin": CommandSpec(TakeoverBeginArgs, Done, changes=True),
    "takeover-finish": CommandSpec(TakeoverFinishArgs, Done, changes=True),
    "drain-start": CommandSpec(DrainStartArgs, Done, changes=True),
    "drain-status": CommandSpec(StatusArgs, DrainReport, changes=False),
    "drain-abort": CommandSpec(DrainAbortArgs, Done, changes=True),
    "failover-status": CommandSpec(StatusArgs, RunView, changes=False),
    "failover-room": CommandSpec(FailoverRoomArgs, RoomView, changes=False),
    "failover-check": CommandSpec(FailoverCheckArgs, FailoverChecked, changes=False),
    "failover-declare": CommandSpec(FailoverDeclareArgs, Done, changes=True),
    "failover-gate": CommandSpec(FailoverGateArgs, Done, changes=True),
    "failover-run": CommandSpec(FailoverRunArgs, Done, changes=True),
    "failover-step": CommandSpec(FailoverStepArgs, Done, changes=True),
    "failover-tick": CommandSpec(FailoverTickArgs, Done, changes=True),
    "failover-say": CommandSpec(FailoverSayArgs, Done, changes=True),
    "failover-lay-aside": CommandSpec(FailoverLayAsideArgs, Done, changes=True),
    "failover-report": CommandSpec(FailoverReportArgs, Done, changes=False),
    "rekey": CommandSpec(RekeyArgs, KeysReport, changes=True),
    "reveal": CommandSpec(RevealArgs, Recorded, changes=True),
    "outbound-list": CommandSpec(OutboundListArgs, OutboundListReport, changes=False),
    "outbound-show": CommandSpec(OutboundKeyArgs, OutboundRow, changes=False),
    "outbound-cancel": CommandSpec(OutboundSignedArgs, OutboundRow, changes=True),
    "outbound-settle": CommandSpec(OutboundSettleArgs, OutboundRow, changes=True),
    "outbound-post": CommandSpec(OutboundPostArgs, OutboundRow, changes=True),
}


class ControlRequest(msgspec.Struct, frozen=True, kw_only=True):
    command: str
    args: msgspec.Raw = msgspec.Raw(b"{}")


class ControlAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`answer` when it went well; else empty, with `problem` and perhaps what to do. (A Raw in a union is not read back.)"""

    answer: msgspec.Raw = msgspec.Raw()
    problem: str = ""
    next_step: str = ""
