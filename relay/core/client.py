"""The core, as the rest of the relay sees it: verbs in, outcomes out. Fulfils `relay.core.port.Core` on any HttpDoor.

Owns the headers and paths of each verb, and puts door, balance and mapping together. It must never know sockets or DNS: its
addresses are told to it. The traps: a permit is used for exactly one call; a higher epoch retires every connection made
before it, and what is still under way in an older one gets a short time, then its outcome is unknown (law 5); `tell` is for
the core's information only, so it is bounded and dropped first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from protocols.vocabulary import Approved, NotProcessed, Outcome, Request, Secret, Unknown
from relay.clock import Cancellable, Clock, Timers
from relay.core import contract as c
from relay.core import encoding, mapping
from relay.core.asking import Asking, Read, Verb
from relay.core.balance import Balance, Health
from relay.core.door import Address, HttpCall, HttpDoor
from relay.core.mapping import Asked, Remark
from relay.core.port import Attempt, Finding, Ground, Look, Permit, UndoOutcome
from relay.errors import ConfigurationError
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

_log = get_log("core.client")
_REMARK_LOG_MS = 10_000  # at most one line per remark in that time; the counter has them all


class ClientSettings(msgspec.Struct, frozen=True):
    """`name` and `port` of the core, for Host and for the addresses; `center` and `incarnation` of this relay.
    `tells_inflight_max` network events may be under way, the rest is dropped and counted. `old_epoch_deadline_ms`: how long
    calls of an epoch that is over may still be answered."""

    name: str
    port: int
    is_tls: bool
    center: str
    incarnation: int
    tell_timeout_ms: int = 4_000
    tells_inflight_max: int = 64
    old_epoch_deadline_ms: int = 1_000


class CoreClient:
    """Args: `epoch_floor` reads the region-epoch ratchet: an answer from below it is no outcome. `bearer` is the token of
    the Authorization header, if any; `on_wrong_region` hears that the core said so, before the outcome is told. Raises
    ConfigurationError for a token or name that cannot stand in a header."""

    def __init__(
        self,
        settings: ClientSettings,
        door: HttpDoor,
        balance: Balance,
        *,
        clock: Clock,
        timers: Timers,
        metrics: Metrics,
        epoch_floor: Callable[[], int],
        bearer: Secret | None = None,
        on_wrong_region: Callable[[], None] | None = None,
    ) -> None:
        self.door = door
        self.balance = balance
        self.clock = clock
        self.timers = timers
        self.epoch_floor = epoch_floor
        self.inflight = 0
        self.asking: dict[Asking, None] = {}
        self._on_wrong_region = on_wrong_region
        self._settings = settings
        self._epoch = 0
        self._permit = Permit(0, "")
        self._permit_lines = encoding.permit_lines(self._permit)
        self._tells = 0
        self._traces = encoding.TraceParents(settings.center, settings.incarnation)
        self._head = _constant_head(settings, bearer)
        self._look_head = self._head + f"{c.H_PURPOSE}: {c.PURPOSE_RECONCILIATION}\r\n"
        self._post_head = self._head + "Content-Type: application/json\r\n"
        self._metrics = metrics
        self._remark_logged_ms: dict[Remark, int] = {}
        self._remarks = {remark: metrics.core_answers_refused.labels(remark.value) for remark in Remark}
        self._tells_dropped = metrics.core_calls.labels("tell", "dropped")
        self._submit = self._verb("submit", 1, mapping.read_submit)
        self._undo = self._verb("undo", 2, mapping.read_undo)
        self._inquire = self._verb("inquire", 3, mapping.read_inquire)
        self._tell = self._verb("tell", 4, mapping.read_told)
        self._region = self._verb("region", 5, mapping.read_region)
        self._ledger = self._verb("ledger", 6, mapping.read_ledger)
        self._report = self._verb("report", 7, mapping.read_reported)
        self._look = self._verb("look", 8, mapping.read_look)
        self._center = self._verb("center", 9, mapping.read_center)
        self.on_superseded: Callable[[], None] | None = None  # the core refuses this life, once and for all (412)
        metrics.core_inflight.set_function(lambda: self.inflight)
        for health in Health:
            metrics.core_addresses.labels(health.value).set_function(partial(self.balance.count, health))

    def use_addresses(self, ips: Iterable[str]) -> None:
        """DNS names these IP addresses for the core now."""
        addresses = [Address(ip, self._settings.port) for ip in ips]
        self.balance.update(addresses)
        self.door.keep_only(addresses)

    def addresses_in_words(self) -> str:
        """How each address is, for an operator."""
        balance = self.balance
        told = (
            f"{a.ip} {health.value}" + (f" ({failures} in a row)" if (failures := balance.failures_of(a)) else "")
            for a in balance.addresses
            if (health := balance.health_of(a)) is not None
        )
        return ", ".join(told) or "none known"

    def epoch_began(self, epoch: int) -> None:
        """A higher epoch is durable: no new call on an old connection, and a deadline for what is under way in an older one."""
        if epoch <= self._epoch:
            return
        if self._epoch:
            self.door.renew()  # a connection of the old epoch may lead into the old region
            self.timers.after(self._settings.old_epoch_deadline_ms, partial(self.end_below, epoch))
        self._epoch = epoch

    def end_below(self, epoch: int) -> None:
        """Whatever is still under way in an epoch below `epoch` ends now: unknown, or not sent."""
        for asking in [asking for asking in self.asking if asking.epoch < epoch]:
            asking.cancel()

    def count_below(self, epoch: int) -> int:
        """Calls under way in an epoch below `epoch`."""
        return sum(1 for asking in self.asking if asking.epoch < epoch)

    # ---- the verbs -------------------------------------------------------------------------------------------------

    def submit(
        self, request: Request, attempt: Attempt, permit: Permit, timeout_ms: int, done: Callable[[Outcome], None]
    ) -> Cancellable:
        key_value = encoding.key_header_value(request.key)
        call = HttpCall(
            b"POST",
            b"/v1/transactions",
            self._head_of(self._post_head, key_value, attempt, permit, 1),
            encoding.transaction_body(request),
        )
        return Asking(self, self._submit, Asked(request.key, key_value, request.amount), call, permit.epoch, timeout_ms, done)

    def undo(
        self,
        key: str,
        standing_minor: int,
        currency: str,
        attempt: Attempt,
        ground: Ground,
        permit: Permit,
        timeout_ms: int,
        done: Callable[[UndoOutcome], None],
    ) -> Cancellable:
        key_value = encoding.key_header_value(key)
        call = HttpCall(
            b"POST",
            encoding.key_path(key) + c.REVERSALS_SUFFIX.encode(),
            self._head_of(self._post_head, key_value, attempt, permit, 2),
            encoding.reversal_body(standing_minor, currency, attempt, ground),
        )
        asked = Asked(key, key_value, None, standing_minor)
        return Asking(self, self._undo, asked, call, permit.epoch, timeout_ms, done)

    def inquire(
        self, key: str, attempt: Attempt, permit: Permit, timeout_ms: int, done: Callable[[Finding], None]
    ) -> Cancellable:
        return self._get(self._inquire, key, attempt, permit, timeout_ms, done)

    def look(self, key: str, attempt: Attempt, permit: Permit, timeout_ms: int, done: Callable[[Look], None]) -> Cancellable:
        """The same call, for reconciliation: with what stands, and whose attempt was answered. It says what it is for, because
        it must not count as an answer to `attempt`: another center's undo would be refused for it, and its posting stand."""
        return self._get(self._look, key, attempt, permit, timeout_ms, done)

    def _get(
        self, verb: Verb, key: str, attempt: Attempt, permit: Permit, timeout_ms: int, done: Callable[[Any], None]
    ) -> Cancellable:
        key_value = encoding.key_header_value(key)
        constant = self._look_head if verb is self._look else self._head
        head = self._head_of(constant, key_value, attempt, permit, verb.number)
        call = HttpCall(b"GET", encoding.key_path(key), head)
        return Asking(self, verb, Asked(key, key_value), call, permit.epoch, timeout_ms, done)

    def tell(
        self,
        event: str,
        terminal: str,
        listener: str,
        at_ms: int,
        detail: Mapping[str, str],
        permit: Permit,
        done: Callable[[bool], None],
    ) -> None:
        if self._tells >= self._settings.tells_inflight_max:
            self._tells_dropped.inc()
            done(False)
            return
        self._tells += 1
        body = encoding.event_body(event, terminal, listener, at_ms, detail)
        call = HttpCall(b"POST", c.NETWORK_EVENTS_PATH.encode(), self._plain_head(self._post_head, permit, 4), body)

        def told(value: object) -> None:
            self._tells -= 1
            done(isinstance(value, Approved))

        Asking(self, self._tell, Asked(), call, permit.epoch, self._settings.tell_timeout_ms, told)

    def report(
        self,
        key: str,
        event: str,
        terminal: str,
        listener: str,
        at_ms: int,
        detail: Mapping[str, str],
        permit: Permit,
        timeout_ms: int,
        done: Callable[[bool], None],
    ) -> Cancellable:
        """POST /v1/network-events under a key of its own, for an event that must not be lost: `done(True)` where the core
        itself has confirmed it. The caller repeats it, with the same key and `at_ms`, until then."""
        key_value = encoding.key_header_value(key)
        head = self._plain_head(f"{self._post_head}Idempotency-Key: {key_value}\r\n", permit, 7)
        body = encoding.event_body(event, terminal, listener, at_ms, detail)
        call = HttpCall(b"POST", c.NETWORK_EVENTS_PATH.encode(), head, body)

        def heard(value: object) -> None:
            done(isinstance(value, Approved))

        return Asking(self, self._report, Asked(key, key_value), call, permit.epoch, timeout_ms, heard)

    def region(self, known_epoch: int, timeout_ms: int, done: Callable[[c.RegionAnswer | None], None]) -> Cancellable:
        """GET /v1/region; None is silence. `known_epoch` is the ratchet, told to the core as Region-Epoch."""

        def heard(value: object) -> None:
            done(value if isinstance(value, c.RegionAnswer) else None)

        head = self._plain_head(self._head, Permit(known_epoch, ""), 5)
        return Asking(self, self._region, Asked(), HttpCall(b"GET", c.REGION_PATH.encode(), head), 0, timeout_ms, heard)

    def ledger(
        self,
        business_date: str,
        terminal: str,
        cursor: str,
        permit: Permit,
        timeout_ms: int,
        done: Callable[[c.LedgerPage | NotProcessed | Unknown], None],
    ) -> Cancellable:
        """GET /v1/ledger/{business_date} (YYYY-MM-DD): one page; `terminal` empty for all, `cursor` empty for the first."""
        target = c.LEDGER_PATH + quote(business_date, safe="")
        query = "&".join(f"{n}={quote(v, safe='')}" for n, v in (("terminal", terminal), ("cursor", cursor)) if v)
        call = HttpCall(b"GET", (f"{target}?{query}" if query else target).encode(), self._plain_head(self._head, permit, 6))
        return Asking(self, self._ledger, Asked(), call, permit.epoch, timeout_ms, done)

    def center(
        self, name: str, permit: Permit, timeout_ms: int, done: Callable[[c.CenterAnswer | NotProcessed | Unknown], None]
    ) -> Cancellable:
        """GET /v1/relay-centers/{name}: which Relay-Epoch the core awaits of a center, and who fenced it."""
        target = (c.CENTERS_PATH + quote(name, safe="")).encode()
        call = HttpCall(b"GET", target, self._plain_head(self._head, permit, 9))
        return Asking(self, self._center, Asked(), call, permit.epoch, timeout_ms, done)

    def fence(
        self,
        name: str,
        request: c.FenceRequest,
        permit: Permit,
        timeout_ms: int,
        done: Callable[[c.CenterAnswer | NotProcessed | Unknown], None],
    ) -> Cancellable:
        """PUT /v1/relay-centers/{name}/fence: safe to repeat. NotProcessed "fence-behind": a life as high has spoken."""
        target = (c.CENTERS_PATH + quote(name, safe="") + c.FENCE_SUFFIX).encode()
        call = HttpCall(b"PUT", target, self._plain_head(self._post_head, permit, 9), msgspec.json.encode(request))
        return Asking(self, self._center, Asked(), call, permit.epoch, timeout_ms, done)

    # ---- what an asking needs ----------------------------------------------------------------------------------------

    def remarked(self, verb: Verb, remark: Remark, address: Address) -> None:
        self._remarks[remark].inc()
        now_ms = self.clock.monotonic_ms()
        last_ms = self._remark_logged_ms.get(remark)
        if last_ms is None or now_ms - last_ms >= _REMARK_LOG_MS:
            self._remark_logged_ms[remark] = now_ms
            _log.warning("answer of the core not taken at its word", verb=verb.name, remark=remark.value, address=address.ip)

    def poll_call(self, location: str, first: HttpCall) -> HttpCall | None:
        try:
            parts = urlsplit(location)
            host = parts.hostname
        except ValueError:
            return None
        target = parts.path + ("?" + parts.query if parts.query else "")
        leads_back = parts.path.startswith(c.TRANSACTIONS_PATH + "/") and (host is None or host == self._settings.name.lower())
        if not leads_back or not target.isascii() or not target.isprintable() or " " in target:
            return None
        return HttpCall(b"GET", target.encode("ascii"), first.head)

    def _head_of(self, constant: str, key_value: str, attempt: Attempt, permit: Permit, verb_number: int) -> bytes:
        epoch = permit.epoch
        if epoch > self._epoch:
            self.epoch_began(epoch)
        trace = self._traces.of(attempt.exchange_id, verb_number)
        return (
            f"{constant}Idempotency-Key: {key_value}\r\nAttempt: {attempt.text()}\r\n"
            f"{self._lines_of(permit)}traceparent: {trace}\r\n"
        ).encode("ascii")

    def _plain_head(self, constant: str, permit: Permit, verb_number: int) -> bytes:
        trace = self._traces.of(0, verb_number)
        return f"{constant}{self._lines_of(permit)}traceparent: {trace}\r\n".encode("ascii")

    def _lines_of(self, permit: Permit) -> str:
        if permit is not self._permit:  # one permit serves many calls
            self._permit, self._permit_lines = permit, encoding.permit_lines(permit)
        return self._permit_lines

    def _verb(self, name: str, number: int, read: Read) -> Verb:
        counters: dict[type, Callable[[], None]] = {}

        def count(value: object) -> None:
            kind = type(value)
            counter = counters.get(kind)
            if counter is None:
                counter = counters[kind] = self._metrics.core_calls.labels(name, _label(kind)).inc
            counter()
            if isinstance(value, NotProcessed):
                if value.reason == "wrong-region" and self._on_wrong_region is not None:
                    self._on_wrong_region()
                elif value.reason == "superseded-relay" and self.on_superseded is not None:
                    self.on_superseded()

        return Verb(name, number, read, count, self._metrics.core_call_seconds.labels(name).observe)


def _label(kind: type) -> str:
    """NotProcessed -> not-processed."""
    return "".join("-" + ch.lower() if ch.isupper() else ch for ch in kind.__name__).lstrip("-")


def _constant_head(settings: ClientSettings, bearer: Secret | None) -> str:
    default_port = 443 if settings.is_tls else 80
    lines: Mapping[str, str] = {
        "Host": settings.name if settings.port == default_port else f"{settings.name}:{settings.port}",
        "User-Agent": "relay-center",
        "Accept": "application/json, application/problem+json",
        c.H_RELAY_CENTER: settings.center,
        c.H_RELAY_EPOCH: str(settings.incarnation),
        **({} if bearer is None else {"Authorization": f"Bearer {bearer.reveal()}"}),
    }
    for name, value in lines.items():
        if not value.isascii() or not value.isprintable():
            raise ConfigurationError(f"the header {name} would hold characters that a header cannot hold.")
    return "".join(f"{name}: {value}\r\n" for name, value in lines.items())
