"""The region record, moved in a hosted zone of Route 53: one batch that deletes the very old TXT and CNAME and creates the
new.

Owns that batch and what the zone says of it. It must never judge a text: relay/failover/actions/regionzone.py does. The
traps: a batch is carried out whole or not at all, and a DELETE whose name, type, TTL or value is not the one that is there
makes it fail, which is the compare-and-swap; an UPSERT would overwrite somebody else's record; what the zone shows is not yet
what its servers show, so a change counts as made when it is INSYNC or the named servers show it; and the id of a change dies
with this process, so another one asks the servers, and without any takes the zone's word.

Source: Route 53 API reference, ChangeResourceRecordSets, GetChange, ListResourceRecordSets.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Final

import msgspec

from relay.core.zone import ZoneAnswer
from relay.failover.actions.aws import AwsCall, AwsRefused, seen
from relay.failover.actions.port import ActionFailed, ActionRefused, Look, Scene, Sight
from relay.failover.actions.regionzone import RecordWanted
from relay.failover.awsdeeds import ROUTE53_REGION, Route53Deed
from relay.region.record import canonical_name

_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
STRANGE: Final = "the record has a routing policy; it is not ours"


class _Value(msgspec.Struct, frozen=True, rename="pascal"):
    value: str


class _Set(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    name: str
    type: str
    ttl: int = msgspec.field(name="TTL", default=0)
    resource_records: tuple[_Value, ...] = ()
    set_identifier: str = ""


class _Sets(msgspec.Struct, frozen=True, rename="pascal"):
    resource_record_sets: tuple[_Set, ...]


class _Info(msgspec.Struct, frozen=True, rename="pascal"):
    id: str
    status: str


class _Change(msgspec.Struct, frozen=True, rename="pascal"):
    change_info: _Info


class Route53Action:
    """Args: `key` signs the record (32 bytes). `look` asks one name server. `changes` keeps the id of a change by a step's
    token, as long as this process lives."""

    def __init__(
        self,
        deed: Route53Deed,
        key: bytes,
        call: AwsCall,
        look: Callable[[str], Awaitable[ZoneAnswer]],
        changes: MutableMapping[str, str],
    ) -> None:
        self._deed = deed
        self._wanted = RecordWanted(deed.record_name, deed.alias_target, key)
        self._call = call
        self._look = look
        self._changes = changes

    # ---- the look ----------------------------------------------------------------------------------------------------
    async def observe(self, scene: Scene) -> Look:
        return await seen(self._observe(scene))

    async def _observe(self, scene: Scene) -> Look:
        try:
            text, alias = await self._sets()
        except ActionFailed as error:
            if not self._deed.servers or isinstance(error, AwsRefused):
                raise
            shown = await self._wanted.look_at_all(self._deed.servers, self._look, scene)
            if shown.sight in (Sight.DONE, Sight.FAILED):
                return shown  # the servers are enough to know that it is there, and never that it is not
            return Look(Sight.UNKNOWN, f"{error}; {shown.detail}")
        look = self._wanted.judge(_answer(text, alias), scene)
        if look.sight is not Sight.DONE:
            return look
        return await self._spread(scene)

    async def _spread(self, scene: Scene) -> Look:
        """It is in the zone. Is it on the servers?"""
        status = await self._status(scene)
        if status == "PENDING":
            return Look(Sight.IN_PROGRESS, "in the zone, and PENDING")
        if self._deed.servers:
            shown = await self._wanted.look_at_all(self._deed.servers, self._look, scene)
            if shown.sight in (Sight.DONE, Sight.FAILED):
                return shown
            if status != "INSYNC" or shown.sight is not Sight.UNKNOWN:
                return Look(Sight.IN_PROGRESS, f"in the zone; {shown.detail}")
        return Look(Sight.DONE, f"epoch {scene.epoch}, {status or 'in the zone; its servers were not asked'}")

    async def _status(self, scene: Scene) -> str:
        """INSYNC, PENDING, or "" where nobody knows any more which change it was."""
        change = self._changes.get(scene.token)
        if change is None:
            return ""
        try:
            return (await self._call("route53", ROUTE53_REGION, "get_change", {"Id": change}, _Change)).change_info.status
        except AwsRefused:
            return ""

    async def _sets(self) -> tuple[_Set | None, _Set | None]:
        return await self._set(self._deed.record_name, "TXT"), await self._set(self._deed.alias_name, "CNAME")

    async def _set(self, name: str, kind: str) -> _Set | None:
        asked = {"HostedZoneId": self._deed.zone_id, "StartRecordName": name, "StartRecordType": kind, "MaxItems": "1"}
        found = (await self._call("route53", ROUTE53_REGION, "list_resource_record_sets", asked, _Sets)).resource_record_sets
        return next((one for one in found if canonical_name(one.name) == canonical_name(name) and one.type == kind), None)

    # ---- the act -----------------------------------------------------------------------------------------------------
    async def act(self, scene: Scene) -> str:
        text, alias = await self._sets()
        self._wanted.old_text(_answer(text, alias), scene)  # refuses what is not the old record
        assert text is not None
        if text.set_identifier or (alias is not None and alias.set_identifier):
            raise ActionRefused(STRANGE)
        new = f'"{self._wanted.new_text(scene)}"'
        batch = [_one("DELETE", text), self._created(self._deed.record_name, "TXT", new)]
        if alias is not None:
            batch.append(_one("DELETE", alias))
        batch.append(self._created(self._deed.alias_name, "CNAME", self._deed.alias_target))
        asked = {"HostedZoneId": self._deed.zone_id, "ChangeBatch": {"Comment": scene.token[:256], "Changes": batch}}
        made = await self._call("route53", ROUTE53_REGION, "change_resource_record_sets", asked, _Change)
        self._changes[scene.token] = made.change_info.id
        return f"the record names {scene.to_region} under epoch {scene.epoch}: {made.change_info.id} {made.change_info.status}"

    async def compensate(self, scene: Scene) -> str:
        raise ActionRefused("an epoch never goes back; the next run moves the record on")

    def _created(self, name: str, kind: str, value: str) -> dict[str, object]:
        return _one("CREATE", _Set(name=name, type=kind, ttl=self._deed.ttl_s, resource_records=(_Value(value),)))


def _one(action: str, of: _Set) -> dict[str, object]:
    values = [{"Value": one.value} for one in of.resource_records]
    return {"Action": action, "ResourceRecordSet": {"Name": of.name, "Type": of.type, "TTL": of.ttl, "ResourceRecords": values}}


def _answer(text: _Set | None, alias: _Set | None) -> ZoneAnswer:
    """Both sets in the form in which a name server's words are judged."""
    texts = () if text is None else tuple(_strings(one.value) for one in text.resource_records)
    target = "" if alias is None or len(alias.resource_records) != 1 else alias.resource_records[0].value
    return ZoneAnswer("", texts, target)


def _strings(value: str) -> tuple[bytes, ...]:
    """The character-strings of a TXT value as Route 53 writes it. What is escaped is no record of ours and stays as it is."""
    return tuple(one.encode("utf-8", "replace") for one in _STRING.findall(value))
