"""What the lab is: nodes, links and addresses, as one frozen value. Pure.

Owns the only list of who stands where. It must never know a command: relay/loopback/lab/laying.py turns the value into them.
The traps: a device's name has 15 characters at most, so nodes have short names; and a link's delay is one way, so that a
round trip has twice as much.

                                terminals
                                    |
                                 router             BIRD
                               /        \\
                  tokyo-center ========== osaka-center      relay, BIRD, journal; each holds the other's standby
                     |   \\                  /   |
                     |     `------. .------`    |
                     |     .------` `------.    |
                  tokyo-region           osaka-region       three zones and a name server each
                               (third: the lease database, reached by both centers;
                                office: where people sit, a line of its own to each center)
"""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["terminals", "router", "center", "region", "third", "office"]

TERMINALS, ROUTER, THIRD, OFFICE = "terminals", "router", "third", "office"
CENTERS = ("tokyo", "osaka")
DISTANCE_MS = 4.0  # one way, between Tokyo and Osaka

SERVICE = "198.18.0.10"  # what terminals know
TERMINALS_NET = "10.77.0"
LEASE_PORT = 5500


class Node(msgspec.Struct, frozen=True):
    """One namespace. `addresses` are on its loopback, reached by routes."""

    name: str
    kind: Kind
    addresses: tuple[str, ...] = ()


class Link(msgspec.Struct, frozen=True):
    """A cable. `delay_ms` is one way, `loss` a share of the frames, both in either direction."""

    a: str
    b: str
    a_ip: str
    b_ip: str
    delay_ms: float = 0.0
    loss: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.a}:{self.b}"

    @property
    def ends(self) -> tuple[str, str]:
        return self.a, self.b

    def ip_of(self, node: str) -> str:
        return self.a_ip if node == self.a else self.b_ip

    def device_at(self, node: str) -> str:
        return f"to-{self.b if node == self.a else self.a}"


class Route(msgspec.Struct, frozen=True):
    """At `node`, `to` lies behind `via`."""

    node: str
    to: str
    via: str


class Topology(msgspec.Struct, frozen=True):
    """Raises ValueError for a link or a route to nowhere, and for a name that no device can have."""

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    routes: tuple[Route, ...]

    def __post_init__(self) -> None:
        names = {node.name for node in self.nodes}
        if len(names) != len(self.nodes):
            raise ValueError("two nodes have one name")
        for link in self.links:
            for end in link.ends:
                if end not in names:
                    raise ValueError(f"{link.name}: there is no node {end}")
                if len(link.device_at(end)) > 15:
                    raise ValueError(f"{link.device_at(end)}: longer than a device's name may be")
        for route in self.routes:
            if route.node not in names:
                raise ValueError(f"a route at {route.node}, which is no node")

    def node(self, name: str) -> Node:
        """Raises KeyError."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def link(self, a: str, b: str) -> Link:
        """The link between two nodes, whichever way round. Raises KeyError."""
        for link in self.links:
            if {a, b} == set(link.ends):
                return link
        raise KeyError(f"{a}:{b}")

    def links_of(self, node: str) -> tuple[Link, ...]:
        return tuple(link for link in self.links if node in link.ends)

    def of_kind(self, kind: Kind) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.kind == kind)


def zones_of(city: str) -> tuple[str, ...]:
    """The addresses of a region's zones."""
    return tuple(f"10.88.{1 + CENTERS.index(city)}.{number}" for number in (1, 2, 3))


def name_server_of(city: str) -> str:
    return f"10.88.{1 + CENTERS.index(city)}.53"


LEASE_HOST = "10.88.3.1"


def two_centers(distance_ms: float = DISTANCE_MS, loss: float = 0.0) -> Topology:
    """The lab as it is: everything between Tokyo and Osaka takes `distance_ms` one way and loses a share `loss`."""
    nodes = [Node(TERMINALS, "terminals"), Node(ROUTER, "router"), Node(THIRD, "third", (LEASE_HOST,))]
    nodes += [Node(OFFICE, "office")]
    nodes += [Node(f"{city}-center", "center") for city in CENTERS]
    nodes += [Node(f"{city}-region", "region", (*zones_of(city), name_server_of(city))) for city in CENTERS]
    links = [
        Link(TERMINALS, ROUTER, f"{TERMINALS_NET}.2", f"{TERMINALS_NET}.1"),
        Link("tokyo-center", "osaka-center", "10.77.3.1", "10.77.3.2", distance_ms, loss),
    ]
    routes = [Route(TERMINALS, "default", f"{TERMINALS_NET}.1")]
    for here, city in enumerate(CENTERS, 1):
        center = f"{city}-center"
        links.append(Link(ROUTER, center, f"10.77.{here}.1", f"10.77.{here}.2"))
        routes.append(Route(center, "default", f"10.77.{here}.1"))
        for there, region in enumerate(CENTERS, 1):
            far = (distance_ms, loss) if region != city else (0.0, 0.0)
            net = f"10.77.{here}{there}"
            links.append(Link(center, f"{region}-region", f"{net}.2", f"{net}.1", *far))
            routes.append(Route(center, f"10.88.{there}.0/24", f"{net}.1"))
        links.append(Link(center, THIRD, f"10.77.{here}3.2", f"10.77.{here}3.1"))
        routes.append(Route(center, "10.88.3.0/24", f"10.77.{here}3.1"))
        links.append(Link(center, OFFICE, console_ip(city), f"10.77.{here}4.1"))
    # The second path between the centers runs through Tokyo's region, where the first does not.
    routes.append(Route("tokyo-center", "10.77.21.0/30", "10.77.11.1"))
    routes.append(Route("osaka-center", "10.77.11.0/30", "10.77.21.1"))
    return Topology(tuple(nodes), tuple(links), tuple(routes))


def path_ips(city: str) -> tuple[str, str]:
    """A center's addresses on the two paths between the centers."""
    here = 1 + CENTERS.index(city)
    return f"10.77.3.{here}", f"10.77.{here}1.2"


def console_ip(city: str) -> str:
    """Where a center's console is opened, from the office."""
    return f"10.77.{1 + CENTERS.index(city)}4.2"


def terminals_ip() -> str:
    """Where fake peers that the relay dials listen."""
    return f"{TERMINALS_NET}.2"


def peer_of(city: str) -> str:
    return CENTERS[1 - CENTERS.index(city)]


def region_sites() -> dict[str, tuple[str, ...]]:
    return {city: zones_of(city) for city in CENTERS}
