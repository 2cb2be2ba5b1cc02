"""What the fake core has on its hands: requests being worked on, by what they are about, and the most there ever were.

Owns the counts. It must never decide anything. Why it is here and not in the relay: what a core is spared can only be said by
the core. The trap: a request counts from its last byte to the first byte of its answer; what still waits on a connection
behind another one has not come yet.
"""

from __future__ import annotations

from relay.core.contract import NETWORK_EVENTS_PATH, REGION_PATH, TRANSACTIONS_PATH

EVENTS, TRANSACTIONS, LATER, REGION, OTHER = "events", "transactions", "later", "region", "other"


def kind_of(target: str) -> str:
    """What a request is about, by its target. "later": inquiries and reversals of a transaction."""
    if target.startswith(TRANSACTIONS_PATH):
        return TRANSACTIONS if target == TRANSACTIONS_PATH else LATER
    if target.startswith(NETWORK_EVENTS_PATH):
        return EVENTS
    return REGION if target.startswith(REGION_PATH) else OTHER


class Meter:
    def __init__(self) -> None:
        self.under_way: dict[str, int] = {}
        self.most: dict[str, int] = {}  # of each kind at once
        self.most_money = 0  # of all but GET /v1/region at once
        self.counts: dict[str, int] = {}

    def began(self, target: str) -> str:
        """A request is there. Returns its kind, for `ended`."""
        kind = kind_of(target)
        now = self.under_way[kind] = self.under_way.get(kind, 0) + 1
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if now > self.most.get(kind, 0):
            self.most[kind] = now
        busy = sum(count for name, count in self.under_way.items() if name != REGION)
        self.most_money = max(self.most_money, busy)
        return kind

    def ended(self, kind: str) -> None:
        self.under_way[kind] -= 1

    def forget(self) -> None:
        """The most there ever were is counted anew from now."""
        self.most = dict(self.under_way)
        self.most_money = 0
        self.counts = {}
