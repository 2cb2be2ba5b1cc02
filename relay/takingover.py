"""The take-over in the running daemon: the fronts that messages pass, this center's standing at the core, and what
people say.

Owns the wiring of relay/takeover and the handlers of `relay takeover`. It must never decide. The traps: where nothing is
configured the fronts are the desks themselves, so that nothing costs anything; where it is, no door opens before the core
has said that this center was not taken over itself, for a center that was down knows nothing of it; and once superseded,
this life says nothing more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from relay.bridge import spawn
from relay.control import takeover as c
from relay.control.commands import StatusArgs
from relay.control.regions import TailRow
from relay.control.report import Done
from relay.control.server import Handler
from relay.control.twosigning import half
from relay.core.client import ClientSettings, CoreClient
from relay.errors import JournalUnusable, RelayError
from relay.exchange.front import FrontDesk
from relay.exchange.limits import desk_limits
from relay.journal.engines import open_copy
from relay.journal.generation import relay_epoch
from relay.journal.inherited import Inherited
from relay.journal.keytable import Identity
from relay.outbound.front import FrontOutbound
from relay.outbound.limits import outbound_limits
from relay.permit import Permit
from relay.reconcile.shelf import Shelf
from relay.reconcile.tails import Tails
from relay.settings import JournalSettings
from relay.tailing import Business, tail_row, tails_of
from relay.takeover.adopted import Adopted, AdoptedJournal
from relay.takeover.heir import Heir
from relay.takeover.record import Record, Signed, TakeoverBook
from relay.takeover.run import TakeOver
from relay.takeover.standing import OwnStanding, Standing
from relay.takeover.states import State
from relay.takeover.ways import NotNow
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics
from relay.wire.ports import DeskPort

if TYPE_CHECKING:
    from relay.daemon import Daemon

log = get_log("takeover")
NOT_CLEAR = "not-clear"  # why a door is barred
SUPERSEDED = "superseded"  # a label of relay_links_closed_total


class TakingOver:
    """Made with the regions; the fronts are asked for when both desks are there."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._settings = daemon.settings.takeover
        self.is_configured = self._settings.dsn is not None and daemon.settings.pair.peer is not None
        self._front: FrontDesk | None = None
        self._front_outbound: FrontOutbound | None = None
        self.inherited = Inherited()
        self._takeover: TakeOver | None = None
        self._heir: Heir | None = None
        self._own: OwnStanding | None = None
        self._tails: Tails | None = None  # of the other center's journal
        self._woken = asyncio.Event()
        self._is_superseded = False

    # ---- the fronts --------------------------------------------------------------------------------------------------
    @property
    def desk(self) -> DeskPort:
        if not self.is_configured:
            return self._daemon.desk
        if self._front is None:
            self._front = FrontDesk(self._daemon.desk, self._daemon.clock)
        return self._front

    @property
    def outbound(self) -> FrontOutbound:
        if self._front_outbound is None:
            self._front_outbound = FrontOutbound(self._daemon.outbound)
        return self._front_outbound

    @property
    def tails(self) -> Tails | None:
        """Of the other center's journal, while that is at work here."""
        return self._tails if self._heir is not None and self._heir.is_at_work else None

    # ---- life --------------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """After recovery, before the doors open. Raises JournalUnusable for a journal that the other center has at work."""
        d = self._daemon
        holder = d.journal.generation.held_by
        if holder and holder != d.settings.relay.center:
            raise JournalUnusable(
                f"This journal was taken over by {holder} and has not been given back.", f"At {holder}: relay takeover finish."
            )
        if self._front is None:
            self._begin_own_standing(bars_doors=False)
            return
        s, core = self._settings, d.settings.core
        peer = Identity(d.settings.pair.peer or "", d.settings.relay.realm)
        copy = open_copy(
            self._copy_settings(),
            d.credentials.journal_key(s.key_credential),
            [d.credentials.journal_key(name) for name in s.older_key_credentials],
            None if s.password_credential is None else d.credentials.secret(s.password_credential),
            peer,
            s.promote_command,
            call_soon_threadsafe=asyncio.get_running_loop().call_soon_threadsafe,
            clock=d.clock,
        )
        heir = self._heir = Heir(
            d.client, d.region.permit, copy, self._make, self._front, self.outbound, self.inherited, core.call_timeout_ms
        )
        takeover = self._takeover = TakeOver(
            d.settings.relay.center,
            TakeoverBook(d.journal),
            heir,
            d.clock,
            self._sleep,
            s.look_ms,
            self._changed,
            d.metrics.takeover_troubles.inc,
        )
        d.metrics.takeover_open.set_function(lambda: heir.open_count)
        self._changed()
        self._begin_own_standing(bars_doors=True)
        spawn("takeover", takeover.run())

    def _begin_own_standing(self, bars_doors: bool) -> None:
        """A center without another one is taken over by nobody, and asks nothing; it believes a refusal all the same."""
        d = self._daemon
        if d.settings.pair.peer is None:
            d.client.on_superseded = lambda: self._stands(Standing.SUPERSEDED)
            return
        if bars_doors:
            d.doors.bar_all(NOT_CLEAR)
        self._own = OwnStanding(
            d.settings.relay.center,
            d.journal.relay_epoch,
            d.client,
            d.region.permit,
            d.timers,
            self._stands,
            self._settings.look_ms,
            self._settings.own_look_ms,
            d.settings.core.call_timeout_ms,
            is_awaited=bars_doors,
        )
        self._own.start()

    def _copy_settings(self) -> JournalSettings:
        """Of the other center's journal, in the copy."""
        s = self._settings
        changes = {
            "engine": "postgresql",
            "dsn": s.dsn,
            "schema_name": s.schema_name,
            "password_credential": s.password_credential,
            "archive_directory": None,
        }
        return self._daemon.settings.journal.model_copy(update=changes)

    def stop(self) -> None:
        if self._own is not None:
            self._own.stop()
        if self._takeover is not None:
            self._takeover.stop()
            self._woken.set()
        if self._heir is not None:
            self._heir.stop()

    async def _sleep(self, delay_ms: int) -> None:
        self._woken.clear()
        handle = self._daemon.timers.after(max(1, delay_ms), self._woken.set)
        await self._woken.wait()
        handle.cancel()

    def _changed(self) -> None:
        takeover = self._takeover
        if takeover is None:
            return
        for state in State:
            now = takeover.record.state is state
            self._daemon.metrics.takeover_state.labels(state.name.lower()).set(int(now))
        if self._front is not None:
            self._front.is_awaited = self.outbound.is_awaited = takeover.is_awaited

    # ---- this center's own standing ----------------------------------------------------------------------------------
    @property
    def is_superseded(self) -> bool:
        """This life is over: another center has taken this one over."""
        return self._is_superseded

    @property
    def is_awaited(self) -> bool:
        """No door opens before the core has said that this life is still listened to, and it has not."""
        return self._own is not None and self._own.bars_doors

    def _stands(self, standing: Standing) -> None:
        d = self._daemon
        if standing is Standing.CLEAR:
            d.doors.unbar_all(NOT_CLEAR)
            return
        self._is_superseded = True
        d.metrics.center_superseded.set(1)
        d.fenced, d.state, d.why = True, "fenced", "superseded: the core refuses this life"  # and its route is withdrawn
        d.desk.fence()
        d.outbound.fence()
        d.exclusive.pause(frozenset((*d.listeners, *d.dialers)), "superseded")  # its lines are for the other center
        d.doors.bar_all(NOT_CLEAR, why=SUPERSEDED, abort=True)
        for link in d.roster.links():  # those whose listener a reload has closed
            link.close(SUPERSEDED, abort=True)

    # ---- the other center's business ---------------------------------------------------------------------------------
    def _make(self, record: Record, journal: AdoptedJournal) -> Adopted:
        d, core = self._daemon, self._daemon.settings.core
        metrics = Metrics()  # of that journal alone: the page shows this center's
        client = CoreClient(
            ClientSettings(
                core.name,
                core.port,
                core.tls is not None,
                record.center,
                relay_epoch(record.generation, journal.incarnation),
                old_epoch_deadline_ms=core.old_epoch_deadline_ms,
            ),
            d.transport,
            d.client.balance,
            clock=d.clock,
            timers=d.timers,
            metrics=metrics,
            epoch_floor=d.client.epoch_floor,
            bearer=None if core.bearer_credential is None else d.credentials.secret(core.bearer_credential),
            on_wrong_region=d.region.look_now,
        )
        d.clients.add(client)
        adopted = Adopted(
            record.center,
            journal,
            client,
            self._permit,
            lambda listener, line: d.roster.find_line(d.settings.relay.realm, listener, line),
            d.why_never,
            d.clock,
            d.timers,
            metrics,
            d.chance,
            desk_limits(d.settings),
            outbound_limits(d.settings),
        )
        shelf = Shelf(journal)  # its reports are read at its own center
        business = Business(
            record.center, journal, adopted.desk, client, adopted.permit, self._copy_settings(), metrics, lambda: shelf
        )
        self._tails = tails_of(d, business)
        adopted.use_tails(self._tails)
        return adopted

    def _permit(self) -> Permit | None:
        takeover = self._takeover
        return self._daemon.region.permit() if takeover is not None and takeover.may_speak else None

    # ---- people ------------------------------------------------------------------------------------------------------
    def handlers(self) -> Mapping[str, Handler]:
        return {
            "takeover-status": self._status,
            "takeover-begin": self._begin,
            "takeover-finish": self._finish,
        }

    async def _status(self, _: StatusArgs) -> c.TakeoverReport:
        takeover, heir, own = self._takeover, self._heir, self._own
        stands = "" if own is None else own.standing.value
        by = own.by if own is not None and own.standing is Standing.SUPERSEDED else ""
        if takeover is None or heir is None:
            return c.TakeoverReport(own=stands, own_superseded_by=by)
        unread, listed_count, copied_until_ms = "", 0, takeover.record.copied_until_ms
        if takeover.record.state in (State.NONE, State.RETURNED):
            try:
                copied_until_ms = await heir.copied_until()
            except NotNow as error:
                copied_until_ms, unread = 0, error.problem
        try:
            listed_count = await heir.listed_count()
        except NotNow as error:
            unread = error.problem
        record, trouble = takeover.record, takeover.trouble or unread
        return c.TakeoverReport(
            is_configured=True,
            own=stands,
            own_superseded_by=by,
            state=record.state_name.lower(),
            center=record.center,
            run=record.run,
            fence=record.fence,
            is_at_work=heir.is_at_work,
            is_fence_seen=takeover.may_speak,
            open_count=heir.open_count,
            listed_count=listed_count,
            copied_until_ms=copied_until_ms,
            tail=TailRow() if self.tails is None else tail_row(self.tails),
            changed_ms=record.changed_ms,
            trouble=trouble,
            began=_shown(record.began),
            returned=_shown(record.returned),
        )

    async def _begin(self, args: c.TakeoverBeginArgs) -> Done:
        takeover = self._working()
        if args.center != self._daemon.settings.pair.peer:
            raise RelayError(f"{args.center} is not the other center.", f"It is {self._daemon.settings.pair.peer} (pair.peer).")
        signed = self._signed(("takeover", args.center), args.who, args.second, args.why)
        if signed is None:
            return half(args.who, args.second)
        await takeover.begin(args.center, signed)
        self._woken.set()
        return Done(f"{args.center} is being taken over; relay takeover status shows how it stands")

    async def _finish(self, args: c.TakeoverFinishArgs) -> Done:
        takeover = self._working()
        signed = self._signed(("give-back", takeover.record.center), args.who, args.second, args.why)
        if signed is None:
            return half(args.who, args.second)
        record = await takeover.give_back(signed)
        self._woken.set()
        return Done(f"the journal of {record.center} is {record.state_name.lower()}")

    def _working(self) -> TakeOver:
        if self._takeover is None:
            raise RelayError("no copy of another center's journal is configured.", "Add [takeover] and [pair].")
        return self._takeover

    def _signed(self, what: tuple[str, ...], who: str, second: str, why: str) -> Signed | None:
        by = self._daemon.signing.sign(what, who, second, why)
        return None if by is None else Signed(by.who, by.second, by.why, self._daemon.clock.wall_ms())


def _shown(signed: Signed) -> c.TakeoverSigned:
    return c.TakeoverSigned(who=signed.who, second=signed.second, why=signed.why, at_ms=signed.at_ms)
