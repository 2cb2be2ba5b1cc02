"""The drill on paper: a plan that may be declared both ways, a configuration that an orchestrator reads, people who are two."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.failover.approvals import same_person
from relay.failover.deeds import CommandDeed, RelayDeed, Rfc2136Deed
from relay.failover.people import People
from relay.failover.plan import Phase, parse_plan
from relay.failover.plancheck import check_plan
from relay.loopback.lab.centers import configuration
from relay.loopback.lab.drillplan import DECLARER, LOG_KEY, PEOPLE, at_gate, orchestrator, person, plan
from relay.loopback.lab.topology import CENTERS, name_server_of, peer_of
from relay.orchestrator.settings import load_settings


@pytest.mark.parametrize("lost", CENTERS)
def test_the_plan_is_safe_whichever_region_is_lost(lost: str) -> None:
    made = parse_plan(plan("/root", "lab", "/tmp/lab", lost, peer_of(lost)))
    assert check_plan(made) == ()
    assert (made.from_region, made.to_region) == (lost, peer_of(lost))
    assert {type(step.do) for step in made.step} > {CommandDeed, RelayDeed, Rfc2136Deed}


def test_the_record_has_two_ways_at_two_servers_begun_at_once() -> None:
    made = parse_plan(plan("/root", "lab", "/tmp/lab", "tokyo", "osaka"))
    first, second = made.in_phase(Phase.DNS)
    assert isinstance(first.do, Rfc2136Deed)
    assert isinstance(second.do, Rfc2136Deed)
    assert first.do.servers == (f"{name_server_of('osaka')}:53",)
    assert second.do.servers == (f"{name_server_of('tokyo')}:53",)
    assert (second.instead_of, second.at_once) == (first.name, True)


def test_a_class_is_released_when_the_one_before_is_served() -> None:
    made = parse_plan(plan("/root", "lab", "/tmp/lab", "tokyo", "osaka"))
    for name, before in (("branch", "zengin-is-served"), ("atm", "branch-is-served")):
        for city in CENTERS:
            assert made.named(f"release-{name}-{city}").needs == (before,)


@pytest.mark.parametrize("city", CENTERS)
def test_an_orchestrator_reads_its_configuration(city: str, tmp_path: Path) -> None:
    file = tmp_path / "failover.toml"
    file.write_text(orchestrator("/root", "lab", "/tmp/lab", city, speakers=(7,)))
    settings = load_settings(str(file))
    assert settings.center == city
    assert settings.peer is not None
    assert settings.peer.center == peer_of(city)
    assert settings.peer.address.split(":")[0] != settings.peer.listen.split(":")[0]
    People(settings.person, settings.code, settings.speakers)  # an account is one person's, and a login
    assert settings.log_key == LOG_KEY
    assert settings.socket in configuration(city, f"/tmp/lab/{city}", "/b.ctl", []), "the console finds its orchestrator"
    assert [one.logins for one in settings.person] == [(one.login,) for one in PEOPLE]
    assert len({one.authenticator for one in settings.person}) == len(PEOPLE)


def test_whoever_decides_is_another_person_than_who_declared_and_than_the_other_one() -> None:
    for gate in (1, 2, 3):
        operations, business = at_gate(gate, "operations"), at_gate(gate, "business")
        assert (operations.role, business.role) == ("operations", "business")
        assert len({operations.uid, business.uid, DECLARER.uid}) == 3
        assert not same_person(operations.name, business.name)
    assert at_gate(1, "operations") != at_gate(2, "operations")
    assert all(person(one.name) is one for one in PEOPLE)
