"""The tools' end of the failover orchestrator's socket: the same language and limits as the relay's own.

Owns the calls. It must never print. The trap: it is another socket than the relay's, for a failover goes on while a relay
is restarted.
"""

from __future__ import annotations

import msgspec

from relay.control import failover as c
from relay.control.client import CALL_MS, SLOW_CALL_MS, ControlClient
from relay.control.commands import StatusArgs
from relay.control.failovercommands import FAILOVER_COMMANDS
from relay.control.report import Done
from relay.failover.room import RoomView
from relay.failover.view import RunView


class FailoverClient(ControlClient):
    """Each call raises NotReachable, or Refused with the orchestrator's own words."""

    daemon = "the orchestrator"
    unit = "relay-failover"
    commands = FAILOVER_COMMANDS

    def _elsewhere(self) -> str:
        return f"See: systemctl status {self.unit}. Another path: --socket PATH or $RELAY_FAILOVER_SOCKET."

    def _permission(self) -> str:
        return "Work under your own account, as a member of the relay's group: who asks is what counts here."

    def view(self) -> RunView:
        return self._call("failover-status", StatusArgs(), RunView)

    def room(self, args: c.FailoverRoomArgs) -> RoomView:
        return self._call("failover-room", args, RoomView)

    def told(self, command: str, args: msgspec.Struct) -> msgspec.Struct:
        """Any command by its name, for whoever passes them on."""
        spec = self.commands[command]
        return self._call(command, args, spec.answer, SLOW_CALL_MS if spec.changes else CALL_MS)

    def check(self, args: c.FailoverCheckArgs) -> c.FailoverChecked:
        return self._call("failover-check", args, c.FailoverChecked, SLOW_CALL_MS)

    def declare(self, args: c.FailoverDeclareArgs) -> Done:
        return self._call("failover-declare", args, Done, SLOW_CALL_MS)

    def gate(self, args: c.FailoverGateArgs) -> Done:
        return self._call("failover-gate", args, Done)

    def change_run(self, args: c.FailoverRunArgs) -> Done:
        return self._call("failover-run", args, Done)

    def step(self, args: c.FailoverStepArgs) -> Done:
        return self._call("failover-step", args, Done)

    def say(self, args: c.FailoverSayArgs) -> Done:
        return self._call("failover-say", args, Done)

    def lay_aside(self, args: c.FailoverLayAsideArgs) -> Done:
        return self._call("failover-lay-aside", args, Done, SLOW_CALL_MS)

    def run_report(self, args: c.FailoverReportArgs) -> Done:
        return self._call("failover-report", args, Done)
