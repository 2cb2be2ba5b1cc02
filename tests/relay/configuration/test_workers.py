"""What each worker is configured to, out of one file, and what does not go together with several."""

from __future__ import annotations

from typing import Any

import pytest

from relay.configuration.workers import check_workers, control_path, is_spread, narrowed, worker_number
from relay.settings import DialerSettings, ListenerSettings, Settings


def settings(workers: int = 3, **tables: Any) -> Settings:
    whole = {
        "relay": {"workers": workers},
        "journal": {"engine": "postgresql"},
        "outbound": {"endpoint": "tcp:9443:interface=127.0.0.1"},
        "reconcile": {"enabled": True, "mending": "list"},
        "control": {"path": "/run/relay/control.sock"},
    }
    for name, table in tables.items():
        whole[name] = {**whole.get(name, {}), **table}
    links = {
        "listener": (
            ListenerSettings(name="atm", dialect="iso8583", endpoint="tcp:8583"),
            ListenerSettings(name="ndc", dialect="ndc", endpoint="tcp:4001"),
        ),
        "dialer": (DialerSettings(name="zengin", dialect="zrc", endpoint="tcp:host=10.1.1.1:port=7001"),),
    }
    return Settings(**whole, **links)  # type: ignore[arg-type]  # tables of settings, checked by the model


def test_a_worker_beyond_the_first_has_only_what_may_be_spread() -> None:
    third = narrowed(settings(), 3)
    assert [each.name for each in third.listener] == ["atm"]
    assert third.dialer == ()
    assert third.outbound.endpoint is None
    assert not third.reconcile.enabled
    assert third.telemetry.metrics_port == settings().telemetry.metrics_port + 2
    assert third.control.path == "/run/relay/control-3.sock"


@pytest.mark.parametrize("worker", [0, 1])
def test_the_first_has_everything(worker: int) -> None:
    assert narrowed(settings(), worker) == settings()


def test_one_worker_is_the_whole() -> None:
    assert narrowed(settings(workers=1), 2) == settings(workers=1)


def test_a_free_metrics_port_stays_free() -> None:
    assert narrowed(settings(telemetry={"metrics_port": 0}), 2).telemetry.metrics_port == 0


@pytest.mark.parametrize(
    ("path", "second"), [("/run/a/control.sock", "/run/a/control-2.sock"), ("/run/a.b/control", "/run/a.b/control-2")]
)
def test_each_worker_has_a_control_socket_of_its_own(path: str, second: str) -> None:
    assert control_path(path, 1) == path
    assert control_path(path, 2) == second


def test_which_worker_this_is_stands_in_the_environment() -> None:
    assert worker_number({}) == 0
    assert worker_number({"RELAY_WORKER": "2"}) == 2
    assert worker_number({"RELAY_WORKER": "two"}) == 0


def test_only_listeners_of_a_spread_dialect_are_spread_and_only_over_several() -> None:
    assert is_spread(settings(), "atm")
    assert not is_spread(settings(), "ndc")
    assert not is_spread(settings(workers=1), "atm")


@pytest.mark.parametrize(
    ("tables", "where"),
    [
        ({"journal": {"engine": "sqlite"}}, ("journal", "engine")),
        ({"region": {"source": "dns"}}, ("region", "source")),
        ({"journal": {"archive_directory": "/var/lib/relay/archive"}}, ("journal", "archive_directory")),
        ({"reconcile": {"mending": "mend"}}, ("reconcile", "mending")),
        ({"telemetry": {"metrics_port": 65_534}}, ("telemetry", "metrics_port")),
        ({"relay": {"worker_lease_ms": 5_000}}, ("relay", "worker_lease_ms")),
        ({"announce": {"adapter": "bird"}}, ("announce", "adapter")),
        ({"announce": {"addresses": ("192.0.2.1",)}}, ("announce", "addresses")),
        ({"announce": {"text_port": 9_587}}, ("announce", "text_port")),
        ({"pair": {"peer": "osaka"}}, ("pair", "peer")),
        ({"pair": {"journal_standby": "osaka"}}, ("pair", "journal_standby")),
        ({"pair": {"ack_needs_telegram": ("core",)}}, ("pair", "ack_needs_telegram")),
    ],
)
def test_what_is_not_safe_with_several_is_refused_and_said_why(tables: dict[str, Any], where: tuple[str, str]) -> None:
    assert list(check_workers(settings())) == []
    ((found, problem, suggestion),) = check_workers(settings(**tables))
    assert found == where
    assert problem
    assert suggestion
    one = {**tables, "relay": {**tables.get("relay", {}), "workers": 1}}
    assert list(check_workers(settings(**one))) == []


@pytest.mark.parametrize(("name", "is_refused"), [("atm", True), ("ndc", False)])
def test_an_exclusive_line_is_refused_where_every_worker_would_take_its_lease(name: str, is_refused: bool) -> None:
    whole = settings()
    links = tuple(each.model_copy(update={"exclusive": each.name == name}) for each in whole.listener)
    found = [where for where, _, _ in check_workers(whole.model_copy(update={"listener": links}))]
    assert found == ([("listener", 0, "exclusive")] if is_refused else [])
