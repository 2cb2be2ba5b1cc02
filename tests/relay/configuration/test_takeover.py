"""What `[takeover]` must be: a pair, a database that is not our own, no password, one worker."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from relay.configuration.takeover import check_takeover, takeover_credentials
from relay.handoversettings import TakeoverSettings
from relay.settings import Settings

DSN = "postgresql://relay@127.0.0.1:5433/relay"


def found(**tables: Any) -> list[tuple[str, bool]]:
    settings = Settings.model_validate({"pair": {"peer": "osaka"}, **tables})
    return [(".".join(map(str, wrong.path)), wrong.is_warning) for wrong in check_takeover(settings)]


def test_a_copy_and_a_peer_are_all_it_needs() -> None:
    assert found(takeover={"dsn": DSN}) == []
    assert found() == []
    assert found(pair={}) == []


def test_what_is_missing_or_too_much() -> None:
    assert found(pair={}, takeover={"dsn": DSN}) == [("takeover.dsn", False)]
    assert found(takeover={"look_ms": 500}) == [("takeover.look_ms", True)]
    assert found(takeover={"own_look_ms": 500}) == [], "a center asks about itself, whoever has a copy of its journal"
    assert found(pair={}, takeover={"own_look_ms": 500}) == [("takeover.own_look_ms", True)]
    assert found(takeover={"dsn": "mysql://db/relay"}) == [("takeover.dsn", False)]
    assert found(takeover={"dsn": "postgresql://relay:secret@db/relay"}) == [("takeover.dsn", False)]


def test_our_own_journal_is_not_the_other_centers() -> None:
    own = {"engine": "postgresql", "dsn": DSN}
    assert found(takeover={"dsn": DSN}, journal=own) == [("takeover.dsn", False)]
    assert found(takeover={"dsn": DSN, "schema_name": "relay_osaka"}, journal=own) == []


def test_one_process_has_it() -> None:
    own = {"engine": "postgresql", "dsn": "postgresql://relay@db/relay"}
    assert found(takeover={"dsn": DSN}, journal=own, relay={"workers": 2}) == [("relay.workers", False)]


def test_a_mark_that_the_copy_lacks_would_be_sent_again() -> None:
    pair = {"peer": "osaka", "journal_standby": "osaka"}
    assert found(takeover={"dsn": DSN}, pair=pair) == []
    by_disk = {**pair, "ack_needs_outward": ("local+peer", "local")}
    assert found(takeover={"dsn": DSN}, pair=by_disk) == [("pair.ack_needs_outward", False)]
    assert found(pair=by_disk) == [], "nobody takes anything over"


def test_every_credential_is_named_with_its_place() -> None:
    table = TakeoverSettings(dsn=DSN, older_key_credentials=("old-key",), password_credential="pw")
    assert [name for _, name in takeover_credentials(table)] == ["peer-journal-key", "old-key", "pw"]


def test_the_limits_of_the_look_at_ones_own_standing() -> None:
    assert TakeoverSettings().own_look_ms == 2_000
    for at_the_limit, beyond in ((100, 99), (60_000, 60_001)):
        assert TakeoverSettings(own_look_ms=at_the_limit).own_look_ms == at_the_limit
        with pytest.raises(ValidationError):
            TakeoverSettings(own_look_ms=beyond)
