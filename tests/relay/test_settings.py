"""The model of the configuration: strict types, no unknown names, every setting with a sentence, bounds at their limits."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from relay.exchange.hotspots import HotLimits
from relay.exchange.telling import TellingLimits
from relay.reconnect import door_limits, ramp_rules, telling_limits
from relay.reconnectsettings import ReconnectSettings
from relay.settings import CoreSettings, HotLanesSettings, JournalSettings, ListenerSettings, Settings, TlsSettings
from relay.wire.door import DoorLimits
from relay.wire.ramp import RampRules


def problems_of(model: type[BaseModel], **values: Any) -> list[str]:
    with pytest.raises(ValidationError) as raised:
        model(**values)
    return [".".join(map(str, error["loc"])) for error in raised.value.errors()]


def models(model: type[BaseModel], seen: set[type[BaseModel]]) -> set[type[BaseModel]]:
    """`model` and every model below it."""
    if model in seen:
        return seen
    seen.add(model)
    for field in model.model_fields.values():
        for part in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(part, type) and issubclass(part, BaseModel):
                models(part, seen)
    return seen


def test_the_empty_file_is_a_whole_configuration_but_for_listeners() -> None:
    settings = Settings()
    assert settings.listener == ()
    assert settings.core.call_timeout_ms < ListenerSettings(name="atm").reply_deadline_ms


def test_every_setting_has_a_sentence() -> None:
    bare = [
        f"{model.__name__}.{name}"
        for model in models(Settings, set())
        for name, field in model.model_fields.items()
        if model is not Settings and not (field.description or "").strip()
    ]
    assert not bare


def test_a_number_in_quotes_and_an_unknown_name_are_mistakes() -> None:
    assert problems_of(CoreSettings, port="443", prot=1) == ["port", "prot"]


@pytest.mark.parametrize(
    ("model", "name", "good", "bad"),
    [
        (ReconnectSettings, "accept_per_s", 1, 0),
        (ReconnectSettings, "waiting_ms_max", 60_000, 60_001),
        (ReconnectSettings, "tls_handshakes_count_max", 1, 0),
        (ReconnectSettings, "ramp_start_percent", 100, 101),
        (ReconnectSettings, "sign_on_inflight_count_max", 64, 65),
        (JournalSettings, "duplicate_window_days", 35, 34),
        (JournalSettings, "duplicate_window_days", 400, 401),
        (CoreSettings, "port", 65_535, 65_536),
        (CoreSettings, "port", 1, 0),
        (CoreSettings, "call_timeout_ms", 1, 0),
        (CoreSettings, "call_timeout_ms", 86_400_000, 86_400_001),
        (CoreSettings, "connections_per_address_max", 1_000, 1_001),
        (CoreSettings, "answer_bytes_max", 1_024, 1_023),
    ],
)
def test_bounds_hold_at_their_limits(model: type[BaseModel], name: str, good: int, bad: int) -> None:
    assert getattr(model(**{name: good}), name) == good
    assert problems_of(model, **{name: bad}) == [name]


def test_certificate_and_key_come_together_and_a_demand_needs_authorities() -> None:
    TlsSettings(certificate="a.pem", key="credential:atm-key")
    assert problems_of(TlsSettings, certificate="a.pem") == [""]
    assert problems_of(TlsSettings, require_peer_certificate=True) == [""]


def test_two_listeners_of_one_name_are_a_mistake() -> None:
    one = {"name": "atm", "endpoint": "tcp:1"}
    assert problems_of(Settings, listener=(one, one))


def test_nothing_can_be_changed_afterwards() -> None:
    with pytest.raises(ValidationError):
        Settings().core.port = 1  # type: ignore[misc]  # what mypy refuses too


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("factor", 2.0, 1_000.0),
        ("terminal_per_s_min", 0.001, 100_000.0),
        ("branch_per_s_min", 0.001, 100_000.0),
        ("account_per_s_min", 0.001, 100_000.0),
        ("leave_percent", 1, 99),
        ("calm_ms", 1, 86_400_000),
        ("fast_half_life_ms", 200, 60_000),
        ("usual_half_life_ms", 60_000, 86_400_000),
        ("learning_ms", 1, 86_400_000),
        ("keys_count_max", 16, 65_536),
        ("lanes_count_max", 1, 256),
        ("share_percent", 1, 90),
        ("lane_share_percent", 1, 90),
    ],
)
def test_hot_lanes_settings_at_their_limits(name: str, least: float, most: float) -> None:
    for value in (least, most):
        assert getattr(HotLanesSettings.model_validate({name: value}), name) == value
    for value in (least - 1, most + 1):
        with pytest.raises(ValidationError):
            HotLanesSettings.model_validate({name: value})


def test_hot_lanes_settings_and_the_limits_they_become_have_the_same_defaults() -> None:
    assert HotLimits(**HotLanesSettings().model_dump()) == HotLimits()


def test_a_floor_of_sign_ons_above_its_ceiling_is_a_mistake() -> None:
    assert problems_of(ReconnectSettings, sign_on_inflight_count_min=5, sign_on_inflight_count_max=4) == [""]
    ReconnectSettings(sign_on_inflight_count_min=4, sign_on_inflight_count_max=4)


def test_the_door_and_the_settings_have_the_same_defaults() -> None:
    settings = ReconnectSettings()
    assert (door_limits(settings), ramp_rules(settings)) == (DoorLimits(), RampRules())
    assert telling_limits(settings) == TellingLimits()
