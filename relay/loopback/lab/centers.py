"""A relay center's configuration in the lab: everything that docs/install.md, announce.md, pair.md, region.md and lease.md
ask. Pure.

Owns the text. It must never write a file. The traps: what a relay dials has to be the same at both centers, or a line would
end with its center; and 発信通番 and NDC serials come from a range per center, or one center's numbers
would be taken for the other's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from relay.loopback.lab.databases import STANDBY, copy_dsn, journal_dsn, lease_dsn
from relay.loopback.lab.names import ALIAS, NOTIFY_PORT, RECORD, ZONE, target_of
from relay.loopback.lab.topology import CENTERS, SERVICE, console_ip, name_server_of, path_ips, peer_of

CORE_NAME = f"api.{ZONE}"
CORE_PORT = 8443
METRICS_PORT = 9585
CONSOLE_PORT = 8444
SERIALS = 10_000
TSN_COUNT = 4_999  # of 9,999

TEXT = """\
# Written by the lab: a relay center of its own, and nothing of this machine's.
[relay]
center = "{city}"
realm = "bank"
drain_deadline_ms = 5000
completion_deadline_ms = 5000
credentials_directory = "{folder}/credentials"

[journal]
engine = "postgresql"
dsn = "{journal}"

[core]
name = "{core_name}"
port = {core_port}
name_servers = {name_servers}
call_timeout_ms = 1500
connect_timeout_ms = 1000
inquiry_first_ms = 200
retry_first_ms = 200
retry_max_ms = 2000

[core.tls]
authorities = "{folder}/authorities.pem"

[region]
source = "dns"
record_name = "{record}"
alias_name = "{alias}"
regions = {regions}
name_servers = {name_servers}
mac_credentials = ["region-mac"]
notify_endpoint = "{region_ip}:{notify_port}"
shadow_probe_ms = 1000

[announce]
adapter = "bird"
addresses = ["{service}"]
device = "svc0"
control_socket = "{bird}"
look_ms = 100
rise_count = 2
fall_count = 2
stay_ms = 1000
stay_ms_max = 1000
changes_per_minute_max = 60
settle_ms = 200
speaker_look_ms = 100
ask_ms = 300

[pair]
peer = "{peer}"
paths = {paths}
mac_credentials = ["pair-mac"]
certificate = "{folder}/pair.pem"
key = "{folder}/pair.key"
authorities = "{folder}/authorities.pem"
peer_certificate_name = "{peer}.lab"
use_peer = true
serve_peer = true
return_after_ms = 4000
journal_standby = "{standby}"
ack_needs_request = ["local"]
ack_needs_advice = ["local+peer", "core"]
ack_needs_telegram = ["local+peer", "core"]
ack_needs_ej = ["local+peer", "core"]
ack_needs_outward = ["local+peer"]
ack_needs_serial = ["local+peer", "local"]
ack_return_after_ms = 2000

[takeover]
dsn = "{copy}"
look_ms = 200

[lease]
dsn = "{lease}"
ttl_ms = 12000
renew_ms = 500
request_timeout_ms = 2000
clock_drift_ms = 500

[reconnect]
accept_per_s = 1000
accept_burst_count = 2000
ramp_start_percent = 100

[reconcile]
utc_offset_minutes = 0
margin_ms = 1

[console]
endpoint = "tcp:{console_port}:interface={console_ip}"
accounts_path = "{folder}/console-accounts.json"
failover_socket = "{failover}"

[console.tls]
certificate = "{folder}/console.pem"
key = "{folder}/console.key"

[telemetry]
metrics_port = {metrics_port}
log_level = "info"
log_format = "text"

[control]
path = "{control}"
two_signatures = "names"
"""


def configuration(city: str, folder: str, bird: str, sites: Sequence[str]) -> str:
    """The whole file. `sites` are the listeners and dialers of the fake peers, as their troupes write them."""
    peer = peer_of(city)
    ours, theirs = path_ips(city), path_ips(peer)
    text = TEXT.format(
        city=city,
        peer=peer,
        folder=folder,
        bird=bird,
        journal=journal_dsn(city),
        copy=copy_dsn(city),
        standby=STANDBY,
        lease=lease_dsn(),
        core_name=CORE_NAME,
        core_port=CORE_PORT,
        metrics_port=METRICS_PORT,
        record=RECORD,
        alias=ALIAS,
        service=SERVICE,
        name_servers=_list(f"{name_server_of(each)}:53" for each in CENTERS),
        regions=_list(f"{each}={target_of(each)}" for each in CENTERS),
        paths=_list((f"link={ours[0]}>{theirs[0]}", f"region={ours[1]}>{theirs[1]}")),
        region_ip=ours[1],
        notify_port=NOTIFY_PORT,
        control=control_path(folder),
        console_ip=console_ip(city),
        console_port=CONSOLE_PORT,
        failover=failover_path(folder),
    )
    first = 1 + CENTERS.index(city) * SERIALS
    own = {"{directory}": folder, "{reply_deadline_ms}": "6000", "{links_max}": "2000"}
    own |= {"{serial_first}": str(first), "{serial_last}": str(first + SERIALS - 1)}
    tsn = 1 + CENTERS.index(city) * TSN_COUNT
    own |= {"{tsn_first}": str(tsn), "{tsn_last}": str(tsn + TSN_COUNT - 1)}
    for site in sites:
        for name, value in own.items():
            site = site.replace(name, value)
        text += site
    return text


def control_path(folder: str) -> str:
    return f"{folder}/control.sock"


def failover_path(folder: str) -> str:
    """Of the orchestrator beside the relay."""
    return f"{folder}/failover.sock"


def console_address(city: str) -> str:
    """What people in the office open."""
    return f"https://{console_ip(city)}:{CONSOLE_PORT}"


def _list(words: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"
