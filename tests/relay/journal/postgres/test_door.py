"""What a DSN names, and what an error of the server, the driver or the wire means for a record."""

from __future__ import annotations

import asyncio
import shutil
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import trustme

from protocols.vocabulary import Secret
from relay.journal.postgres import schema
from relay.journal.postgres.door import BadRecord, Connection, Lost, Refused, Server, connect, servers
from relay.settings import JournalSettings
from tests.support.pgserver import PASSWORD, PostgresServer

SETTINGS = JournalSettings(engine="postgresql")
PATIENCE_S = 30.0


async def session(server: PostgresServer, *, patience_s: float = PATIENCE_S, mode: str = "read-write") -> Connection:
    return await connect(
        servers(server.dsn)[0],
        server.dsn,
        None,
        schema.writing_session(SETTINGS),
        connect_s=PATIENCE_S,
        patience_s=patience_s,
        session=mode,
    )


@pytest_asyncio.fixture(loop_scope="session")
async def connection(server: PostgresServer) -> AsyncIterator[Connection]:
    made = await session(server)
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("dsn", "found"),
    [
        ("postgresql://relay@db1:5433,db2/relay", [Server("db1", 5433), Server("db2", 5432)]),
        (
            "postgresql://relay@[2001:db8::1]:6000,[2001:db8::2]/relay",
            [Server("2001:db8::1", 6000), Server("2001:db8::2", 5432)],
        ),
        ("postgresql://%2Frun%2Fpostgresql:5432/relay?user=relay", [Server("/run/postgresql", 5432)]),
    ],
)
def test_a_dsn_names_servers_in_its_order(dsn: str, found: list[Server]) -> None:
    assert servers(dsn) == found


@pytest.mark.parametrize(
    "dsn", ["mysql://db/relay", "postgresql:///relay", "postgresql://db:0/relay", "postgresql://db1,,db2/x"]
)
def test_a_dsn_that_is_none_is_refused(dsn: str) -> None:
    with pytest.raises(ValueError, match=r"postgresql://|is no port"):
        servers(dsn)


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        ("SELECT $1::bigint", [1 << 70]),  # the driver refuses it
        ("SELECT $1::text", ["a\0b"]),  # the server refuses it
        ("SELECT $1::text", ["\udc80"]),  # nobody can encode it
        ("INSERT INTO pg_temp.numbers VALUES (1)", []),
    ],
)
async def test_a_record_can_be_guilty_and_the_session_lives(connection: Connection, sql: str, parameters: list[object]) -> None:
    await connection.run("CREATE TEMP TABLE IF NOT EXISTS numbers (n int CHECK (n > 1))")
    with pytest.raises(BadRecord):
        await connection.rows(sql, *parameters)
    assert (await connection.rows("SELECT 1"))[0][0] == 1


async def test_the_server_can_refuse_and_the_session_lives(connection: Connection) -> None:
    with pytest.raises(Refused) as caught:
        await connection.rows("SELECT no_such_column")
    assert caught.value.state == "42703"
    assert not connection.is_closed


async def test_patience_ends_by_cutting_never_by_cancelling(server: PostgresServer) -> None:
    connection = await session(server, patience_s=0.3)
    with pytest.raises(Lost):
        await connection.rows("SELECT pg_sleep(3)")
    assert connection.is_closed
    log = (server.folder / "log").read_text(encoding="utf-8", errors="replace")
    assert "canceling statement due to user request" not in log


async def test_a_session_that_the_server_ended_is_lost(connection: Connection) -> None:
    with pytest.raises(Lost):
        await connection.rows("SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(Lost):
        await connection.rows("SELECT 1")


async def test_a_warning_makes_a_result_unknown(connection: Connection) -> None:
    with pytest.raises(Lost, match="look out"):
        await connection.run("DO $$ BEGIN RAISE WARNING 'look out'; END $$")
    assert connection.is_closed


async def test_two_who_ask_at_once_wait_for_each_other(connection: Connection) -> None:
    answers = await asyncio.gather(*(connection.rows("SELECT $1::int", number) for number in range(5)))
    assert [rows[0][0] for rows in answers] == list(range(5))


async def test_nobody_there_is_lost_and_a_wrong_password_is_refused(server: PostgresServer) -> None:
    with socket.socket() as bound:  # not listening
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(Lost):
            await at_port(server, bound.getsockname()[1], PASSWORD)
    with pytest.raises(Refused) as caught:
        await at_port(server, server.port, "wrong")
    assert caught.value.state == "28P01"
    assert "wrong" not in str(caught.value)
    connection = await at_port(server, server.port, PASSWORD)
    await connection.close()


async def test_a_server_that_is_no_postgresql_is_lost_in_whatever_way_the_driver_trips() -> None:
    """With the words of a login that went well, and a version that is no text."""
    words = [(b"R", struct.pack("!i", 0)), (b"S", b"server_version\0\xff\0"), (b"K", struct.pack("!ii", 1, 2)), (b"Z", b"I")]

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1_000)
        writer.writelines(kind + struct.pack("!i", len(body) + 4) + body for kind, body in words)
        await reader.read(1_000)
        writer.close()

    listening = await asyncio.start_server(speak, "127.0.0.1", 0)
    there = Server("127.0.0.1", listening.sockets[0].getsockname()[1])
    try:
        dsn = f"postgresql://relay@{there}/relay?sslmode=disable"
        with pytest.raises(Lost, match="UnicodeDecodeError"):
            await connect(there, dsn, None, {}, connect_s=PATIENCE_S, patience_s=PATIENCE_S)
    finally:
        listening.close()


async def at_port(server: PostgresServer, port: int, password: str) -> Connection:
    dsn = f"postgresql://relay@127.0.0.1:{port}/relay"
    return await connect(servers(dsn)[0], dsn, Secret(password), {}, connect_s=PATIENCE_S, patience_s=PATIENCE_S)


async def test_tls_is_checked_against_the_name_and_the_authority(tmp_path: Path) -> None:
    server = PostgresServer()
    try:
        authority, stranger = trustme.CA(), trustme.CA()
        certificate = authority.issue_cert("localhost")
        for name, blob in (("server.crt", certificate.cert_chain_pems[0]), ("server.key", certificate.private_key_pem)):
            blob.write_to_path(server.data / name)
            (server.data / name).chmod(0o600)
            shutil.chown(server.data / name, server.data.stat().st_uid, server.data.stat().st_gid)
        server.sql("ALTER SYSTEM SET ssl = on", database="postgres")
        server.sql("SELECT pg_reload_conf()", database="postgres")
        authority.cert_pem.write_to_path(tmp_path / "ours.pem")
        stranger.cert_pem.write_to_path(tmp_path / "theirs.pem")
        for host, file, is_ours in (
            ("localhost", "ours.pem", True),
            ("localhost", "theirs.pem", False),
            ("127.0.0.1", "ours.pem", False),
        ):
            dsn = f"postgresql://relay@{host}:{server.port}/relay?sslmode=verify-full&sslrootcert={tmp_path / file}"
            work = connect(servers(dsn)[0], dsn, Secret(PASSWORD), {}, connect_s=PATIENCE_S, patience_s=PATIENCE_S)
            if is_ours:
                connection = await work
                assert (await connection.rows("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))[0][0]
                await connection.close()
            else:
                with pytest.raises(Lost, match="certificate"):
                    await work
    finally:
        server.remove()
