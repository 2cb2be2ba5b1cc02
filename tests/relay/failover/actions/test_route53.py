"""The record in a hosted zone: swapped only where it is the old one, seen when it is everywhere, and never twice."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from relay.core.zone import ZoneAnswer
from relay.failover.actions.aws import Answer, AwsCall, AwsService
from relay.failover.actions.awsdoor import AwsDoor
from relay.failover.actions.port import ActionFailed, ActionRefused, Sight
from relay.failover.actions.route53 import Route53Action
from relay.region.record import RegionRecord
from tests.support.awsmoto import MotoProcess
from tests.support.awsproxy import AwsProxy, Fault
from tests.support.awsworld import MAC_KEY, SCENE, Zone, door_to, impatient

ACT = "ChangeResourceRecordSets"
NEW = RegionRecord(8, "osaka", "run-1")
replace = msgspec.structs.replace


@pytest.fixture
def zone(moto: MotoProcess) -> Zone:
    return Zone(moto.url)


class Servers:
    """Two name servers, of which each shows the zone, or what it showed before."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self.old = zone.shown()
        self.late: set[str] = set()
        self.silent: set[str] = set()

    async def look(self, server: str) -> ZoneAnswer:
        if server in self.silent:
            return ZoneAnswer("silent")
        shown = self.old if server in self.late else self._zone.shown()
        return ZoneAnswer("", ((shown["TXT"].strip('"').encode(),),), shown["CNAME"])


def action(zone: Zone, door: AwsCall, servers: Servers | None = None, changes: dict[str, str] | None = None) -> Route53Action:
    named = () if servers is None else ("a", "b")
    seen = servers or Servers(zone)
    return Route53Action(replace(zone.deed, servers=named), MAC_KEY, door, seen.look, {} if changes is None else changes)


async def test_the_record_and_the_alias_move_in_one_batch(zone: Zone, door: AwsDoor, proxy: AwsProxy) -> None:
    made = action(zone, door)
    assert (await made.observe(SCENE)).sight is Sight.ABSENT
    await made.act(SCENE)
    assert zone.shown() == {"TXT": f'"{zone.text(NEW)}"', "CNAME": zone.deed.alias_target}
    look = await made.observe(SCENE)
    assert (look.sight, look.detail) == (Sight.DONE, "epoch 8, INSYNC")
    assert proxy.effects[ACT] == 1


async def test_the_batch_names_what_is_there_and_overwrites_nothing(zone: Zone, door: AwsDoor) -> None:
    batches: list[object] = []

    async def recording(service: AwsService, region: str, name: str, asked: Mapping[str, object], kind: type[Answer]) -> Answer:
        if name == "change_resource_record_sets":
            batches.append(asked)
        return await door(service, region, name, asked, kind)

    old = zone.shown()
    await action(zone, recording).act(SCENE)
    new = zone.shown()

    def one(what: str, name: str, kind: str, value: str) -> dict[str, object]:
        return {
            "Action": what,
            "ResourceRecordSet": {"Name": name, "Type": kind, "TTL": 5, "ResourceRecords": [{"Value": value}]},
        }

    record, alias = zone.deed.record_name, zone.deed.alias_name
    changes = [
        one("DELETE", f"{record}.", "TXT", old["TXT"]),
        one("CREATE", record, "TXT", new["TXT"]),
        one("DELETE", f"{alias}.", "CNAME", old["CNAME"]),
        one("CREATE", alias, "CNAME", new["CNAME"]),
    ]
    assert batches == [{"HostedZoneId": zone.deed.zone_id, "ChangeBatch": {"Comment": "run-1/s", "Changes": changes}}]


async def test_a_record_that_was_changed_in_between_is_not_overwritten(zone: Zone, door: AwsDoor, proxy: AwsProxy) -> None:
    """Somebody moves it between our look and our batch: the batch names what was there, and is refused whole."""

    async def racing(service: AwsService, region: str, name: str, asked: Mapping[str, object], kind: type[Answer]) -> Answer:
        if name == "change_resource_record_sets":
            zone.put(RegionRecord(8, "osaka", "another"), zone.deed.alias_target)
        return await door(service, region, name, asked, kind)

    made = action(zone, racing)
    with pytest.raises(ActionRefused, match="do not match"):
        await made.act(SCENE)
    assert zone.shown()["TXT"] == f'"{zone.text(RegionRecord(8, "osaka", "another"))}"'
    look = await made.observe(SCENE)
    assert (look.sight, look.detail) == (Sight.FAILED, "somebody else has moved the record: osaka, epoch 8, run another")


@pytest.mark.parametrize("found", [RegionRecord(6, "tokyo", "run-0"), RegionRecord(9, "osaka", "run-2"), NEW])
async def test_nothing_is_sent_where_the_record_is_not_of_the_epoch_that_ends(
    zone: Zone, door: AwsDoor, proxy: AwsProxy, found: RegionRecord
) -> None:
    zone.put(found, "tyo.core.example")
    with pytest.raises(ActionRefused, match="not of epoch 7"):
        await action(zone, door).act(SCENE)
    assert proxy.asked[ACT] == 0


async def test_a_change_that_stays_pending_is_under_way_and_not_done(zone: Zone, door: AwsDoor, proxy: AwsProxy) -> None:
    proxy.is_pending = True
    changes: dict[str, str] = {}
    await action(zone, door, changes=changes).act(SCENE)
    for _ in range(3):  # the next try of the same process knows the change, too
        look = await action(zone, door, changes=changes).observe(SCENE)
        assert look.sight is Sight.IN_PROGRESS
    proxy.is_pending = False
    assert (await action(zone, door, changes=changes).observe(SCENE)).sight is Sight.DONE


async def test_another_process_asks_the_servers_what_has_become_of_it(zone: Zone, door: AwsDoor, proxy: AwsProxy) -> None:
    servers = Servers(zone)
    await action(zone, door, servers).act(SCENE)
    resumed = action(zone, door, servers)
    servers.late = {"a", "b"}
    assert (await resumed.observe(SCENE)).sight is Sight.IN_PROGRESS
    servers.late = {"b"}
    assert (await resumed.observe(SCENE)).sight is Sight.IN_PROGRESS
    servers.late, servers.silent = set(), {"a", "b"}
    assert (await resumed.observe(SCENE)).sight is Sight.IN_PROGRESS
    servers.silent = set()
    assert (await resumed.observe(SCENE)).sight is Sight.DONE
    nobody = await action(zone, door).observe(SCENE)
    assert (nobody.sight, nobody.detail) == (Sight.DONE, "epoch 8, in the zone; its servers were not asked")


async def test_with_the_control_plane_gone_the_servers_say_that_it_is_there_and_never_that_it_is_not(zone: Zone) -> None:
    servers = Servers(zone)
    unreachable = action(zone, door_to("http://127.0.0.1:9"), servers)
    assert (await unreachable.observe(SCENE)).sight is Sight.UNKNOWN
    zone.put(NEW, zone.deed.alias_target)
    assert (await unreachable.observe(SCENE)).sight is Sight.DONE
    with pytest.raises(ActionRefused, match="nothing was sent"):
        await unreachable.act(SCENE)


@pytest.mark.parametrize(
    ("fault", "kind", "effects"),
    [
        ("throttle", ActionRefused, 0),
        ("deny", ActionRefused, 0),
        ("drop", ActionFailed, 0),
        ("hang", ActionFailed, 0),
        ("html", ActionFailed, 0),
        ("error", ActionFailed, 0),
        ("lose", ActionFailed, 1),
        ("late", ActionFailed, 1),
        ("garbage", ActionFailed, 1),
    ],
)
async def test_what_goes_wrong_is_told_apart_and_nothing_is_sent_twice(
    zone: Zone, door: AwsDoor, proxy: AwsProxy, fault: Fault, kind: type[ActionFailed], effects: int
) -> None:
    proxy.goes_wrong(ACT, fault)
    made = action(zone, impatient(door, proxy.url, "change_resource_record_sets"))
    with pytest.raises(ActionFailed) as caught:
        await made.act(SCENE)
    assert isinstance(caught.value, ActionRefused) is (kind is ActionRefused)
    await proxy.settled(ACT, effects)
    assert (proxy.asked[ACT], proxy.effects[ACT]) == (1, effects)
    assert (await made.observe(SCENE)).sight is (Sight.DONE if effects else Sight.ABSENT)


async def test_a_denied_look_is_for_people_and_a_garbled_one_is_no_look(zone: Zone, door: AwsDoor, proxy: AwsProxy) -> None:
    proxy.goes_wrong("ListResourceRecordSets", "deny", "garbage", "throttle")
    assert (await action(zone, door).observe(SCENE)).sight is Sight.FAILED
    for _ in range(2):
        with pytest.raises(ActionFailed):
            await action(zone, door).observe(SCENE)


async def test_an_epoch_never_goes_back(zone: Zone, door: AwsDoor) -> None:
    with pytest.raises(ActionRefused, match="never goes back"):
        await action(zone, door).compensate(SCENE)
