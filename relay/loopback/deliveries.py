"""The core's own messages in a load: posted at a pace, followed to their ends, and held against the peers' own books.

Owns the fake core's hand while it posts, and the check of states. It must never know a dialect: a troupe says what to post and
what its peers have heard. The traps: a post is repeated with its own key while the relay is killed and comes back, so that
a post is never made twice by us; "acknowledged" must have been heard, "failed" and "cancelled" must not, "unknown" may; and a
state that the core was not told of is not an end yet.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from relay.bridge import spawn
from relay.loopback.outboundclient import OutboundClient
from relay.loopback.troupe import Post, Troupe

UNANSWERED_MAX = 64  # posts without an answer: beyond it none is made
ASKED_AT_ONCE = 16  # states asked for at a time
FOLLOW_S = 1.0  # between two rounds of questions
EXAMPLES_KEPT = 20
UNDER_WAY = frozenset({"", "queued", "sent"})


class Delivery(msgspec.Struct):
    """One message: `state` is the relay's last word, empty before it was taken; `is_ended` once the core was told too."""

    key: str
    post: Post
    state: str = ""
    is_ended: bool = False


class Outcome(msgspec.Struct, frozen=True):
    """What became of one troupe's messages. `lost`: acknowledged, and in no peer's book. `doubled`: heard more often than
    their states allow. `open`: without an end."""

    states: dict[str, int]
    lost: int = 0
    doubled: int = 0
    open: int = 0
    examples: tuple[str, ...] = ()


def judge(deliveries: Sequence[Delivery], heard: Mapping[tuple[str, str], int]) -> Outcome:
    """Hold states against what the peers' own books say they heard. Pure."""
    by_mark: dict[tuple[str, str], Counter[str]] = {}
    for one in deliveries:
        by_mark.setdefault((one.post.line, one.post.mark), Counter())[one.state] += 1
    lost = doubled = 0
    examples = []
    for (line, mark), states in sorted(by_mark.items()):
        times = heard.get((line, mark), 0)
        least, most = states["acknowledged"], states["acknowledged"] + states["unknown"] + states["sent"] + states[""]
        lost += max(0, least - times)
        doubled += max(0, times - most)
        if not least <= times <= most:
            told = ", ".join(f"{count} {state or 'not taken'}" for state, count in states.items())
            examples.append(f"{line or 'line'} {mark}: heard {times} times, the relay says {told}")
    return Outcome(
        states=dict(Counter(one.state or "not-taken" for one in deliveries)),
        lost=lost,
        doubled=doubled,
        open=sum(not one.is_ended for one in deliveries),
        examples=tuple(examples[:EXAMPLES_KEPT]),
    )


class Poster:
    """Posts `rate_per_s` messages in all, the troupes in turn. Make it inside the running loop."""

    def __init__(self, client: OutboundClient, troupes: Sequence[Troupe], rate_per_s: float) -> None:
        self.deliveries: dict[str, list[Delivery]] = {troupe.name: [] for troupe in troupes}
        self._client = client
        self._troupes = troupes
        self._rate_per_s = rate_per_s
        self._open: list[Delivery] = []
        self._unanswered: set[asyncio.Task[None]] = set()
        self._working: list[asyncio.Task[None]] = []
        self._turn = 0

    def start(self) -> None:
        if self._rate_per_s > 0:
            self._working = [spawn("the core's posts", self._post()), spawn("the core's questions", self._follow())]

    def stop_posting(self) -> None:
        for task in self._working:
            task.cancel()

    async def stop(self) -> None:
        """No task of ours is left."""
        tasks = [*self._unanswered, *self._working]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def open_count(self) -> int:
        return len(self._open)

    def outcome(self, troupe: Troupe) -> Outcome:
        return judge(self.deliveries[troupe.name], troupe.heard())

    def states(self, name: str) -> Counter[str]:
        """How many of a troupe's messages the relay last called what."""
        return Counter(one.state for one in self.deliveries[name])

    async def look(self) -> None:
        """Ask for the states of what has not ended, ASKED_AT_ONCE at a time; silence changes nothing."""
        waiting = [one for one in self._open if one.state and not one.is_ended]
        for at in range(0, len(waiting), ASKED_AT_ONCE):
            await asyncio.gather(*(self._ask(one) for one in waiting[at : at + ASKED_AT_ONCE]))
        self._open = [one for one in self._open if not one.is_ended]

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(FOLLOW_S)
            await self.look()

    async def _ask(self, one: Delivery) -> None:
        try:
            said = await self._client.find(one.key)
        except (OSError, TimeoutError):
            return
        if said.message is not None:
            one.state = said.message.state
            one.is_ended = one.state not in UNDER_WAY and said.message.is_reported

    async def _post(self) -> None:
        number = 0
        while True:
            await asyncio.sleep(1 / self._rate_per_s)
            found = self._next()
            if found is None or len(self._unanswered) >= UNANSWERED_MAX:
                continue
            troupe, post = found
            number += 1
            one = Delivery(f"load-{number}", post)
            self.deliveries[troupe.name].append(one)
            self._open.append(one)
            task = spawn("a post of the core", self._take(troupe, one))
            self._unanswered.add(task)
            task.add_done_callback(self._unanswered.discard)

    def _next(self) -> tuple[Troupe, Post] | None:
        for _ in self._troupes:
            troupe = self._troupes[self._turn % len(self._troupes)]
            self._turn += 1
            post = troupe.next_post()
            if post is not None:
                return troupe, post
        return None

    async def _take(self, troupe: Troupe, one: Delivery) -> None:
        post = one.post
        said = await self._client.post_until_answered(one.key, post.listener, post.kind, post.line, post.body)
        if said.message is not None:
            one.state = said.message.state
            return
        problem = "no words" if said.problem is None else f"{said.problem.title} {said.problem.detail}"
        troupe.tally.violation(f"the relay refused a message of the core ({post.kind}): {said.http_status} {problem}")
        one.state, one.is_ended = "refused", True
