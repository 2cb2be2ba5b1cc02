"""Whose journal it is and which keys it needs, on PostgreSQL."""

from __future__ import annotations

import pytest

from relay.errors import JournalUnusable
from relay.journal.keyring import KeyRing
from relay.journal.keytable import Identity
from tests.support.postgresrig import PostgresRig
from tests.support.sqliterig import KEY

NEW = b"n" * 32


def test_a_new_key_is_never_taken_without_the_one_before_it(rig: PostgresRig) -> None:
    rig.journal.close()
    with pytest.raises(JournalUnusable, match=f"key {KeyRing(KEY).key_id}; the key given is {KeyRing(NEW).key_id}"):
        rig.open(key=NEW)
    rig.journal = rig.open(key=NEW, older=[KEY])
    rig.journal.close()
    with pytest.raises(JournalUnusable, match=KeyRing(KEY).key_id):
        rig.open(key=NEW)


def test_another_centers_journal_is_refused(rig: PostgresRig) -> None:
    rig.journal.close()
    rig.journal = rig.open(identity=Identity("tokyo", "bank"))
    rig.journal.close()
    with pytest.raises(JournalUnusable, match="belongs to another relay"):
        rig.open(identity=Identity("osaka", "bank"))
    rig.journal = rig.open(identity=Identity("tokyo", "bank"))
