"""The tools' end of the control socket: blocking, with a time limit, and a clear sentence when no relay is there.

Owns one question and its answer per call. It must never print. The traps: a daemon that hangs accepts connections all the
same, so the limit covers the whole call and not each read; and msgspec prepares a type when it is first read, which kills the
process (SIGSEGV, msgspec 0.22) where two threads come to it at once, so types are prepared here under a lock.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import msgspec

from relay.clock import Clock, SystemClock
from relay.control.announce import AnnounceArgs, AnnounceReport
from relay.control.audit import AuditArgs, AuditReport
from relay.control.commands import (
    ANSWER_BYTES_MAX,
    COMMANDS,
    CommandArgs,
    CommandSpec,
    ControlAnswer,
    DrainArgs,
    LinksArgs,
    ListedArgs,
    LogLevelArgs,
    OutboundKeyArgs,
    OutboundListArgs,
    OutboundPostArgs,
    OutboundSettleArgs,
    OutboundSignedArgs,
    ParkedArgs,
    ReconcileNowArgs,
    ReconcileReportArgs,
    ReconcileSignArgs,
    RekeyArgs,
    ReloadArgs,
    ResolveArgs,
    RevealArgs,
    SafKeyArgs,
    SafListArgs,
    SafRetryArgs,
    StatusArgs,
)
from relay.control.drain import DrainAbortArgs, DrainReport, DrainStartArgs
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
from relay.errors import RelayError

CALL_MS = 10_000
SLOW_CALL_MS = 130_000  # a reload opens and closes listeners

S = TypeVar("S", bound=msgspec.Struct)

_read_answer = msgspec.json.Decoder(ControlAnswer).decode
_preparing = threading.Lock()
_prepared: dict[type, msgspec.json.Decoder[Any]] = {}


def _decoder(answer_type: type[S]) -> msgspec.json.Decoder[S]:
    with _preparing:
        if answer_type not in _prepared:
            _prepared[answer_type] = msgspec.json.Decoder(answer_type)
        return _prepared[answer_type]


class NotReachable(RelayError):
    """No relay answers on the control socket."""


class Refused(RelayError):
    """The relay answered, and the answer is no."""


class ControlClient:
    """Each call opens a connection of its own, so that a restarted daemon is found again. `daemon` and `unit` are what it is
    called in complaints, `commands` what it may be asked."""

    daemon = "the relay"
    unit = "relay"
    commands: ClassVar[Mapping[str, CommandSpec]] = COMMANDS

    def __init__(self, path: str, timeout_ms: int = CALL_MS, clock: Clock | None = None) -> None:
        self.path = path
        self._timeout_ms = timeout_ms
        self._clock = SystemClock() if clock is None else clock

    def status(self) -> StatusReport:
        return self._call("status", StatusArgs(), StatusReport)

    def links(self, args: LinksArgs) -> LinksReport:
        return self._call("links", args, LinksReport)

    def listed(self, args: ListedArgs) -> ListedReport:
        return self._call("listed", args, ListedReport)

    def parked(self, args: ParkedArgs) -> ParkedReport:
        return self._call("parked", args, ParkedReport)

    def pressure(self) -> PressureReport:
        return self._call("pressure", StatusArgs(), PressureReport)

    def audit(self, args: AuditArgs) -> AuditReport:
        return self._call("audit", args, AuditReport)

    def pace(self) -> PaceReport:
        return self._call("pace", StatusArgs(), PaceReport)

    def drain(self, args: DrainArgs) -> Done:
        return self._call("drain", args, Done)

    def reload(self) -> ReloadReport:
        return self._call("reload", ReloadArgs(), ReloadReport, SLOW_CALL_MS)

    def resolve(self, args: ResolveArgs) -> Done:
        return self._call("resolve", args, Done)

    def saf_list(self, args: SafListArgs) -> SafReport:
        return self._call("saf-list", args, SafReport)

    def saf_show(self, args: SafKeyArgs) -> SafDetail:
        return self._call("saf-show", args, SafDetail)

    def saf_retry(self, args: SafRetryArgs) -> Done:
        return self._call("saf-retry", args, Done)

    def log_level(self, args: LogLevelArgs) -> Done:
        return self._call("log-level", args, Done)

    def command(self, args: CommandArgs) -> Done:
        return self._call("command", args, Done)

    def reconcile_now(self, args: ReconcileNowArgs) -> Done:
        return self._call("reconcile-now", args, Done)

    def reconcile_report(self, args: ReconcileReportArgs) -> Done:
        return self._call("reconcile-report", args, Done, SLOW_CALL_MS)

    def reconcile_sign(self, args: ReconcileSignArgs) -> Done:
        return self._call("reconcile-sign", args, Done)

    def rekey(self) -> KeysReport:
        return self._call("rekey", RekeyArgs(), KeysReport, SLOW_CALL_MS)

    def reveal(self, args: RevealArgs) -> Recorded:
        return self._call("reveal", args, Recorded)

    def outbound_list(self, args: OutboundListArgs) -> OutboundListReport:
        return self._call("outbound-list", args, OutboundListReport)

    def outbound_show(self, args: OutboundKeyArgs) -> OutboundRow:
        return self._call("outbound-show", args, OutboundRow)

    def outbound_cancel(self, args: OutboundSignedArgs) -> OutboundRow:
        return self._call("outbound-cancel", args, OutboundRow)

    def outbound_settle(self, args: OutboundSettleArgs) -> OutboundRow:
        return self._call("outbound-settle", args, OutboundRow)

    def outbound_post(self, args: OutboundPostArgs) -> OutboundRow:
        return self._call("outbound-post", args, OutboundRow)

    def announce_status(self) -> AnnounceReport:
        return self._call("announce-status", StatusArgs(), AnnounceReport)

    def announce_withdraw(self, args: AnnounceArgs) -> Done:
        return self._call("announce-withdraw", args, Done)

    def announce_resume(self, args: AnnounceArgs) -> Done:
        return self._call("announce-resume", args, Done)

    def announce_hand_back(self, args: AnnounceArgs) -> Done:
        return self._call("announce-hand-back", args, Done)

    def region_status(self) -> RegionsReport:
        return self._call("region-status", StatusArgs(), RegionsReport)

    def region_pin(self, args: RegionPinArgs) -> Done:
        return self._call("region-pin", args, Done)

    def region_unpin(self, args: RegionUnpinArgs) -> Done:
        return self._call("region-unpin", args, Done)

    def region_seal(self, args: RegionSealArgs) -> Done:
        return self._call("region-seal", args, Done, SLOW_CALL_MS)

    def region_unseal(self, args: RegionSealArgs) -> Done:
        return self._call("region-unseal", args, Done)

    def region_block(self, args: RegionBlockArgs) -> Done:
        return self._call("region-block", args, Done)

    def region_release(self, args: RegionReleaseArgs) -> Done:
        return self._call("region-release", args, Done)

    def lease_status(self) -> LeaseReport:
        return self._call("lease-status", StatusArgs(), LeaseReport, SLOW_CALL_MS)

    def lease_take(self, args: LeaseTakeArgs) -> Done:
        return self._call("lease-take", args, Done, SLOW_CALL_MS)

    def lease_release(self, args: LeaseSignedArgs) -> Done:
        return self._call("lease-release", args, Done)

    def lease_standby(self, args: LeaseSignedArgs) -> Done:
        return self._call("lease-standby", args, Done, SLOW_CALL_MS)

    def takeover_status(self) -> TakeoverReport:
        return self._call("takeover-status", StatusArgs(), TakeoverReport)

    def takeover_begin(self, args: TakeoverBeginArgs) -> Done:
        return self._call("takeover-begin", args, Done, SLOW_CALL_MS)

    def takeover_finish(self, args: TakeoverFinishArgs) -> Done:
        return self._call("takeover-finish", args, Done, SLOW_CALL_MS)

    def drain_start(self, args: DrainStartArgs) -> Done:
        return self._call("drain-start", args, Done)

    def drain_status(self) -> DrainReport:
        return self._call("drain-status", StatusArgs(), DrainReport)

    def drain_abort(self, args: DrainAbortArgs) -> Done:
        return self._call("drain-abort", args, Done)

    def region_tail(self, args: RegionTailArgs) -> Done:
        return self._call("region-tail", args, Done)

    def _elsewhere(self) -> str:
        return f"See: systemctl status {self.unit}. Another path: --socket PATH or --config FILE."

    def _permission(self) -> str:
        return "Try: sudo -u relay relay status"

    def _call(self, name: str, args: msgspec.Struct, answer_type: type[S], timeout_ms: int = 0) -> S:
        """Raises NotReachable, or Refused with the relay's own words."""
        assert self.commands[name].answer is answer_type
        line = self._exchange(msgspec.json.encode({"command": name, "args": args}) + b"\n", timeout_ms or self._timeout_ms)
        try:
            answer = _read_answer(line)
            if bytes(answer.answer):
                return _decoder(answer_type).decode(answer.answer)
        except msgspec.DecodeError as error:
            raise Refused(
                f"the answer of {self.daemon} to {name} cannot be read: {error}.",
                "Is this tool of another version than the daemon?",
            ) from error
        raise Refused(answer.problem or f"{self.daemon} did not answer {name}.", answer.next_step)

    def _exchange(self, request: bytes, timeout_ms: int) -> bytes:
        deadline_ms = self._clock.monotonic_ms() + timeout_ms
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            try:
                connection.settimeout(timeout_ms / 1000)
                connection.connect(self.path)
                connection.sendall(request)
                return self._read_line(connection, deadline_ms)
            except TimeoutError as error:
                raise NotReachable(
                    f"{self.daemon} did not answer within {timeout_ms / 1000:.0f} s on {self.path}.",
                    f"Its event loop may be blocked; systemd's watchdog restarts it. See: journalctl -u {self.unit}",
                ) from error
            except FileNotFoundError as error:
                raise NotReachable(
                    f"{self.daemon} is not running: there is no socket {self.path}.",
                    self._elsewhere(),
                ) from error
            except ConnectionRefusedError as error:
                raise NotReachable(
                    f"{self.daemon} is not running: nobody listens on {self.path}.",
                    f"See: systemctl status {self.unit}, journalctl -u {self.unit}",
                ) from error
            except PermissionError as error:
                raise NotReachable(
                    f"you may not talk to {self.daemon}: {self.path} is for its group.", self._permission()
                ) from error
            except OSError as error:
                raise NotReachable(f"{self.daemon} cannot be reached on {self.path}: {error.strerror or error}.") from error

    def _read_line(self, connection: socket.socket, deadline_ms: int) -> bytes:
        received = bytearray()
        while not received.endswith(b"\n"):
            left_ms = deadline_ms - self._clock.monotonic_ms()
            if left_ms <= 0:
                raise TimeoutError
            connection.settimeout(left_ms / 1000)
            part = connection.recv(262_144)
            if not part:
                raise NotReachable(
                    f"{self.daemon} hung up on {self.path} before it answered.", "It may be stopping: try again."
                )
            received += part
            if len(received) > ANSWER_BYTES_MAX:
                raise Refused(f"the relay's answer has more than {ANSWER_BYTES_MAX} bytes.", "Ask for fewer rows.")
        return bytes(received)
