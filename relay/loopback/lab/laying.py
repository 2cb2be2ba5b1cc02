"""From the topology to the commands that lay it: namespaces, cables, addresses, routes, forwarding, scissors. Pure.

Owns the words of `ip`, `tc`, `nft` and `sysctl`, in an order that works. It must never run one. The traps: both ends of a
cable stand in namespaces from the first moment, so that nothing of the lab is ever in the machine's own network and all of it
goes with the namespaces; and a cable with a delay has a middle, where the kernel cannot delay frames by itself (wire.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from relay.loopback.lab.topology import CENTERS, ROUTER, SERVICE, TERMINALS, Link, Topology

WIRES = "wires"  # the namespace of the middles of delayed cables
NDC_ADDRESSES = 40  # of the terminals' network: fake machines dial from an address each
FORWARDING = ("router", "region")


class Command(msgspec.Struct, frozen=True):
    """A program to run to its end, in the namespace of `node` ("" is the machine's own); `given` is its standard input."""

    words: tuple[str, ...]
    node: str = ""
    given: str = ""


class Wire(msgspec.Struct, frozen=True):
    """The middle of a delayed cable: two devices in WIRES, and the real ends, whose offloads have to be off."""

    left: str
    right: str
    delay_ms: float
    loss: float
    ends: tuple[tuple[str, str], tuple[str, str]]  # node and device


def namespace(lab: str, node: str) -> str:
    """The name of a node's namespace in `ip netns`."""
    return f"{lab}-{node}"


def is_delayed(link: Link) -> bool:
    return link.delay_ms > 0 or link.loss > 0


def wires(topology: Topology) -> tuple[Wire, ...]:
    """What a forwarder has to do, where the kernel has no netem."""
    return tuple(
        Wire(
            f"w{number}a",
            f"w{number}b",
            link.delay_ms,
            link.loss,
            ((link.a, link.device_at(link.a)), (link.b, link.device_at(link.b))),
        )
        for number, link in enumerate(topology.links)
        if is_delayed(link)
    )


def namespaces(topology: Topology, has_netem: bool) -> tuple[str, ...]:
    """The nodes that need one, in the order in which they are made."""
    names = tuple(node.name for node in topology.nodes)
    return names if has_netem or not wires(topology) else (*names, WIRES)


def lay(lab: str, topology: Topology, has_netem: bool) -> Iterator[Command]:
    """All commands, from nothing to a network that forwards; namespaces first."""
    for name in namespaces(topology, has_netem):
        yield Command(("ip", "netns", "add", namespace(lab, name)))
        yield _ip(lab, name, "link set lo up")
    for number, link in enumerate(topology.links):
        yield from _cable(lab, link, number, has_netem)
    for node in topology.nodes:
        for address in node.addresses:
            yield _ip(lab, node.name, f"addr add {address}/32 dev lo")
        if node.kind in FORWARDING:
            yield Command(("sysctl", "-qw", "net.ipv4.ip_forward=1"), node.name)
        yield Command(("nft", "-f", "-"), node.name, scissors_table())
    for machine in range(NDC_ADDRESSES):
        yield _ip(lab, TERMINALS, f"addr add 10.77.0.{101 + machine}/24 dev to-{ROUTER}")
    for route in topology.routes:
        yield _ip(lab, route.node, f"route add {route.to} via {route.via}")
    for city in CENTERS:
        yield Command(("nft", "-f", "-"), f"{city}-center", firewall())


def _ip(lab: str, node: str, words: str) -> Command:
    return Command(("ip", "-n", namespace(lab, node), *words.split()))


def _cable(lab: str, link: Link, number: int, has_netem: bool) -> Iterator[Command]:
    ends = [(node, link.device_at(node)) for node in link.ends]
    pairs: Sequence[tuple[tuple[str, str], tuple[str, str]]] = [(ends[0], ends[1])]
    if is_delayed(link) and not has_netem:
        pairs = [(ends[0], (WIRES, f"w{number}a")), (ends[1], (WIRES, f"w{number}b"))]
    for (node, device), (other, other_device) in pairs:
        peer = f"peer name {other_device} netns {namespace(lab, other)}"
        yield _ip(lab, node, f"link add {device} type veth {peer}")
        yield _ip(lab, other, f"link set {other_device} up")
    bits = 24 if TERMINALS in link.ends else 30
    for node, device in ends:
        yield _ip(lab, node, f"addr add {link.ip_of(node)}/{bits} dev {device}")
        yield _ip(lab, node, f"link set {device} up")
        if is_delayed(link) and has_netem:
            spell = f"qdisc add dev {device} root netem delay {link.delay_ms}ms loss {link.loss * 100}%"
            yield Command(("tc", "-n", namespace(lab, node), *spell.split()))


def scissors_table() -> str:
    """Where cuts.py puts its rules: what arrives is dropped before anything sees it, so that nobody is told."""
    return "table inet cut {\nchain pre { type filter hook prerouting priority raw; policy accept; }\n}\n"


def firewall() -> str:
    """What docs/announce.md asks of a relay's host: while the address is gone and the route not yet, segments are reset."""
    return f"""table inet relay {{
chain elsewhere {{
type filter hook prerouting priority filter; policy accept;
ip daddr {SERVICE} fib daddr type != local meta l4proto tcp reject with tcp reset
}}
}}
"""
