"""What an operator can ask about messages that the core started: list, show, cancel, settle, and post one himself.

Owns the handlers behind the control socket's outbound commands. It must never touch a message but through the outbound desk.
The trap: who cancels or settles signs for it, and the signature goes into the message's own record and into the report to the
core.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from relay.bridge import answer_of
from relay.control import commands as c
from relay.control import report as r
from relay.control.server import Handler
from relay.errors import RelayError
from relay.journal.outbound import OutboundState, StoredOutbound
from relay.outbound.api import read_posted
from relay.outbound.contract import OutboundRequest
from relay.outbound.ports import CancelResult, Conflict, FindResult, Known, NoSuch, NotTaken, PostResult, Taken, TooLate
from relay.telemetry.log import get_log
from relay.wire.sockets import listening_sockets, parse_endpoint

if TYPE_CHECKING:
    from relay.daemon import Daemon

log = get_log("outbound")

BACKLOG_COUNT = 64


class Dispatcher:
    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "outbound-list": self._list,
            "outbound-show": self._show,
            "outbound-cancel": self._cancel,
            "outbound-settle": self._settle,
            "outbound-post": self._post,
        }

    async def start(self) -> None:
        """Open the port that the core posts to, where one is configured. Raises ListenFailed."""
        d = self._daemon
        endpoint = d.settings.outbound.endpoint
        if endpoint is not None:
            sockets = listening_sockets(parse_endpoint(endpoint), BACKLOG_COUNT, os.environ)
            await d.outbound_server.start(sockets, d.outbound_tls)
            log.info("outbound messages are taken", endpoint=endpoint, port=d.outbound_server.port)

    def report(self) -> r.OutboundReport:
        """The part of the status."""
        outbound = self._daemon.outbound
        return r.OutboundReport(
            endpoint=self._daemon.settings.outbound.endpoint or "",
            queued=outbound.turns.waiting_count(),
            oldest_queued_ms=outbound.turns.oldest_waiting_ms(),
            under_way=outbound.turns.under_way_count(),
            unknown=outbound.register.unknown_count,
            reports_owed=outbound.reports.owed_count,
            reports_oldest_ms=outbound.reports.oldest_ms(),
        )

    def _list(self, args: c.OutboundListArgs) -> r.OutboundListReport:
        states = (OutboundState(args.state),) if args.state else ()
        found = self._daemon.journal.newest_outbound(states, args.count_max)
        return r.OutboundListReport(rows=tuple(map(_row, found)))

    async def _show(self, args: c.OutboundKeyArgs) -> r.OutboundRow:
        found: FindResult = await answer_of(lambda done: self._daemon.outbound.find(args.key, done))
        return _found(found)

    async def _cancel(self, args: c.OutboundSignedArgs) -> r.OutboundRow:
        why = f"cancelled by {args.who}: {args.why}"
        result: CancelResult = await answer_of(lambda done: self._daemon.outbound.cancel(args.key, why, done))
        return _found(result)

    async def _settle(self, args: c.OutboundSettleArgs) -> r.OutboundRow:
        why = f"settled by {args.who}: {args.why}"
        state = OutboundState(args.state)
        result: CancelResult = await answer_of(lambda done: self._daemon.outbound.settle(args.key, state, why, done))
        return _found(result)

    async def _post(self, args: c.OutboundPostArgs) -> r.OutboundRow:
        request = OutboundRequest(
            listener=args.listener, line=args.line, kind=args.kind, body=args.body, expires_ms=args.expires_ms
        )
        posted = read_posted(args.key, msgspec.json.encode(request))
        if isinstance(posted, str):
            raise RelayError(f"{posted}.")
        result: PostResult = await answer_of(lambda done: self._daemon.outbound.post(posted, done))
        if isinstance(result, (Taken, Known)):
            return _row(result.message)
        if isinstance(result, Conflict):
            raise RelayError(f"the key {args.key} was posted with another message.", "Take another key.")
        raise RelayError(f"not taken: {result.detail}.")


def _found(result: FindResult | CancelResult) -> r.OutboundRow:
    """Raises RelayError where there is nothing to show."""
    if isinstance(result, Known):
        return _row(result.message)
    if isinstance(result, NoSuch):
        raise RelayError("no outbound message has this key.", "Try: relay outbound list")
    if isinstance(result, TooLate):
        raise RelayError(f"nothing was changed: the message is {result.message.state.value}.")
    assert isinstance(result, NotTaken)
    raise RelayError(f"nothing was changed: {result.detail}.", "See: relay status")


def _row(stored: StoredOutbound) -> r.OutboundRow:
    taken = stored.taken
    return r.OutboundRow(
        key=taken.key,
        listener=taken.listener,
        line=taken.line,
        kind=taken.kind,
        state=stored.state.value,
        detail=stored.detail,
        body_bytes=len(taken.body),
        recorded_ms=taken.recorded_ms,
        updated_ms=stored.updated_ms,
        sent_ms=stored.sent_ms,
        expires_ms=taken.expires_ms,
        is_reported=stored.reported is stored.state,
    )
