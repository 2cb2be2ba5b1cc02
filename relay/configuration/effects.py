"""What a reload does with each setting there is.

Owns the table. It must never compare or apply anything (relay/reload.py plans, relay/operator.py does). The trap: a setting
added without a thought here would be "reloaded" and change nothing; a test compares the table with the models.
"""

from __future__ import annotations

from enum import Enum


class Effect(Enum):
    """What a running relay can do with a new value."""

    LIVE = "at once"
    NEW_LINKS = "for links opened from then on"
    REOPENED = "drained and opened anew"  # except where only a restart can open it: relay/reload.py
    RESTART = "needs a restart"


# Every setting of every table: a test compares with the models, so that no setting is added without deciding.
# fmt: off
EFFECTS: dict[str, Effect] = {
    "relay.center":                           Effect.RESTART,  # part of every attempt in the journal
    "relay.realm":                            Effect.RESTART,  # part of every key
    "relay.workers":                          Effect.RESTART,
    "relay.worker_lease_ms":                  Effect.RESTART,
    "relay.drain_deadline_ms":                Effect.LIVE,
    "relay.completion_deadline_ms":           Effect.RESTART,
    "relay.credentials_directory":            Effect.RESTART,
    "journal.key_credential":                 Effect.LIVE,     # relay/keeper.py
    "journal.older_key_credentials":          Effect.LIVE,
    "telemetry.metrics_host":                 Effect.RESTART,
    "telemetry.metrics_port":                 Effect.RESTART,
    "telemetry.log_level":                    Effect.LIVE,
    "telemetry.log_format":                   Effect.LIVE,
    "hot_lanes.enabled":                     Effect.LIVE,
    "hot_lanes.factor":                      Effect.LIVE,
    "hot_lanes.terminal_per_s_min":          Effect.LIVE,
    "hot_lanes.branch_per_s_min":            Effect.LIVE,
    "hot_lanes.account_per_s_min":           Effect.LIVE,
    "hot_lanes.leave_percent":               Effect.LIVE,
    "hot_lanes.calm_ms":                     Effect.LIVE,
    "hot_lanes.fast_half_life_ms":           Effect.LIVE,
    "hot_lanes.usual_half_life_ms":          Effect.LIVE,
    "hot_lanes.learning_ms":                 Effect.LIVE,
    "hot_lanes.keys_count_max":              Effect.LIVE,
    "hot_lanes.lanes_count_max":             Effect.LIVE,
    "hot_lanes.share_percent":               Effect.LIVE,
    "hot_lanes.lane_share_percent":          Effect.LIVE,
    "hours.atm":                             Effect.LIVE,
    "hours.branch":                          Effect.LIVE,
    "hours.partner":                         Effect.LIVE,
    "hours.inquiry":                         Effect.LIVE,
    "hours.lines":                           Effect.LIVE,
    "hours.extra_holidays":                  Effect.LIVE,
    "hours.extra_bank_days":                 Effect.LIVE,
    "reconnect.accept_per_s":                Effect.LIVE,
    "reconnect.accept_burst_count":          Effect.LIVE,
    "reconnect.waiting_count_max":           Effect.LIVE,
    "reconnect.waiting_ms_max":              Effect.LIVE,
    "reconnect.refuse_per_s_max":            Effect.LIVE,
    "reconnect.tls_handshakes_count_max":    Effect.LIVE,
    "reconnect.ramp_start_percent":          Effect.LIVE,
    "reconnect.ramp_step_ms":                Effect.LIVE,
    "reconnect.ramp_slow_ms":             Effect.LIVE,
    "reconnect.sign_on_inflight_count_max":  Effect.LIVE,
    "reconnect.sign_on_inflight_count_min":  Effect.LIVE,
    "reconnect.sign_on_waiting_count_max":   Effect.LIVE,
}
# fmt: on
# Opened once, at start; but for rows above.
RESTART_TABLES = (
    "journal",
    "core",
    "region",
    "pair",
    "announce",
    "lease",
    "takeover",
    "drain",
    "outbound",
    "reconcile",
    "control",
    "console",
)
LISTENER_REOPENED = frozenset({"name", "endpoint"})  # what the bound socket and its links are known by


LINE_RIGHTS = frozenset({"exclusive", "lease_name"})  # whether a lease is needed is decided once


def effect_of(table: str, name: str) -> Effect:
    """What happens to setting `name` of `table` (journal, core, region, listener, ...) at a reload."""
    if table in RESTART_TABLES:
        return EFFECTS.get(f"{table}.{name}", Effect.RESTART)
    if table in ("listener", "dialer") and name in LINE_RIGHTS:
        return Effect.RESTART
    if table == "dialer":
        return Effect.REOPENED
    if table == "listener":
        return Effect.REOPENED if name in LISTENER_REOPENED else Effect.NEW_LINKS
    return EFFECTS[f"{table}.{name}"]
