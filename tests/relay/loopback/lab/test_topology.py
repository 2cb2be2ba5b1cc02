"""The lab's value: it hangs together, and what could not be laid is refused."""

from __future__ import annotations

import ipaddress

import pytest

from relay.loopback.lab.laying import FORWARDING
from relay.loopback.lab.topology import (
    CENTERS,
    OFFICE,
    Link,
    Node,
    Route,
    Topology,
    console_ip,
    path_ips,
    peer_of,
    two_centers,
    zones_of,
)


def test_every_node_has_a_link_and_every_route_leads_over_a_neighbour() -> None:
    lab = two_centers()
    for node in lab.nodes:
        assert lab.links_of(node.name), node
    for route in lab.routes:
        neighbours = {link.a_ip if link.b == route.node else link.b_ip for link in lab.links_of(route.node)}
        assert route.via in neighbours, route


def test_no_address_is_there_twice_and_each_link_is_a_network_of_its_own() -> None:
    lab = two_centers()
    addresses = [ip for link in lab.links for ip in (link.a_ip, link.b_ip)]
    addresses += [ip for node in lab.nodes for ip in node.addresses]
    assert len(addresses) == len(set(addresses))
    nets = [ipaddress.ip_network(f"{link.a_ip}/30", strict=False) for link in lab.links]
    assert len(nets) == len(set(nets))
    for link, net in zip(lab.links, nets, strict=True):
        assert ipaddress.ip_address(link.b_ip) in net, link


def test_each_center_reaches_both_regions_by_a_line_of_its_own_and_the_other_by_two_paths() -> None:
    lab = two_centers()
    for city in CENTERS:
        for region in CENTERS:
            assert lab.link(f"{city}-center", f"{region}-region").delay_ms == (0 if city == region else 4)
        assert len(zones_of(city)) == 3
        assert len(set(path_ips(city))) == 2
        assert peer_of(peer_of(city)) == city != peer_of(city)


def test_the_office_has_a_line_to_each_console_that_carries_nothing_else() -> None:
    lab = two_centers()
    for city in CENTERS:
        line = lab.link(f"{city}-center", OFFICE)
        assert (line.ip_of(f"{city}-center"), line.delay_ms) == (console_ip(city), 0)
        assert not [route for route in lab.routes if route.via in (line.a_ip, line.b_ip)]
    assert "office" not in FORWARDING


@pytest.mark.parametrize(
    ("links", "routes", "said"),
    [
        ((Link("a", "x", "10.0.0.1", "10.0.0.2"),), (), "no node x"),
        ((), (Route("x", "default", "10.0.0.1"),), "no node"),
        ((Link("a", "a-very-long-name", "10.0.0.1", "10.0.0.2"),), (), "longer than a device's name"),
    ],
)
def test_what_cannot_be_laid_is_refused(links: tuple[Link, ...], routes: tuple[Route, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Topology((Node("a", "router"), Node("a-very-long-name", "router")), links, routes)


def test_two_nodes_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="one name"):
        Topology((Node("a", "router"), Node("a", "center")), (), ())
