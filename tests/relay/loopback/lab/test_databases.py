"""The lab's PostgreSQL servers: each journal's standby stands at the other center, and everything has a place of its own."""

from __future__ import annotations

import pytest

from relay.loopback.lab import databases as d
from relay.loopback.lab.topology import CENTERS


def test_standbys_stand_crosswise_and_come_after_their_primaries() -> None:
    names = [server.name for server in d.servers()]
    for city, other in zip(CENTERS, CENTERS[::-1], strict=True):
        primary, standby = d.server(f"journal-{city}"), d.server(f"standby-{city}")
        assert (primary.node, standby.node) == (f"{city}-center", f"{other}-center")
        assert standby.copy_of == primary.name
        assert names.index(primary.name) < names.index(standby.name)
        assert d.journal_dsn(city) == f"postgresql://relay@{primary.host}:{primary.port}/relay", "never the copy"
        assert d.copy_dsn(other) == f"postgresql://relay@{standby.host}:{standby.port}/relay"
    assert d.server("lease").node == "third"
    assert len({(server.host, server.port) for server in d.servers()}) == len(names)


def test_no_server_waits_for_its_copy() -> None:
    assert "synchronous_standby_names" not in d.SETTINGS
    assert not any("synchronous_standby_names" in statement for _, statement in d.first_statements())
    words = d.making("/bin", d.server("standby-tokyo"), "/d")
    assert words[0] == "/bin/pg_basebackup"
    assert "application_name=standby" in words[-1]
    follows = d.serving("/bin", d.server("standby-tokyo"), "/d")
    assert "application_name=standby" in follows[-1]
    assert "wal_sender_timeout" not in follows[-1], "whoever made it may have been patient; a lost copy is missed at once"
    assert d.making("/bin", d.server("lease"), "/d")[0] == "/bin/initdb"


def test_a_journal_comes_back_as_a_copy_of_who_has_it_meanwhile() -> None:
    back = d.copying("tokyo", "standby-tokyo")
    assert (back.node, back.port) == (d.server("journal-tokyo").node, d.server("journal-tokyo").port)
    there = d.server("standby-tokyo")
    assert f"host={there.host} port={there.port}" in d.making("/bin", back, "/d")[-1]


def test_the_relay_may_see_its_copy_and_promote_the_other_ones() -> None:
    told = {statement.split()[1]: database for database, statement in d.first_statements() if statement.startswith("GRANT")}
    assert told == {"pg_read_all_stats": "postgres", "EXECUTE": d.DATABASE}, "a function's right is of one database"


def test_there_is_no_other_server() -> None:
    with pytest.raises(KeyError):
        d.server("journal-nagoya")
