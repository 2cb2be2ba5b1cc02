"""The core, as the adopted business asks it about what a former life left open: without a word that counts, first.

Owns that one question. It must never post or undo anything of its own. The essay: before the take-over a terminal of the lost
center may have asked again here, and was answered under this center's attempt; then this center's own journal has the exchange,
and what the lost center's still owes of it is taken over. The core knows whose attempts it has answered. The trap: a plain
inquiry counts as an answer, and this center's own undo of the same key would be refused for it; so it is asked only where
nobody else was answered, because then a terminal may be shown what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from protocols.vocabulary import Approved, NotProcessed, Outcome, Request, Unknown
from relay.clock import Cancellable
from relay.core.client import CoreClient
from relay.core.port import Attempt, Finding, Ground, Look, Superseded, UndoOutcome
from relay.permit import Permit


class _Call:
    """The call that is under way, of the two."""

    def __init__(self) -> None:
        self.is_cancelled = False
        self.now: Cancellable | None = None

    def cancel(self) -> None:
        self.is_cancelled = True
        if self.now is not None:
            self.now.cancel()


class AdoptedCore:
    """Fulfils relay.core.port.Core. `life` is the incarnation in which the journal was opened here."""

    def __init__(self, client: CoreClient, life: int) -> None:
        self._client = client
        self._life = life

    def submit(
        self, request: Request, attempt: Attempt, permit: Permit, timeout_ms: int, done: Callable[[Outcome], None]
    ) -> Cancellable:
        return self._client.submit(request, attempt, permit, timeout_ms, done)

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
        return self._client.undo(key, standing_minor, currency, attempt, ground, permit, timeout_ms, done)

    def inquire(
        self, key: str, attempt: Attempt, permit: Permit, timeout_ms: int, done: Callable[[Finding], None]
    ) -> Cancellable:
        """As the port says. Superseded: it is approved, and another center was answered, too. `timeout_ms` is for each of two
        calls."""
        if attempt.incarnation >= self._life:
            return self._client.inquire(key, attempt, permit, timeout_ms, done)
        call = _Call()

        def looked(look: Look) -> None:
            if isinstance(look, (NotProcessed, Unknown)):
                done(look)
            elif not isinstance(look.finding, Approved):
                done(look.finding)
            elif look.attempt not in ("", attempt.text()):
                done(Superseded())
            elif call.is_cancelled:
                done(Unknown(why="cancelled"))
            else:
                call.now = self._client.inquire(key, attempt, permit, timeout_ms, done)

        first = self._client.look(key, attempt, permit, timeout_ms, looked)
        call.now = call.now or first
        return call

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
        self._client.tell(event, terminal, listener, at_ms, detail, permit, done)
