"""What can fail and how: the rules stand where frames arrive, and one healing never heals another."""

from __future__ import annotations

import pytest

from relay.loopback.lab.cuts import Cut, read, rules, same
from relay.loopback.lab.topology import two_centers

LAB = two_centers()


def dropped(*some: Cut) -> dict[str, list[str]]:
    """Node to its rules."""
    found = {}
    for command in rules(LAB, some):
        first, *rest = command.given.splitlines()
        assert first == "flush chain inet cut pre"
        if rest:
            found[command.node] = [line.removeprefix("add rule inet cut pre ") for line in rest]
    return found


def test_a_link_in_both_directions_and_in_one() -> None:
    at_region, at_center = ['iifname "to-tokyo-center" drop'], ['iifname "to-tokyo-region" drop']
    name = "tokyo-center:tokyo-region"
    assert dropped(read(LAB, "link", name)) == {"tokyo-region": at_region, "tokyo-center": at_center}
    assert dropped(read(LAB, "link", name, "out")) == {"tokyo-region": at_region}
    assert dropped(read(LAB, "link", name, "in")) == {"tokyo-center": at_center}
    assert dropped(read(LAB, "link", "tokyo-region:tokyo-center", "out")) == {"tokyo-center": at_center}


def test_a_node_is_cut_off_from_all_its_neighbours() -> None:
    found = dropped(read(LAB, "node", "osaka-region"))
    assert found.pop("osaka-region") == ['iifname "to-tokyo-center" drop', 'iifname "to-osaka-center" drop']
    assert found == {f"{city}-center": ['iifname "to-osaka-region" drop'] for city in ("tokyo", "osaka")}


def test_a_zone_is_an_address_that_hears_nothing() -> None:
    assert dropped(read(LAB, "zone", "tokyo-region:2")) == {"tokyo-region": ["ip daddr 10.88.1.2 drop"]}


def test_a_name_server_is_deaf_to_others_and_hears_itself() -> None:
    assert dropped(read(LAB, "names", "osaka-region")) == {"osaka-region": ['iifname != "lo" ip daddr 10.88.2.53 drop']}


def test_every_node_is_written_anew_so_that_what_was_healed_is_gone() -> None:
    assert {command.node for command in rules(LAB, [])} == {node.name for node in LAB.nodes}
    assert dropped() == {}


def test_what_heals_what() -> None:
    link = read(LAB, "link", "tokyo-center:osaka-center", "out")
    assert same(read(LAB, "link", "osaka-center:tokyo-center"), link)
    assert not same(read(LAB, "node", "osaka-center"), link)
    assert str(link) == "link tokyo-center:osaka-center (out)"


@pytest.mark.parametrize(
    ("what", "name", "direction", "said"),
    [
        ("link", "tokyo-center:terminals", "both", "there are terminals:router"),
        ("node", "nagoya", "both", "there is no node nagoya"),
        ("zone", "tokyo-region:4", "both", "a colon and 1 to 3"),
        ("zone", "tokyo-center:1", "both", "there is no zone"),
        ("zone", "tokyo-region:1", "out", "as a whole"),
        ("names", "tokyo-center", "both", "no name server of tokyo-center"),
        ("names", "tokyo-region", "in", "as a whole"),
        ("node", "router", "up", "expected one of both, out, in"),
        ("cable", "x", "both", "expected link, node, zone or names"),
    ],
)
def test_what_there_is_not_is_said(what: str, name: str, direction: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read(LAB, what, name, direction)
