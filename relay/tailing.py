"""The replay of a lost tail in the running daemon: its parts out of the configuration, and what people say and see of it.

Owns the wiring of relay/reconcile/tails.py, the handler of `relay region tail`, and the words of its status. It must never
ask for a key itself. The trap: evidence that reaches further back than bodies are kept promises what nobody can do, so it is
refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from relay.bridge import answer_of, spawn
from relay.control import regions as c
from relay.control.report import Done
from relay.core.client import CoreClient
from relay.errors import RelayError
from relay.exchange.desk import Desk
from relay.exchange.reopening import Reopening
from relay.journal.engines import open_source
from relay.journal.tailrows import TailReader
from relay.permit import Permit
from relay.reconcile.asking import Asking
from relay.reconcile.shelf import Shelf
from relay.reconcile.tail import Tail, Variables
from relay.reconcile.tails import AllRows, TailParts, Tails
from relay.reconcile.tailwalk import TailRules
from relay.reconciler import RETRY_MS, cutover_of
from relay.settings import JournalSettings, Settings
from relay.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from relay.daemon import Daemon

HOUR_MS = 3_600_000


def work_ms(settings: Settings) -> int:
    """How long a message may be in work: its number is so much older than its confirmation."""
    links = (*settings.listener, *settings.dialer)
    longest_ms = max((link.reply_deadline_ms for link in links), default=0)
    return max(longest_ms, settings.relay.completion_deadline_ms) + settings.core.call_timeout_ms


class Business(msgspec.Struct, frozen=True):
    """Whose lost tail it is: a journal, the desk over it, and in whose name the core is asked. `at` is where the journal is
    read beside its desk; `shelf` is where its reports go; `holds` are the classes of new messages that wait for it."""

    center: str
    journal: Variables
    desk: Desk
    client: CoreClient
    permit: Callable[[], Permit | None]
    at: JournalSettings
    metrics: Metrics
    shelf: Callable[[], Shelf]
    holds: frozenset[str] = frozenset()


def new_tails(daemon: Daemon) -> Tails:
    """Of this center's own journal."""
    settings = daemon.settings
    own = Business(
        settings.relay.center,
        daemon.journal,
        daemon.desk,
        daemon.client,
        daemon.region.permit,
        settings.journal,
        daemon.metrics,
        lambda: daemon.reconciler.shelf,
        frozenset(settings.region.tail_holds),
    )
    return tails_of(daemon, own)


def tails_of(daemon: Daemon, business: Business) -> Tails:
    settings, region, desk = daemon.settings, daemon.settings.region, business.desk
    reopening = Reopening(desk.register, desk.saf, daemon.timers)

    async def open_rows() -> AllRows:
        return TailReader(await asyncio.to_thread(open_source, business.at, daemon.credentials.secret))

    async def close_rows(rows: AllRows) -> None:
        await asyncio.to_thread(rows.close)

    def sleep(delay_ms: int) -> Awaitable[None]:
        def begin(done: Callable[[None], None]) -> None:
            daemon.timers.after(delay_ms, partial(done, None))

        return answer_of(begin)

    def asking(rows: AllRows) -> Asking:
        return Asking(business.client, rows, business.permit, sleep, business.center, settings.core.call_timeout_ms, RETRY_MS)

    return Tails(
        TailParts(
            journal=business.journal,
            reopen=reopening.judge,
            saf=desk.saf,
            gate=desk.gate,
            open_rows=open_rows,
            close_rows=close_rows,
            asking=asking,
            shelf=business.shelf,
            date_at=cutover_of(settings).date_at,
            clock=daemon.clock,
            timers=daemon.timers,
            metrics=business.metrics,
            spawn=spawn,
            center=business.center,
            rules=TailRules(
                margin_ms=region.tail_margin_ms,
                work_ms=work_ms(settings),
                window_ms=region.tail_replay_window_hours * HOUR_MS,
                asking_count_max=region.tail_asking_count_max,
            ),
            lag_ms=region.tail_lag_assumed_ms,
            holds=business.holds,
        )
    )


def tail_row(tails: Tails, adopted: Tails | None = None) -> c.TailRow:
    """For `relay region status`. `adopted`: of another center's journal that is at work here; it has not come to its end before
    that has."""
    tail = tails.tail
    if tail is None:
        return c.TailRow()
    also = None if adopted is None or adopted.is_finished else adopted.tail
    return c.TailRow(
        epoch=tail.epoch,
        began_ms=tail.began_ms,
        since_ms=tail.since_ms,
        evidence=_evidence(tail),
        left=tail.left + (0 if also is None else also.left),
        asked=tail.asked,
        missing=tail.missing,
        mended=tail.mended,
        listed=tail.listed,
        is_finished=tails.is_finished and (adopted is None or adopted.is_finished),
        finished_ms=tail.finished_ms,
        trouble=tails.trouble,
    )


def _evidence(tail: Tail) -> str:
    said = "from a given time" if tail.from_ms else f"a lag of {tail.lag_ms} ms"
    return f"{said}, by {tail.who}: {tail.why}" if tail.who else f"{said}, assumed"


def unfinished_in_words(tails: Tails, adopted: Tails | None = None) -> str:
    """Why service should not be released yet; "" where nothing is left. `adopted` as for `tail_row`."""
    tail = tails.tail
    if tails.is_finished:
        return "" if adopted is None else unfinished_in_words(adopted)
    if tail is None or not tail.is_measured:
        return "what the old region confirmed last has not been asked for yet"
    return f"{tail.left} rows of what the old region confirmed last are not asked for, or not settled"


def measure_again(daemon: Daemon, args: c.RegionTailArgs) -> Done:
    """Take up other evidence of the copy's lag. Raises RelayError."""
    tails, now_ms = daemon.regions.tails, daemon.clock.wall_ms()
    tail = tails.tail
    if tail is None:
        raise RelayError("no region was ever active here: nothing can be lost.")
    oldest_ms = tail.began_ms - daemon.settings.region.tail_replay_window_hours * HOUR_MS
    if args.from_ms and not oldest_ms <= args.from_ms <= now_ms:
        raise RelayError(
            "that time is not within region.tail_replay_window_hours before the new epoch.",
            "What is older cannot be said again; compare it with `relay reconcile now --date`.",
        )
    for each in (tails, daemon.regions.taking_over.tails):
        if each is not None and each.tail is not None:
            each.measure_again(args.lag_ms, args.from_ms, args.who, args.why)
    what = "from the given time" if args.from_ms else f"with a lag of {args.lag_ms} ms"
    return Done(f"what epoch {tail.epoch} may lack is asked for anew, {what}; `relay region status` shows how far it is")
