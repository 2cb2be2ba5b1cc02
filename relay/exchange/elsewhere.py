"""What this center's journal knows that the other center of a pair must not contradict: a reversal that was acknowledged here.

Owns the answer to one question of the other center. It must never ask the core, nor know how the question travels
(relay/pair/). The essay: each center owns its journal, and the core learns of a reversal when the center that took it delivers
it. Until then an original that comes again at the other center would be approved there, after its terminal was told that it is
reversed. So a message that says it is a repeat waits for the other center's word before anything is answered. The traps: the
reversal may be all that is known here, its original unknown; and silence is no word, so that whoever asks goes on after it as
if there were no other center: the core ends up consistent then, and only the reply was wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from protocols.vocabulary import MessageClass
from relay.journal.chain import Chain
from relay.journal.port import Journal, JournalFailed
from relay.journal.records import StoredExchange

AskOther: TypeAlias = Callable[[str, Callable[[bool], None]], None]


def nobody_else(key: str, done: Callable[[bool], None]) -> None:
    """There is no other center to be asked: whether it has acknowledged a reversal of `key` is taken for no."""
    done(False)


def is_reversed_here(journal: Journal, key: str, done: Callable[[bool | None], None]) -> None:
    """Whether a reversal of `key` by its terminal is durable in `journal`; None where that cannot be read."""
    journal.find(key, partial(_found, journal, key, done))


def _found(
    journal: Journal, key: str, done: Callable[[bool | None], None], stored: StoredExchange | JournalFailed | None
) -> None:
    if isinstance(stored, JournalFailed):
        done(None)
    elif stored is not None:
        done(stored.reversed_by != 0)
    else:
        journal.find_chain(key, partial(_chain_found, done))


def _chain_found(done: Callable[[bool | None], None], chain: Chain | JournalFailed) -> None:
    """Its original is not known here: whatever was taken back of it, the same original again is no new request."""
    if isinstance(chain, JournalFailed):
        done(None)
    else:
        done(any(member.message_class is MessageClass.REVERSAL for member in chain))
