"""The lab's two authoritative name servers, BIND at Tokyo's region and Knot at Osaka's: their configuration and the zone.
Pure.

Owns the texts. It must never start a server nor send an update (zoneupdate.py). Both are primaries of the same zone, so that
the loss of either region leaves one that can be changed; a relay believes one alone when the new region says the same
(docs/region.md). The trap: Knot without a database directory of its own loads the zone, and answers every update SERVFAIL.
"""

from __future__ import annotations

from relay.loopback.lab.topology import CENTERS, name_server_of, path_ips, zones_of

ZONE = "core.lab"
RECORD, ALIAS = f"_active.{ZONE}", f"active.{ZONE}"
NOTIFY_PORT = 5300
TTL_S = 5
KEY_NAME = "lab."


def target_of(city: str) -> str:
    """The DNS name of a region's addresses."""
    return f"{city[:3]}.{ZONE}"


def zone(record_text: str, active: str) -> str:
    """The zone file, with `active` as the active region."""
    lines = [f"$TTL {TTL_S}", f"@ SOA ns1.{ZONE}. admin.{ZONE}. 1 5 1 60 {TTL_S}", f"@ NS ns1.{ZONE}.", f"@ NS ns2.{ZONE}."]
    for number, city in enumerate(CENTERS, 1):
        lines.append(f"ns{number} A {name_server_of(city)}")
        lines += [f"{target_of(city)}. A {address}" for address in zones_of(city)]
    lines += [f"{ALIAS}. CNAME {target_of(active)}.", f'{RECORD}. TXT "{record_text}"']
    return "\n".join(lines) + "\n"


def bind(folder: str, secret: str) -> str:
    told = " ".join(f"{path_ips(city)[1]} port {NOTIFY_PORT};" for city in CENTERS)
    return f"""options {{
  directory "{folder}"; pid-file none; session-keyfile none; lock-file none;
  listen-on port 53 {{ {name_server_of("tokyo")}; }}; listen-on-v6 {{ none; }};
  recursion no; dnssec-validation no; allow-transfer {{ none; }};
  notify explicit; also-notify {{ {told} }}; notify-delay 0; notify-source {name_server_of("tokyo")};
}};
controls {{ }};
key "{KEY_NAME}" {{ algorithm hmac-sha256; secret "{secret}"; }};
zone "{ZONE}" {{
  type primary; file "zone";
  update-policy {{ grant {KEY_NAME} name {ALIAS}. CNAME; grant {KEY_NAME} name {RECORD}. TXT; }};
}};
"""


def knot(folder: str, secret: str) -> str:
    return f"""server:
  rundir: "{folder}"
  listen: {name_server_of("osaka")}@53
log:
  - target: stderr
    any: info
database:
  storage: "{folder}/db"
key:
  - id: {KEY_NAME}
    algorithm: hmac-sha256
    secret: "{secret}"
acl:
  - id: update
    key: {KEY_NAME}
    action: [update]
    update-owner: name
    update-owner-match: equal
    update-owner-name: [active, _active]
    update-type: [CNAME, TXT]
template:
  - id: default
    storage: "{folder}"
zone:
  - domain: {ZONE}
    file: "zone"
    acl: update
    zonefile-sync: -1
    zonefile-load: difference
    journal-content: changes
"""
