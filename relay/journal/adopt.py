"""A person takes over another relay's journal: who, why and when stay in it.

Owns the one change that is made to a journal without its relay. The trap: two relays that go on with copies of one journal give
the same numbers twice, so it is done under the relay's lock, by a person who signs, and never by itself.
"""

from __future__ import annotations

import msgspec

from relay.journal.keytable import Identity, identity_of
from relay.journal.schema import FileLock, open_for_adoption


class Adoption(msgspec.Struct, frozen=True):
    at_ms: int  # UTC epoch milliseconds
    who: str
    why: str
    before: str
    after: str


def adopt(path: str, mine: Identity, who: str, why: str, at_ms: int) -> Identity | None:
    """Make the journal `mine`, durably, with the signature. Returns whose it was. Raises JournalUnusable."""
    lock = FileLock(path)
    try:
        connection = open_for_adoption(path)
        try:
            before = identity_of(connection)
            signed = msgspec.json.encode(Adoption(at_ms, who, why, str(before or ""), str(mine))).decode()
            connection.execute("BEGIN IMMEDIATE")
            for name, value in (("center", mine.center), ("realm", mine.realm), (f"adopted_{at_ms}", signed)):
                connection.execute(
                    "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                    (name, value),
                )
            connection.execute("COMMIT")
        finally:
            connection.close()
    finally:
        lock.release()
    return before
