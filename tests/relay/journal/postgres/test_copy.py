"""The copy of another center's journal: it is asked whether it writes, is made to, and is opened only where it is that one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from relay.clock import SystemClock
from relay.errors import JournalUnusable
from relay.journal.generation import LINK_NAME, NAME, Generation, pack_generation, read_generation
from relay.journal.keytable import Identity
from relay.journal.postgres.copy import PostgresCopy
from relay.journal.postgres.engine import PostgresJournal
from relay.settings import JournalSettings
from tests.support.pgserver import PostgresServer
from tests.support.postgresrig import KEY, PostgresRig

TOKYO = Identity("tokyo", "bank")


def copy_at(settings: JournalSettings, identity: Identity = TOKYO, command: tuple[str, ...] = ()) -> PostgresCopy:
    def soon(callback: Callable[[], None]) -> object:
        return asyncio.get_event_loop().call_soon_threadsafe(callback)

    return PostgresCopy(settings, KEY, (), None, identity, command, call_soon_threadsafe=soon, clock=SystemClock())


async def test_a_copy_follows_until_it_is_promoted_and_then_has_everything(own: PostgresRig) -> None:
    own.journal.close()
    own.journal = own.open(identity=TOKYO)
    first = own.journal.incarnation
    own.journal.store_variable(LINK_NAME, NAME, pack_generation(Generation(1, "earlier", "")), lambda result: None)
    own.journal.close()
    standby = own.server.standby()
    try:
        standby.sql("SELECT 1")
        settings = own.settings.model_copy(update={"dsn": standby.dsn})
        copy = copy_at(settings)
        assert not await copy.is_writing()
        with pytest.raises(JournalUnusable, match="does not write yet"):
            await copy.open(lambda why: None)
        own.server.sql("GRANT EXECUTE ON FUNCTION pg_promote(boolean, integer) TO relay")
        own.server.wait_for("SELECT count(*) = 0 FROM pg_stat_replication WHERE replay_lsn < pg_current_wal_lsn()")
        own.server.kill()
        assert abs(await copy.copied_until() - SystemClock().wall_ms()) < 60_000
        await copy.promote()
        async with asyncio.timeout(30):
            while not await copy.is_writing():
                continue
        assert await copy.copied_until() == 0, "once it writes, what it has is its own"
        assert await copy.generation() == Generation(1, "earlier", "")
        journal = await copy.open(lambda why: None, first + 100)
        assert isinstance(journal, PostgresJournal)
        assert journal.incarnation == first + 100, "above every life that the copy may never have heard of"
        assert read_generation(journal.variables(LINK_NAME)).run == "earlier"
        assert journal.relay_epoch == 10_000_000 + journal.incarnation
        await asyncio.to_thread(journal.close)
        again = await copy.open(lambda why: None, first + 100)
        assert again.incarnation == first + 101, "and once only"
        await asyncio.to_thread(again.close)
    finally:
        standby.remove()


async def test_another_centers_journal_and_an_empty_database_are_not_opened(own: PostgresRig) -> None:
    own.journal.close()
    own.journal = own.open(identity=Identity("kyoto", "bank"))
    own.journal.close()
    with pytest.raises(JournalUnusable, match="is kyoto's, not tokyo's"):
        await copy_at(own.settings).open(lambda why: None)
    with pytest.raises(JournalUnusable, match="not there"):
        await copy_at(own.settings.model_copy(update={"schema_name": "nothing_here"})).is_writing()


async def test_a_command_promotes_where_the_server_may_not(server: PostgresServer, rig: PostgresRig) -> None:
    await copy_at(rig.settings, command=("true",)).promote()
    for command, said in ((("false",), "ended with 1"), (("/nowhere/at/all",), "did not end")):
        with pytest.raises(JournalUnusable, match=said):
            await copy_at(rig.settings, command=command).promote()


async def test_a_server_that_is_away_is_told() -> None:
    settings = JournalSettings(engine="postgresql", dsn="postgresql://relay@127.0.0.1:1/relay")
    with pytest.raises(JournalUnusable, match="does not answer"):
        await copy_at(settings).is_writing()
    with pytest.raises(JournalUnusable, match="cannot be read"):
        copy_at(settings.model_copy(update={"dsn": "mysql://x/y"}))
