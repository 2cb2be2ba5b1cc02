"""BIRD of the lab: the router's and each center's configuration. Pure.

Owns the texts, the same as docs/announce.md shows, with the lab's addresses. It must never start a BIRD. The trap: every MED
of a standby lies above every MED of a holder, and MEDs are compared within one neighbour AS only, so both centers share one.
"""

from __future__ import annotations

from relay.loopback.lab.topology import CENTERS, ROUTER, SERVICE, Topology

_COMMON = """log "{log}" all;
router id {id};
protocol device {{ scan time 2; }}
protocol bfd {{ interface "*" {{ min rx interval {bfd} ms; min tx interval {bfd} ms; multiplier 3; }}; }}
"""
_SESSION = """{passive}error wait time 1,5;
  hold time 9; keepalive time 3; bfd on;
"""


def router(topology: Topology, log: str, bfd_ms: int) -> str:
    text = _COMMON.format(log=log, id="10.77.0.1", bfd=bfd_ms)
    text += "protocol kernel { ipv4 { import none; export where source = RTS_BGP; }; }\n"
    text += f"filter svc_only {{ if net = {SERVICE}/32 then accept; reject; }}\n"
    for city in CENTERS:
        link = topology.link(ROUTER, f"{city}-center")
        text += f"protocol bgp {city} {{\n  local {link.a_ip} as 64500;\n  neighbor {link.b_ip} as 64511; "
        text += _SESSION.format(passive="passive on; ") + "  ipv4 { import filter svc_only; export none; };\n}\n"
    return text


def center(topology: Topology, city: str, log: str, bfd_ms: int) -> str:
    """Tokyo is preferred; each is least preferred until its relay says otherwise."""
    link = topology.link(ROUTER, f"{city}-center")
    med = 10 * (1 + CENTERS.index(city))
    text = _COMMON.format(log=log, id=link.b_ip, bfd=bfd_ms)
    return (
        text
        + f"""protocol direct svc {{ ipv4; ipv6; interface "svc0"; disabled; }}
protocol direct svc_standby {{ ipv4; ipv6; interface "svc0"; }}
filter svc_out {{
  if net !~ [ {SERVICE}/32 ] then reject;
  if proto = "svc" then {{ bgp_med = {med}; accept; }}
  if proto = "svc_standby" then {{ bgp_med = {1000 + med}; accept; }}
  reject;
}}
protocol bgp isp {{
  local {link.b_ip} as 64511;
  neighbor {link.a_ip} as 64500;
  connect delay time 1; connect retry time 1; """
        + _SESSION.format(passive="")
        + "  ipv4 { import none; export filter svc_out; };\n}\n"
    )
