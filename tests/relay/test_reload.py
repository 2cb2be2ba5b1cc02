"""A reload as a plan: what is taken over, what is drained, and what refuses the whole file."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.reload import ReloadPlan, plan_reload, reasons_of
from relay.settings import Settings


def made(**tables: Any) -> Settings:
    base: dict[str, Any] = {
        "listener": ({"name": "atm"}, {"name": "branch", "endpoint": "tcp:9000"}),
        "dialer": ({"name": "switch", "endpoint": "tcp:host=10.0.0.1:port=7000"},),
    }
    return Settings.model_validate({**base, **tables})


OLD = made()


def test_an_equal_file_changes_nothing() -> None:
    assert plan_reload(OLD, made()) == ReloadPlan(unchanged=("atm", "branch", "switch"))


def test_what_is_live_is_told_with_both_values() -> None:
    plan = plan_reload(OLD, made(telemetry={"log_level": "debug"}, relay={"drain_deadline_ms": 5_000}))
    assert plan.is_allowed
    assert plan.changes == ("relay.drain_deadline_ms: 30000 → 5000", "telemetry.log_level: info → debug")


@pytest.mark.parametrize(
    ("tables", "reason"),
    [
        ({"relay": {"center": "osaka"}}, "relay.center"),
        ({"relay": {"realm": "other"}}, "relay.realm"),
        ({"journal": {"path": "/elsewhere.sqlite"}}, "journal.path"),
        ({"core": {"name": "core2.bank.internal"}}, "core.name"),
        ({"core": {"tls": {"authorities": "/ca.pem"}}}, "core.tls"),
        ({"control": {"path": "/run/other.sock"}}, "control.path"),
        ({"outbound": {"endpoint": "tcp:9443:interface=127.0.0.1"}}, "outbound.endpoint"),
        ({"telemetry": {"metrics_port": 1}}, "telemetry.metrics_port"),
    ],
)
def test_one_setting_that_needs_a_restart_refuses_the_whole_file(tables: dict[str, Any], reason: str) -> None:
    harmless = {"listener": ({"name": "atm", "reply_deadline_ms": 9_000}, {"name": "branch", "endpoint": "tcp:9000"})}
    plan = plan_reload(OLD, made(**harmless, **tables))
    assert plan == ReloadPlan(reasons=(f"{reason} needs a restart",))


def test_every_reason_is_told() -> None:
    plan = plan_reload(OLD, made(relay={"center": "a", "realm": "b"}, journal={"group_count_max": 1}))
    assert len(plan.reasons) == 3


def test_a_changed_listener_keeps_its_port() -> None:
    plan = plan_reload(
        OLD,
        made(
            listener=(
                {"name": "atm", "reply_deadline_ms": 9_000, "terminals": ("A",)},
                {"name": "branch", "endpoint": "tcp:9000"},
            )
        ),
    )
    assert plan.changed_listeners == {"atm"}
    assert plan.unchanged == ("branch", "switch")
    assert plan.changes == ("listener atm: reply_deadline_ms, terminals, for links opened from now on",)


def test_certificates_and_overlays_are_read_again_though_their_names_are_the_same() -> None:
    tls = {"certificate": "/c.pem", "key": "/k.pem"}
    settings = made(
        listener=({"name": "atm", "tls": tls}, {"name": "branch", "profile": {"overlays": ["x"]}}, {"name": "plain"})
    )
    plan = plan_reload(settings, settings)
    assert plan.changed_listeners == {"atm", "branch"}
    assert plan.changes == ()


LINKS_DIFFER = [
    ({"listener": ({"name": "atm"},)}, "listener branch is removed"),
    ({"listener": (*({"name": n} for n in ("atm", "new")), {"name": "branch", "endpoint": "tcp:9000"})}, "listener new is new"),
    (
        {"listener": ({"name": "atm", "endpoint": "tcp:1"}, {"name": "branch", "endpoint": "tcp:9000"})},
        "listener atm has another endpoint",
    ),
    ({"dialer": ()}, "dialer switch is removed"),
    ({"dialer": ({"name": "switch", "endpoint": "tcp:host=10.0.0.2:port=1"},)}, "dialer switch has another endpoint"),
]


@pytest.mark.parametrize(("tables", "what"), LINKS_DIFFER)
def test_links_come_and_go(tables: dict[str, Any], what: str) -> None:
    plan = plan_reload(OLD, made(**tables))
    assert plan.is_allowed
    assert any(change.startswith(what) for change in plan.changes)


def test_a_listener_on_another_port_is_drained_and_opened() -> None:
    new = made(listener=({"name": "atm", "endpoint": "tcp:1"}, {"name": "branch", "endpoint": "tcp:9000"}))
    plan = plan_reload(OLD, new)
    assert (plan.removed_listeners, plan.added_listeners) == (("atm",), ("atm",))
    assert plan.changed_listeners == frozenset()


@pytest.mark.parametrize("endpoint", ["systemd:domain=INET:name=new", "unix:/run/relay/atm.sock"])
def test_what_can_be_opened_at_the_start_only_needs_a_restart(endpoint: str) -> None:
    new = made(listener=(*OLD.model_dump()["listener"], {"name": "new", "endpoint": endpoint}))
    assert plan_reload(OLD, new).reasons == ("listener new is new: needs a restart",)
    assert plan_reload(new, OLD).removed_listeners == ("new",), "it can be closed at any time"


def test_a_backlog_is_changed_where_it_is() -> None:
    new = made(listener=({"name": "atm", "backlog_count": 9}, {"name": "branch", "endpoint": "tcp:9000"}))
    assert plan_reload(OLD, new).changed_listeners == {"atm"}


NAMES = st.lists(st.sampled_from("abcd"), unique=True, max_size=4)


@given(NAMES, NAMES, st.booleans())
def test_every_link_is_in_exactly_one_place(old: list[str], new: list[str], is_other: bool) -> None:
    deadline = 9_000 if is_other else 15_000
    was = Settings.model_validate({"listener": tuple({"name": name} for name in old)})
    becomes = Settings.model_validate({"listener": tuple({"name": name, "reply_deadline_ms": deadline} for name in new)})
    plan = plan_reload(was, becomes)
    assert set(plan.removed_listeners) == set(old) - set(new)
    assert set(plan.added_listeners) == set(new) - set(old)
    kept = set(old) & set(new)
    assert (plan.changed_listeners, set(plan.unchanged)) == ((kept, set()) if is_other else (frozenset(), kept))


def test_one_reason_for_each_mistake() -> None:
    assert reasons_of("2 mistakes:\n  a.toml:1: this\n  a.toml:2: that") == ("a.toml:1: this", "a.toml:2: that")
    assert reasons_of("no such file") == ("no such file",)


@pytest.mark.parametrize(
    ("journal", "changes"),
    [({}, False), ({"key_credential": "new"}, True), ({"older_key_credentials": ("older",)}, True)],
)
def test_a_change_of_keys_needs_no_restart(journal: dict[str, Any], changes: bool) -> None:
    plan = plan_reload(OLD, made(journal=journal))
    assert plan.is_allowed
    assert plan.changes_keys is changes


def test_who_needs_a_lease_is_decided_at_the_start_only() -> None:
    line = {"name": "switch", "endpoint": "tcp:host=10.0.0.1:port=7000"}
    lease = {"lease": {"dsn": "postgresql://relay@db1,db2/relay"}}
    exclusive = made(dialer=({**line, "exclusive": True},), **lease)
    assert "dialer switch: exclusive needs a restart" in plan_reload(made(**lease), exclusive).reasons
    assert "dialer switch is exclusive: its removal needs a restart" in plan_reload(exclusive, made(dialer=(), **lease)).reasons
    assert "dialer switch is new: needs a restart" in plan_reload(made(dialer=(), **lease), exclusive).reasons
    changed = made(dialer=({**line, "exclusive": True, "backoff_max_ms": 9_000},), **lease)
    assert plan_reload(exclusive, changed).is_allowed, "whether it may be dialled then is asked of its lease"
