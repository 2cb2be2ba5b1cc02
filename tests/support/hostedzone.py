"""Route 53 on virtual time: a zone with one record and its alias, changed by compare-and-swap, refused or silent at will.

Owns the answers, in the form of AWS's client. It must never judge an action. The trap: an effect that lands late is sent
through here without a loop, so what does not hang must not wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

import msgspec

from relay.core.zone import ZoneAnswer
from relay.failover.actions.aws import Answer, AwsRefused, AwsService
from relay.failover.actions.port import ActionRefused
from relay.failover.awsdeeds import Route53Deed
from relay.region.record import RegionRecord, format_record

KEY = bytes(range(32))
OLD_TARGET = "tyo.core.example"


class HostedWorld(Protocol):
    hosted: RegionRecord
    dead_cloud: str

    def is_hosted_everywhere(self) -> bool: ...
    def change_hosted(self, record: RegionRecord) -> None: ...


class HostedZone:
    """Fulfils AwsCall for what Route53Action asks."""

    def __init__(self, world: HostedWorld, deed: Route53Deed) -> None:
        self._world, self._deed = world, deed

    async def __call__(
        self, service: AwsService, region: str, operation: str, asked: Mapping[str, object], kind: type[Answer]
    ) -> Answer:
        if self._world.dead_cloud == "hangs":
            await asyncio.sleep(10_000)
        if self._world.dead_cloud:
            raise ActionRefused("the control plane cannot be reached")
        if operation == "list_resource_record_sets":
            told: object = {"ResourceRecordSets": [self._shown(str(asked["StartRecordType"]))]}
        elif operation == "get_change":
            told = {"ChangeInfo": {"Id": asked["Id"], "Status": "INSYNC" if self._world.is_hosted_everywhere() else "PENDING"}}
        else:
            assert operation == "change_resource_record_sets"
            self._change(msgspec.convert(asked["ChangeBatch"], _Batch).changes)
            told = {"ChangeInfo": {"Id": "/change/C1", "Status": "PENDING"}}
        return msgspec.convert(told, kind)

    async def look(self, server: str) -> ZoneAnswer:
        if not self._world.is_hosted_everywhere():
            return ZoneAnswer("silent")
        return ZoneAnswer("", ((self._text().encode(),),), self._target())

    def _text(self) -> str:
        return format_record(self._world.hosted, self._deed.record_name, KEY)

    def _target(self) -> str:
        return self._deed.alias_target if self._world.hosted.region == "osaka" else OLD_TARGET

    def _shown(self, kind: str) -> dict[str, object]:
        name, value = self._deed.record_name, f'"{self._text()}"'
        if kind == "CNAME":
            name, value = self._deed.alias_name, self._target()
        return {"Name": f"{name}.", "Type": kind, "TTL": 5, "ResourceRecords": [{"Value": value}]}

    def _change(self, changes: tuple[_Change, ...]) -> None:
        deleted = [one.set for one in changes if one.action == "DELETE"]
        if deleted != [msgspec.convert(self._shown(kind), _Set) for kind in ("TXT", "CNAME")]:
            raise AwsRefused("InvalidChangeBatch", "the values provided do not match the current values")
        created = next(one.set for one in changes if one.action == "CREATE" and one.set.type == "TXT")
        fields = dict(part.split("=", 1) for part in created.values[0].value.strip('"').split(";"))
        self._world.change_hosted(RegionRecord(int(fields["epoch"]), fields["region"], fields["run"]))


class _Value(msgspec.Struct, frozen=True, rename="pascal"):
    value: str


class _Set(msgspec.Struct, frozen=True, rename="pascal"):
    name: str
    type: str
    ttl: int = msgspec.field(name="TTL")
    values: tuple[_Value, ...] = msgspec.field(name="ResourceRecords")


class _Change(msgspec.Struct, frozen=True, rename="pascal"):
    action: str
    set: _Set = msgspec.field(name="ResourceRecordSet")


class _Batch(msgspec.Struct, frozen=True, rename="pascal"):
    changes: tuple[_Change, ...]
