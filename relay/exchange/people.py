"""What a person decides about an exchange that is owed or on the list, recorded with who and why.

Owns the one way off the list, and the way back from it to the duty that was given up. It must never move an exchange that is
not on it. The traps: `resolve` is a record about money, not a call to the core; whoever signs has posted or refunded by other
means, and says so in `why`; what that forbids for the rest of the key chain is in byhand.py. And `retry` takes up the duty that
there was, and no other: it is found in what is on disk, and what was approved is undone only where the terminal's own evidence
had said so (law 1).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from protocols.vocabulary import DoubtPolicy, MessageClass, Verdict
from relay.exchange.byhand import hinders_resolving, hinders_retry
from relay.exchange.evidence import BY_PERSON
from relay.exchange.exchange import REBUILT, STORED, TRANSITIONS, Event, State
from relay.exchange.register import Open, Register, deliver_stored, rebuild
from relay.exchange.saf import Saf
from relay.journal.chain import Chain, Member
from relay.journal.port import JournalFailed, StepResult
from relay.journal.records import LISTED_STATES, OPEN_STATES, Step, StoredExchange, StoredState

UNSIGNED = "a person signs with a name and a reason, both not empty"
BUSY = "the exchange is being settled right now: look again"
UNDER_WAY = "another message of its chain is under way right now: look again"

Told = Callable[[str], None]  # "" when it is durable, else the sentence that says why not

_BY_POLICY = {
    DoubtPolicy.UNDO: Event.RETRIED_UNDO,
    DoubtPolicy.REPEAT: Event.RETRIED_REPEAT,
    DoubtPolicy.HOLD: Event.RETRIED_HOLD,
}


def resolve(register: Register, saf: Saf, key: str, who: str, why: str, done: Told, *, although_owed: bool = False) -> None:
    """Take the exchange with `key` off the list. `although_owed`: also where something else of its chain is owed to the core,
    which goes to the list with that, or is on it."""
    go = partial(_resolve, register, saf, signature=f"{who}: {why}", although_owed=although_owed, done=done)
    _look_up(register, key, who, why, go, done)


def retry(register: Register, saf: Saf, key: str, who: str, why: str, done: Told, *, although_resolved: bool = False) -> None:
    """Try now what `key` owes the core: one that waits for its next try, or one on the list whose duty was given up.
    `although_resolved`: also where a person has resolved something else of its chain."""
    entry = register.by_key.get(key)
    if entry is not None and _is_signed(who, why):
        done(_hurry(register, saf, entry, f"{who}: {why}"))
    else:
        go = partial(_take_back, register, saf, signature=f"{who}: {why}", although_resolved=although_resolved, done=done)
        _look_up(register, key, who, why, go, done)


def duty_of(stored: StoredExchange) -> Event:
    """The duty that a listed exchange had, as the event that takes it up again."""
    taken = stored.taken
    is_whole = bool(stored.standing_minor) and stored.standing_minor == taken.amount_minor  # reopening.py: it shall stand
    if taken.message_class is not MessageClass.FINANCIAL or is_whole:
        return Event.RETRIED_DELIVERY
    if stored.intent is not None and stored.intent.verdict is Verdict.APPROVE:  # then evidence said what was not paid
        return Event.RETRIED_PART if stored.standing_minor else Event.RETRIED_WHOLE
    if taken.policy is DoubtPolicy.UNDO and stored.standing_minor is None:
        return Event.RETRIED_HOLD  # adopted from a copy (recovery.py): an undo has "nothing stands" in its record
    return _BY_POLICY[taken.policy]


def _is_told_and_booked(stored: StoredExchange) -> bool:
    """Approved, with no evidence against it: neither the machine's, nor reconciliation's. An undo would be a guess (law 1)."""
    is_told = stored.intent is not None and stored.intent.verdict is Verdict.APPROVE
    return is_told and stored.standing_minor is None and stored.taken.message_class is MessageClass.FINANCIAL


def _is_signed(who: str, why: str) -> bool:
    return bool(who.strip()) and bool(why.strip())


def _look_up(register: Register, key: str, who: str, why: str, go: Callable[[StoredExchange], None], done: Told) -> None:
    if not _is_signed(who, why):
        done(UNSIGNED)
        return

    def found(stored: StoredExchange | JournalFailed | None) -> None:
        if isinstance(stored, JournalFailed):
            done(f"the journal cannot be read: {stored.why}")
        elif stored is None:
            done(f"no exchange has the key {key}")
        elif key in register.by_key or key in register.resolving:
            done(BUSY)
        else:
            go(stored)

    register.journal.find(key, found)


def _with_chain(register: Register, stored: StoredExchange, go: Callable[[Chain, Member], None], done: Told) -> None:
    """The chain of `stored` and itself in it, as they are on disk; or `done` with what is wrong."""

    def found(chain: Chain | JournalFailed) -> None:
        if isinstance(chain, JournalFailed):
            done(f"the journal cannot be read: {chain.why}")
            return
        own = next((member for member in chain if member.exchange_id == stored.taken.exchange_id), None)
        key = stored.taken.key
        if own is None or own.state is not stored.state or key in register.by_key or key in register.resolving:
            done(BUSY)
        else:
            go(chain, own)

    register.journal.find_chain(_chain_of(stored), found)


def _chain_of(stored: StoredExchange) -> str:
    return stored.taken.original_key or stored.taken.key


def _resolve(register: Register, saf: Saf, stored: StoredExchange, signature: str, although_owed: bool, done: Told) -> None:
    chain_key = _chain_of(stored)
    if stored.state not in LISTED_STATES:
        done(f"the exchange is {stored.state.value}, not on the list")
        return
    if chain_key in register.deciding:
        done(BUSY)
        return

    def ended(problem: str) -> None:
        register.deciding.discard(chain_key)
        done(problem)

    def decide(chain: Chain, own: Member) -> None:
        hindrance = hinders_resolving(chain, own.exchange_id, chain_key)
        beside = [entry for entry in register.by_key.values() if entry.chain == chain_key]
        owed = {e.exchange_id for e in beside if saf.is_owed(e) and (e.state, Event.GIVEN_TO_PERSON) in TRANSITIONS}
        if hindrance is not None and not although_owed:
            ended(hindrance.why)
        elif len(owed) < len(beside) or any(m.state in OPEN_STATES and m.exchange_id not in owed for m in chain):
            ended(UNDER_WAY)  # arriving, asked right now, or another worker's
        else:
            for entry in reversed(beside):
                saf.give(entry, f"{stored.taken.key} was resolved by {signature}")
            word = "" if hindrance is None else f" (although {hindrance.key} was not settled)"
            _record_resolved(register, stored, signature + word, ended)

    register.deciding.add(chain_key)
    _with_chain(register, stored, decide, ended)


def _record_resolved(register: Register, stored: StoredExchange, detail: str, done: Told) -> None:
    key = stored.taken.key

    def recorded(result: StepResult) -> None:
        register.resolving.discard(key)
        done("" if result is None else f"not recorded: {result.why}")

    register.resolving.add(key)
    register.journal.step(
        Step(
            exchange_id=stored.taken.exchange_id,
            event=Event.RESOLVED.name,
            state=STORED[TRANSITIONS[REBUILT[stored.state], Event.RESOLVED]],
            at_ms=register.clock.wall_ms(),
            outcome=BY_PERSON if stored.intent is None else None,  # its terminal was told nothing, and may still ask
            detail=detail,
        ),
        recorded,
    )


# ---- again ---------------------------------------------------------------------------------------------------------------
def _hurry(register: Register, saf: Saf, entry: Open, signature: str) -> str:
    """It is open here: no back-off any longer. The sentence that says why not, or nothing."""
    if not saf.is_owed(entry):
        return f"the exchange is {entry.state.name.lower()}: nothing of it is owed to the core"
    if not saf.is_head(entry):
        return "it waits behind another message of the same key: try that one"
    if entry.retry is None:
        return "it is being tried right now: look again"
    register.note(entry, Event.OUTCOME_UNKNOWN, detail=f"tried now, {signature}")
    saf.hurry(entry)
    return ""


def _take_back(
    register: Register, saf: Saf, stored: StoredExchange, signature: str, although_resolved: bool, done: Told
) -> None:
    """It is on the list: its duty is open again once that is on disk."""
    if stored.state is StoredState.UNPROVEN:
        done("nothing is owed for it: it waits for evidence of its terminal, or for a person who resolves it")
    elif stored.state is not StoredState.LISTED:
        done(f"the exchange is {stored.state.value}, not on the list")
    elif not stored.taken.request:
        done("its message is no longer kept: it can only be resolved")
    elif _is_told_and_booked(stored):
        done("its terminal was told that it is approved, and nothing says that it was not paid: it can only be resolved")
    else:

        def decide(chain: Chain, own: Member) -> None:
            chain_key = _chain_of(stored)
            hindrance = hinders_retry(chain, own.exchange_id, chain_key)
            if chain_key in register.deciding:
                done(BUSY)
            elif hindrance is not None and not although_resolved:
                done(hindrance.why)
            else:
                word = "" if hindrance is None else f" (although {hindrance.key} was resolved)"
                _open_again(register, saf, stored, signature + word, done)

        _with_chain(register, stored, decide, done)


def _open_again(register: Register, saf: Saf, stored: StoredExchange, detail: str, done: Told) -> None:
    event = duty_of(stored)
    entry = rebuild(stored, register.clock.monotonic_ms())
    register.by_key[entry.key] = entry
    register.move(entry, event)
    if entry.state is State.DELIVERING:
        deliver_stored(entry)
    entry.tries = 0
    entry.owed_since_ms = register.clock.wall_ms()

    def recorded(result: StepResult) -> None:
        is_open = register.by_key.get(entry.key) is entry  # else its terminal reversed it meanwhile, and nothing is owed
        if result is None:
            if is_open:
                saf.owe(entry)
            done("")
        else:
            if is_open:
                del register.by_key[entry.key]
            done(f"not recorded: {result.why}")

    register.write(entry, event, recorded, tries=0, detail=detail)
