"""What a room of fake NDC machines counts beside what every room does: loads, dispenses, cash faults, power cuts.

Owns counters, and what a reply's next state says about who said no. It must never know a wire format or the books. The trap:
the general "no" is said by the core and by the relay alike, and the machine cannot tell; so it counts neither way in the calm.
"""

from __future__ import annotations

from relay.loopback.tally import Ending, Tally

# Next states of the demo bank's replies (relay/loopback/ndcstates.py): the way of a balance, and of the general refusal.
SHOWN, REFUSED = "101", "130"


class NdcTally(Tally):
    def __init__(self) -> None:
        super().__init__()
        self.loads = 0
        self.replies = 0
        self.dispenses = 0
        self.faults = 0
        self.unknowns = 0  # dispenses of which the machine itself cannot say what came out
        self.rejects = 0
        self.power_cuts = 0
        self.supervisor_visits = 0
        self.blocks_acknowledged: list[tuple[str, str]] = []  # (terminal, last character)

    def replied(self, next_state: str, dispenses: bool, asked_ms: float, now_ms: float) -> None:
        """A request got its reply: notes, figures, or a no."""
        self.replies += 1
        ending = Ending.APPROVED if dispenses or next_state == SHOWN else Ending.DECLINED
        self.ended_as(ending, asked_ms, now_ms, f"state {next_state}", next_state != REFUSED)
