"""The configuration as frozen values: every setting with its unit, default, bounds and one sentence.

Owns the model that `relay check`, the reference page and the daemon share. It must never read a file or a secret. The traps:
pydantic accepts "70" for a number unless strict, and unknown names unless forbidden; both are set for every model here.
Credentials appear by name only (`*_credential`), to be read from $CREDENTIALS_DIRECTORY.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from relay.basesettings import Milliseconds, Model, Name, Port
from relay.consolesettings import ConsoleSettings, ControlSettings
from relay.handoversettings import DrainSettings, LeaseSettings, TakeoverSettings
from relay.hourssettings import HoursSettings
from relay.pairsettings import PairSettings
from relay.reconnectsettings import ReconnectSettings
from relay.servicesettings import AnnounceSettings


class RelaySettings(Model):
    """Who this relay is."""

    center: Name = Field("tokyo", description="Name of this relay center; part of every attempt sent to the core.")
    realm: Name = Field("bank", description="The bank or network in which terminal numbers are unique; part of every key.")
    workers: int = Field(
        1, ge=1, le=64, description="Processes that share listeners and journal; more than one need PostgreSQL."
    )
    worker_lease_ms: int = Field(
        6_000,
        ge=500,
        le=600_000,
        description="Several workers: one that wrote nothing for so long is taken over by another, milliseconds.",
    )
    drain_deadline_ms: Milliseconds = Field(30_000, description="Longest wait at SIGTERM for what is in flight, milliseconds.")
    completion_deadline_ms: Milliseconds = Field(
        120_000,
        description="Longest wait for a completion after a reply that needs one, milliseconds; then a person is asked.",
    )
    credentials_directory: str | None = Field(
        None, description="Directory of credential files where systemd's $CREDENTIALS_DIRECTORY has none."
    )


class JournalSettings(Model):
    """Where messages become durable."""

    engine: Literal["sqlite", "postgresql"] = Field(
        "sqlite", description="A file of this host, or a PostgreSQL server with its standby (extra `postgresql`)."
    )
    path: str = Field("/var/lib/relay/journal.sqlite", description="SQLite file; its directory must be writable and local.")
    dsn: str = Field(
        "postgresql://relay@localhost/relay",
        description="PostgreSQL: user, servers and database, postgresql://relay@db1:5432,db2:5432/relay; no password.",
    )
    schema_name: str = Field(
        "relay_journal", pattern=r"^[a-z_][a-z0-9_]{0,62}$", description="PostgreSQL: schema that holds this journal alone."
    )
    password_credential: str | None = Field(
        None, description="PostgreSQL: credential holding the password; absent means PGPASSFILE, a certificate or the socket."
    )
    connect_timeout_ms: Milliseconds = Field(2_000, description="PostgreSQL: one connection to one server, milliseconds.")
    commit_timeout_ms: int = Field(
        5_000,
        ge=100,
        le=8_000,  # the watchdog waits for ten seconds
        description="PostgreSQL: a commit without an answer for so long is unknown and is read back, milliseconds.",
    )
    key_credential: str = Field("journal-key", description="Credential holding the 32-byte hex key that encrypts PANs.")
    older_key_credentials: tuple[str, ...] = Field(
        (), max_length=7, description="Credentials of earlier keys, until no row needs them: they read, they never write."
    )
    waiting_count_max: int = Field(20_000, ge=1, description="Records waiting for a commit before new messages are refused.")
    group_count_max: int = Field(1_000, ge=1, description="Records in one transaction at most.")
    duplicate_window_days: int = Field(35, ge=35, le=400, description="How long keys are kept, days.")
    body_window_days: int = Field(
        7, ge=1, le=400, description="How long requests, PANs and replies are kept beside their keys, days."
    )
    archive_directory: str | None = Field(
        None,
        description="Where closed business dates are archived before bodies and histories leave the journal; absent: nowhere.",
    )
    archive_after_days: int = Field(
        3, ge=1, le=400, description="A business date of which all is closed is archived so many days after its end."
    )
    archive_free_mib_min: int = Field(
        1_024, ge=0, description="Archiving stops where the archive's disk has less room left than this, mebibytes."
    )
    writer_slice_ms: int = Field(
        10,
        ge=1,
        le=1_000,
        description="What is forgotten or compacted holds the writer for so long at a time, beside its sync, milliseconds.",
    )


class TlsSettings(Model):
    """TLS for one listener, dialer or the core."""

    certificate: str | None = Field(None, description="PEM file with the certificate chain.")
    key: str | None = Field(None, description="PEM file with the private key, or credential:NAME.")
    authorities: str | None = Field(
        None, description="PEM file with the authorities that the far end's certificate must come from."
    )
    require_peer_certificate: bool = Field(False, description="Mutual TLS: refuse a far end without a certificate.")
    minimum_version: Literal["1.2", "1.3"] = Field("1.2", description="Lowest TLS version accepted.")

    @model_validator(mode="after")
    def _together(self) -> TlsSettings:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key come together")
        if self.require_peer_certificate and self.authorities is None:
            raise ValueError("require_peer_certificate needs authorities")
        return self


class CoreSettings(Model):
    """How the core is found and called."""

    name: str = Field("core.bank.internal", description="DNS name of the core; its certificate is checked against it.")
    port: int = Field(443, ge=1, le=65_535, description="TCP port of the core.")
    tls: TlsSettings | None = Field(None, description="TLS towards the core; absent means plain HTTP (loopback only).")
    bearer_credential: str | None = Field(None, description="Credential holding a bearer token.")
    name_servers: tuple[str, ...] = Field((), description="Name servers as host:port; empty means those of the system.")
    call_timeout_ms: Milliseconds = Field(4_000, description="One call to the core, milliseconds.")
    connect_timeout_ms: Milliseconds = Field(1_000, description="One connection attempt, milliseconds.")
    connections_max: int = Field(512, ge=1, le=10_000, description="Connections to the core, opening and closing ones too.")
    connections_per_address_max: int = Field(64, ge=1, le=1_000, description="The same to one address.")
    answer_bytes_max: int = Field(1_048_576, ge=1_024, description="Largest HTTP answer accepted, bytes.")
    ttl_floor_ms: Milliseconds = Field(1_000, description="Shortest time a DNS answer is kept, milliseconds.")
    serve_stale_ms: Milliseconds = Field(3_600_000, description="How long a last good DNS answer serves when DNS is silent.")
    eject_failures: int = Field(3, ge=1, description="Consecutive failures that eject an address.")
    eject_ms: Milliseconds = Field(5_000, description="First ejection of an address, milliseconds; doubles up to 60 s.")
    region_probe_ms: Milliseconds = Field(1_000, description="Interval of GET /v1/region, milliseconds.")
    old_epoch_deadline_ms: Milliseconds = Field(
        1_000, description="How long calls of an epoch that is over may still be answered, milliseconds; then unknown."
    )
    inflight_count_max: int = Field(512, ge=1, description="Ceiling of the adaptive concurrency target.")
    inflight_count_min: int = Field(4, ge=1, description="Floor of the adaptive concurrency target.")
    queue_count_max: int = Field(
        2_000, ge=1, description="Financial messages waiting for the core; beyond it: refused at once."
    )
    inquiry_first_ms: Milliseconds = Field(500, description="First inquiry after an unknown outcome, milliseconds.")
    retry_first_ms: Milliseconds = Field(500, description="First repeat of an owed reversal or advice, milliseconds.")
    retry_max_ms: Milliseconds = Field(30_000, description="Longest pause between repeats, milliseconds.")
    saf_head_tries_max: int = Field(20, ge=1, description="Refusals of an owed message before it goes to the person's list.")
    saf_valid_hours: int = Field(
        72, ge=1, le=840, description="How long an owed message is tried before it goes to the person's list, hours."
    )


class RegionSettings(Model):
    """Which region is active, and who says so."""

    source: Literal["core", "dns"] = Field(
        "core", description="core: GET /v1/region alone names the epoch; dns: a signed record does, and the region confirms it."
    )
    record_name: str = Field("_active.core.example", description="DNS name of the signed TXT record.")
    alias_name: str | None = Field(
        None, description="DNS name of the CNAME that has to lead to the same region; absent means there is none."
    )
    regions: tuple[str, ...] = Field(
        (), max_length=8, description="Regions with the DNS name of each one's addresses, as tokyo=tyo.core.example."
    )
    name_servers: tuple[str, ...] = Field(
        (), max_length=8, description="Authoritative name servers of the record, each asked by itself, as host:port."
    )
    mac_credentials: tuple[str, ...] = Field(
        (), max_length=4, description="Credentials holding the 32-byte hex keys that sign the record; the first signs new ones."
    )
    tsig_name: str | None = Field(None, description="Name of the TSIG key; absent means questions are not signed.")
    tsig_credential: str | None = Field(None, description="Credential holding the TSIG key in base64.")
    tsig_algorithm: Literal["hmac-sha256", "hmac-sha384", "hmac-sha512"] = Field(
        "hmac-sha256", description="Algorithm of the TSIG key."
    )
    poll_ms: int = Field(1_000, ge=100, le=60_000, description="Interval of the questions to each name server, milliseconds.")
    poll_timeout_ms: int = Field(500, ge=20, le=60_000, description="Longest wait for one name server, milliseconds.")
    stale_after_ms: Milliseconds = Field(
        60_000, description="So long without a name server that confirms the known region is stale, milliseconds."
    )
    stale_refuse: bool = Field(False, description="true: while it is stale, financial messages are refused.")
    shadow_probe_ms: int = Field(
        5_000, ge=200, le=600_000, description="Interval of GET /v1/region at each region, the standby too, milliseconds."
    )
    notify_endpoint: str | None = Field(
        None, description="UDP address for NOTIFY of the name servers, as host:port; absent means none is heard."
    )
    tail_lag_assumed_ms: int = Field(
        300_000,
        ge=0,
        le=86_400_000,
        description="How far the new region's copy is taken to be behind where nobody says it, milliseconds.",
    )
    tail_margin_ms: int = Field(
        60_000, ge=1_000, le=3_600_000, description="Asked for again beyond the lag: clocks that differ, milliseconds."
    )
    tail_replay_window_hours: int = Field(
        72, ge=1, le=840, description="How long what the core confirmed can be said again to a new region, hours."
    )
    tail_asking_count_max: int = Field(16, ge=1, le=256, description="Keys asked for at once while a lost tail is replayed.")
    tail_holds: tuple[Literal["atm", "branch", "partner", "inquiry"], ...] = Field(
        (), max_length=4, description="Classes of new messages that wait, suspended, until a lost tail is replayed."
    )


class HotLanesSettings(Model):
    """Who asks far more often than usual gets a lane and a budget of its own; everybody else does not wait behind it."""

    enabled: bool = Field(True, description="false: nobody is ever hot, all terminals take turns.")
    factor: float = Field(10.0, ge=2.0, le=1_000.0, description="Hot is who asks so many times more often than usual.")
    terminal_per_s_min: float = Field(5.0, gt=0.0, le=100_000.0, description="Least rate of a hot terminal, messages/second.")
    branch_per_s_min: float = Field(20.0, gt=0.0, le=100_000.0, description="Least rate of a hot branch, messages per second.")
    account_per_s_min: float = Field(5.0, gt=0.0, le=100_000.0, description="Least rate of a hot account, messages per second.")
    leave_percent: int = Field(
        50, ge=1, le=99, description="Calm is below this share of the rate at which it became hot, percent."
    )
    calm_ms: Milliseconds = Field(30_000, description="How long one has to be calm before its hot lane ends, milliseconds.")
    fast_half_life_ms: int = Field(2_000, ge=200, le=60_000, description="Half-life of the present rate, milliseconds.")
    usual_half_life_ms: int = Field(
        600_000, ge=60_000, le=86_400_000, description="Half-life of the usual rate, milliseconds; not learned while hot."
    )
    learning_ms: Milliseconds = Field(
        60_000,
        description="How long one is known before it has a usual rate, milliseconds; until then its like are the measure.",
    )
    keys_count_max: int = Field(
        2_048, ge=16, le=65_536, description="Terminals, branches and accounts tracked, of each so many."
    )
    lanes_count_max: int = Field(16, ge=1, le=256, description="Hot lanes at once.")
    share_percent: int = Field(
        50, ge=1, le=90, description="All hot lanes' most of the core's concurrency target and of the queue, percent."
    )
    lane_share_percent: int = Field(25, ge=1, le=90, description="One hot lane's most of the queue, percent.")


class LinkSettings(Model):
    """What listeners and dialers have in common."""

    name: Name = Field(description="Name of the listener in metrics, logs and the roster.")
    dialect: str = Field("iso8583", description="Protocol folder that speaks on these links.")
    profile: dict[str, Any] = Field(default_factory=dict, description="The dialect's own settings; see its profile.")
    channel: Literal["atm", "branch", "partner"] = Field("atm", description="Channel named to the core.")
    branch_name_chars: int = Field(
        0,
        ge=0,
        le=64,
        description="Leading characters of a terminal's name that name its branch; 0: of branch terminals what stands before "
        "the last dash, of partners the listener's name, of ATMs none.",
    )
    tls: TlsSettings | None = Field(None, description="TLS on these links.")
    reply_deadline_ms: Milliseconds = Field(15_000, description="Within it a terminal is answered, milliseconds after receipt.")
    keepalive_idle_s: int = Field(60, ge=1, le=7_200, description="TCP keepalive: idle seconds before the first probe.")
    keepalive_interval_s: int = Field(10, ge=1, le=7_200, description="TCP keepalive: seconds between probes.")
    keepalive_count: int = Field(3, ge=1, le=127, description="TCP keepalive: unanswered probes after which a link is dead.")
    user_timeout_ms: Milliseconds = Field(30_000, description="TCP_USER_TIMEOUT, milliseconds.")
    write_buffer_bytes_max: int = Field(262_144, ge=4_096, description="Unsent bytes after which a slow reader is reset.")
    pipelined_count_max: int = Field(
        64, ge=1, le=100_000, description="Unanswered messages after which a link is read no more."
    )
    tls_handshake_timeout_ms: Milliseconds = Field(10_000, description="Longest TLS handshake, milliseconds.")
    exclusive: bool = Field(
        False, description="One relay center at a time has this line, by a lease (docs/lease.md); needs lease.dsn."
    )
    lease_name: Name | None = Field(
        None, description="The lease that it needs: lines of one name are held together; absent: its own name."
    )


class ListenerSettings(LinkSettings):
    """One listening endpoint."""

    endpoint: str = Field(
        "tcp:8583:interface=127.0.0.1", description="Twisted endpoint string; systemd:... for socket activation."
    )
    allow_networks: tuple[str, ...] = Field((), description="Source networks in CIDR form; empty means all.")
    connection_count_max: int = Field(20_000, ge=1, description="Open links of this listener.")
    connection_count_per_host_max: int = Field(20_000, ge=1, description="Open links per source address.")
    expected_sessions: int = Field(0, ge=0, description="Sessions on a usual day, for status and alerts; 0: nobody says.")
    accept_per_second_max: int = Field(
        0, ge=0, description="New links let in per second by this listener, the rest wait in the backlog; 0: see [reconnect]."
    )
    backlog_count: int = Field(
        4_096, ge=1, description="Kernel backlog of connections not yet accepted; net.core.somaxconn caps it."
    )
    terminals: tuple[str, ...] = Field((), description="Terminals allowed; empty means any.")
    certificate_names: Literal["any", "terminal"] = Field(
        "any",
        description="terminal: a link speaks only for the terminal that its client certificate names, exactly so written.",
    )


class DialerSettings(LinkSettings):
    """One outbound link, dialled and kept up by the relay."""

    endpoint: str = Field(description="Twisted client endpoint string, for instance tcp:host=10.1.2.3:port=7000.")
    source_address: str | None = Field(None, description="Fixed local address to dial from.")
    tls_server_name: str | None = Field(None, description="Name in the far end's certificate; absent means the host dialled.")
    connect_timeout_ms: Milliseconds = Field(10_000, description="Longest attempt to connect, TLS included, milliseconds.")
    backoff_first_ms: Milliseconds = Field(500, description="First pause before dialling again, milliseconds, jittered.")
    backoff_max_ms: Milliseconds = Field(30_000, description="Longest pause before dialling again, milliseconds.")


class OutboundSettings(Model):
    """Messages that the core starts: POST /v1/outbound, how they are sent, and how their delivery is reported."""

    endpoint: str | None = Field(
        None, description="Twisted endpoint string (tcp, tcp6, systemd) that the core posts to; absent means not served."
    )
    tls: TlsSettings | None = Field(
        None, description="Mutual TLS on the endpoint; without it, it may only be on this machine's loopback."
    )
    clients: tuple[str, ...] = Field(
        (), description="Names in certificates that may post; empty means every one that the authorities vouch for."
    )
    connection_count_max: int = Field(64, ge=1, le=10_000, description="Open connections of the endpoint.")
    body_bytes_max: int = Field(65_536, ge=256, le=1_048_576, description="Largest body of a post, bytes.")
    request_ms: Milliseconds = Field(10_000, description="Longest time from a request's first byte to its last, milliseconds.")
    idle_ms: Milliseconds = Field(60_000, description="How long a connection may say nothing, milliseconds.")
    open_count_max: int = Field(
        20_000, ge=1, description="Messages waiting, under way, or not yet reported; beyond it: refused with 503."
    )
    open_bytes_max: int = Field(67_108_864, ge=65_536, description="Bodies of those messages, bytes.")
    line_queue_count_max: int = Field(1_000, ge=1, le=100_000, description="Messages waiting on one line.")
    deferred_first_ms: Milliseconds = Field(
        1_000, description="First pause before a message that its line gave back is offered again, milliseconds; doubles."
    )
    deferred_max_ms: Milliseconds = Field(30_000, description="Longest such pause, milliseconds.")
    delivery_deadline_ms: Milliseconds = Field(
        600_000, description="Longest wait for a line's word about an offered message, milliseconds; then it is unknown."
    )
    report_inflight_count_max: int = Field(16, ge=1, le=1_000, description="Delivery reports under way to the core at once.")


class ReconcileSettings(Model):
    """The journal against the core's ledger listing: terminals with movement every few minutes, each business date once."""

    enabled: bool = Field(False, description="Run it by itself; off where the core has no listing.")
    mending: Literal["list", "mend"] = Field(
        "mend", description="mend: deliver what the core lost, undo what must not stand; list: only report it."
    )
    moves_count_max: int = Field(
        1_000, ge=1, le=100_000, description="Most differences that one run mends or reverses; the rest is listed."
    )
    correction_interval_s: int = Field(
        300, ge=1, le=86_400, description="Pause between correction runs (terminals with movement), seconds."
    )
    cutover_minute: int = Field(0, ge=0, le=1_439, description="The bank day begins so many minutes after local midnight.")
    utc_offset_minutes: int = Field(540, ge=-720, le=840, description="Local time of the bank, minutes east of UTC.")
    settle_ms: Milliseconds = Field(
        1_800_000, description="Pause between the end of a business date and its sweep, milliseconds."
    )
    margin_ms: Milliseconds = Field(120_000, description="Younger exchanges are no differences yet, milliseconds.")
    look_ms: Milliseconds = Field(60_000, description="How often a sweep that is due is looked for, milliseconds.")


class TelemetrySettings(Model):
    """What the relay shows of itself."""

    metrics_host: str = Field("127.0.0.1", description="Address of the Prometheus endpoint.")
    metrics_port: Port = Field(9583, description="Port of the Prometheus endpoint; 0 picks a free one.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Lowest level written.")
    log_format: Literal["json", "text"] = Field("json", description="JSON lines for journald, text for people.")


class Settings(Model):
    """The whole configuration file."""

    relay: RelaySettings = Field(default_factory=RelaySettings)
    journal: JournalSettings = Field(default_factory=JournalSettings)
    core: CoreSettings = Field(default_factory=CoreSettings)
    region: RegionSettings = Field(default_factory=RegionSettings)
    announce: AnnounceSettings = Field(default_factory=AnnounceSettings)
    lease: LeaseSettings = Field(default_factory=LeaseSettings)
    drain: DrainSettings = Field(default_factory=DrainSettings)
    pair: PairSettings = Field(default_factory=PairSettings)
    takeover: TakeoverSettings = Field(default_factory=TakeoverSettings)
    hot_lanes: HotLanesSettings = Field(default_factory=HotLanesSettings)
    hours: HoursSettings = Field(default_factory=HoursSettings)
    reconnect: ReconnectSettings = Field(default_factory=ReconnectSettings)
    outbound: OutboundSettings = Field(default_factory=OutboundSettings)
    reconcile: ReconcileSettings = Field(default_factory=ReconcileSettings)
    telemetry: TelemetrySettings = Field(default_factory=TelemetrySettings)
    console: ConsoleSettings = Field(default_factory=ConsoleSettings)
    control: ControlSettings = Field(default_factory=ControlSettings)
    listener: tuple[ListenerSettings, ...] = Field((), description="Listening endpoints.")
    dialer: tuple[DialerSettings, ...] = Field((), description="Outbound links.")

    @model_validator(mode="after")
    def _names_differ(self) -> Settings:
        names = [link.name for link in (*self.listener, *self.dialer)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"listener and dialer names must differ: {', '.join(twice)}")
        return self
