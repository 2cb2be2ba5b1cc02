"""What can fail in the lab, how it is named, and the rules that make it so. Pure.

Owns the words of `relay lab fail` and the nftables rules behind them. It must never run one. The traps: what is lost is
dropped where it *arrives*, for a sender whose own host drops its packets is told so by the kernel, and no real cable does
that; and the rules of all cuts are written anew as a whole each time, so that healing one never heals another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from relay.loopback.lab.laying import Command
from relay.loopback.lab.topology import Topology

Direction = Literal["both", "out", "in"]
What = Literal["link", "node", "zone", "names"]
DIRECTIONS: tuple[Direction, ...] = ("both", "out", "in")


class Cut(msgspec.Struct, frozen=True):
    """`out` is from the first-named end of a link to the second, or from the node to everybody."""

    what: What
    name: str
    direction: Direction = "both"

    def __str__(self) -> str:
        return f"{self.what} {self.name}" + ("" if self.direction == "both" else f" ({self.direction})")


def read(topology: Topology, what: str, name: str, direction: str = "both") -> Cut:
    """A cut as typed. Raises ValueError that says what there is."""
    if direction not in DIRECTIONS:
        raise ValueError(f"{direction}: expected one of {', '.join(DIRECTIONS)}")
    if what == "link":
        a, _, b = name.partition(":")
        try:
            topology.link(a, b)
        except KeyError:
            known = ", ".join(link.name for link in topology.links)
            raise ValueError(f"there is no link {name}; there are {known}") from None
        return Cut("link", name, direction)
    if what == "node":
        try:
            topology.node(name)
        except KeyError:
            raise ValueError(f"there is no node {name}; there are {', '.join(n.name for n in topology.nodes)}") from None
        return Cut("node", name, direction)
    if what == "zone":
        if direction != "both":
            raise ValueError("a zone is lost as a whole: cut its links for a direction")
        _address(topology, name)
        return Cut("zone", name)
    if what == "names":
        if direction != "both":
            raise ValueError("a name server is lost as a whole: cut its links for a direction")
        _server(topology, name)
        return Cut("names", name)
    raise ValueError(f"{what}: expected link, node, zone or names")


def same(one: Cut, other: Cut) -> bool:
    """Whether healing `one` heals `other`: the same thing, whatever the direction, and a link whichever way round."""
    return one.what == other.what and (
        one.name == other.name or (one.what == "link" and one.name.split(":") == other.name.split(":")[::-1])
    )


def rules(topology: Topology, cuts: Iterable[Cut]) -> Iterator[Command]:
    """For each node: its table emptied, and the rules of all `cuts` in it."""
    lines: dict[str, list[str]] = {node.name: [] for node in topology.nodes}
    for cut in cuts:
        for node, rule in _rules_of(topology, cut):
            lines[node].append(f"add rule inet cut pre {rule} drop")
    for node, wanted in lines.items():
        yield Command(("nft", "-f", "-"), node, "\n".join(["flush chain inet cut pre", *wanted, ""]))


def _rules_of(topology: Topology, cut: Cut) -> Iterator[tuple[str, str]]:
    if cut.what == "zone":
        region, address = _address(topology, cut.name)
        yield region, f"ip daddr {address}"
        return
    if cut.what == "names":
        yield cut.name, f'iifname != "lo" ip daddr {_server(topology, cut.name)}'  # what it has done is asked from inside
        return
    if cut.what == "link":
        a, _, b = cut.name.partition(":")
        ways = [(a, b)]
    else:
        ways = [(cut.name, next(end for end in link.ends if end != cut.name)) for link in topology.links_of(cut.name)]
    for a, b in ways:
        link = topology.link(a, b)
        if cut.direction in ("both", "out"):
            yield b, f'iifname "{link.device_at(b)}"'
        if cut.direction in ("both", "in"):
            yield a, f'iifname "{link.device_at(a)}"'


def _address(topology: Topology, name: str) -> tuple[str, str]:
    """`tokyo-region:2` as the node and the address of its second zone. Raises ValueError."""
    node, _, number = name.partition(":")
    regions = {region.name: region for region in topology.of_kind("region")}
    if node not in regions or number not in ("1", "2", "3"):
        raise ValueError(f"there is no zone {name}; expected {', '.join(regions)}, a colon and 1 to 3")
    return node, regions[node].addresses[int(number) - 1]


def _server(topology: Topology, name: str) -> str:
    """The address of a region's name server. Raises ValueError."""
    regions = {region.name: region for region in topology.of_kind("region")}
    if name not in regions:
        raise ValueError(f"there is no name server of {name}; expected {', '.join(regions)}")
    return regions[name].addresses[-1]
