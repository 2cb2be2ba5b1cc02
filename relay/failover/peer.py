"""The other center's orchestrator: it has a copy of every line before an effect starts, and says when somebody else has a
higher term.

Owns the port, the copying side and the keeping side, all without a wire. It must never know a socket
(relay/failover/channel.py). The traps: "away" and "somebody else acts" are different answers, and only the first lets this
one go on; a copy that does not continue ours is not mended by sending more; and a line counts as copied when the other side
has it on its disk. Two runs that are not over are two people who declared without hearing of each other: neither goes on,
whatever their terms, and neither pushes out the other, for both have done things in the world. A run that ended while the
peer was away is copied to its end before the next one begins there. A run whose log is damaged here, and that may not be
over, is in the way of another one as if it were open; and no copy of it is kept, for that log is not written.
"""

from __future__ import annotations

import asyncio
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from relay.errors import RelayError
from relay.failover.chain import ChainBroken, NotSigned, Place, must_be_pinned, read_line
from relay.failover.events import Declared, Held, PeerAway, PeerBack
from relay.failover.keeper import Keeper, Superseded
from relay.failover.records import DAMAGED
from relay.failover.run import BadHistory
from relay.failover.states import BACKING, TERMINAL, State

LINES_PER_COPY_MAX = 50
BOTH_RUNS: Final = "what one takes back the other may have done; abort one, and look at block and seal of both relays"

CopyKind: TypeAlias = Literal["copied", "behind", "superseded", "diverged", "away"]


class CopyAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of run `run` from number `first` on; none of them asks only who has the highest term. `proof`: of the key that
    signs them; "?" from a center that has none."""

    run: str
    first: int = 1
    lines: tuple[str, ...] = ()
    term: int = 0
    proof: str = ""


class CopyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`have`: the last number that is durable there. `term`: the highest that is known there; `active`: a run that is not
    over, of which `have_active` lines are there; `run_term` and `run_state`: those of the run that was asked about without
    lines, where its log is there."""

    kind: CopyKind
    have: int = 0
    term: int = 0
    active: str = ""
    have_active: int = 0
    run_term: int = 0
    run_state: str = ""
    center: str = ""
    detail: str = ""
    differs: str = ""  # what is wrong between the keys of the two centers, where a proof was asked for


def state_told(answer: CopyAnswer, run: str) -> str:
    """What an answer says of `run`; an older orchestrator says of the open one only that it is open."""
    return answer.run_state or ("open" if answer.active == run else "")


class Peer(Protocol):
    @property
    def exists(self) -> bool:
        """Is there a second center at all?"""
        ...

    async def copy(self, ask: CopyAsk) -> CopyAnswer:
        """Never raises: what cannot be reached is "away"."""
        ...


class NoPeer:
    """A bank with one center, and a drill on one host."""

    exists = False

    async def copy(self, ask: CopyAsk) -> CopyAnswer:
        return CopyAnswer(kind="away", detail="no peer is configured")


class Replica:
    """The keeping side: what the other center's lines do here. `keeper` is this center's own."""

    def __init__(self, keeper: Keeper, center: str) -> None:
        self._keeper = keeper
        self._center = center

    def take(self, ask: CopyAsk) -> CopyAnswer:
        """Durable when it answers "copied". Never raises for anything that the other side can say."""
        answer = self._take(ask)
        if ask.proof:
            differs = self._keeper.keys.why_differs(ask.proof.removeprefix("?"))
            answer = msgspec.structs.replace(answer, differs=differs)
        if ask.run and not ask.lines:
            term, state = self._known_of(ask.run)
            answer = msgspec.structs.replace(answer, run_term=term, run_state=state)
        return answer

    def _take(self, ask: CopyAsk) -> CopyAnswer:
        keeper = self._keeper
        is_open = keeper.run.state not in (*TERMINAL, State.IDLE) and keeper.heard_term <= keeper.run.term
        if is_open and ask.run not in ("", keeper.name) and (ask.lines or ask.term < keeper.term):
            if ask.lines and keeper.run.center == self._center:
                keeper.met = ask.run
            return self._answer("diverged", f"the run {keeper.name} of {keeper.run.center} is not over here")
        if ask.run in keeper.records.damaged:
            return self._answer("away", f"the log of the run {ask.run} is damaged here, and no copy of it is kept")
        if ask.term < keeper.term:
            answer = self._answer("superseded", f"term {ask.term} is over, {keeper.term} is known here")
            return msgspec.structs.replace(answer, run_term=self._known_of(ask.run)[0])
        if ask.lines and ask.run != keeper.name and (unclear := keeper.records.unclear):
            detail = f"the log of the run {unclear[0]} is damaged here, and nothing says that it is over"
            return self._answer("away" if keeper.records.unasked else "diverged", detail)
        have = len(keeper.entries) if ask.run == keeper.name else 0
        if ask.lines and have:
            keeper.heard_term = max(keeper.heard_term, ask.term)
        if not ask.lines or ask.first > have + 1:
            return self._answer("behind" if ask.lines else "copied", have=have)
        try:
            self._keep(ask, have)
        except NotSigned as error:  # the keys of the two centers differ: no copy, and no quarrel about which log is true
            return self._answer("away", f"{error.problem} {error.next_step}", have=have)
        except (ChainBroken, BadHistory) as error:
            return self._answer("diverged", error.problem, have=have)
        except RelayError as error:  # a sick disk, or a plan that an older relay does not read: no copy, and no other run
            return self._answer("away", error.problem, have=have)
        return self._answer("copied", have=len(keeper.entries))

    def _known_of(self, name: str) -> tuple[int, str]:
        """Term and state of a run in this center's log, none where it is not here."""
        keeper = self._keeper
        try:
            return keeper.known_of(name)
        except RelayError:
            return keeper.term, DAMAGED  # it is here and cannot be read: nobody else takes it lightly

    def _keep(self, ask: CopyAsk, have: int) -> None:
        keeper = self._keeper
        lines = [line.encode() for line in ask.lines]
        known = lines[: max(0, have + 1 - ask.first)]
        for number, line in enumerate(known, ask.first):
            if keeper.lines[number - 1] != line:
                raise ChainBroken(f"line {number} is another one here.")
        place = keeper.place if have else Place()  # a run that is taken up again begins under an old term
        entries = []
        for line in lines[len(known) :]:
            entry, place = read_line(line, place, keeper.keys)
            entries.append(entry)
        if entries:
            must_be_pinned(place, keeper.keys)
        if entries and entries[0].number == 1 and not isinstance(entries[0].event, Declared):
            raise ChainBroken("a run begins with its declaration.")
        if entries:
            keeper.take_copy(ask.run, entries, lines[len(known) :])

    def _answer(self, kind: CopyKind, detail: str = "", have: int = 0) -> CopyAnswer:
        keeper = self._keeper
        run, active, lines = keeper.run, "", 0
        center = run.center
        if run.state not in (*TERMINAL, State.IDLE):
            active, lines = keeper.name, len(keeper.entries)
        elif keeper.records.unclear:  # one that may not be over is in the way as one that is not
            one = keeper.records.damaged[keeper.records.unclear[0]]
            active, lines, center = one.run, one.lines, one.center
        return CopyAnswer(
            kind=kind, have=have, term=keeper.term, active=active, have_active=lines, center=center, detail=detail
        )


def hold_for(keeper: Keeper, other: str, detail: str) -> None:
    """Two runs have met: nothing new begins until one of the two is over, or two people say that this one goes on alone. The
    way back stays open. Raises as `Keeper.write`."""
    run = keeper.run
    if not run.held and "alone" not in run.said and run.state not in (*BACKING, *TERMINAL):
        why = f"the other center has another log under this term: {detail}"
        if other:
            why = f"the other center has another run, {other}, that is not over ({detail}): {BOTH_RUNS}"
        keeper.write(Held(why=why[:400]))


class Copier:
    """The copying side. After `flush` either the peer has every line, or the log says that it is away."""

    def __init__(self, keeper: Keeper, peer: Peer) -> None:
        self._keeper = keeper
        self._peer = peer
        self._run = ""
        self._have = 0
        self._copying = asyncio.Lock()
        self._finished_told = ""
        self.why = ""
        self.is_diverged = False  # at the last word of the peer: it has another log than this one

    def is_behind(self) -> bool:
        return self._run != self._keeper.name or self._have < len(self._keeper.lines)

    @property
    def missing(self) -> int:
        """Lines that the peer has not said it has."""
        return len(self._keeper.lines) - (self._have if self._run == self._keeper.name else 0)

    async def flush(self) -> bool:
        """Does the peer have every line that was written before the call? Raises Superseded."""
        async with self._copying:
            return await self._flush()

    async def _flush(self) -> bool:
        keeper = self._keeper
        if self._run != keeper.name:
            self._run, self._have = keeper.name, 0
        goal = len(keeper.lines)
        rewound = False
        while self._have < goal:
            lines = keeper.lines[self._have : self._have + LINES_PER_COPY_MAX]
            ask = CopyAsk(
                run=self._run, first=self._have + 1, lines=tuple(line.decode() for line in lines), term=keeper.run.term
            )
            answer = await self._peer.copy(ask)
            if answer.kind == "superseded":
                raise Superseded(
                    f"the orchestrator of {answer.center or 'the other center'} acts under term {answer.term}.",
                    "This one has stopped; see `relay failover status` there.",
                )
            if answer.kind == "copied":
                self._have = max(self._have, answer.have)
                if answer.have < ask.first + len(lines) - 1:
                    return self._away("the peer kept less than it was told")
            elif answer.kind == "behind" and not rewound:
                rewound, self._have = True, answer.have
            elif answer.kind == "diverged" and answer.active != self._run and await self._finish(answer.active):
                continue
            else:
                self.is_diverged = answer.kind == "diverged"
                other = answer.active if answer.active != self._run else ""
                if self.is_diverged and (other or answer.term >= keeper.run.term):
                    hold_for(keeper, other, answer.detail)
                return self._away(f"{answer.kind}: {answer.detail}")
        self.is_diverged = False
        self.why = ""
        if keeper.run.is_peer_away:
            keeper.write(PeerBack())
            return await self._flush()
        return True

    async def _finish(self, name: str) -> bool:
        """Copy the rest of an earlier run of ours that is over, and of which the peer has not heard the end."""
        lines, run = self._keeper.earlier(name)
        if run is None or run.state not in TERMINAL or self._finished_told == name:
            return False
        self._finished_told, have = name, 0  # once: a peer that does not take it is told of as it is
        while have < len(lines):
            part = tuple(line.decode() for line in lines[have : have + LINES_PER_COPY_MAX])
            answer = await self._peer.copy(CopyAsk(run=name, first=have + 1, lines=part, term=run.term))
            if answer.kind != "copied" or answer.have < have + len(part):
                return False
            have += len(part)
        return True

    def _away(self, why: str) -> bool:
        self.why = why
        if not self._keeper.run.is_peer_away:
            self._keeper.write(PeerAway(why=why[:400]))
        return False
