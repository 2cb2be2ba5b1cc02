"""The script that plays a failover of the region until a failover run does: seal, promotion, DNS; and the copy afterwards.

Owns the order of the steps and their times. It must never decide that a region changes. The traps: a relay that cannot answer
a seal is named in what is returned, never waited for without end, for it may be the one that is lost; and the change in DNS
is sent to both name servers, of which the lost region's does not answer, and from a center that lives.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue

import msgspec

from relay.clock import SystemClock
from relay.loopback.lab.door import LabError, entered
from relay.loopback.lab.lab import Lab, until
from relay.loopback.lab.laying import namespace
from relay.loopback.lab.regions import Lag, Promote
from relay.loopback.lab.secretsmade import Secrets
from relay.loopback.lab.topology import CENTERS, name_server_of, peer_of
from relay.loopback.lab.zoneupdate import PATIENCE_S, swap

OTHERS_S = 1.0  # for the other name servers, once one has done it: one of them may be lost
NO_WORD = "Timeout"


class Switched(msgspec.Struct, frozen=True, kw_only=True):
    """`dns_ms`: when the first name server said yes, monotonic milliseconds. `seals` and `servers`: what each one said."""

    epoch: int
    seals: dict[str, str]
    lost: int
    servers: dict[str, str]
    seal_ms: int
    promote_ms: int
    dns_ms: int


def switch(lab: Lab, to: str, centers: Sequence[str] = CENTERS, say: Callable[[str], None] = lambda text: None) -> Switched:
    """`to` becomes the active region. `centers` are those that can be asked. Raises LabError where nothing can be promoted."""
    if to not in CENTERS:
        raise LabError(f"there is no region {to}; there are {', '.join(CENTERS)}.")
    now_ms = SystemClock().monotonic_ms
    before = lab.regions()
    if before.standby != to:
        raise LabError(f"{to} is no standby: {before.primary} serves, its copy is {before.standby or 'nowhere'}.")
    epoch = max(row.epoch for row in before.rows)
    begun_ms = now_ms()
    seals = dict.fromkeys(centers, "")

    def seal(city: str) -> None:
        try:
            seals[city] = lab.relays[city].seal(epoch)
        except LabError as error:
            seals[city] = f"no: {error.problem}"

    asking = [threading.Thread(target=seal, args=(city,), daemon=True) for city in centers]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    say(f"sealed epoch {epoch}: {seals}")
    sealed_ms = now_ms()
    lost = lab.regions("promote", Promote(epoch + 1)).lost - before.lost
    say(f"{to} is promoted; {lost} commits had not reached it")
    promoted_ms = now_ms()
    old, new = lab.record_text(epoch, peer_of(to)), lab.record_text(epoch + 1, to)
    servers, dns_ms = change_names(lab, centers[-1], old, new, to)
    if not dns_ms:
        raise LabError(f"no name server took the change: {servers}.")
    say(f"DNS says {to} in epoch {epoch + 1}: {servers}")
    return Switched(
        epoch=epoch + 1,
        seals=seals,
        lost=lost,
        servers=servers,
        seal_ms=sealed_ms - begun_ms,
        promote_ms=promoted_ms - sealed_ms,
        dns_ms=dns_ms,
    )


def change_names(lab: Lab, center: str, old: str, new: str, region: str) -> tuple[dict[str, str], int]:
    """From the host of a center that lives, at all name servers at once: what each said, and when the first one had done it,
    monotonic milliseconds, 0 where none did."""
    secret, now_ms = Secrets.of(lab.folder).update, SystemClock().monotonic_ms
    heard: SimpleQueue[tuple[str, str, int]] = SimpleQueue()

    def change(server: str) -> None:
        with entered(namespace(lab.name, f"{center}-center")):
            word = swap([server], secret, old, new, region)[server]
        heard.put((server, word, now_ms()))

    servers = [name_server_of(city) for city in CENTERS]
    for server in servers:
        threading.Thread(target=change, args=(server,), daemon=True).start()
    said, done_ms = dict.fromkeys(servers, NO_WORD), 0
    until_ms = now_ms() + round((PATIENCE_S + OTHERS_S) * 1_000)
    with suppress(Empty):
        for _ in servers:
            server, word, at_ms = heard.get(timeout=max(0.0, (until_ms - now_ms()) / 1_000))
            said[server] = word
            if word == "NOERROR" and not done_ms:
                done_ms, until_ms = at_ms, at_ms + round(OTHERS_S * 1_000)
    return said, done_ms


def tell_tail(lab: Lab, center: str, epoch: int, lag_ms: int) -> str:
    """How far the copy was behind, told to a center once it is in the new epoch; what it said."""

    def is_there() -> bool:
        try:
            return lab.relays[center].region().epoch >= epoch
        except LabError:
            return False

    until(is_there, lambda: f"{center} is in epoch {epoch}")
    return lab.relays[center].tail(lag_ms)


def copy_again(lab: Lab) -> None:
    """The region that lost becomes the copy of the one that serves, and both name servers tell the same."""
    status = lab.regions("copy")
    epoch = max(row.epoch for row in status.rows)
    new = lab.record_text(epoch, status.primary)
    change_names(lab, CENTERS[-1], lab.record_text(epoch - 1, status.standby), new, status.primary)


def set_lag(lab: Lab, ms: int) -> None:
    """How far behind the copy is from now on."""
    lab.regions("lag", Lag(ms))
