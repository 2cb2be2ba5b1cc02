"""By hand or by the core, never both: what a person decided about a message binds every other one of its key chain.

Owns the rules between a person's decision and the rest of its chain (the original, its completion, its reversals): which retry
is refused, which decision is, and what becomes owed and is a person's instead. It must never move money or end a duty itself.
The traps: the core knows every posting of its own and not one that a person made beside it, so what it repeats is harmless
and what it does after a person has done it is paid twice; the disk alone knows who decided what, and until it has answered
nothing is owed; and a person's decision and a terminal's reversal may be on their way at the same moment, so whoever decides
says so first (`Register.deciding`).

The table, as `docs/exchange.md` shows it, is in `hinders_retry`, `hinders_resolving` and `ByHand.owe`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Final

import msgspec

from relay.clock import Timers
from relay.exchange.exchange import State
from relay.exchange.register import Open, Register
from relay.exchange.saf import Saf
from relay.journal.chain import Chain, Member
from relay.journal.port import JournalFailed, JournalState
from relay.journal.records import LISTED_STATES, OPEN_STATES

LOOK_AGAIN_MS: Final = 1_000  # while the journal cannot be read, or a person is deciding at this moment


# ---- the rules -----------------------------------------------------------------------------------------------------------
def decided(chain: Chain, exchange_id: int) -> Member | None:
    """The other member of `chain` that a person decided about last; else one whose history is in an archive; or None."""
    others = [member for member in chain if member.exchange_id != exchange_id]
    signed = [(member.resolved.line_id, member) for member in others if member.resolved is not None]
    if signed:
        return max(signed, key=lambda each: each[0])[1]
    return next((member for member in others if member.is_archived), None)


def binds(chain: Chain, exchange_id: int) -> Member | None:
    """As `decided`, but for what a person knew when they had `exchange_id` itself tried again."""
    found = decided(chain, exchange_id)
    own = next((member for member in chain if member.exchange_id == exchange_id), None)
    known_id = 0 if own is None else own.retried_line_id
    if found is None or (known_id and (found.resolved is None or found.resolved.line_id < known_id)):
        return None
    return found


def tell(member: Member, chain_key: str) -> str:
    """Who decided about `member`, when, and why."""
    name = _name(member, chain_key)
    if member.resolved is None:
        return f"{name} is settled, and its history in an archive: nobody sees here whether a person did it by other means"
    at = datetime.fromtimestamp(member.resolved.at_ms / 1000, UTC)
    return f"{name} was resolved at {at:%Y-%m-%d %H:%M:%S} UTC by {member.resolved.detail}"


class Hindrance(msgspec.Struct, frozen=True):
    """`key` stands in the way; `why` is for people, with what to do next."""

    key: str
    why: str


def hinders_retry(chain: Chain, exchange_id: int, chain_key: str) -> Hindrance | None:
    """What forbids that the core is asked about `exchange_id` without a further word."""
    found = decided(chain, exchange_id)
    if found is None:
        return None
    return Hindrance(
        found.key,
        f"{tell(found, chain_key)}. If money moved by that, the core would move it once more. Resolve this one too; or, where"
        " none moved, retry it with --although-resolved",
    )


def hinders_resolving(chain: Chain, exchange_id: int, chain_key: str) -> Hindrance | None:
    """What forbids that a person signs for `exchange_id` without a further word: another one that the core may still be asked
    about, or an original's that a person has, too."""
    others = [member for member in chain if member.exchange_id != exchange_id]
    for member in others:
        if member.state in OPEN_STATES:
            return Hindrance(
                member.key,
                f"{_name(member, chain_key)} is still open ({member.state.value}), and the core may move the money too."
                " Wait until it is settled or on the list; or resolve this one with --although-owed, which puts that one"
                " on the list instead",
            )
    is_original = len(others) < len(chain) and all(member.key != chain_key for member in others)
    for member in others if is_original else ():
        if member.state in LISTED_STATES:
            return Hindrance(
                member.key,
                f"{_name(member, chain_key)} is on the list too. Retry or resolve that one first; or resolve this one with"
                " --although-owed, and that one stays where it is",
            )
    return None


def _name(member: Member, chain_key: str) -> str:
    return f"the original {member.key}" if member.key == chain_key else f"its {member.message_class.value} {member.key}"


# ---- what becomes owed ---------------------------------------------------------------------------------------------------
class ByHand:
    """The door to store and forward for whatever came after a person may have decided about its chain."""

    def __init__(self, register: Register, saf: Saf, timers: Timers) -> None:
        self._register = register
        self._saf = saf
        self._timers = timers

    def owe(self, entry: Open) -> None:
        """`entry` is owed, and the core is asked; unless a person decided about its chain before: then it is listed, with who
        and why. Its terminal has its acknowledgement either way."""
        original = self._register.by_key.get(entry.chain)
        names_none = entry.state is State.DELIVERING and not entry.request.original_key
        # An original that is open here is not decided, or was opened again by a person who knew.
        if names_none or (original is not None and original is not entry):
            self._saf.owe(entry)
        else:
            self._saf.looked_at_count += 1  # "nothing is owed" must not be said while this is on its way
            self._look(entry)

    def _look(self, entry: Open) -> None:
        entry.retry = None
        self._register.journal.find_chain(entry.chain, partial(self._found, entry))

    def _found(self, entry: Open, chain: Chain | JournalFailed) -> None:
        register = self._register
        if isinstance(chain, JournalFailed) or entry.chain in register.deciding:
            if register.journal.state is not JournalState.FAILED:
                entry.retry = self._timers.after(LOOK_AGAIN_MS, partial(self._look, entry))
            return
        self._saf.looked_at_count -= 1
        member = binds(chain, entry.exchange_id)
        if member is None:
            self._saf.owe(entry)
        else:
            self._saf.give(entry, tell(member, entry.chain))
