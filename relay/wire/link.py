"""One link: a Twisted protocol on one side, the desk's `LinkPort` on the other, dumb on purpose.

Owns the beginning and the end of a link and the way of a reply; what a dialogue wants is done in performer.py. It must never
know a dialect or what a message means. The trap: a reply may come when the link is gone; then it goes to the terminal's newer
link, but only where the dialect allows that and the newer link speaks the very same dialect, which a reload keeps where its
settings are the same (relay/dialectshelf.py).
"""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from protocols import dialect as d
from protocols.vocabulary import Reply
from relay.exchange.ports import ListenerFacts
from relay.wire.performer import Performer
from relay.wire.ports import LinkServices
from relay.wire.roster import RosterEntry
from relay.wire.tls import certificate_name


class Link(Performer, Protocol):
    __slots__ = ("_since_ms",)

    def __init__(self, services: LinkServices) -> None:
        super().__init__(services)
        self._since_ms = services.clock.wall_ms()

    # ---- Twisted's side: the names are IProtocol's and IPushProducer's ---------------------------------------------------
    def connectionMade(self) -> None:
        services = self._services
        host, port = _host_and_port(self.transport.getPeer())
        self.peer = f"{host}:{port}"
        self.is_open = True
        self.transport.registerProducer(self, True)
        services.roster.opened(self)
        services.counters.opened()
        name = certificate_name(self.transport)
        stored = services.variables.variables(services.listener.name)
        facts = services.listener
        right = None if services.guard is None else services.guard.right
        inherited = services.inherited.variables(facts.name)
        self.step(
            d.LinkOpened(host, port, services.is_dialled, name, stored, facts.realm, services.link_ids(), right, inherited)
        )
        services.outbound.link_ready(services.listener.name, "")

    def dataReceived(self, data: bytes) -> None:
        if self.is_open:
            self._services.counters.received(len(data))
            self.step(d.BytesArrived(data))

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]  # Twisted's default argument is of no use
        services = self._services
        why = self._why or ("peer-closed" if isinstance(reason.value, ConnectionDone) else "peer-lost")
        self.is_open = False
        self._cancel_timers()
        services.roster.closed(self)
        self.step(d.LinkClosed(why))
        self._count_sign_on(False)
        if self._asks is not None and self._asks.owed(self._now_ms, services.listener.reply_deadline_ms):
            services.door.lost_busy(self.peer.rpartition(":")[0])
        services.counters.closed(why)
        services.desk.link_closed(self)
        services.outbound.link_closed(self)

    def pauseProducing(self) -> None:
        """The transport holds more unsent bytes than it may: the far end reads too slowly, or not at all."""
        self.close("slow-reader", abort=True)

    def resumeProducing(self) -> None:
        """The transport's buffer is empty again; nothing waits for that."""

    def stopProducing(self) -> None:
        """The transport is going; `connectionLost` follows."""

    # ---- the desk's side: LinkPort ---------------------------------------------------------------------------------------
    @property
    def listener(self) -> ListenerFacts:
        return self._services.listener

    @property
    def is_draining(self) -> bool:
        return self._is_draining

    @property
    def is_signed_on(self) -> bool:
        return self._is_signed_on

    def reply(self, message: object, reply: Reply) -> bool:
        if not self.is_open:
            newer = self._newer_link()
            return newer is not None and newer._answer(message, reply)
        if self._asks is not None:
            self._asks.answered()
            if not self._is_reading:
                self._read_or_pause()
        return self._answer(message, reply)

    def _answer(self, message: object, reply: Reply) -> bool:
        if self._commands is not None and not self._commands.may_reply:
            self.close("commands-unanswered", abort=True)  # law 4
            return False
        sent_before = self.messages_out
        self.step(d.ReplyDecided(message, reply))
        return self.messages_out > sent_before or self._queue is not None

    def _newer_link(self) -> Link | None:
        facts = self._services.listener
        if not self.terminal or not facts.dialect.answers_on_new_link:
            return None
        newer = self._services.roster.find(facts.realm, self.terminal)
        return newer if newer is not None and newer.is_open and newer.listener.dialect is facts.dialect else None

    # ---- the daemon's side -------------------------------------------------------------------------------------------------
    def command(self, name: str, data: bytes = b"") -> None:
        """Say something on this link: "echo", "sign-on", "cutover", ..., as far as the dialect knows it."""
        if self.is_open:
            self.step(d.CommandRequested(name, data))

    def offer(self, offered: d.OutboundOffered) -> bool:
        """A message of the core, whose intent to send is durable. False, and the dialogue was not told, on a closed link."""
        if not self.is_open or self._is_draining:
            return False
        self.step(offered)
        return True

    def question(self, questioned: d.OutboundQuestioned) -> bool:
        """Did this line ever begin with a message of a former life? False, and the dialogue was not asked, on a closed link."""
        if not self.is_open or self._is_draining:
            return False
        self.step(questioned)
        return True

    def is_of(self, listener: str) -> bool:
        return self.listener.name == listener

    @property
    def is_whole_line(self) -> bool:
        return self._services.is_dialled or not self.terminal

    def drain(self) -> None:
        """Sign off where the dialect does, take no new messages, close when nothing is owed any more."""
        if self.is_open:
            self._is_draining = True
            self.step(d.DrainStarted())

    def entry(self) -> RosterEntry:
        return RosterEntry(
            terminal=self.terminal,
            listener=self.listener.name,
            peer=self.peer,
            since_ms=self._since_ms,
            signed_on=self._is_signed_on,
            messages_in=self.messages_in,
            messages_out=self.messages_out,
        )


def _host_and_port(peer: Any) -> tuple[str, int]:
    """Of a Twisted address; a unix socket's has neither."""
    return getattr(peer, "host", ""), getattr(peer, "port", 0)
