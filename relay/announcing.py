"""Announcing in the running daemon: what the herald sees and moves, what people decide about it, and what is shown.

Owns the wiring and the handlers of `relay announce`. It must never decide about a route (relay/announce/standing.py does). The
traps: listeners on the service address are started by the role and not by the daemon's start; and what takes the route away
takes effect before it is durable, what gives it back after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from relay.announce.bird import BirdAnnouncer
from relay.announce.birddoor import BirdDoor
from relay.announce.book import Book, Deed
from relay.announce.damping import DampingLimits
from relay.announce.exabgp import ExaAnnouncer
from relay.announce.health import Cause, Signs
from relay.announce.herald import Herald, Serving
from relay.announce.none import NoAnnouncer
from relay.announce.port import FAILURE_KINDS, Announcer, FailureKind, Level
from relay.announce.role import SERVING, Event, Role
from relay.announce.standing import Standing, StandingLimits
from relay.announce.textport import TextPort, line
from relay.announce.tun import DeviceHolder, ServiceDevice
from relay.bridge import answer_of
from relay.configuration.announce import service_listeners
from relay.control import announce as c
from relay.control.commands import StatusArgs
from relay.control.report import Done
from relay.control.server import Handler
from relay.errors import RelayError
from relay.journal.port import StepResult
from relay.servicesettings import AnnounceSettings
from relay.settings import Settings
from relay.telemetry.log import get_log
from relay.wire.listener import Listener

if TYPE_CHECKING:
    from relay.daemon import Daemon

log = get_log("announcing")
ROLE = "role"  # why a door is barred
ROLE_LOST = "role-lost"  # a label of relay_links_closed_total
DEEDS_SHOWN = 20


class Announcing:
    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._settings = settings = daemon.settings.announce
        self._book = Book(daemon.journal)
        for kind in FAILURE_KINDS:
            daemon.metrics.announce_failures.labels(kind)
        paused = self._book.paused()
        self._herald = Herald(
            Standing(_limits(settings), "" if paused is None else _signed(paused.who, paused.why)),
            self._announcer(),
            self._signs,
            self._traffic,
            Serving(self._accept, self._refuse, self._grasp, self._gained),
            daemon.clock,
            daemon.timers,
            daemon.metrics,
            settings.look_ms,
            settings.settle_ms,
            is_told=settings.adapter != "none" or bool(settings.addresses) or settings.text_port is not None,
        )
        self._text = TextPort(self._line, daemon.timers)
        self._text_port: int | None = None

    def _announcer(self) -> Announcer:
        s, timers = self._settings, self._daemon.timers
        device = DeviceHolder(lambda: ServiceDevice(s.device, s.addresses), partial(self._failed, "device"))
        if s.adapter == "bird":
            protocols = s.holding_protocol, s.standby_protocol
            door = BirdDoor(s.control_socket, s.ask_ms)
            return BirdAnnouncer(s.addresses, protocols, device, door, timers, s.speaker_look_ms, self._failed)
        if s.adapter == "exabgp":
            meds = {Level.HOLDING: s.holding_med, Level.STANDBY: s.standby_med}
            return ExaAnnouncer(s.control_socket, meds, device, timers, s.speaker_look_ms, self._failed)
        return NoAnnouncer()

    def _failed(self, kind: FailureKind) -> None:
        self._daemon.metrics.announce_failures.labels(kind).inc()

    # ---- life --------------------------------------------------------------------------------------------------------
    def begin(self) -> None:
        """Before the doors open: those on the service address wait for the role."""
        for name in service_listeners(self._daemon.settings):
            self._daemon.doors.withhold(name, ROLE)
        if (pairing := self._daemon.regions.pairing) is not None:
            pairing.role = lambda: self._herald.role.value

    def waiting(self, new: Settings, names: Iterable[str]) -> frozenset[str]:
        """Of listeners that a reload brings, under its settings: those on the service address, while it is not here."""
        return frozenset() if self._herald.role in SERVING else frozenset(names).intersection(service_listeners(new))

    def admit(self, names: Iterable[str], waiting: frozenset[str]) -> None:
        """Doors that a reload is about to open: those that are `waiting` wait for the role."""
        for name in names:
            if name in waiting:
                self._daemon.doors.withhold(name, ROLE)
            else:  # a door of that name may have been on the service address until now
                self._daemon.doors.release(name, ROLE)

    async def start(self) -> None:
        """Raises ListenFailed where the text port cannot be listened on."""
        if self._settings.text_port is not None:
            self._text_port = await self._text.start(self._settings.text_host, self._settings.text_port)
        await self._herald.start()

    def leave(self) -> None:
        """The daemon drains: the terminals go elsewhere, if there is an elsewhere."""
        self._herald.leave()

    async def stop(self) -> None:
        """The route is withdrawn when this returns."""
        await self._herald.stop()
        await self._text.stop()

    # ---- what the herald sees and moves ------------------------------------------------------------------------------
    def _signs(self) -> Signs:
        d, pairing = self._daemon, self._daemon.regions.pairing
        is_silent = d.region.silent_ms >= self._settings.region_silent_ms
        return Signs(
            journal=d.journal.state.value == "writable" and (not d.fenced or d.regions.taking_over.is_superseded),
            region=not is_silent,
            # A route to doors that are shut would bring terminals here to be refused, and the other center could serve them.
            standing=not (d.regions.taking_over.is_superseded or d.regions.taking_over.is_awaited),
            peer=not (is_silent and pairing is not None and pairing.serves_better),
            # Not before the last session is gone: the route takes with it whoever still waits for an answer.
            drain=not (self._daemon.drainer.is_empty and self._is_draining()),
        )

    def _is_draining(self) -> bool:
        """Nobody on the service address takes new sessions."""
        names = [listener.name for listener in self._service()]
        return bool(names) and all(map(self._daemon.drainer.is_drained, names))

    def _service(self) -> list[Listener]:
        d = self._daemon
        return [d.listeners[name] for name in service_listeners(d.settings) if name in d.listeners]

    def _traffic(self) -> float:
        """Bytes that terminals sent on the service address; where there is none, on any listener."""
        received = self._daemon.metrics.received_bytes
        names = [listener.name for listener in self._service() or self._daemon.listeners.values()]
        return sum(sample.value for name in names for metric in received.labels(name).collect() for sample in metric.samples)

    def _accept(self) -> str:
        for listener in self._service():
            if self._daemon.doors.release(listener.name, ROLE) and not listener.is_accepting:
                try:
                    listener.bind()
                    listener.begin()
                except RelayError as error:
                    return f"{error.problem} {error.next_step}".strip()
                self._daemon.reconnect.role_gained(f"{listener.name} serves the service address now")
        return ""

    def _gained(self, why: str) -> None:
        d = self._daemon
        if d.settings.pair.peer is not None or self._settings.adapter != "none":  # else they were always here
            d.reconnect.fleet_comes(why)

    def _refuse(self) -> None:
        for listener in self._service():
            self._daemon.doors.withhold(listener.name, ROLE)
            listener.retire()

    def _grasp(self) -> Callable[[], None]:
        links = [link for listener in self._service() for link in listener.links()]

        def reset() -> None:
            for link in links:
                if link.is_open:
                    link.close(ROLE_LOST, abort=True)

        return reset

    # ---- what people decide ------------------------------------------------------------------------------------------
    def handlers(self) -> Mapping[str, Handler]:
        return {
            "announce-status": self._status,
            "announce-withdraw": self._withdraw,
            "announce-resume": self._resume,
            "announce-hand-back": self._hand_back,
        }

    async def _withdraw(self, args: c.AnnounceArgs) -> Done:
        if self._herald.role is not Role.PAUSED:  # else it was not recorded the first time, or somebody else signs it, too
            self._herald.decide(Event.PEOPLE_WITHDREW, _signed(args.who, args.why))
        deed = self._deed("withdraw", args)
        result: StepResult = await answer_of(partial(self._book.keep_paused, deed))
        if result is not None:
            raise RelayError(
                f"withdrawn, but not recorded: {result.why}.",
                "A restart would announce it again; repeat when the journal writes.",
            )
        await self._did(deed)
        return Done(
            "withdrawn: not announced, sessions on the service address reset; it stays so until `relay announce resume`"
        )

    async def _resume(self, args: c.AnnounceArgs) -> Done:
        if self._herald.role is not Role.PAUSED:
            raise RelayError("people have not withdrawn it.", "relay announce status")

        def keep(done: Callable[[StepResult], None]) -> None:
            def kept(result: StepResult) -> None:
                # Here, and not below: where nobody waits for it any more, the next start would be the first to know.
                if result is None and self._herald.role is Role.PAUSED:
                    self._herald.decide(Event.PEOPLE_RESUMED, f"resumed by {args.who}")
                done(result)

            self._book.keep_paused(None, kept)

        result: StepResult = await answer_of(keep)
        if result is not None:
            raise RelayError(f"the end of it was not recorded: {result.why}.", "Nothing has changed; try again.")
        await self._did(self._deed("resume", args))
        return Done("resumed: announced as standby as soon as this center is fit")

    async def _hand_back(self, args: c.AnnounceArgs) -> Done:
        if self._herald.role is not Role.HOLDING:
            raise RelayError(
                f"this center is {self._herald.role.value}: it holds nothing to hand back.", "relay announce status"
            )
        self._herald.decide(Event.HANDED_BACK, f"handed back by {_signed(args.who, args.why)}")
        await self._did(self._deed("hand-back", args))
        return Done(
            "handed back: announced as standby, sessions here are reset when the route has moved; "
            "if terminals still come here, no other center announces"
        )

    def _deed(self, what: str, args: c.AnnounceArgs) -> Deed:
        return Deed(self._daemon.clock.wall_ms(), what, args.who, args.why)

    async def _did(self, deed: Deed) -> None:
        log.warning("people decided about announcing", what=deed.what, who=deed.who, why=deed.why)
        await answer_of(partial(self._book.note, deed))

    # ---- what is shown -----------------------------------------------------------------------------------------------
    def report(self) -> c.AnnounceReport:
        """The part of the status."""
        s, speaker = self._settings, self._herald.speaker()
        return c.AnnounceReport(
            adapter=s.adapter,
            addresses=s.addresses,
            role=self._herald.role.value,
            why=self._herald.why,
            seen="" if speaker.seen is None else speaker.seen.value,
            sessions_up=speaker.sessions_up,
            problem=speaker.problem,
            next_step=speaker.next_step,
            waits_ms=self._herald.waits_ms,
            causes=tuple(c.CauseRow(cause.value, self._herald.is_good(cause)) for cause in Cause),
            listeners=service_listeners(self._daemon.settings),
            text_port=self._text_port,
        )

    def _status(self, _: StatusArgs) -> c.AnnounceReport:
        deeds = self._book.deeds()[-DEEDS_SHOWN:]
        rows = tuple(c.AnnounceDeed(at_ms=deed.at_ms, what=deed.what, who=deed.who, why=deed.why) for deed in deeds)
        return msgspec.structs.replace(self.report(), deeds=rows)

    def _line(self) -> str:
        region = self._daemon.region
        return line(self._herald.role, region.region, region.epoch, self._herald.why, self._is_draining())


def _signed(who: str, why: str) -> str:
    return f"{who}: {why}"


def _limits(settings: AnnounceSettings) -> StandingLimits:
    return StandingLimits(
        rise_count=settings.rise_count,
        fall_count=settings.fall_count,
        region_is_hard=settings.without_region == "withdraw",
        damping=DampingLimits(
            stay_ms=settings.stay_ms,
            stay_ms_max=settings.stay_ms_max,
            calm_ms=settings.calm_ms,
            changes_per_minute_max=settings.changes_per_minute_max,
        ),
    )
