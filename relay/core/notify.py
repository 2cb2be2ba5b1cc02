"""Hears NOTIFY (RFC 1996) from the name servers: a hint that there is news, and nothing more.

Owns one UDP socket and its answers. It must never believe a word of what it hears: the source of a datagram can be forged, so a
NOTIFY only brings the next round of questions nearer (relay/region/poller.py bounds how often). The traps: only configured name
servers are answered, so that nobody is answered who did not ask; an answer is never longer than its question; and reading one
costs as much as a payment, so a flood in a name server's name is dropped unread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.opcode

from relay.clock import Clock
from relay.core.dns import NameServer
from relay.errors import ListenFailed
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

_log = get_log("core.notify")
_BYTES_MAX = 1_232  # a longer datagram is no NOTIFY of ours
READ_PER_SECOND_MAX = 50  # of all name servers together; one update brings one from each, and perhaps its repetition


def read_notify(wire: bytes) -> bytes | None:
    """The answer to a NOTIFY (RFC 1996, 3.11 and 4.7), or None for anything else. Never raises."""
    if len(wire) > _BYTES_MAX:
        return None
    try:
        message = dns.message.from_wire(wire, ignore_trailing=True)
        if message.opcode() != dns.opcode.NOTIFY or message.flags & dns.flags.QR or len(message.question) != 1:
            return None
        message.answer = []  # a hint at the new serial, which nobody needs
        answer = dns.message.make_response(message)
        answer.flags |= dns.flags.AA
        data = answer.to_wire()
    except (dns.exception.DNSException, ValueError):
        return None
    return data if len(data) <= len(wire) else None


class NotifyEar(asyncio.DatagramProtocol):
    """Args: `endpoint` is our own address and port; only `servers` (IP addresses) are heard; `hint` is called for each."""

    def __init__(
        self, endpoint: NameServer, servers: Collection[str], hint: Callable[[], None], clock: Clock, metrics: Metrics
    ) -> None:
        self._endpoint = endpoint
        self._servers = frozenset(servers)
        self._hint = hint
        self._clock = clock
        self._second = 0  # of the monotonic clock
        self._left = READ_PER_SECOND_MAX  # in that second
        self._counters = {word: metrics.region_notifies.labels(word) for word in ("heard", "stranger", "malformed", "flood")}
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def port(self) -> int:
        return 0 if self._transport is None else int(self._transport.get_extra_info("sockname")[1])

    async def start(self) -> None:
        """Raises ListenFailed."""
        where = (self._endpoint.ip, self._endpoint.port)
        try:
            await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=where)
        except OSError as error:
            raise ListenFailed(
                f"NOTIFY cannot be heard on {where[0]}:{where[1]}: {error.strerror or error}.", "See region.notify_endpoint."
            ) from error

    def stop(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, peer: tuple[str | object, int]) -> None:
        if str(peer[0]) not in self._servers:
            self._counters["stranger"].inc()
            return
        second = self._clock.monotonic_ms() // 1_000
        if second != self._second:
            self._second, self._left = second, READ_PER_SECOND_MAX
        if not self._left:
            self._counters["flood"].inc()
            return
        self._left -= 1
        answer = read_notify(data)
        if answer is None:
            self._counters["malformed"].inc()
            return
        self._counters["heard"].inc()
        if self._transport is not None:
            self._transport.sendto(answer, peer)
        self._hint()

    def error_received(self, error: Exception) -> None:
        _log.debug("notify socket", error=str(error))
