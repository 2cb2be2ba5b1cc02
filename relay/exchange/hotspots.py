"""Which terminals, branches and accounts are hot: entered by rate, left by rate and time, with a gap between the two.

Owns the judgement. Pure: time is an argument, and what is decided comes back as a list of moves. It must never know lanes,
metrics or a card number (an account is a keyed hash before it comes here). Hot is who asks at least so often
(`*_per_s_min`) and so many times more than usual (`factor`), while the others do not: when everybody is ten times busier,
nobody is hot. Who is too new to have a usual rate is held against what its like do now. The traps: while something is hot
its usual rate is not learned, or a long storm would become the usual; a message counts for its narrowest hot lane only, or
one wild terminal would take its whole branch along; and a lane ends only when nothing waits in it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from statistics import median

import msgspec

from relay.exchange.heat import Heat

LOOK_MS = 250  # how often rates are judged
PEERS_MIN = 2  # fewer of its like say nothing about one that is new


class Scope(StrEnum):
    TERMINAL = "terminal"
    BRANCH = "branch"
    ACCOUNT = "account"


class HotLimits(msgspec.Struct, frozen=True, kw_only=True):
    """When somebody is hot, and what all who are may have. Rates are messages per second."""

    enabled: bool = True
    factor: float = 10.0
    terminal_per_s_min: float = 5.0
    branch_per_s_min: float = 20.0
    account_per_s_min: float = 5.0
    leave_percent: int = 50  # of the rate at which a lane is entered: below it for `calm_ms`, the lane ends
    calm_ms: int = 30_000
    fast_half_life_ms: int = 2_000
    usual_half_life_ms: int = 600_000
    learning_ms: int = 60_000
    keys_count_max: int = 2_048  # tracked per scope
    lanes_count_max: int = 16  # hot at once, over all scopes
    share_percent: int = 50  # of the core's concurrency target and of the queue, all hot lanes together
    lane_share_percent: int = 25  # of the queue, one hot lane


class Move(StrEnum):
    ENTERED = "entered"
    LEFT = "left"
    NO_ROOM = "no-room"


class HotLane(msgspec.Struct):
    """One that is hot. Mutable; only this file changes it."""

    scope: Scope
    key: str
    entered_ms: int  # monotonic
    usual_per_s: float  # what it was held against when it entered
    enter_per_s: float  # the rate at which it would enter again
    busy_ms: int  # monotonic: when it was last above the rate at which it leaves
    name: str = ""

    def __post_init__(self) -> None:
        self.name = f"{self.scope.value} {self.key}"


class Moved(msgspec.Struct, frozen=True):
    move: Move
    lane: HotLane
    per_s: float


class Hotspots:
    def __init__(self, limits: HotLimits) -> None:
        self.limits = limits
        self._floors = {
            Scope.TERMINAL: limits.terminal_per_s_min,
            Scope.BRANCH: limits.branch_per_s_min,
            Scope.ACCOUNT: limits.account_per_s_min,
        }
        self.heat = {
            scope: Heat(limits.keys_count_max, limits.fast_half_life_ms, limits.usual_half_life_ms, floor)
            for scope, floor in self._floors.items()
        }
        self.lanes: dict[str, HotLane] = {}
        self._hot: dict[Scope, dict[str, str]] = {scope: {} for scope in Scope}  # key -> name of the lane
        self._look_ms = 0
        self._without_room: set[str] = set()

    def observe(self, terminal: str, branch: str, accounts: tuple[str, ...], now_ms: int) -> None:
        """One message arrived."""
        hot = self._hot
        self.heat[Scope.TERMINAL].observe(terminal, now_ms)
        if terminal in hot[Scope.TERMINAL]:
            return
        if branch:
            self.heat[Scope.BRANCH].observe(branch, now_ms)
            if branch in hot[Scope.BRANCH]:
                return
        for account in accounts:
            self.heat[Scope.ACCOUNT].observe(account, now_ms)

    def lane_of(self, terminal: str, branch: str, accounts: tuple[str, ...]) -> str:
        """The name of a message's hot lane, the narrowest first; "" when it goes with everybody else."""
        hot = self._hot
        own = hot[Scope.TERMINAL].get(terminal, "") or hot[Scope.BRANCH].get(branch, "")
        if own:
            return own
        return next((hot[Scope.ACCOUNT][account] for account in accounts if account in hot[Scope.ACCOUNT]), "")

    def look(self, now_ms: int, is_empty: Callable[[str], bool]) -> list[Moved]:
        """Judge, at most once per LOOK_MS. `is_empty` says of a lane's name whether nothing waits in it."""
        if now_ms < self._look_ms or not self.limits.enabled:
            return []
        self._look_ms = now_ms + LOOK_MS
        moves = [moved for lane in list(self.lanes.values()) if (moved := self._leave(lane, now_ms, is_empty)) is not None]
        for scope, heat in self.heat.items():
            if heat.suspects:
                moves += self._judge(scope, heat, now_ms)
        return moves

    # ---- entering ------------------------------------------------------------------------------------------------------
    def _judge(self, scope: Scope, heat: Heat, now_ms: int) -> list[Moved]:
        suspects = [key for key in heat.suspects if key not in self._hot[scope]]
        heat.suspects.clear()
        moves = []
        rows = [(heat.rate_per_s(key, now_ms), key) for key in suspects]
        for per_s, key in sorted(rows, reverse=True):
            if per_s < self._floors[scope]:
                continue
            usual = self.reference_per_s(scope, key, now_ms)
            if usual is None or per_s < self.limits.factor * usual:
                self._without_room.discard(f"{scope.value} {key}")
                continue
            enter_per_s = max(self._floors[scope], self.limits.factor * usual)
            lane = HotLane(scope, key, now_ms, usual, enter_per_s, now_ms)
            if len(self.lanes) >= self.limits.lanes_count_max:
                if lane.name not in self._without_room and len(self._without_room) < self.limits.keys_count_max:
                    self._without_room.add(lane.name)  # told once
                    moves.append(Moved(Move.NO_ROOM, lane, per_s))
                continue
            self._without_room.discard(lane.name)
            self.lanes[lane.name] = lane
            self._hot[scope][key] = lane.name
            heat.frozen.add(key)
            moves.append(Moved(Move.ENTERED, lane, per_s))
        return moves

    def reference_per_s(self, scope: Scope, key: str, now_ms: int) -> float | None:
        """What `key` is held against: its usual rate, more where everybody is busier than usual; for one without a usual rate
        what its like do now; None where there is nothing to compare with."""
        heat = self.heat[scope]
        learning_ms = self.limits.learning_ms
        usual = heat.usual_per_s(key, now_ms, learning_ms)
        others = [(other, per_s) for other, per_s in heat.active(now_ms) if other != key and other not in self._hot[scope]]
        if usual is None:
            return median(per_s for _, per_s in others) if len(others) >= PEERS_MIN else None
        grown = [
            per_s / known
            for other, per_s in others
            if (known := heat.usual_per_s(other, now_ms, learning_ms)) is not None and known > 0
        ]
        return usual * max(1.0, median(grown)) if grown else usual

    # ---- leaving -------------------------------------------------------------------------------------------------------
    def _leave(self, lane: HotLane, now_ms: int, is_empty: Callable[[str], bool]) -> Moved | None:
        heat = self.heat[lane.scope]
        per_s = heat.rate_per_s(lane.key, now_ms)
        if per_s >= lane.enter_per_s * self.limits.leave_percent / 100:
            lane.busy_ms = now_ms
        if now_ms - lane.busy_ms < self.limits.calm_ms or not is_empty(lane.name):
            return None
        self._end(lane, now_ms)
        return Moved(Move.LEFT, lane, per_s)

    def _end(self, lane: HotLane, now_ms: int) -> None:
        del self.lanes[lane.name]
        del self._hot[lane.scope][lane.key]
        heat = self.heat[lane.scope]
        heat.frozen.discard(lane.key)
        heat.set_usual(lane.key, lane.usual_per_s, now_ms)
        self._without_room.clear()  # there is room again: whoever finds none later is told anew
