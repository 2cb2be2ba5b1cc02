"""What to do with an exchange that another worker holds: pure.

Owns the three answers: what a repeat gets here, who may be taken over by whom, and when a worker may still speak. It must never
read a journal or a clock. The traps: a repeat of what is under way elsewhere gets nothing but what the other worker makes
durable, for two workers that both answer can answer twice; the first worker is taken over by nobody, because its machines
tell their evidence only to the worker that serves them (it comes back, or is brought back); and after a journal's server was
away everybody's lease has lapsed, whoever hears of it first, so only who was sure of its own all the while judges others.
"""

from __future__ import annotations

from enum import Enum, auto

from protocols.vocabulary import MessageClass
from relay.journal.records import OPEN_STATES, StoredExchange
from relay.journal.shared import FIRST, Sibling


class Repeat(Enum):
    """What a message gets whose key is on disk, and not open at this worker."""

    ANSWERED = auto()  # from the journal: closed, told already, or another message under the same key
    WAITS = auto()  # until the worker that has it says the last word


def repeat_of(stored: StoredExchange, fingerprint: bytes) -> Repeat:
    """The same message again, or another one with its key. What is owed as it stands (an advice, a reversal) was acknowledged
    when it was taken."""
    if stored.taken.fingerprint != fingerprint or stored.taken.message_class is not MessageClass.FINANCIAL:
        return Repeat.ANSWERED
    return Repeat.WAITS if stored.state in OPEN_STATES and stored.intent is None else Repeat.ANSWERED


def may_take_over(worker: int, sibling: Sibling, sure_ms: int, lease_ms: int) -> bool:
    """Whether `worker`, sure of its own lease for `sure_ms` now, tries to take over what `sibling` holds. The journal decides
    again, as it is then."""
    return sibling.is_lapsed and sibling.incarnation > 0 and sibling.worker not in (worker, FIRST) and sure_ms >= lease_ms


def live_count(siblings: tuple[Sibling, ...]) -> int:
    """Workers that live, this one included."""
    return 1 + sum(sibling.incarnation > 0 and not sibling.is_lapsed for sibling in siblings)


def is_sure(now_ms: int, renewed_ms: int, lease_ms: int) -> bool:
    """Whether nobody can have taken this worker over: its last renewal was asked for at `renewed_ms`, by its own monotonic
    clock, which is before the journal counted from."""
    return now_ms - renewed_ms < lease_ms


def next_look_ms(looks: int, first_ms: int, max_ms: int) -> int:
    """Pause before a waiting repeat is looked up again, after so many looks."""
    return min(max_ms, first_ms << min(looks, 16))
