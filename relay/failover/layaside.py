"""Two people lay a damaged run aside: they have looked at what it did, and say that it is over.

Owns the checks and the statement. It must never touch the log. The traps: where the other center has the whole log, that
decides and nobody's word, for a run that is open there is gone on with there; what is signed are the bytes that were seen, so
that a file which changed since is looked at anew; and the statement is on the disk before anybody hears that it counts.
"""

from __future__ import annotations

from collections.abc import Callable

from relay.clock import Clock
from relay.failover.cosign import Cosigning, Told, half_of
from relay.failover.damage import ENDS, Damaged
from relay.failover.keeper import Keeper
from relay.failover.peer import CopyAsk, Peer, state_told
from relay.failover.people import NotAllowed, People
from relay.failover.records import DAMAGED
from relay.failover.register import Over
from relay.telemetry.log import get_log

_log = get_log("failover")
SEEN_CHARS_MIN = 12


class LayingAside:
    """`page` calls people."""

    def __init__(
        self, keeper: Keeper, people: People, peer: Peer, cosigning: Cosigning, clock: Clock, page: Callable[[str, str], None]
    ) -> None:
        self._keeper, self._people, self._peer = keeper, people, peer
        self._cosigning, self._clock, self._page = cosigning, clock, page

    async def lay_aside(self, run: str, seen: str, who: str, second: str, why: str, uid: int) -> Told:
        """`seen`: the first digits of the damaged file's hash, as the status shows it. Raises NotAllowed, StoreFailed."""
        person = self._people.who(who, uid)
        other = self._people.second(second, person)
        one = self._seen(run, seen)
        await self._ask(one)
        one = self._seen(run, seen)
        if one.standing == "over":
            return Told(f"{run} is over: {one.proof}; nobody has to sign for it")
        both = self._cosigning.sign(
            ("lay-aside", run, one.digest[:SEEN_CHARS_MIN]), person, other, why, self._clock.monotonic_ms()
        )
        _log.warning("signed by two" if both else "signed by one of two", what="lay-aside", run=run, who=person.name)
        if both is None:
            return half_of(person.name, other.name)
        self._keeper.records.say_over(
            Over(
                run=run,
                how="people",
                term=one.term,
                at_ms=self._clock.wall_ms(),
                who=both.who,
                second=both.second,
                why=both.text,
                seen=one.digest,
            )
        )
        said = f"{both.who} and {both.second} have laid the damaged run {run} aside: {both.text}"
        _log.error("a damaged run was laid aside", run=run, who=both.who, second=both.second, why=both.text, seen=one.digest)
        self._page(said, "today")
        return Told(said)

    def _seen(self, run: str, seen: str) -> Damaged:
        one = self._keeper.records.damaged.get(run)
        if one is None:
            raise NotAllowed(f"no log of a run {run} is damaged here.", "relay failover status")
        if one.standing == "laid-aside":
            raise NotAllowed(f"{run} is laid aside already, by {one.proof}")
        if len(seen) < SEEN_CHARS_MIN or not one.digest.startswith(seen.lower()):
            raise NotAllowed(f"what you have seen of {run} is not what is there.", "Look again: relay failover status")
        return one

    async def _ask(self, one: Damaged) -> None:
        """Raises NotAllowed where the other center's log has the run, and not its end."""
        answer = await self._peer.copy(CopyAsk(run=one.run, term=self._keeper.term))
        if answer.kind == "away" and not answer.run_state:
            return  # not heard: people have seen more than we
        state = state_told(answer, one.run)
        self._keeper.records.heard(one.run, answer.run_term, state, self._clock.wall_ms())
        if state and state not in (*ENDS, DAMAGED):
            raise NotAllowed(
                f"the other center has the log of {one.run}, and there it is {state}.",
                "relay failover adopt there, signed by two, and bring it to its end.",
            )
