"""This process among the workers of one relay: its share of the journal, its siblings, and what only the first of them does.

Owns that wiring; where there is one worker it is nothing but the name for "all of it". It must never decide about an exchange
(relay/exchange/siblings.py does). The traps: what is done once (pruning, the keys' walk, reconciliation, archives, messages of
the core, what people decide) is done by the first worker, or it is done twice; and a worker whose supervisor is gone ends, for
the next supervisor starts others in its place; it may have gone before this process could look who it was.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, cast

import msgspec

from relay.configuration.workers import (
    RUN_VARIABLE,
    SUPERVISOR_VARIABLE,
    control_path,
    is_spread,
    narrowed,
    worker_number,
)
from relay.control.server import Handler
from relay.drainer import FOLLOWED as DRAIN_FOLLOWED
from relay.errors import RelayError
from relay.exchange.siblings import Siblings
from relay.journal.shared import FIRST, Share, SharedJournal
from relay.permit import Permit
from relay.reconcile.tail import FOLLOWED as TAIL_FOLLOWED
from relay.region.book import FOLLOWED as REGION_FOLLOWED
from relay.settings import Settings
from relay.telemetry.log import get_log

if TYPE_CHECKING:
    from relay.daemon import Daemon

log = get_log("workers")

PRUNE_INTERVAL_MS: Final = 3_600_000
PARENT_LOOK_MS: Final = 1_000
# What each worker answers for itself; the rest is asked of the first.
OF_EACH: Final = frozenset(
    {"status", "links", "pressure", "saf-list", "saf-show", "log-level", "reload", "command", "drain-status", "region-status"}
)
# What people decide at the first worker, and the others follow: link variables that only it writes.
FOLLOWED: Final = (*DRAIN_FOLLOWED, *REGION_FOLLOWED, *TAIL_FOLLOWED)


def share_of(settings: Settings, environment: Mapping[str, str]) -> Share | None:
    """This process's share of the journal; None where it is the only one."""
    if settings.relay.workers == 1:
        return None
    worker = max(FIRST, worker_number(environment))
    followed = () if worker == FIRST else FOLLOWED
    return Share(worker, settings.relay.worker_lease_ms, RUN_VARIABLE in environment, followed)


class Workers:
    """Made before the desk, which asks `permit` for each call; joined when the desk is there."""

    def __init__(self, daemon: Daemon, share: Share | None) -> None:
        self._daemon = daemon
        self.share = share
        self.number = FIRST if share is None else share.worker
        self.siblings: Siblings | None = None
        self.permit = daemon.region.permit if share is None else self._permit
        self._supervisor = daemon.environment.get(SUPERVISOR_VARIABLE, str(os.getppid()))
        daemon.metrics.workers_configured.set(daemon.settings.relay.workers)

    @property
    def is_first(self) -> bool:
        return self.number == FIRST

    def narrowed(self, settings: Settings) -> Settings:
        """A file read again, as this worker reads it."""
        return narrowed(settings, self.number)

    def why_never(self, listener: str) -> str:
        """Why a message of the core cannot go to a line of `listener`; "" where it can."""
        return "its links are spread over several workers" if is_spread(self._daemon.settings, listener) else ""

    def _permit(self) -> Permit | None:
        """None also where somebody may have taken us over, or has heard of a higher epoch."""
        permit, siblings = self._daemon.region.permit(), self.siblings
        if permit is None or siblings is None or not siblings.is_sure or permit.epoch < self._daemon.journal.epoch:
            return None
        return permit

    # ---- life ----------------------------------------------------------------------------------------------------------
    def join(self) -> None:
        """Before anything is recovered."""
        d, share = self._daemon, self.share
        if share is not None:
            self.siblings = Siblings(
                d.desk,
                cast(SharedJournal, d.journal),  # what open_journal gives where there is a share
                share,
                d.timers,
                d.metrics,
                d.settings.relay.completion_deadline_ms,
                self._heard,
            )

    def start(self) -> None:
        d = self._daemon
        if self.is_first:
            d.outbound.recover()
        if self.siblings is not None:
            self.siblings.start()
            self._look_at_parent()

    def start_once(self) -> None:
        """What one worker does for all."""
        d = self._daemon
        if self.is_first:
            self._prune_later()
            d.keeper.start()
            d.reconciler.start()
            d.archivist.start()

    def stop(self) -> None:
        if self.siblings is not None:
            self.siblings.stop()

    def _heard(self, epoch: int) -> None:
        """With each beat: what another worker heard first, or was told."""
        d = self._daemon
        if epoch > d.region.epoch:
            d.region.look_now()
        if not self.is_first:
            d.regions.tails.follow()
            d.steering.follow()
            if d.state in ("serving", "draining"):
                d.drainer.follow()

    def _look_at_parent(self) -> None:
        if str(os.getppid()) != self._supervisor:
            self._daemon.ask_to_stop("the process that started the workers is gone")
        else:
            self._daemon.timers.after(PARENT_LOOK_MS, self._look_at_parent)

    def _prune_later(self) -> None:
        self._daemon.timers.after(PRUNE_INTERVAL_MS, self._prune)

    def _prune(self) -> None:
        self._daemon.journal.prune(lambda result: log.info("journal pruned", result=str(result)))
        self._prune_later()

    # ---- people ----------------------------------------------------------------------------------------------------------
    @property
    def live_count(self) -> int:
        return 1 if self.siblings is None else self.siblings.live_count

    def handlers(self, table: Mapping[str, Handler]) -> Mapping[str, Handler]:
        """Of the control socket: those that this worker may answer; for the others it says whom to ask."""
        if self.share is None:
            return table
        return {name: self._refused(name) if self._why_not(name) else handler for name, handler in table.items()}

    def _why_not(self, name: str) -> str:
        return "" if self.is_first or name in OF_EACH else "it is asked of the first worker"

    def _refused(self, name: str) -> Handler:
        own = self._daemon.settings.control.path
        first = own.replace(control_path("x", self.number).removeprefix("x"), "") if not self.is_first else own

        def refuse(_: msgspec.Struct) -> msgspec.Struct:
            raise RelayError(f"{name} is not for worker {self.number}: {self._why_not(name)}.", f"relay ... --socket {first}")

        return refuse
