"""Reading for people follows the writer to its server, and ends in time."""

from __future__ import annotations

from typing import Any

import pytest

from relay.errors import JournalUnusable
from relay.journal.postgres.aside import Aside
from relay.journal.postgres.door import Connection, Lost, Refused
from relay.journal.postgres.servers import Servers
from tests.support.pgserver import PostgresServer
from tests.support.postgresrig import PostgresRig
from tests.support.sqliterig import RigClock


async def port_of(connection: Connection) -> int:
    return int((await connection.rows("SELECT current_setting('port')::int"))[0][0])


async def test_it_follows_the_writer(server: PostgresServer, rig: PostgresRig) -> None:
    other = PostgresServer()
    both = rig.settings.model_copy(update={"dsn": f"postgresql://relay@{server.place},{other.place}/relay"})
    servers = Servers(both, None, RigClock())
    aside = Aside(servers)
    with pytest.raises(Lost):
        await aside.read(None, 1_000, port_of)
    try:
        for place in (servers._named[0], servers._named[1], servers._named[0]):
            writer = await servers._connect(place)
            assert await aside.read(writer, 20_000, port_of) == place.port
            assert await aside.read(writer, 20_000, port_of) == place.port, "on the same connection"
            await writer.close()
    finally:
        await aside.close()
        other.remove()


async def test_it_cannot_write_and_does_not_wait_for_ever(server: PostgresServer, rig: PostgresRig) -> None:
    servers = Servers(rig.settings, None, RigClock())
    writer = await servers._connect(servers._named[0])
    aside = Aside(servers)

    async def asks(sql: str, patience_ms: int) -> Any:
        return await aside.read(writer, patience_ms, lambda connection: connection.rows(sql))

    with pytest.raises(Lost, match="read-only"):
        await asks("CREATE TABLE t (n int)", 20_000)
    with pytest.raises((Refused, Lost)):
        await asks("SELECT pg_sleep(20)", 300)
    await aside.close()
    await writer.close()


def test_a_read_for_people_ends_in_words(rig: PostgresRig) -> None:
    async def broken(connection: Connection) -> Any:
        return await connection.rows("SELECT no_such_column")

    with pytest.raises(JournalUnusable, match="no_such_column"):
        rig.journal._writer.read(broken)
