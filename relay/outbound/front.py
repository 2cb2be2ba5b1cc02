"""The outbound desk where this center has another center's journal beside its own: what waited there goes out on lines
here.

Owns which of the two is asked. It must never send or write. The traps: the core repeats a post at whichever center answers,
so a key is new only when the other journal does not have it, and while that is not at hand nobody knows; and what a line says
of a message goes to the desk that has it, by its key, for both offer to the same links.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from protocols.dialect import Delivery
from relay.journal.outbound import OutboundState
from relay.outbound.desk import Outbound
from relay.outbound.ports import CancelResult, FindResult, Known, NoSuch, NotTaken, OutboundLink, Posted, PostResult


class FrontOutbound:
    """Fulfils relay.wire.ports.OutboundPort and relay.outbound.ports.OutboundDoor. `is_awaited`: another center's journal is
    ours to have, and not open just now."""

    def __init__(self, own: Outbound) -> None:
        self._own = own
        self.adopted: Outbound | None = None
        self.is_awaited = False

    # ---- the lines ---------------------------------------------------------------------------------------------------
    def delivered(self, link: OutboundLink, delivery: Delivery) -> None:
        adopted = self.adopted
        if adopted is not None and delivery.id not in self._own.register.open:
            adopted.delivered(link, delivery)
        if adopted is None or delivery.id not in adopted.register.open:
            self._own.delivered(link, delivery)

    def link_ready(self, listener: str, line: str) -> None:
        self._own.link_ready(listener, line)
        if self.adopted is not None:
            self.adopted.link_ready(listener, line)

    def link_closed(self, link: OutboundLink) -> None:
        self._own.link_closed(link)
        if self.adopted is not None:
            self.adopted.link_closed(link)

    # ---- the core ----------------------------------------------------------------------------------------------------
    def post(self, posted: Posted, done: Callable[[PostResult], None]) -> None:
        """New only where neither journal has it."""
        self._where(posted.key, lambda desk: desk.post(posted, done), done)

    def find(self, key: str, done: Callable[[FindResult], None]) -> None:
        self._where(key, lambda desk: desk.find(key, done), done)

    def cancel(self, key: str, why: str, done: Callable[[CancelResult], None]) -> None:
        self._where(key, lambda desk: desk.cancel(key, why, done), done)

    def settle(self, key: str, state: OutboundState, detail: str, done: Callable[[CancelResult], None]) -> None:
        self._where(key, lambda desk: desk.settle(key, state, detail, done), done)

    def _where(self, key: str, do: Callable[[Outbound], None], failed: Callable[[NotTaken], None]) -> None:
        adopted = self.adopted
        if adopted is not None:
            adopted.find(key, partial(self._found, adopted, do, failed))
        elif self.is_awaited:
            self._own.find(key, partial(self._found_without_other, do, failed))
        else:
            do(self._own)

    def _found_without_other(
        self, do: Callable[[Outbound], None], failed: Callable[[NotTaken], None], result: FindResult
    ) -> None:
        """Taken as new here, it would leave twice where the other journal holds it and is opened later."""
        if isinstance(result, Known):
            do(self._own)
        elif isinstance(result, NoSuch):
            failed(NotTaken("no-journal", "the other center is being taken over: whether it has this key is not known yet"))
        else:
            failed(result)

    def _found(
        self, adopted: Outbound, do: Callable[[Outbound], None], failed: Callable[[NotTaken], None], result: FindResult
    ) -> None:
        if isinstance(result, Known):
            do(adopted)
        elif isinstance(result, NoSuch):
            do(self._own)
        else:
            failed(result)
