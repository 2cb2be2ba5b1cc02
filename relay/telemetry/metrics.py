"""All metrics on one page, each with its unit in its name. Children are bound once, never per message.

Owns the names. What every message raises is plain numbers (numbers.py), the rest prometheus_client's own. The trap: `labels()`
costs three times an increment, and a scrape over thousands of children blocks the loop, so no label ever holds a terminal, a
key or anything else without a small fixed set of values.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from relay.telemetry.numbers import Counts, Spreads

# A second series per counter, of when it began, which nobody here reads.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves this one function without annotations
LATENCY_S = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        r = self.registry = CollectorRegistry() if registry is None else registry
        # ---- links -------------------------------------------------------------------------------------------------
        self.links_open = Gauge("relay_links_open", "Open links", ["listener"], registry=r)
        self.sessions_signed_on = Gauge("relay_sessions_signed_on", "Signed-on sessions", ["listener"], registry=r)
        self.sessions_expected = Gauge(
            "relay_sessions_expected", "Sessions of a usual day, where it was said how many", ["listener"], registry=r
        )
        self.links_opened = Counter("relay_links_opened_total", "Links opened", ["listener"], registry=r)
        self.links_refused = Counter("relay_links_refused_total", "Links refused at accept", ["listener", "reason"], registry=r)
        self.links_closed = Counter("relay_links_closed_total", "Links closed", ["listener", "reason"], registry=r)
        self.link_notes = Counter("relay_link_notes_total", "What dialogues note", ["listener", "note"], registry=r)
        self.received_bytes = Counter("relay_received_bytes_total", "Bytes received", ["listener"], registry=r)
        self.sent_bytes = Counter("relay_sent_bytes_total", "Bytes sent", ["listener"], registry=r)
        # ---- the return of a fleet ---------------------------------------------------------------------------------
        self.links_admitted = Counter("relay_links_admitted_total", "Connections let in", ["class"], registry=r)
        self.links_waiting = Gauge("relay_links_waiting", "Connections that wait to be let in", ["class"], registry=r)
        self.accept_rate = Gauge("relay_accept_links_per_second", "New links let in per second, as of now", registry=r)
        self.accept_ramp = Gauge("relay_accept_ramp_percent", "Part of the accept rate that is given", registry=r)
        self.tls_handshakes = Gauge("relay_tls_handshakes_open", "TLS handshakes of listeners under way", registry=r)
        self.sign_on_waiting = Gauge("relay_sign_on_waiting_messages", "Network events that wait to be told", registry=r)
        self.sign_on_inflight = Gauge("relay_sign_on_inflight_calls", "Network events under way to the core", registry=r)
        self.sign_on_target = Gauge("relay_sign_on_inflight_target_calls", "Adaptive concurrency of those", registry=r)
        # ---- exchanges ---------------------------------------------------------------------------------------------
        self.exchanges = Counts("relay_exchanges_total", "Exchanges by how they ended", ["listener", "ending"], r)
        self.refusals = Counter("relay_refusals_total", "Messages refused by the relay", ["listener", "reason"], registry=r)
        self.exchange_seconds = Spreads("relay_exchange_seconds", "Receipt to reply", ["listener"], r, LATENCY_S)
        self.exchanges_open = Gauge("relay_exchanges_open", "Exchanges by open state", ["state"], registry=r)
        self.duplicates = Counter("relay_duplicates_total", "Repeated messages", ["listener", "how"], registry=r)
        self.unexpected = Counter("relay_unexpected_events_total", "Events the exchange table has no row for", registry=r)
        # ---- journal -----------------------------------------------------------------------------------------------
        self.journal_records = Counter("relay_journal_records_total", "Records made durable", registry=r)
        self.journal_commit_seconds = Histogram(
            "relay_journal_commit_seconds", "One group commit", buckets=LATENCY_S, registry=r
        )
        self.journal_waiting = Gauge("relay_journal_waiting_records", "Records waiting for a commit", registry=r)
        self.journal_writable = Gauge("relay_journal_writable", "1 while the journal can be written", registry=r)
        self.journal_failures = Counter("relay_journal_failures_total", "Failed commits", ["kind"], registry=r)
        self.journal_size_bytes = Gauge("relay_journal_size_bytes", "Size of the journal file", registry=r)
        self.journal_keys = Gauge("relay_journal_needed_keys", "Keys that rows may name; 1 but after a change", registry=r)
        self.journal_rekey_rows = Counter("relay_journal_rekey_rows_total", "Rows sealed anew under another key", registry=r)
        self.journal_rekey_left = Gauge(
            "relay_journal_rekey_left_rows", "Rows not looked at since a change of keys, at most", registry=r
        )
        self.journal_rekey_failures = Counter(
            "relay_journal_rekey_failures_total", "Walks that ended before every row was sealed anew", registry=r
        )
        self.journal_reveals = Counter(
            "relay_journal_reveals_total", "Times that card numbers were shown in clear, in this journal's life", registry=r
        )
        self.workers_configured = Gauge("relay_workers_configured", "Workers that this relay is to have", registry=r)
        self.workers_configured.set(1)
        self.workers_live = Gauge("relay_workers_live", "Workers that live, as this one sees it", registry=r)
        self.workers_live.set(1)
        self.worker_takeovers = Counter("relay_worker_takeovers_total", "Dead workers that this one took over", registry=r)
        self.worker_handovers = Counter(
            "relay_worker_handovers_total", "Advices and reversals given to the worker that has their original", registry=r
        )
        self.journal_free_bytes = Gauge("relay_journal_free_bytes", "Empty pages within the journal file", registry=r)
        self.journal_oldest_open_seconds = Gauge(
            "relay_journal_oldest_open_seconds", "Age of the oldest open exchange as of the last look", registry=r
        )
        self.archive_bytes = Gauge("relay_archive_bytes", "Size of all archives that the journal knows", registry=r)
        self.archive_oldest_due_seconds = Gauge(
            "relay_archive_oldest_due_seconds",
            "Since the oldest business date that is not archived should have been; 0 when none is due",
            registry=r,
        )
        self.archive_last_run_seconds = Gauge(
            "relay_archive_last_run_timestamp_seconds", "When the last run without trouble ended; 0 before", registry=r
        )
        self.archive_runs = Counter("relay_archive_runs_total", "Runs by how they ended", ["result"], registry=r)
        # ---- core --------------------------------------------------------------------------------------------------
        self.core_calls = Counts("relay_core_calls_total", "Calls to the core", ["verb", "outcome"], r)
        self.core_call_seconds = Spreads("relay_core_call_seconds", "One call", ["verb"], r, LATENCY_S)
        self.core_answers_refused = Counter(
            "relay_core_answers_refused_total", "Answers not taken for the core's word", ["remark"], registry=r
        )
        self.core_connections = Gauge("relay_core_connections", "Connections to the core whose sockets are open", registry=r)
        self.core_connections_opened = Counter("relay_core_connections_opened_total", "Connections made", registry=r)
        self.core_connections_held = Counter(
            "relay_core_connections_held_total", "Calls that wait because no connection may be opened now", ["why"], registry=r
        )
        self.core_connect_failures = Counter("relay_core_connect_failures_total", "Connections not made", ["why"], registry=r)
        self.core_unrequested_bytes = Counter(
            "relay_core_unrequested_answers_total", "Bytes from the core that answer no request", registry=r
        )
        self.core_inflight = Gauge("relay_core_inflight_calls", "Calls in flight", registry=r)
        self.core_inflight_target = Gauge("relay_core_inflight_target_calls", "Adaptive concurrency target", registry=r)
        self.core_queue = Gauge("relay_core_queue_messages", "Messages waiting for the core", registry=r)
        self.core_wait_seconds = Spreads("relay_core_wait_seconds", "Durable to asked", ["lane"], r, LATENCY_S)
        self.door_refusals = Counter("relay_door_refusals_total", "Refused for want of room", ["lane", "why"], registry=r)
        self.hot_lanes = Gauge("relay_hot_lanes", "Terminals, branches, accounts that are hot", ["scope"], registry=r)
        self.hot_lane_moves = Counter("relay_hot_lane_moves_total", "Hot lanes come and gone", ["scope", "move"], registry=r)
        self.hot_lane_oldest_seconds = Gauge("relay_hot_lane_oldest_seconds", "Since when the oldest is hot", registry=r)
        self.hot_queue = Gauge("relay_hot_queue_messages", "Messages that wait in hot lanes", registry=r)
        self.hot_inflight = Gauge("relay_hot_inflight_calls", "Calls in flight of hot lanes", registry=r)
        self.hot_inflight_max = Gauge("relay_hot_inflight_max_calls", "What hot lanes may have in flight", registry=r)
        self.core_addresses = Gauge("relay_core_addresses", "Known addresses by health", ["health"], registry=r)
        self.dns_answer_age_seconds = Gauge("relay_dns_answer_age_seconds", "Age of the DNS answer in use", registry=r)
        self.dns_answers = Counter("relay_dns_answers_total", "Lookups of the core's name", ["result"], registry=r)
        self.region_probes = Counter("relay_region_probes_total", "Answers of GET /v1/region", ["result"], registry=r)
        self.region_epoch = Gauge("relay_region_epoch", "Region epoch ratchet", registry=r)
        self.region_serving = Gauge("relay_region_serving", "1 while the active region may be asked", registry=r)
        self.region_silent_seconds = Gauge(
            "relay_region_silent_seconds", "Since when nobody answers GET /v1/region; 0 while it is answered", registry=r
        )
        self.region_sealed = Gauge("relay_region_sealed", "1 while the known region epoch is sealed by people", registry=r)
        self.hours_open = Gauge("relay_hours_open", "1 within hours of service", ["class", "listener"], registry=r)
        self.region_blocked = Gauge("relay_region_blocked", "1 while people block a class of messages", ["class"], registry=r)
        self.region_dns_answers = Counter(
            "relay_region_dns_answers_total", "Answers of name servers about the region", ["server", "result"], registry=r
        )
        self.region_dns_rounds = Counter(
            "relay_region_dns_rounds_total", "What the answers of all name servers meant", ["meaning"], registry=r
        )
        self.region_dns_unconfirmed_seconds = Gauge(
            "relay_region_dns_unconfirmed_seconds", "Since when no name server confirms the region", registry=r
        )
        self.region_frozen = Gauge("relay_region_frozen", "1 while two regions are named under one epoch", registry=r)
        self.region_stale = Gauge("relay_region_stale", "1 while no name server confirms the region for long", registry=r)
        self.region_pinned = Gauge("relay_region_pinned", "1 while two people hold the relay at a region", registry=r)
        self.region_notifies = Counter("relay_region_notifies_total", "NOTIFY messages heard", ["result"], registry=r)
        self.region_shadow = Counter(
            "relay_region_shadow_probes_total", "Answers of each region, the standby too", ["region", "result"], registry=r
        )
        self.region_clock_skew = Gauge(
            "relay_region_clock_skew_seconds", "A region's clock less ours, by the Date of its answers", ["region"], registry=r
        )
        self.region_shadow_good = Gauge(
            "relay_region_shadow_good", "1 while a region answers as it should", ["region"], registry=r
        )
        # ---- which center serves -----------------------------------------------------------------------------------
        self.announce_role = Gauge("relay_announce_role", "1 for the role of this center", ["role"], registry=r)
        self.announce_healthy = Gauge("relay_announce_healthy", "1 while a cause lets it be announced", ["cause"], registry=r)
        self.announce_route_changes = Counter(
            "relay_announce_route_changes_total", "Changes of the announcement, by what it became", ["level"], registry=r
        )
        self.announce_unheard = Gauge(
            "relay_announce_unheard", "1 while it should be announced and is not seen to be", registry=r
        )
        self.announce_sessions = Gauge("relay_announce_sessions", "BGP sessions that are up", registry=r)
        self.announce_failures = Counter(
            "relay_announce_failures_total", "What the speaker did not do, by how", ["kind"], registry=r
        )
        # ---- the other center's journal ---------------------------------------------------------------------------
        self.takeover_state = Gauge(
            "relay_takeover_state", "1 for where the take-over of the other center stands", ["state"], registry=r
        )
        self.takeover_open = Gauge("relay_takeover_open", "Of the adopted journal: not at its end", registry=r)
        self.takeover_troubles = Counter(
            "relay_takeover_troubles_total", "Looks of a take-over that came to nothing", registry=r
        )
        self.center_superseded = Gauge(
            "relay_center_superseded", "1: the core refuses this life, for the other center has taken over", registry=r
        )
        # ---- exclusive lines, drains ------------------------------------------------------------------------------
        self.lease_state = Gauge(
            "relay_lease_state", "1 for the state of an exclusive line here", ["lease", "state"], registry=r
        )
        self.lease_token = Gauge("relay_lease_token", "Highest token ever heard of", ["lease"], registry=r)
        self.lease_left_seconds = Gauge(
            "relay_lease_left_seconds",
            "Until this holder stops by itself; 0 where it does not hold by lease",
            ["lease"],
            registry=r,
        )
        self.lease_answers = Counter(
            "relay_lease_answers_total", "Answers of the lease database, and silences", ["lease", "result"], registry=r
        )
        self.lease_demotions = Counter(
            "relay_lease_demotions_total", "Times that this center stopped a line that it held", ["lease"], registry=r
        )
        self.drain_stage = Gauge(
            "relay_drain_stage", "0 serving, then the stages of a drain in their order; 7 drained", registry=r
        )
        self.drain_links_open = Gauge("relay_drain_links_open", "Sessions of drained classes still open", registry=r)
        self.drain_links_busy = Gauge("relay_drain_links_busy", "Those of them with something in flight", registry=r)
        # ---- the other relay center --------------------------------------------------------------------------------
        self.pair_path_up = Gauge("relay_pair_path_up", "1 while a path to the other center is up", ["path"], registry=r)
        self.pair_questions = Counter(
            "relay_pair_questions_total",
            "Whether the other center knows a reversal: asked, answered",
            ["result"],
            registry=r,
        )
        self.pair_beats = Counter("relay_pair_beats_total", "Datagrams of the other center", ["path", "result"], registry=r)
        self.pair_finding = Gauge("relay_pair_finding", "1 for what both centers' sights mean", ["meaning"], registry=r)
        self.pair_disagrees = Gauge("relay_pair_disagrees", "1 while the centers know different epochs", registry=r)
        self.pair_twin = Gauge("relay_pair_twin", "1 while two processes go by one center's name", registry=r)
        self.pair_other_version = Gauge("relay_pair_other_version", "1 while the peer speaks another version", registry=r)
        self.pair_skew_seconds = Gauge("relay_pair_clock_skew_seconds", "The peer's clock less ours", registry=r)
        self.pair_through_peer = Gauge("relay_pair_through_peer", "1 while core calls go through the peer", registry=r)
        self.pair_switches = Counter("relay_pair_switches_total", "Changes of the way to the core", ["move"], registry=r)
        self.pair_dials = Counter("relay_pair_dials_total", "Connections asked of the peer", ["result"], registry=r)
        self.pair_tunnels = Gauge("relay_pair_tunnel_connections", "Open connections through the peer", registry=r)
        self.pair_tunnelled_bytes = Counter("relay_pair_tunnelled_bytes_total", "Bytes through the peer", registry=r)
        self.pair_forwards = Counter("relay_pair_forwards_total", "Connections that the peer asked for", ["result"], registry=r)
        self.pair_forward_connections = Gauge(
            "relay_pair_forward_connections", "Open connections forwarded for the peer", registry=r
        )
        self.pair_forwarded_bytes = Counter("relay_pair_forwarded_bytes_total", "Bytes forwarded for the peer", registry=r)
        self.acknowledgements = Counter(
            "relay_acknowledgements_total",
            "By what met their class's need, or why none was given",
            ["class", "need"],
            registry=r,
        )
        self.ack_fallback_seconds = Counter(
            "relay_ack_fallback_seconds_total", "In which a class did without its first need", ["class"], registry=r
        )
        self.journal_standby_follows = Gauge(
            "relay_journal_standby_follows", "1 while the journal's standby at the peer follows", registry=r
        )
        self.journal_standby_lag_bytes = Gauge(
            "relay_journal_standby_lag_bytes", "Of the journal's log not on the standby's disk", registry=r
        )
        self.region_tail_left = Gauge(
            "relay_region_tail_left_exchanges", "Of a lost tail: not looked at, or not settled", registry=r
        )
        self.region_tail_unfinished_seconds = Gauge(
            "relay_region_tail_unfinished_seconds", "Since when a lost tail is not replayed; 0 when it is", registry=r
        )
        self.region_tail_exchanges = Counter(
            "relay_region_tail_exchanges_total", "What a new region was asked for again", ["result"], registry=r
        )
        for result in ("asked", "missing", "mended", "listed"):
            self.region_tail_exchanges.labels(result)
        # ---- owed to the core --------------------------------------------------------------------------------------
        self.saf_owed = Gauge("relay_saf_owed_messages", "Advices and reversals not yet confirmed", registry=r)
        self.saf_oldest_seconds = Gauge("relay_saf_oldest_seconds", "Age of the oldest owed message", registry=r)
        self.unknown_oldest_seconds = Gauge(
            "relay_unknown_oldest_seconds", "Age of the oldest exchange whose outcome is unknown; 0 for none", registry=r
        )
        self.listed = Gauge("relay_listed_exchanges", "Exchanges on the person's list", registry=r)
        # ---- the journal against the core's ledger -----------------------------------------------------------------
        self.reconcile_unsigned = Gauge(
            "relay_reconcile_unsigned_differences", "Listed differences in reports that nobody has signed", registry=r
        )
        self.reconcile_runs = Counter("relay_reconcile_runs_total", "Runs by how they ended", ["result"], registry=r)
        self.reconcile_endings = Counter(
            "relay_reconcile_differences_total", "Differences by how they ended", ["ending"], registry=r
        )
        for ending in ("mended", "reversed", "listed"):
            self.reconcile_endings.labels(ending)
        self.reconcile_behind_seconds = Gauge(
            "relay_reconcile_behind_seconds", "Since when what moved was not compared; 0 before the first run", registry=r
        )
        for result in ("agrees", "differs", "not-whole", "broken-off"):
            self.reconcile_runs.labels(result)
        self.reconcile_statements = Counter(
            "relay_reconcile_statements_total", "Totals stated by far ends, by what became of them", ["result"], registry=r
        )
        for result in ("kept", "known", "conflict", "full", "failed"):
            self.reconcile_statements.labels(result)
        # ---- messages that the core started ------------------------------------------------------------------------
        self.outbound_messages = Counter(
            "relay_outbound_messages_total", "What became of messages of the core", ["listener", "state"], registry=r
        )
        self.outbound_queued = Gauge("relay_outbound_queued_messages", "Messages that wait for their line", registry=r)
        self.outbound_open = Gauge("relay_outbound_open_messages", "Messages waiting, under way or not reported", registry=r)
        self.outbound_oldest_seconds = Gauge("relay_outbound_oldest_queued_seconds", "Age of the oldest waiting", registry=r)
        self.outbound_unknown = Gauge("relay_outbound_unknown_messages", "Deliveries unknown and not settled", registry=r)
        self.outbound_seconds = Histogram(
            "relay_outbound_acknowledge_seconds", "Send intent to acknowledgement", buckets=LATENCY_S, registry=r
        )
        self.outbound_reports_owed = Gauge("relay_outbound_reports_owed_messages", "Ends that the core must hear", registry=r)
        self.outbound_report_oldest_seconds = Gauge("relay_outbound_report_oldest_seconds", "Age of the oldest", registry=r)
        self.outbound_unexpected = Counter(
            "relay_outbound_unexpected_events_total", "Events the outbound table has no row for", registry=r
        )
        self.outbound_requests = Counter("relay_outbound_requests_total", "Requests answered", ["result"], registry=r)
        self.outbound_connections = Gauge("relay_outbound_connections", "Open connections of the outbound API", registry=r)
        self.outbound_connections_refused = Counter(
            "relay_outbound_connections_refused_total", "Connections over the limit", registry=r
        )
        # ---- the console -------------------------------------------------------------------------------------------
        self.console_requests = Counter("relay_console_requests_total", "Requests answered", ["result"], registry=r)
        self.console_connections = Gauge("relay_console_connections", "Open connections of browsers", registry=r)
        self.console_connections_refused = Counter(
            "relay_console_connections_refused_total", "Connections over the limit", registry=r
        )
        self.console_sessions = Gauge("relay_console_sessions", "People who are signed in", registry=r)
        self.console_sign_ins = Counter("relay_console_sign_ins_total", "Tries to sign in", ["result"], registry=r)
        self.console_deeds = Counter("relay_console_deeds_total", "What people did, or tried to do", ["result"], registry=r)
        self.console_busy_seconds = Counter(
            "relay_console_busy_seconds_total", "Time of the loop that the console's looks took", registry=r
        )
        # ---- the process -------------------------------------------------------------------------------------------
        self.incarnation = Gauge("relay_journal_incarnation", "Lives of the journal so far: rises at each start", registry=r)
        self.loop_lag_seconds = Gauge("relay_loop_lag_seconds", "Lateness of the loop at the last watchdog check", registry=r)
        self.watchdog_held = Counter(
            "relay_watchdog_held_total", "Checks that did not feed the watchdog", ["reason"], registry=r
        )
        # Alerts ask for an increase, which a series that begins at 1 does not have: these exist from the start.
        for kind in ("failed", "full", "record", "checkpoint", "server", "unknown"):
            self.journal_failures.labels(kind)
        for result in ("done", "failed"):
            self.archive_runs.labels(result)
        for scope in ("terminal", "branch", "account"):
            for move in ("entered", "left", "no-room"):
                self.hot_lane_moves.labels(scope, move)
        for result in ("done", "wrong", "waits", "busy"):
            self.console_sign_ins.labels(result)
        for result in ("done", "half", "refused", "unrecorded", "forged", "forbidden"):
            self.console_deeds.labels(result)
        for reason in ("loop-late", "journal-still"):
            self.watchdog_held.labels(reason)
