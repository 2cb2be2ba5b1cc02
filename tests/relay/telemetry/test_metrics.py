"""Names with units, and a bounded number of series."""

from __future__ import annotations

import subprocess

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from relay.telemetry.metrics import Metrics
from relay.telemetry.numbers import Counts, Spreads
from tests.support.tools import need_tool

UNITS = ("_seconds", "_bytes", "_total", "_calls", "_messages", "_records", "_exchanges", "_addresses")
# Counts and states whose noun is the unit.
NOUNS = {
    "relay_workers_configured",
    "relay_workers_live",
    "relay_journal_needed_keys",
    "relay_journal_rekey_left_rows",
    "relay_reconcile_unsigned_differences",
    "relay_links_open",
    "relay_sessions_signed_on",
    "relay_sessions_expected",
    "relay_links_waiting",
    "relay_accept_links_per_second",
    "relay_accept_ramp_percent",
    "relay_tls_handshakes_open",
    "relay_exchanges_open",
    "relay_core_connections",
    "relay_outbound_connections",
    "relay_journal_writable",
    "relay_journal_incarnation",
    "relay_region_epoch",
    "relay_region_serving",
    "relay_region_sealed",
    "relay_region_blocked",
    "relay_hours_open",
    "relay_region_frozen",
    "relay_region_stale",
    "relay_region_pinned",
    "relay_region_shadow_good",
    "relay_hot_lanes",
    "relay_announce_role",
    "relay_announce_healthy",
    "relay_announce_unheard",
    "relay_announce_sessions",
    "relay_takeover_state",
    "relay_takeover_open",
    "relay_center_superseded",
    "relay_lease_state",
    "relay_lease_token",
    "relay_drain_stage",
    "relay_drain_links_open",
    "relay_drain_links_busy",
    "relay_pair_path_up",
    "relay_pair_finding",
    "relay_pair_disagrees",
    "relay_pair_twin",
    "relay_pair_other_version",
    "relay_pair_through_peer",
    "relay_pair_tunnel_connections",
    "relay_pair_forward_connections",
    "relay_journal_standby_follows",
    "relay_console_connections",
    "relay_console_sessions",
}
LABELS = {
    "cause",
    "class",
    "ending",
    "health",
    "how",
    "kind",
    "lane",
    "level",
    "lease",
    "listener",
    "meaning",
    "move",
    "need",
    "note",
    "outcome",
    "path",
    "reason",
    "region",
    "remark",
    "result",
    "role",
    "scope",
    "server",
    "state",
    "verb",
    "why",
}


AnyMetric = Counter | Gauge | Histogram | Counts | Spreads


def all_metrics() -> dict[str, AnyMetric]:
    return {name: value for name, value in vars(Metrics()).items() if isinstance(value, AnyMetric)}


def labels_of(metric: AnyMetric) -> tuple[str, ...]:
    return metric.labelnames if isinstance(metric, (Counts, Spreads)) else metric._labelnames


def test_every_name_carries_its_unit() -> None:
    families = list(Metrics().registry.collect())
    names = [family.name + ("_total" if family.type == "counter" else "") for family in families]
    odd = [name for name in names if not name.endswith(UNITS) and name not in NOUNS]
    assert not odd, odd
    assert all(name.startswith("relay_") for name in names)
    assert all(family.documentation for family in families)


def test_labels_are_few_and_never_a_terminal() -> None:
    for name, metric in all_metrics().items():
        assert len(labels_of(metric)) <= 2, name
        assert set(labels_of(metric)) <= LABELS, f"{name}: a new label needs a small fixed set of values"


def test_histograms_have_few_children() -> None:
    # A scrape renders a line per bucket and child: 300 ms of the loop at 2,000 histogram children. A histogram is
    # labelled by listener or verb, of which there are a handful.
    histograms = [metric for metric in all_metrics().values() if isinstance(metric, (Histogram, Spreads))]
    assert 3 <= len(histograms) <= 8
    assert all(len(labels_of(metric)) <= 1 for metric in histograms)


def test_two_instances_share_nothing() -> None:
    one, two = Metrics(), Metrics()
    one.journal_records.inc()
    assert two.registry.get_sample_value("relay_journal_records_total") == 0


def test_no_series_about_when_a_counter_began() -> None:
    assert b"_created" not in generate_latest(Metrics().registry)


def test_promtool_finds_nothing_to_complain_about() -> None:
    metrics = Metrics()
    metrics.exchange_seconds.labels("atm").observe(0.004)
    told = subprocess.run(
        [need_tool("promtool"), "check", "metrics"], input=generate_latest(metrics.registry), capture_output=True, check=False
    )
    assert told.returncode == 0, told.stderr.decode()
    assert not told.stderr, told.stderr.decode()
