"""The other center's orchestrator: it has a copy of every line before an effect starts, and says when somebody else has a
higher term.

Owns the port, the copying side and the keeping side, all without a wire. It must never know a socket
(relay/failover/channel.py). The traps: "away" and "somebody else acts" are different answers, and only the first lets this
one go on; a copy that does not continue ours is not mended by sending more; and a line counts as copied when the other side
has it on its disk. Two runs under one term are two people who declared at once, one at each center: neither goes on.
"""

from __future__ import annotations

import asyncio
from typing import Literal, Protocol, TypeAlias

import msgspec

from relay.errors import RelayError
from relay.failover.chain import ROOT, ChainBroken, read_line
from relay.failover.events import Declared, Held, PeerAway, PeerBack
from relay.failover.keeper import Keeper, Superseded
from relay.failover.run import BadHistory
from relay.failover.states import BACKING, TERMINAL, State

LINES_PER_COPY_MAX = 50

CopyKind: TypeAlias = Literal["copied", "behind", "superseded", "diverged", "away"]


class CopyAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of run `run` from number `first` on; none of them asks only who has the highest term."""

    run: str
    first: int = 1
    lines: tuple[str, ...] = ()
    term: int = 0


class CopyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`have`: the last number that is durable there. `term`: the highest that is known there; `active`: a run that is not
    over."""

    kind: CopyKind
    have: int = 0
    term: int = 0
    active: str = ""
    center: str = ""
    detail: str = ""


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
        keeper = self._keeper
        if ask.term < keeper.term:
            return self._answer("superseded", f"term {ask.term} is over, {keeper.term} is known here")
        is_ours = keeper.run.center == self._center and keeper.run.state not in (*TERMINAL, State.IDLE)
        if ask.lines and ask.term == keeper.term and is_ours:
            return self._answer("diverged", f"the run {keeper.name} of this term is this center's own")
        have = len(keeper.entries) if ask.run == keeper.name else 0
        if ask.lines and have:
            keeper.heard_term = max(keeper.heard_term, ask.term)
        if not ask.lines or ask.first > have + 1:
            return self._answer("behind" if ask.lines else "copied", have=have)
        try:
            self._keep(ask, have)
        except (ChainBroken, BadHistory) as error:
            return self._answer("diverged", error.problem, have=have)
        except RelayError as error:  # a sick disk, or a plan that an older relay does not read: no copy, and no other run
            return self._answer("away", error.problem, have=have)
        return self._answer("copied", have=len(keeper.entries))

    def _keep(self, ask: CopyAsk, have: int) -> None:
        keeper = self._keeper
        lines = [line.encode() for line in ask.lines]
        known = lines[: max(0, have + 1 - ask.first)]
        for number, line in enumerate(known, ask.first):
            if keeper.lines[number - 1] != line:
                raise ChainBroken(f"line {number} is another one here.")
        last = keeper.last if have else ROOT
        term = keeper.run.term if have else keeper.term
        entries = []
        for number, line in enumerate(lines[len(known) :], have + 1):
            entry, last = read_line(line, number, last, term)
            term = entry.term
            entries.append(entry)
        if entries and entries[0].number == 1 and not isinstance(entries[0].event, Declared):
            raise ChainBroken("a run begins with its declaration.")
        if entries:
            keeper.take_copy(ask.run, entries, lines[len(known) :])

    def _answer(self, kind: CopyKind, detail: str = "", have: int = 0) -> CopyAnswer:
        run = self._keeper.run
        is_active = run.state not in (*TERMINAL, State.IDLE)
        return CopyAnswer(
            kind=kind,
            have=have,
            term=self._keeper.term,
            active=self._keeper.name if is_active else "",
            center=run.center,
            detail=detail,
        )


class Copier:
    """The copying side. After `flush` either the peer has every line, or the log says that it is away."""

    def __init__(self, keeper: Keeper, peer: Peer) -> None:
        self._keeper = keeper
        self._peer = peer
        self._run = ""
        self._have = 0
        self._copying = asyncio.Lock()
        self.why = ""

    def is_behind(self) -> bool:
        return self._run != self._keeper.name or self._have < len(self._keeper.lines)

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
            else:
                if answer.kind == "diverged" and answer.term >= keeper.run.term:
                    self._hold(answer.detail)
                return self._away(f"{answer.kind}: {answer.detail}")
        self.why = ""
        if keeper.run.is_peer_away:
            keeper.write(PeerBack())
            return await self._flush()
        return True

    def _hold(self, detail: str) -> None:
        """The other center has another log under this term: nothing new begins until one of the two runs is over, or two
        people say that this one goes on alone. The way back stays open."""
        run = self._keeper.run
        if not run.held and "alone" not in run.said and run.state not in (*BACKING, *TERMINAL):
            self._keeper.write(Held(why=f"the other center has another log under this term: {detail}"[:400]))

    def _away(self, why: str) -> bool:
        self.why = why
        if not self._keeper.run.is_peer_away:
            self._keeper.write(PeerAway(why=why[:400]))
        return False
