"""What a person decides about an exchange on the list, recorded with who and why.

Owns the one way off the list. It must never move an exchange that is not on it. The trap: the decision is a record about money,
not a call to the core; whoever signs has posted or refunded by other means, and says so in `why`.
"""

from __future__ import annotations

from collections.abc import Callable

from relay.exchange.exchange import REBUILT, STORED, TRANSITIONS, Event
from relay.exchange.register import Register
from relay.journal.port import JournalFailed, StepResult
from relay.journal.records import Step, StoredExchange


def resolve(register: Register, key: str, who: str, why: str, done: Callable[[str], None]) -> None:
    """Take the exchange with `key` off the list. `done` gets "" when that is durable, else the sentence that says why not."""
    if not who.strip() or not why.strip():
        done("a listed exchange is resolved with a name and a reason, both not empty")
        return

    def found(stored: StoredExchange | JournalFailed | None) -> None:
        if isinstance(stored, JournalFailed):
            done(f"the journal cannot be read: {stored.why}")
        elif stored is None:
            done(f"no exchange has the key {key}")
        else:
            _write(register, stored, who, why, done)

    register.journal.find(key, found)


def _write(register: Register, stored: StoredExchange, who: str, why: str, done: Callable[[str], None]) -> None:
    key = stored.taken.key
    if key in register.by_key or key in register.resolving:
        done("the exchange is being settled right now: look again")
        return
    state = REBUILT.get(stored.state)
    after = None if state is None else TRANSITIONS.get((state, Event.RESOLVED))
    if after is None:
        done(f"the exchange is {stored.state.value}, not on the list")
        return

    def recorded(result: StepResult) -> None:
        register.resolving.discard(key)
        done("" if result is None else f"not recorded: {result.why}")

    register.resolving.add(key)
    register.journal.step(
        Step(
            exchange_id=stored.taken.exchange_id,
            event=Event.RESOLVED.name,
            state=STORED[after],
            at_ms=register.clock.wall_ms(),
            detail=f"{who}: {why}",
        ),
        recorded,
    )
