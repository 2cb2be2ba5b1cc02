"""The relay whose walk over an older key's rows stands still: `WALK_HELD=FILE python -m tests.support.heldwalk run CONFIG`.

Owns the stand: from HELD_COUNT rows on, for as long as FILE is there, a slice does nothing and says that there may be more. So
a test meets the walk under way however fast the machine is. It must never change what a slice does, and the product knows
nothing of it. The trap: records wait behind a slice, so one that stands still lasts no longer than one that works.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import threading
from pathlib import Path

from relay.journal import walks
from relay.journal.items import RekeyItem
from relay.journal.keyring import KeyRing
from relay.journal.postgres import transactions
from relay.journal.postgres.door import Connection
from relay.journal.postgres.rekey import Walked
from relay.main import main

HELD_COUNT = 400
REST_S = 0.005
NEVER = threading.Event()


def stand_still(held: Path) -> None:
    """Of both engines."""
    slice_of_sqlite, slice_of_server = walks.rekey_slice, transactions.rekey_slice

    def is_held(item: RekeyItem) -> bool:
        return item.rekeyed_count >= HELD_COUNT and held.exists()

    def rekey_slice(connection: sqlite3.Connection, item: RekeyItem, keys: KeyRing) -> bool:
        if not is_held(item):
            return slice_of_sqlite(connection, item, keys)
        NEVER.wait(REST_S)
        return True

    async def rekey_slice_on_server(connection: Connection, item: RekeyItem, keys: KeyRing) -> Walked:
        if not is_held(item):
            return await slice_of_server(connection, item, keys)
        await asyncio.sleep(REST_S)
        return Walked(0, True, item.above_id, item.above_outbound_id)

    walks.rekey_slice = rekey_slice
    transactions.rekey_slice = rekey_slice_on_server


if __name__ == "__main__":
    stand_still(Path(os.environ["WALK_HELD"]))
    sys.exit(main(sys.argv[1:]))
