"""Card numbers in clear: what a person sees of exchanges once the journal itself holds the record of it.

Owns the one way from a stored exchange to its card number for people. It must never write. The trap: "it was recorded" is what
somebody said; what counts is the record read back from the journal that the exchanges come from, with their numbers in it. So
that record has to be shown here, and whatever it does not name stays masked.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from relay.journal.audit import StoredReveal
from relay.journal.reader import ExchangeView, view
from relay.journal.records import StoredExchange


def clear_views(found: Sequence[StoredExchange], proof: StoredReveal) -> list[ExchangeView]:
    """What people see of `found`, with the card numbers of those that `proof` names. `proof` was read back from the journal."""
    named = set(proof.reveal.exchange_ids)
    return [_clear(stored) if stored.taken.exchange_id in named else view(stored) for stored in found]


def _clear(stored: StoredExchange) -> ExchangeView:
    pan = stored.taken.pan
    return msgspec.structs.replace(view(stored), pan=None if pan is None else pan.reveal())
