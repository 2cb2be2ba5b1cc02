"""The commands of the lab's network, without a network: what is made before it is used, and nothing outside the namespaces."""

from __future__ import annotations

import pytest

from relay.loopback.lab.laying import WIRES, Command, firewall, lay, namespaces, wires
from relay.loopback.lab.topology import two_centers


def words(commands: list[Command]) -> list[str]:
    return [" ".join(command.words) for command in commands]


@pytest.mark.parametrize("has_netem", [True, False])
def test_nothing_is_used_before_it_was_made(has_netem: bool) -> None:
    made: set[str] = set()
    devices: set[tuple[str, str]] = set()
    for command in lay("t", two_centers(), has_netem):
        told = command.words
        if told[:3] == ("ip", "netns", "add"):
            made.add(told[3])
        elif told[:2] == ("ip", "-n"):
            assert told[2] in made, command
            if told[3:5] == ("link", "add"):
                assert told[-1] in made, command
                devices |= {(told[2], told[5]), (told[-1], told[-3])}
            if "dev" in told and told[-1] != "lo":
                assert (told[2], told[-1]) in devices, command
        else:
            assert command.node == "" or f"t-{command.node}" in made, command
    assert made == {f"t-{name}" for name in namespaces(two_centers(), has_netem)}


def test_nothing_is_done_in_the_machines_own_network() -> None:
    for command in lay("t", two_centers(), False):
        assert command.node or command.words[:3] == ("ip", "netns", "add") or command.words[1] == "-n", command


def test_a_delay_is_the_kernels_where_it_can_and_a_forwarders_where_not() -> None:
    lab = two_centers(5.0, 0.01)
    with_netem, without = words(list(lay("t", lab, True))), words(list(lay("t", lab, False)))
    assert "tc -n t-osaka-center qdisc add dev to-tokyo-center root netem delay 5.0ms loss 1.0%" in with_netem
    assert not any(WIRES in line for line in with_netem)
    assert not any("netem" in line for line in without)
    middles = wires(lab)
    assert [wire.ends for wire in middles] == [
        (("tokyo-center", "to-osaka-center"), ("osaka-center", "to-tokyo-center")),
        (("tokyo-center", "to-osaka-region"), ("osaka-region", "to-tokyo-center")),
        (("osaka-center", "to-tokyo-region"), ("tokyo-region", "to-osaka-center")),
    ]
    for wire in middles:
        assert any(f"peer name {wire.left} netns t-{WIRES}" in line for line in without)


def test_without_a_distance_there_is_nothing_to_forward() -> None:
    assert wires(two_centers(0.0)) == ()
    assert WIRES not in namespaces(two_centers(0.0), False)


def test_the_firewall_of_a_relays_host_resets_what_it_does_not_know() -> None:
    assert "reject with tcp reset" in firewall()
    assert firewall() in {command.given for command in lay("t", two_centers(), False) if command.node == "osaka-center"}
