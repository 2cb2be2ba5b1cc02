"""Who waits at the door after a take-over, and who is let in next. Pure.

Owns `Ticket` (one accepted connection that has not been let in) and `WaitingRoom`: bounded,
higher ranks first, within a rank one source network after the other, within a network who came first. It must never see a
socket or know a rate: it is asked for the next one when there may be a next one. The traps: strict ranks would starve the
lowest one, so every `LOWEST_EVERY`-th turn begins at the other end; and when the room is full, whoever is turned away must
not be whoever came last, or one site that dials fast would keep all others out: the newest of the network that waits most
often goes, and a lower rank goes before a higher one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from relay.wire.admission import Refused
from relay.wire.ranks import Rank

LOWEST_EVERY: Final = 8


class Ticket:
    """One connection at the door. `enter` and `refuse` are the owner's; exactly one of them is called, once, by the driver.

    Args: `rank` and `network` as above; `needs_handshake`: TLS follows, so that a free handshake is needed as well.
    """

    __slots__ = ("enter", "is_waiting", "needs_handshake", "network", "rank", "refuse", "since_ms")

    def __init__(
        self,
        rank: Rank,
        network: str,
        since_ms: int,
        enter: Callable[[Ticket], None],
        refuse: Callable[[Refused], None],
        needs_handshake: bool = False,
    ) -> None:
        self.rank = rank
        self.network = network
        self.since_ms = since_ms
        self.enter = enter
        self.refuse = refuse
        self.needs_handshake = needs_handshake
        self.is_waiting = False


class _Line:
    """Those of one rank who wait for the same things, by network."""

    __slots__ = ("_sizes", "_turns", "by_network", "count", "largest")

    def __init__(self) -> None:
        self.by_network: dict[str, deque[Ticket]] = {}
        self._turns: deque[str] = deque()  # networks with somebody waiting, in the order of their turns
        self._sizes: dict[int, dict[str, None]] = {}  # so many waiting -> networks
        self.largest = 0
        self.count = 0

    def add(self, ticket: Ticket) -> None:
        waiting = self.by_network.get(ticket.network)
        if waiting is None:
            waiting = self.by_network[ticket.network] = deque()
            self._turns.append(ticket.network)
        waiting.append(ticket)
        self._resize(ticket.network, len(waiting) - 1, len(waiting))

    def take(self) -> Ticket:
        """Of the network whose turn it is, who came first. The line must not be empty."""
        network = self._turns.popleft()
        waiting = self.by_network[network]
        ticket = waiting.popleft()
        if waiting:
            self._turns.append(network)
        else:
            del self.by_network[network]
        self._resize(network, len(waiting) + 1, len(waiting))
        return ticket

    def size_of(self, network: str) -> int:
        return len(self.by_network.get(network, ()))

    def newest_of_the_largest(self) -> Ticket:
        return self.by_network[next(iter(self._sizes[self.largest]))][-1]

    def remove(self, ticket: Ticket) -> None:
        network = ticket.network
        waiting = self.by_network[network]
        if waiting[-1] is ticket:
            waiting.pop()
        else:
            waiting.remove(ticket)
        if not waiting:
            del self.by_network[network]
            self._turns.remove(network)
        self._resize(network, len(waiting) + 1, len(waiting))

    def _resize(self, network: str, before: int, after: int) -> None:
        self.count += after - before
        if before:
            same = self._sizes[before]
            del same[network]
            if not same:
                del self._sizes[before]
        if after:
            self._sizes.setdefault(after, {})[network] = None
        if after > self.largest:
            self.largest = after
        elif before == self.largest and before not in self._sizes:
            self.largest = after  # it was the only one so large, and it is one smaller now


class WaitingRoom:
    def __init__(self) -> None:
        self._lines = {rank: (_Line(), _Line()) for rank in Rank}  # without and with a handshake to come
        self._flips = dict.fromkeys(Rank, 0)  # which of the two is looked at first
        self._arrivals: deque[Ticket] = deque()  # oldest first; some have gone by now
        self._taken = 0
        self.count = 0

    def count_of(self, rank: Rank) -> int:
        return sum(line.count for line in self._lines[rank])

    def offer(self, ticket: Ticket, count_max: int) -> Ticket | None:
        """Let it wait. Returns who has to go for want of room: nobody, somebody else, or `ticket` itself."""
        victim = None
        if self.count >= count_max:
            victim = self._victim(ticket)
            if victim is ticket:
                return ticket
            self.withdraw(victim)
        ticket.is_waiting = True
        self._line_of(ticket).add(ticket)
        self._arrivals.append(ticket)
        self.count += 1
        return victim

    def withdraw(self, ticket: Ticket) -> None:
        """It waits no more. It must be waiting."""
        self._line_of(ticket).remove(ticket)
        ticket.is_waiting = False
        self.count -= 1
        self._tidy()

    def take(self, may_shake: Callable[[Rank], bool]) -> Ticket | None:
        """Whose turn it is. `may_shake(rank)`: is there a TLS handshake to spare for one of this rank?"""
        if not self.count:
            return None
        self._taken += 1
        is_upside_down = self._taken % LOWEST_EVERY == 0
        for rank in reversed(Rank) if is_upside_down else Rank:
            line = self._next_line(rank, may_shake)
            if line is not None:
                ticket = line.take()
                ticket.is_waiting = False
                self.count -= 1
                self._tidy()
                return ticket
        self._taken -= 1
        return None

    def expired(self, before_ms: int) -> Iterator[Ticket]:
        """Take out, oldest first, everybody who has been here since before `before_ms`."""
        self._tidy()
        while self._arrivals and self._arrivals[0].since_ms < before_ms:
            ticket = self._arrivals[0]
            self.withdraw(ticket)
            yield ticket

    def _next_line(self, rank: Rank, may_shake: Callable[[Rank], bool]) -> _Line | None:
        """Of the two lines of a rank the one whose turn it is, if anybody in it can be served."""
        lines, first = self._lines[rank], self._flips[rank]
        for index in (first, 1 - first):
            if lines[index].count and (index == 0 or may_shake(rank)):
                self._flips[rank] = 1 - index
                return lines[index]
        return None

    def _victim(self, ticket: Ticket) -> Ticket:
        """Who goes so that `ticket` may stay; itself, where nobody has less right to."""
        for rank in reversed(Rank):
            if rank < ticket.rank:
                break
            line = max(self._lines[rank], key=lambda each: each.largest)
            if not line.count:
                continue
            own = sum(each.size_of(ticket.network) for each in self._lines[rank])
            if rank > ticket.rank or line.largest > own + 1:
                return line.newest_of_the_largest()
        return ticket

    def _line_of(self, ticket: Ticket) -> _Line:
        return self._lines[ticket.rank][ticket.needs_handshake]

    def _tidy(self) -> None:
        arrivals = self._arrivals
        while arrivals and not arrivals[0].is_waiting:
            arrivals.popleft()
        if len(arrivals) > 2 * self.count + 64:  # many went from the middle
            self._arrivals = deque(each for each in arrivals if each.is_waiting)
