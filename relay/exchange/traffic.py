"""The way between the door and the core: who may come in, who is asked next, and what is hot.

Owns the lanes, the core's concurrency target, the hot lanes and their budget, and joins them: each of them decides alone
and pure, here it is done, counted and logged. It must never know the journal, a reply or a wire. The traps: a call belongs
to the group it was started in, whatever became of the lane meanwhile; whoever moves groups asks the desk to pump, because a
message may be free to go by it; and an account leaves this file as a keyed hash, never as its number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from protocols.vocabulary import Request
from relay.exchange.budget import HotBudget
from relay.exchange.concurrency import ConcurrencyTarget
from relay.exchange.hotspots import HotLane, HotLimits, Hotspots, Move, Moved
from relay.exchange.lanes import Lanes
from relay.exchange.limits import DeskLimits
from relay.exchange.ports import ListenerFacts
from relay.exchange.pressure import Pressure, Why
from relay.exchange.register import Open
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

log = get_log("traffic")

ACCOUNT_HASH_CHARS = 12


class Traffic:
    def __init__(self, limits: DeskLimits, fingerprint: Callable[[str], bytes], metrics: Metrics) -> None:
        self.target = ConcurrencyTarget(limits.inflight_count_min, limits.inflight_count_max)
        self.lanes: Lanes[Open] = Lanes(limits.lanes)
        self.spots = Hotspots(limits.hot)
        self.budget = HotBudget(limits.hot.share_percent)
        self.pressure = Pressure()
        self.examples: dict[str, str] = {}  # hot lane -> key of its last message, for whoever looks for it in the journal
        self._limits = limits.lanes
        self._fingerprint = fingerprint
        self._calls: dict[str, int] = {}  # group -> calls in flight
        self._hot_mean_ms = 0.0
        self._turns: deque[str] = deque()  # hot lanes, in the order of their turns
        self._moves = metrics.hot_lane_moves
        self._refusals = metrics.door_refusals
        self._waited = {is_hot: metrics.core_wait_seconds.labels("hot" if is_hot else "other") for is_hot in (False, True)}

    # ---- the door ------------------------------------------------------------------------------------------------------
    def refuses(self, entry: Open, facts: ListenerFacts, remaining_ms: int, now_ms: int) -> bool:
        """A financial message arrives. Says whether there is no room for it, and puts it into its group."""
        spots = self.spots
        if spots.limits.enabled:
            request = entry.request
            entry.branch = branch_of(facts, request.terminal)
            entry.accounts = self._accounts(request)
            spots.observe(request.terminal, entry.branch, entry.accounts, now_ms)
            self.look(now_ms)
            if spots.lanes and (group := self._group_of(entry)):
                entry.group = group
                self.examples[group] = entry.key
        why = self._why_refused(entry, remaining_ms)
        if why is not None:
            self._count_refused(entry, why, now_ms)
        return why is not None

    def expired(self, entry: Open, now_ms: int) -> None:
        """It was let in, and refused because its turn did not come in time."""
        self._count_refused(entry, Why.WAITED_TOO_LONG, now_ms)

    def _why_refused(self, entry: Open, remaining_ms: int) -> Why | None:
        lanes, limits = self.lanes, self._limits
        share = limits.queue_count_max * self.spots.limits.share_percent // 100
        waiting = lanes.waiting_of(entry.group)
        others = lanes.waiting_of("")
        hot_waiting = lanes.waiting_count - others
        if entry.group:
            own = max(1, limits.queue_count_max * self.spots.limits.lane_share_percent // 100)
            is_full = waiting >= own or hot_waiting >= max(1, share)
            expected_ms = self._hot_mean_ms * waiting / max(1, self.budget.slots // max(1, len(self.spots.lanes)))
        else:
            is_full = others >= limits.queue_count_max - min(hot_waiting, share)
            expected_ms = self.target.expected_wait_ms(others)
        if is_full:
            return Why.QUEUE_FULL
        if not lanes.has_room_behind(entry.lane):
            return Why.TERMINAL_QUEUE_FULL
        return Why.TOO_LATE if expected_ms + limits.margin_ms > remaining_ms else None

    def _count_refused(self, entry: Open, why: Why, now_ms: int) -> None:
        is_hot = bool(entry.group)
        self.pressure.refused(is_hot, why, now_ms)
        self._refusals.labels("hot" if is_hot else "other", why.value).inc()

    def _accounts(self, request: Request) -> tuple[str, ...]:
        card = request.card
        pan = card.pan.reveal() if card is not None and card.pan is not None else None
        return tuple([self._hash(number) for number in (pan or request.from_account, request.to_account) if number])

    def _hash(self, number: str) -> str:
        return self._fingerprint(f"hot account|{number}").hex()[:ACCOUNT_HASH_CHARS]

    # ---- the turn ------------------------------------------------------------------------------------------------------
    def offer(self, entry: Open, now_ms: int) -> None:
        """It is durable, and waits for its turn."""
        entry.offered_ms = now_ms
        entry.group = self._group_of(entry) if self.spots.lanes else ""  # lanes may have come and gone while it was written
        self.lanes.offer(entry)

    def take_next(self, now_ms: int) -> Open | None:
        """Whose turn it is, as far as groups go; the caller sees to the core's target. First the hot lanes' guarantee, then
        everybody else, then what is left of the hot lanes' budget."""
        entry = self._take(self.target.target) if self._turns else self.lanes.take_next()
        if entry is not None:
            wait_ms = now_ms - entry.offered_ms
            self.pressure.waits[bool(entry.group)].add(wait_ms, now_ms)
            self._waited[bool(entry.group)].observe(wait_ms / 1_000)
        return entry

    def _take(self, target: int) -> Open | None:
        hot = self.hot_calls
        entry = self._take_hot() if hot < self.budget.guaranteed(target) else None
        if entry is None:
            entry = self.lanes.take_next()
        if entry is None and hot < self.budget.slots:
            entry = self._take_hot()
        return entry

    def _take_hot(self) -> Open | None:
        """Hot lanes take turns, and none has more than its part of the budget in flight."""
        ready = sum(1 for name in self._turns if self.lanes.ready_of(name) or name in self._calls)
        most = max(1, self.budget.slots // max(1, ready))
        for _ in range(len(self._turns)):
            name = self._turns[0]
            self._turns.rotate(-1)
            if self._calls.get(name, 0) < most:
                entry = self.lanes.take_next(name)
                if entry is not None:
                    return entry
        return None

    @property
    def hot_calls(self) -> int:
        """Calls in flight that were started for hot lanes."""
        return sum(count for name, count in self._calls.items() if name)

    def calls_of(self, name: str) -> int:
        """Calls in flight of one hot lane."""
        return self._calls.get(name, 0)

    # ---- the call ------------------------------------------------------------------------------------------------------
    def started(self, entry: Open) -> None:
        self._calls[entry.group] = self._calls.get(entry.group, 0) + 1

    def ended(self, entry: Open, is_silent: bool, inflight: int, now_ms: int) -> None:
        """One call ended; `inflight` counts it still. `is_silent`: no word of the core, or that it is overloaded."""
        group, latency_ms, target = entry.group, now_ms - entry.started_ms, self.target
        hot_calls = self.hot_calls
        left = self._calls.get(group, 0) - 1
        if left > 0:
            self._calls[group] = left
        else:
            self._calls.pop(group, None)
        if group:
            self._hot_mean_ms += (latency_ms - self._hot_mean_ms) * 0.1
        if group and is_silent:
            self.budget.overloaded(now_ms)
        elif not is_silent:
            self.budget.observe(latency_ms, entry.started_ms, bool(group), inflight, hot_calls, now_ms)
        if not group:  # a hot lane's calls say nothing of what the core can do for everybody else
            before = target.target
            target.observe(latency_ms, is_silent, inflight, now_ms)
            if target.target != before:
                self.pressure.target_moved(before, target.target, target.why, now_ms)
        self.budget.decide(target.target, now_ms, self.lanes.ready_of("") > 0)

    # ---- what is hot ---------------------------------------------------------------------------------------------------
    def look(self, now_ms: int) -> bool:
        """Judge who is hot, at most a few times a second. True where groups moved, and somebody may be free to go."""
        moved = self.spots.look(now_ms, lambda name: not self.lanes.waiting_of(name))
        if not moved:
            return False
        for one in moved:
            self._tell(one, now_ms)
        self._follow(now_ms)
        return True

    def use(self, hot: HotLimits, now_ms: int) -> None:
        """Other limits from now on. What was learned is forgotten, and every hot lane ends; who is hot still is found anew."""
        for lane in self.spots.lanes.values():
            self._tell(Moved(Move.LEFT, lane, 0.0), now_ms)
        self.spots = Hotspots(hot)
        self._follow(now_ms)
        self.budget = HotBudget(hot.share_percent)

    def _follow(self, now_ms: int) -> None:
        names = self.spots.lanes
        if names and not self._turns:
            self.budget.begin(self.target.target, self.target.best_ms, now_ms)
        elif not names and self._turns:
            self.budget.end(now_ms)
        self._turns = deque(names)
        self.examples = {name: key for name, key in self.examples.items() if name in names}
        self.lanes.regroup(self._group_of)

    def _group_of(self, entry: Open) -> str:
        return self.spots.lane_of(entry.lane, entry.branch, entry.accounts)

    def _tell(self, moved: Moved, now_ms: int) -> None:
        lane = moved.lane
        self._moves.labels(lane.scope.value, moved.move.value).inc()
        facts = {"scope": lane.scope.value, "who": lane.key, "per_s": round(moved.per_s, 1)}
        if moved.move is Move.ENTERED:
            log.warning("hot lane entered", **facts, usual_per_s=round(lane.usual_per_s, 2))
        elif moved.move is Move.LEFT:
            log.info("hot lane left", **facts, after_s=(now_ms - lane.entered_ms) // 1_000)
        else:
            log.warning("hot, and no lane is free for it", **facts, lanes_count_max=self.spots.limits.lanes_count_max)

    def longest_hot(self) -> HotLane | None:
        """The lane that has been hot for the longest."""
        return min(self.spots.lanes.values(), key=lambda lane: lane.entered_ms, default=None)


def branch_of(facts: ListenerFacts, terminal: str) -> str:
    """The branch of a terminal: the leading characters of its name where the listener says how many; else what stands
    before the last dash of a branch terminal's name (金融機関-店番-端末番号), and for a partner its whole line."""
    if facts.branch_name_chars:
        return terminal[: facts.branch_name_chars]
    if facts.channel == "branch":
        return terminal.rpartition("-")[0]
    return facts.name if facts.channel == "partner" else ""
