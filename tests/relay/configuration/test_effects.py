"""No setting without a decision about what a reload does with it."""

from __future__ import annotations

import pytest

from relay.configuration.effects import EFFECTS, LISTENER_REOPENED, RESTART_TABLES, Effect, effect_of
from relay.configuration.wording import models_in
from relay.settings import ListenerSettings, Settings

TABLES = {name: models_in(field.annotation)[0] for name, field in Settings.model_fields.items()}


def test_every_setting_has_an_effect_and_no_row_is_left_over() -> None:
    single = {
        f"{table}.{name}"
        for table in ("relay", "telemetry", "hot_lanes", "hours", "reconnect")
        for name in TABLES[table].model_fields
    }
    assert set(EFFECTS) == single | {"journal.key_credential", "journal.older_key_credentials"}
    assert set(TABLES) == {"relay", "telemetry", "hot_lanes", "hours", "reconnect", "listener", "dialer", *RESTART_TABLES}
    assert set(ListenerSettings.model_fields) >= LISTENER_REOPENED


@pytest.mark.parametrize(
    ("table", "name", "effect"),
    [
        ("relay", "realm", Effect.RESTART),
        ("telemetry", "log_level", Effect.LIVE),
        ("journal", "path", Effect.RESTART),
        ("journal", "key_credential", Effect.LIVE),
        ("core", "call_timeout_ms", Effect.RESTART),
        ("listener", "endpoint", Effect.REOPENED),
        ("listener", "reply_deadline_ms", Effect.NEW_LINKS),
        ("dialer", "reply_deadline_ms", Effect.REOPENED),
        ("lease", "ttl_ms", Effect.RESTART),
        ("drain", "order", Effect.RESTART),
        ("listener", "exclusive", Effect.RESTART),
        ("dialer", "lease_name", Effect.RESTART),
    ],
)
def test_effects(table: str, name: str, effect: Effect) -> None:
    assert effect_of(table, name) is effect


def test_a_setting_that_nobody_decided_about_is_an_error() -> None:
    with pytest.raises(KeyError):
        effect_of("relay", "colour")
