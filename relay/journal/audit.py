"""Who was shown card numbers in clear, when and why: the record that is durable before anything is shown.

Owns `Reveal`, its limits, its row and the statements that both engines share. Pure. It must never hold a card number: a
person may type one into the reason, so every text of a record is masked when the record is made, on either end. The trap: a
record is proof only where it was read back from the journal whose cards are shown; hence the token.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from relay.telemetry.mask import mask_text

REVEAL_COUNT_MAX: Final = 100  # exchanges in one reveal: a person reads them, nobody takes a list away
SAID_CHARS_MAX: Final = 1_000  # of a name or a reason

INSERT_REVEAL: Final = (
    "INSERT INTO reveal (token, at_ms, who, reason, uid, asked, exchange_ids) VALUES (?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (token) DO NOTHING"
)
_SELECT: Final = "SELECT reveal_id, token, at_ms, who, reason, uid, asked, exchange_ids FROM reveal"
FIND_REVEAL: Final = f"{_SELECT} WHERE token = ?"
SELECT_REVEALS: Final = f"{_SELECT} WHERE reveal_id > ? ORDER BY reveal_id LIMIT ?"
SELECT_NEWEST_REVEALS: Final = f"{_SELECT} ORDER BY reveal_id DESC LIMIT ?"
COUNT_REVEALS: Final = "SELECT count(*) FROM reveal"


class Reveal(msgspec.Struct, frozen=True, kw_only=True):
    """One act. Made by `reveal_of`."""

    token: str
    at_ms: int  # UTC epoch milliseconds
    who: str
    reason: str
    uid: int
    asked: str
    exchange_ids: tuple[int, ...]


class StoredReveal(msgspec.Struct, frozen=True):
    """One act as the journal has it: durable."""

    reveal_id: int
    reveal: Reveal


def reveal_of(*, token: str, at_ms: int, who: str, reason: str, uid: int, asked: str, exchange_ids: Sequence[int]) -> Reveal:
    """Raises ValueError, in words, for one that nobody signed, that shows nothing, or that shows more than REVEAL_COUNT_MAX."""
    who, reason = who.strip(), reason.strip()
    if not who or not reason:
        raise ValueError("card numbers are shown to a person with a name and for a reason, both not empty")
    if max(len(who), len(reason)) > SAID_CHARS_MAX:
        raise ValueError(f"a name and a reason have at most {SAID_CHARS_MAX} characters")
    if not 0 < len(exchange_ids) <= REVEAL_COUNT_MAX:
        raise ValueError(f"card numbers of 1 to {REVEAL_COUNT_MAX} exchanges are shown at a time, not {len(exchange_ids)}")
    if len(token) < 32:
        raise ValueError("a reveal has a token of 32 characters")
    return Reveal(
        token=token,
        at_ms=at_ms,
        who=mask_text(who),
        reason=mask_text(reason),
        uid=uid,
        asked=mask_text(asked[:SAID_CHARS_MAX]),
        exchange_ids=tuple(exchange_ids),
    )


def reveal_row(reveal: Reveal) -> tuple[str, int, str, str, int, str, str]:
    """The parameters of INSERT_REVEAL."""
    ids = msgspec.json.encode(reveal.exchange_ids).decode()
    return (reveal.token, reveal.at_ms, reveal.who, reveal.reason, reveal.uid, reveal.asked, ids)


def read_reveal(row: Sequence[Any]) -> StoredReveal:
    """One row of the statements above. Raises ValueError for one that the relay did not write."""
    ids = msgspec.json.decode(row[7], type=tuple[int, ...])
    return StoredReveal(
        row[0],
        Reveal(token=row[1], at_ms=row[2], who=row[3], reason=row[4], uid=row[5], asked=row[6], exchange_ids=ids),
    )
