"""PostgreSQL of the lab: each center's journal with its standby at the other center, and the lease database at a third place.
Pure.

Owns the servers, their settings and the words of the programs that make them. It must never run one (lab.py does). The traps:
no server waits for a standby (`synchronous_standby_names` stays empty), for the relay itself does, per class of message, and
a server that waited would stop with the other center; and namespaces share the file system, so each server has a folder for
its socket.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from relay.loopback.lab.topology import CENTERS, LEASE_HOST, LEASE_PORT, THIRD, path_ips, peer_of

ROLE, DATABASE, OWNER = "relay", "relay", "postgres"
STANDBY = "standby"  # application_name of every standby
SETTINGS = """
max_connections = 50
shared_buffers = 32MB
max_wal_size = 256MB
wal_level = replica
max_wal_senders = 4
wal_keep_size = 256MB
hot_standby = on
log_min_messages = warning
wal_sender_timeout = 1000ms
wal_receiver_timeout = 2000ms
wal_retrieve_retry_interval = 500ms
tcp_user_timeout = 2000
"""
ACCESS = """
local all all trust
local replication all trust
host all all 10.0.0.0/8 trust
host replication all 10.0.0.0/8 trust
"""


class Server(msgspec.Struct, frozen=True):
    """One PostgreSQL server. `copy_of` names the server that it follows."""

    name: str
    node: str
    host: str
    port: int
    copy_of: str = ""


def servers() -> tuple[Server, ...]:
    """Primaries before their standbys."""
    made = [Server("lease", THIRD, LEASE_HOST, LEASE_PORT)]
    for number, city in enumerate(CENTERS, 1):
        made.append(Server(f"journal-{city}", f"{city}-center", path_ips(city)[0], 5500 + 2 * number))
    for number, city in enumerate(CENTERS, 1):
        peer = peer_of(city)
        made.append(
            Server(f"standby-{city}", f"{peer}-center", path_ips(peer)[0], 5501 + 2 * number, copy_of=f"journal-{city}")
        )
    return tuple(made)


def server(name: str) -> Server:
    """Raises KeyError."""
    return {each.name: each for each in servers()}[name]


def journal_dsn(city: str) -> str:
    """The center's own server alone: its copy at the other center is the heir's to open."""
    return _dsn(server(f"journal-{city}"))


def copy_dsn(city: str) -> str:
    """The server at this center that copies the other one's journal."""
    return _dsn(server(f"standby-{peer_of(city)}"))


def _dsn(server: Server) -> str:
    return f"postgresql://{ROLE}@{server.host}:{server.port}/{DATABASE}"


def lease_dsn() -> str:
    return f"postgresql://{ROLE}@{LEASE_HOST}:{LEASE_PORT}/{DATABASE}"


def making(programs: str, server: Server, data: str) -> list[str]:
    """The words that make a server's data."""
    if server.copy_of:
        patient = f"{_source(server)} options='-c wal_sender_timeout=60s'"  # a busy machine pauses the making of a copy
        return [f"{programs}/pg_basebackup", "-D", data, "-R", "-X", "stream", "-c", "fast", "--no-sync", "-d", patient]
    return [f"{programs}/initdb", "-D", data, "-U", OWNER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]


def _source(copy: Server) -> str:
    source = server(copy.copy_of)
    return f"host={source.host} port={source.port} user={OWNER} application_name={STANDBY}"


def serving(programs: str, server: Server, folder: str) -> list[str]:
    words = [f"{programs}/postgres", "-D", f"{folder}/data", "-k", folder, "-p", str(server.port)]
    words += ["-c", f"listen_addresses={server.host}"]
    return [*words, "-c", f"primary_conninfo={_source(server)}"] if server.copy_of else words


def asking(server: Server, folder: str, statement: str, database: str = DATABASE) -> list[str]:
    """psql over the server's socket, which every namespace sees."""
    words = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", folder, "-p", str(server.port)]
    return [*words, "-U", OWNER, "-d", database, "-c", statement]


def first_statements() -> Iterator[tuple[str, str]]:
    """What a new primary is told, and in which database: the relay sees how far its standby is, and promotes the one it has."""
    yield "postgres", f"CREATE ROLE {ROLE} LOGIN"
    yield "postgres", f"CREATE DATABASE {DATABASE} OWNER {ROLE}"
    yield "postgres", f"GRANT pg_read_all_stats TO {ROLE}"
    yield DATABASE, f"GRANT EXECUTE ON FUNCTION pg_promote(boolean, integer) TO {ROLE}"


def copying(city: str, of: str) -> Server:
    """The server of a center's own journal, when it comes back as a copy of `of`, which has the journal meanwhile."""
    return msgspec.structs.replace(server(f"journal-{city}"), copy_of=of)


STREAMING = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
CAUGHT_UP = f"{STREAMING} AND flush_lsn >= pg_current_wal_flush_lsn()"
PROMOTE = "SELECT pg_promote(true, 30)"
LISTED = """
SELECT json_build_object('key', t.key, 'terminal', t.terminal, 'why', t.kind)
FROM relay_journal.standing s JOIN relay_journal.taken t USING (exchange_id) WHERE s.attention = 2"""
