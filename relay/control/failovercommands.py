"""The table of what the failover orchestrator is asked, in the control socket's language.

Owns the names, beside the relay's own in commands.py. The trap: what a failover run looks like takes a good part of
relay/failover to say, and neither a relay nor the tools that ask one need it; so the tables are two.
"""

from __future__ import annotations

from typing import Final

from relay.control.commands import CommandSpec, StatusArgs
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
from relay.control.report import Done
from relay.failover.room import RoomView
from relay.failover.view import RunView

FAILOVER_COMMANDS: Final[dict[str, CommandSpec]] = {
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
}
