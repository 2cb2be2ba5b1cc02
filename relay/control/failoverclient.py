"""The tools' end of the failover orchestrator's socket: the same language and limits as the relay's own.

Owns the calls. It must never print. The trap: it is another socket than the relay's, for a failover goes on while a relay
is restarted.
"""

from __future__ import annotations

from relay.control import failover as c
from relay.control.client import SLOW_CALL_MS, ControlClient
from relay.control.commands import StatusArgs
from relay.control.report import Done
from relay.failover.view import RunView


class FailoverClient(ControlClient):
    """Each call raises NotReachable, or Refused with the orchestrator's own words."""

    def view(self) -> RunView:
        return self._call("failover-status", StatusArgs(), RunView)

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

    def run_report(self, args: c.FailoverReportArgs) -> Done:
        return self._call("failover-report", args, Done)
