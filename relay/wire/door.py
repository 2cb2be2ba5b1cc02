"""Who may come in now: one accept rate for the whole relay, a waiting room before it, TLS handshakes behind it. Pure.

Owns the order of these four: the rate (a token bucket, of which a ramp gives a part), the room (waitingroom.py), the
handshakes under way, and how many are turned away per second. It must never see a socket. The idea: a connection is accepted
at once and either let in, or kept waiting for a short time, or reset so early that its terminal can try again soon; nothing
grows old in a queue that nobody looks at. The traps: what may wait is bounded by time as well as by number, so at a quarter of
the rate the room is a quarter as large; turning away costs something, too, so beyond `refuse_per_s_max` connections are left
in the kernel's backlog; and the lower ranks may not take all handshakes, or a site that opens connections and says nothing
would keep every bank out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from relay.wire.admission import TokenBucket
from relay.wire.ranks import Rank
from relay.wire.waitingroom import Ticket, WaitingRoom

ROOM_COUNT_MIN: Final = 16  # however low the rate
ATM_HANDSHAKES_PERCENT: Final = 75  # of all handshakes, what ATMs may have under way


class DoorLimits(msgspec.Struct, frozen=True):
    """Of the whole relay; per second, counts and milliseconds."""

    accept_per_s: int = 500
    accept_burst_count: int = 1_000
    refuse_per_s_max: int = 5_000
    waiting_count_max: int = 1_000
    waiting_ms_max: int = 2_000
    handshakes_count_max: int = 64


class Door:
    def __init__(self, limits: DoorLimits, now_ms: int) -> None:
        self._limits = limits
        self.percent = 100
        self._accepts = TokenBucket(limits.accept_per_s, limits.accept_burst_count, now_ms)
        self._refusals = TokenBucket(limits.refuse_per_s_max, max(1, limits.refuse_per_s_max // 10), now_ms)
        self.room = WaitingRoom()
        self.handshakes = dict.fromkeys(Rank, 0)

    def use(self, limits: DoorLimits, now_ms: int) -> None:
        """Other limits from now on. Who waits, waits on."""
        self._limits = limits
        self._refusals = TokenBucket(limits.refuse_per_s_max, max(1, limits.refuse_per_s_max // 10), now_ms)
        self.set_percent(self.percent, now_ms)

    def set_percent(self, percent: int, now_ms: int) -> None:
        """What the ramp gives of the rate, of the burst and so of the room."""
        self.percent = percent
        burst_count = max(1, self._limits.accept_burst_count * percent // 100)
        self._accepts.set_rate(self.accept_per_s, burst_count, now_ms)

    @property
    def accept_per_s(self) -> int:
        """As of now, with the ramp."""
        return max(1, self._limits.accept_per_s * self.percent // 100)

    @property
    def room_count_max(self) -> int:
        """Who may wait now: as many as can be let in within `waiting_ms_max`."""
        in_time = self.accept_per_s * self._limits.waiting_ms_max // 1_000
        return min(self._limits.waiting_count_max, max(ROOM_COUNT_MIN, in_time))

    @property
    def handshake_count(self) -> int:
        return sum(self.handshakes.values())

    # ---- at the door ---------------------------------------------------------------------------------------------------
    def wait_to_accept_ms(self, now_ms: int) -> int:
        """0 where one more connection may be looked at, else the milliseconds to leave the backlog alone."""
        return 0 if self.room.count < self.room_count_max else self._refusals.wait_ms(now_ms)

    def knock(self, ticket: Ticket, now_ms: int) -> Ticket | None:
        """Somebody comes. Returns who is to be turned away for it; `take_next` says who may come in."""
        refused = self.room.offer(ticket, self.room_count_max)
        if refused is not None:
            self._refusals.take(now_ms)
        return refused

    def take_next(self, now_ms: int) -> Ticket | None:
        """Who may come in now. Its handshake, if it needs one, is counted as under way: `handshake_ended` follows."""
        if self._accepts.wait_ms(now_ms):
            return None
        ticket = self.room.take(self._may_shake)
        if ticket is not None:
            self._accepts.take(now_ms)
            if ticket.needs_handshake:
                self.handshakes[ticket.rank] += 1
        return ticket

    def take_at_once(self, now_ms: int) -> bool:
        """For one who cannot wait: whether there is a token that nobody else waits for."""
        return not self.room.count and self._accepts.take(now_ms)

    def handshake_ended(self, rank: Rank) -> None:
        """However it ended."""
        self.handshakes[rank] -= 1

    def expired(self, now_ms: int) -> Iterator[Ticket]:
        """Those who have waited for too long, taken out."""
        return self.room.expired(now_ms - self._limits.waiting_ms_max)

    def wait_ms(self, now_ms: int) -> int | None:
        """When to call `take_next` and `expired` again, milliseconds; None while nobody waits."""
        return max(1, self._accepts.wait_ms(now_ms)) if self.room.count else None

    def _may_shake(self, rank: Rank) -> bool:
        count_max = self._limits.handshakes_count_max
        if self.handshake_count >= count_max:
            return False
        if rank < Rank.ATM_BUSY:
            return True
        atms = self.handshakes[Rank.ATM_BUSY] + self.handshakes[Rank.ATM]
        return atms < max(1, count_max * ATM_HANDSHAKES_PERCENT // 100)
