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
        assert d.journal_dsn(city) == f"postgresql://relay@{primary.host}:{primary.port},{standby.host}:{standby.port}/relay"
    assert d.server("lease").node == "third"
    assert len({(server.host, server.port) for server in d.servers()}) == len(names)


def test_a_copy_never_brings_the_name_of_its_standby_along() -> None:
    assert "synchronous_standby_names" not in d.SETTINGS
    words = d.making("/bin", d.server("standby-tokyo"), "/d")
    assert words[0] == "/bin/pg_basebackup"
    assert "application_name=standby" in words[-1]
    assert d.making("/bin", d.server("lease"), "/d")[0] == "/bin/initdb"


def test_there_is_no_other_server() -> None:
    with pytest.raises(KeyError):
        d.server("journal-nagoya")
