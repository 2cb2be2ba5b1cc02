"""The exclusive lines in the running daemon: their keepers, what opens and shuts with them, and what people do about them.

Owns the wiring of `[lease]` and the handlers of `relay lease`. It must never decide who holds a line (relay/lease does). The
traps: what was durable at the last life decides how a line begins, so that a fault is not mended by a restart; what two people
sign is durable before it has an effect; and a line that is drained, or whose relay ends, is released only when it is shut.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from protocols.relatingkit import NumberingDialect
from relay.bridge import answer_of
from relay.control import lease as c
from relay.control.commands import StatusArgs
from relay.control.report import Done, ExclusiveReport
from relay.control.server import Handler
from relay.control.twosigning import half
from relay.errors import RelayError
from relay.handoversettings import LeaseSettings
from relay.journal.port import StepResult
from relay.lease.access import Mine, Numbers, access_of, open_store
from relay.lease.book import Kept, LeaseBook, LineDeed, Standing
from relay.lease.keeper import Keeper, Overtaken, Signed
from relay.lease.lease import Answer, Denied, Granted, Lease
from relay.lease.limits import LeaseLimits
from relay.lease.states import ASKING, SPEAKING, State
from relay.settings import LinkSettings
from relay.telemetry.log import get_log
from relay.wire.ports import LineGuard

if TYPE_CHECKING:
    from relay.daemon import Daemon
    from relay.lease.store import LeaseStore

log = get_log("lease")
NO_LEASE = "no-lease"  # why a door is barred
_KEPT: dict[State, Kept] = {State.FAULT: "fault", State.IDLE: "idle", State.BY_HAND: "by-hand"}


class LeasedDoors:
    """All listeners and dialers of one lease. Fulfils relay.lease.keeper.ExclusiveLine."""

    def __init__(self, daemon: Daemon, names: tuple[str, ...]) -> None:
        self._daemon = daemon
        self.names = names

    def open(self) -> None:
        for name in self.names:
            self._daemon.doors.unbar(name, NO_LEASE)

    def shut(self, why: str) -> None:
        for name in self.names:
            self._daemon.doors.bar(name, NO_LEASE, why="lease-lost", abort=True)
        log.warning("exclusive line reset", links=self.names, why=why)


class Exclusive:
    """Made before the listeners, whose links ask `guard_of`; `begin` follows when they are there."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._settings = daemon.settings.lease
        self._book = LeaseBook(daemon.journal)
        self._keepers: dict[str, Keeper] = {}
        self._by_link: dict[str, Keeper] = {}
        self._store: LeaseStore | None = None
        self._groups = groups_of((*daemon.settings.listener, *daemon.settings.dialer))
        self._is_passing = False  # what is released now is for the other center, and wanted again later
        if self._groups:
            self._make()

    def guard_of(self, listener: str) -> LineGuard | None:
        return self._by_link.get(listener)

    def _make(self) -> None:
        d, limits = self._daemon, lease_limits(self._settings)
        settings = self._settings
        access = access_of(settings, d.credentials.secret)
        mine = Mine(d.settings.relay.center, d.journal.incarnation, self._numbers())
        store = self._store = open_store(access, mine, settings.ttl_ms, d.clock.boot_ms)
        for resource, names in self._groups.items():
            line, standing = LeasedDoors(d, names), self._book.standing(resource)
            lease = Lease(
                limits,
                standing.token,
                center=d.settings.relay.center,
                last_other=(standing.other_token, standing.other),
            )
            keeper = Keeper(
                resource,
                lease,
                store,
                line,
                self._settled,
                boot_ms=d.clock.boot_ms,
                timers=d.timers,
                random=d.chance,
                metrics=d.metrics,
            )
            self._keepers[resource] = keeper
            self._by_link |= dict.fromkeys(names, keeper)
            for name in names:
                d.doors.bar(name, NO_LEASE)

    def _numbers(self) -> tuple[Numbers, ...]:
        d = self._daemon
        found: list[Numbers] = []
        for link in (*d.settings.listener, *d.settings.dialer):
            dialect = d.dialects.take(link) if link.exclusive else None
            if isinstance(dialect, NumberingDialect):
                found.append(Numbers(link.name, f"{d.settings.relay.realm}: {dialect.number_scope}", *dialect.numbers))
        return tuple(found)

    # ---- life --------------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """After recovery, before the doors: lines begin as they ended."""
        for resource, keeper in self._keepers.items():
            standing = self._book.standing(resource)
            if standing.kept in ("fault", "by-hand"):
                keeper.found_in_fault(f"as at the end of the last life ({standing.kept}: {standing.why})")
            elif standing.kept == "idle":
                log.warning("exclusive line left alone", resource=resource, why=standing.why)
            elif not self._is_over and not any(map(self._daemon.drainer.is_drained, self._groups[resource])):
                keeper.want("the relay started")

    async def stop(self) -> None:
        """The links are closed: what is held is free from now on, and the standby need not wait for the lease's end."""
        self._is_passing = True
        for keeper in self._keepers.values():
            keeper.stop()
            if keeper.lease.state is State.HELD:
                keeper.release("the relay stops")
        if self._store is not None:
            await self._store.close()

    def pause(self, names: frozenset[str], why: str) -> None:
        """These listeners and dialers are drained: their lines are for the other center."""
        for keeper in self._keepers.values():
            if names & set(self._groups[keeper.resource]) and keeper.lease.state in ASKING:
                self._is_passing = True
                keeper.release(why)
                self._is_passing = False

    def resume(self, names: frozenset[str], why: str) -> None:
        if self._is_over:
            return
        for keeper in self._keepers.values():
            is_theirs = names & set(self._groups[keeper.resource])
            if is_theirs and keeper.lease.state is State.IDLE and self._book.standing(keeper.resource).kept != "idle":
                keeper.want(why)

    @property
    def _is_over(self) -> bool:
        """The other center has taken this one over: a line that this life had would be nobody's."""
        return self._daemon.regions.taking_over.is_superseded

    def _settled(self, keeper: Keeper) -> None:
        """A change of state is kept; the end of the process, and a drain, are none that a restart should remember."""
        lease = keeper.lease
        kept = _KEPT.get(lease.state, "")
        if kept == "idle" and self._is_passing:
            kept = ""
        standing = Standing(kept, lease.token_seen, lease.why, self._daemon.clock.wall_ms(), *lease.last_other)
        self._book.keep(keeper.resource, standing, partial(self._kept, keeper.resource))

    def _kept(self, resource: str, result: StepResult) -> None:
        if result is not None:
            log.error("the state of an exclusive line is not durable", resource=resource, why=result.why)

    # ---- people ------------------------------------------------------------------------------------------------------
    def handlers(self) -> Mapping[str, Handler]:
        return {
            "lease-status": self._status,
            "lease-take": self._take,
            "lease-release": self._release,
            "lease-standby": self._standby,
        }

    async def _status(self, _: StatusArgs) -> c.LeaseReport:
        store = self._store
        if store is None:
            return c.LeaseReport()
        rows = []
        for keeper in self._keepers.values():
            tenures = await store.tenures(keeper.resource)
            row = self._row(keeper)
            rows.append(msgspec.structs.replace(row, tenures=tuple(c.TenureRow(**msgspec.structs.asdict(t)) for t in tenures)))
        deeds = tuple(c.LineDeedRow(**msgspec.structs.asdict(deed)) for deed in self._book.deeds())
        return c.LeaseReport(database=store.server, is_copied=store.is_copied, lines=tuple(rows), deeds=deeds)

    def _row(self, keeper: Keeper) -> c.LeaseRow:
        lease = keeper.lease
        other = lease.other
        return c.LeaseRow(
            line=keeper.resource,
            state=lease.state.name.lower().replace("_", "-"),
            why=lease.why,
            token=0 if lease.right is None else lease.right.token,
            left_ms=lease.left_ms(self._daemon.clock.boot_ms()),
            links=self._groups[keeper.resource],
            holder="" if other is None else f"{other.center} (incarnation {other.incarnation}) under token {other.token}",
            silence=keeper.last_silence,
        )

    def report(self) -> tuple[ExclusiveReport, ...]:
        """The part of the status."""
        rows = map(self._row, self._keepers.values())
        return tuple(
            ExclusiveReport(line=r.line, state=r.state, why=r.why, token=r.token, links=r.links, holder=r.holder) for r in rows
        )

    async def _take(self, args: c.LeaseTakeArgs) -> Done:
        keeper = self._wanted(args.line)
        if keeper.lease.state in SPEAKING:
            raise RelayError(f"{args.line} is held here already.", "relay lease status")
        by = self._daemon.signing.sign(("take", args.line, str(args.by_hand)), args.who, args.second, args.why)
        if by is None:
            return half(args.who, args.second)
        why = f"taken by {by.who} and {by.second}: {by.why}"
        released = keeper.release_count
        await self._did(f"take {args.line}", by.who, by.why, by.second)
        answer: Answer | Overtaken = await answer_of(partial(keeper.take, Signed(by.who, by.second, by.why), why, released))
        if isinstance(answer, Overtaken):  # not by hand either: whoever said it last knew of more
            raise _not_taken(keeper, answer)
        if isinstance(answer, Granted):
            return Done(f"{args.line} is held here under token {answer.right.token}, by the lease database")
        if isinstance(answer, Denied):
            raise RelayError(
                f"{answer.center} holds {args.line} under token {answer.token}, for {answer.left_ms} ms more at least.",
                "Release it there, or make sure that it cannot renew; then try again.",
            )
        if not args.by_hand:
            raise RelayError(
                f"no lease database answers ({answer.why}).",
                "Nobody but you two can know whether the other center has stopped. When it has: the same with --by-hand.",
            )
        return await self._take_by_hand(keeper, why, released)

    async def _take_by_hand(self, keeper: Keeper, why: str, released: int) -> Done:
        token = keeper.lease.token_seen + 1
        standing = Standing("by-hand", token, why, self._daemon.clock.wall_ms(), *keeper.lease.last_other)
        self._durable(await answer_of(partial(self._book.keep, keeper.resource, standing)), "the taking")
        if keeper.lease.state in SPEAKING:
            self._settled(keeper)  # or the next start would take it for held by hand, and so for a fault
            return Done(f"{keeper.resource} is held here: the lease database answered meanwhile")
        overtaken = keeper.take_by_hand(why, released)
        if overtaken is not None:
            self._settled(keeper)
            raise _not_taken(keeper, overtaken)
        return Done(f"{keeper.resource} is held here by your word, under token {token}; the other center must not have it")

    async def _release(self, args: c.LeaseSignedArgs) -> Done:
        keeper = self._keeper(args.line)
        if keeper.lease.state is State.IDLE:
            raise RelayError(f"{args.line} is released already.", "relay lease status")
        await self._did(f"release {args.line}", args.who, args.why)
        keeper.release(f"released by {args.who}: {args.why}")
        return Done(f"{args.line} is shut here, and free; this center takes it again by a person's word only")

    async def _standby(self, args: c.LeaseSignedArgs) -> Done:
        keeper = self._wanted(args.line)
        if keeper.lease.state not in (State.FAULT, State.IDLE):
            raise RelayError(f"{args.line} is {keeper.lease.state.name.lower()} here.", "relay lease status")
        await self._did(f"standby {args.line}", args.who, args.why)
        holder = await self._holder(keeper.resource)
        if holder is None or holder.left_ms <= 0 or holder.center == self._daemon.settings.relay.center:
            raise RelayError(
                "no other center is known to hold it: a standby would take it at once.",
                "relay lease take, which two people sign.",
            )
        keeper.want(f"standby by {args.who}: {args.why}")
        return Done(f"{args.line}: this center is the standby of {holder.center}")

    async def _holder(self, resource: str) -> Denied | None:
        return None if self._store is None else await self._store.holder(resource)

    def _keeper(self, line: str) -> Keeper:
        keeper = self._keepers.get(line)
        if keeper is None:
            raise RelayError(f"no exclusive line {line} is configured.", f"There are: {', '.join(self._keepers) or 'none'}.")
        return keeper

    def _wanted(self, line: str) -> Keeper:
        """To have it here, or to stand by."""
        keeper = self._keeper(line)
        if self._is_over:
            raise RelayError("the other center has taken this one over: no line is for it.", "relay takeover status")
        return keeper

    def _durable(self, result: StepResult, what: str) -> None:
        if result is not None:
            raise RelayError(
                f"{what} was not recorded: {result.why}.", "Nothing has changed; try again when the journal writes."
            )

    async def _did(self, what: str, who: str, why: str, second: str = "") -> None:
        log.warning("people decided about an exclusive line", what=what, who=who, second=second, why=why)
        deed = LineDeed(self._daemon.clock.wall_ms(), what, who, why, second)
        self._durable(await answer_of(partial(self._book.note, deed)), "the signature")


def _not_taken(keeper: Keeper, answer: Overtaken) -> RelayError:
    return RelayError(f"{keeper.resource} is not taken: {answer.why}.", "relay lease status; both sign again if it is wanted.")


def groups_of(links: tuple[LinkSettings, ...]) -> dict[str, tuple[str, ...]]:
    """Lease -> the names of those that need it."""
    groups: dict[str, tuple[str, ...]] = {}
    for link in links:
        if link.exclusive:
            resource = link.lease_name or link.name
            groups[resource] = (*groups.get(resource, ()), link.name)
    return groups


def lease_limits(settings: LeaseSettings) -> LeaseLimits:
    return LeaseLimits(
        ttl_ms=settings.ttl_ms,
        renew_ms=settings.renew_ms,
        request_timeout_ms=settings.request_timeout_ms,
        clock_drift_ms=settings.clock_drift_ms,
    )
