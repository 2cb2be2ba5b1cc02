"""What a person writes without the relay: an adoption only where no relay runs, a record of a reveal at any time."""

from __future__ import annotations

import pytest

from relay.errors import JournalUnusable
from relay.journal.keytable import Identity
from relay.journal.postgres.alone import adopt, record_alone
from relay.journal.shared import Share
from tests.support.postgresrig import PostgresRig
from tests.support.secrets_suite import revealing

LEASE_MS = 6_000
TOKYO, OSAKA = Identity("tokyo", "bank"), Identity("osaka", "bank")


def test_a_journal_of_another_relay_is_refused_until_somebody_signs_for_it(rig: PostgresRig) -> None:
    rig.journal.close()
    rig.journal = rig.open(identity=TOKYO)
    with pytest.raises(JournalUnusable, match="in use by another relay"):
        adopt(rig.settings, None, OSAKA, "Sato", "host replaced")
    rig.journal.close()
    with pytest.raises(JournalUnusable, match="belongs to another relay"):
        rig.open(identity=OSAKA)
    assert adopt(rig.settings, None, OSAKA, "Sato", "host replaced") == TOKYO
    assert rig.sql("SELECT who, why, center, realm FROM adoption").strip().endswith("Sato|host replaced|tokyo|bank")
    rig.journal = rig.open(identity=OSAKA)


def test_a_worker_that_outlived_the_first_stops_an_adoption(rig: PostgresRig) -> None:
    rig.journal.close()
    rig.journal = rig.open(identity=TOKYO, share=Share(1, LEASE_MS, begins_run=True))
    second = rig.open(identity=TOKYO, share=Share(2, LEASE_MS))
    rig.journal.close()
    try:
        with pytest.raises(JournalUnusable, match="in use by another relay"):
            adopt(rig.settings, None, OSAKA, "Sato", "host replaced")
    finally:
        second.close()
    assert adopt(rig.settings, None, OSAKA, "Sato", "host replaced") == TOKYO
    rig.journal = rig.open(identity=OSAKA)


def test_one_that_names_nobody_is_signed_for_too(rig: PostgresRig) -> None:
    rig.journal.close()
    assert adopt(rig.settings, None, OSAKA, "Sato", "first use") is None
    assert adopt(rig.settings, None, OSAKA, "Sato", "again") == OSAKA
    rig.journal = rig.open(identity=OSAKA)


def test_a_signature_that_cannot_be_stored_changes_nothing(rig: PostgresRig) -> None:
    rig.journal.close()
    adopt(rig.settings, None, TOKYO, "Sato", "first use")
    with pytest.raises(JournalUnusable, match="cannot be written"):
        adopt(rig.settings, None, OSAKA, "Sato", "nul \0")
    rig.journal = rig.open(identity=TOKYO)


def test_a_record_is_written_beside_a_running_relay(rig: PostgresRig) -> None:
    record_alone(rig.settings, None, revealing(1))
    assert [each.reveal for each in rig.journal.reveals(0, 10)] == [revealing(1)]
    with pytest.raises(JournalUnusable, match="cannot be written"):
        record_alone(rig.settings, None, revealing(2, who="\ud800"))


def test_a_server_that_is_away_and_a_journal_that_is_not_there(rig: PostgresRig) -> None:
    away = rig.settings.model_copy(update={"dsn": "postgresql://relay@127.0.0.1:1/relay"})
    with pytest.raises(JournalUnusable, match="cannot be opened"):
        record_alone(away, None, revealing(1))
    with pytest.raises(JournalUnusable, match="is not there"):
        adopt(rig.settings.model_copy(update={"schema_name": "nowhere"}), None, OSAKA, "Sato", "why")
    with pytest.raises(JournalUnusable, match="cannot be read"):
        adopt(rig.settings.model_copy(update={"dsn": "mysql://x"}), None, OSAKA, "Sato", "why")
