"""What a link needs of the rest of the relay, and the one object that carries it.

Owns the ports `DeskPort`, `OutboundPort`, `StatementPort`, `VariableStore` and `LineGuard`, and `LinkServices`, shared by all
links of one listener or dialer, so that an idle link holds one reference instead of ten. It must never know who fulfils a port.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Protocol

from protocols.dialect import Delivery, LineRight
from protocols.totals import TotalsKept, TotalsStated
from relay.clock import Clock, Timers
from relay.exchange.ports import LinkPort, ListenerFacts
from relay.journal.port import StepResult
from relay.telemetry.metrics import Metrics
from relay.wire.counters import LinkCounters
from relay.wire.doorkeeper import OPEN_DOOR, DoorPort
from relay.wire.roster import Roster

if TYPE_CHECKING:
    from relay.wire.link import Link


class DeskPort(Protocol):
    """Where messages go; relay.exchange.desk fulfils it."""

    def open(self, message: object, link: LinkPort) -> None: ...

    def evidence(self, key: str, verdict: str, standing_minor: int | None, detail: str = "") -> None: ...

    def link_closed(self, link: LinkPort) -> None: ...


class VariableStore(Protocol):
    """Durable link variables; the journal fulfils it. All links of a listener share them under the listener's name, and a
    dialogue puts its terminal into a variable's name where it needs one per terminal."""

    def store_variable(self, link_name: str, name: str, value: bytes | None, done: Callable[[StepResult], None]) -> None: ...

    def variables(self, link_name: str) -> Mapping[str, bytes]: ...


class InheritedPort(Protocol):
    """The link variables of another center whose journal is at work here; relay.journal.inherited fulfils it."""

    def variables(self, link_name: str) -> Mapping[str, bytes]:
        """A live view of what a listener of that name had there: empty while no such journal is open."""
        ...

    def hand_back(self, link_name: str, name: str, value: bytes) -> None:
        """Write into that journal what its own center is to find. Nothing where it is not open, or knows no such name."""
        ...


class NothingInherited:
    """No journal of another center is ever at work here."""

    def variables(self, link_name: str) -> Mapping[str, bytes]:
        return {}

    def hand_back(self, link_name: str, name: str, value: bytes) -> None:
        return


NOTHING_INHERITED = NothingInherited()


class OutboundPort(Protocol):
    """Where messages of the core come from, and what dialogues say of them goes to; relay.outbound.desk fulfils it."""

    def delivered(self, link: Link, delivery: Delivery) -> None: ...

    def link_ready(self, listener: str, line: str) -> None:
        """A link was opened (with `line` empty), named itself, or signed on: perhaps something waits for it."""
        ...

    def link_closed(self, link: Link) -> None: ...


class StatementPort(Protocol):
    """Where stated totals become durable; relay.reconcile.statements fulfils it. `done` may be called before `keep` returns."""

    def keep(self, stated: TotalsStated, listener: str, done: Callable[[TotalsKept], None]) -> None: ...


class NoStatements:
    """Nobody compares totals here."""

    def keep(self, stated: TotalsStated, listener: str, done: Callable[[TotalsKept], None]) -> None:
        done(TotalsKept(stated.id, "off"))


NO_STATEMENTS = NoStatements()


class LineGuard(Protocol):
    """Of a line that only one relay center may use at a time; relay.lease.holding fulfils it. Asked before each word: a process
    that was stopped and wakes hears its own timers last."""

    @property
    def right(self) -> LineRight | None: ...

    def may_speak(self) -> bool: ...


def _unguarded(listener: str) -> LineGuard | None:
    """No line is exclusive."""
    return None


class LinkIds:
    """Names for links, each given once by any relay center: its name, the start of this life (`begun_ms`, UTC epoch
    milliseconds), the journal's incarnation and a count, in hexadecimal.

    A dialect mints keys from it, and the same key for two transactions would be one posting. So the center is part of it,
    because a terminal may dial either one; and the start is, because a journal that was lost is followed by a new one, which
    counts its incarnations from the beginning.
    """

    def __init__(self, center: str, incarnation: int, begun_ms: int) -> None:
        self._life = f"{center}-{begun_ms:x}-{incarnation:x}"
        self._count = count(1)

    def __call__(self) -> str:
        return f"{self._life}-{next(self._count):x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WireParts:
    """What all listeners and dialers of a relay share.

    `tell(event, terminal, listener, detail)` takes a network event to the core. `credential_path(name)` is a credential's file.
    `guard_of(listener)` is the guard of an exclusive line, None for any other.
    """

    desk: DeskPort
    outbound: OutboundPort
    variables: VariableStore
    roster: Roster[Link]
    link_ids: LinkIds
    clock: Clock
    timers: Timers
    metrics: Metrics
    tell: Callable[[str, str, str, dict[str, str]], None]
    credential_path: Callable[[str], str]
    statements: StatementPort = NO_STATEMENTS
    door: DoorPort = OPEN_DOOR
    guard_of: Callable[[str], LineGuard | None] = _unguarded
    inherited: InheritedPort = NOTHING_INHERITED


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkServices:
    """What all links of one listener or dialer share."""

    listener: ListenerFacts
    desk: DeskPort
    outbound: OutboundPort
    variables: VariableStore
    roster: Roster[Link]
    link_ids: LinkIds
    clock: Clock
    timers: Timers
    counters: LinkCounters
    tell: Callable[[str, str, str, dict[str, str]], None]
    pipelined_count_max: int = 64
    is_dialled: bool = False
    statements: StatementPort = NO_STATEMENTS
    door: DoorPort = OPEN_DOOR
    guard: LineGuard | None = None
    inherited: InheritedPort = NOTHING_INHERITED


def link_services(
    parts: WireParts, facts: ListenerFacts, counters: LinkCounters, pipelined_count_max: int, is_dialled: bool
) -> LinkServices:
    """The services of one listener's (or dialer's) links, out of what the whole relay shares."""
    return LinkServices(
        listener=facts,
        desk=parts.desk,
        outbound=parts.outbound,
        variables=parts.variables,
        roster=parts.roster,
        link_ids=parts.link_ids,
        clock=parts.clock,
        timers=parts.timers,
        counters=counters,
        tell=parts.tell,
        pipelined_count_max=pipelined_count_max,
        is_dialled=is_dialled,
        statements=parts.statements,
        door=parts.door,
        guard=parts.guard_of(facts.name),
        inherited=parts.inherited,
    )
