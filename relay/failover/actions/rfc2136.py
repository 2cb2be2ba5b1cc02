"""The region record, moved by DNS UPDATE with compare-and-swap, and looked at on every server that must show it.

Owns what the servers' texts mean. It must never talk DNS: the doors are given. The traps: the change is done when all
servers show it, and under way while some do; a higher epoch than ours, or ours for another region, was made by somebody
else and is never overwritten; what is signed is signed once per run and epoch, so a second try writes the very same text;
and with no server answering nothing is known.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from relay.core.zone import ZoneAnswer
from relay.core.zonechange import ChangeAnswer, ZoneChange
from relay.failover.actions.port import ActionFailed, ActionRefused, Look, Scene, Sight
from relay.failover.deeds import Rfc2136Deed
from relay.region.record import Malformed, RegionRecord, canonical_name, format_record, parse_record

FOREIGN: Final = "somebody else has moved the record"


class ZoneDoors(msgspec.Struct, frozen=True):
    """`look(server)` asks one server; `change` tells the primary."""

    look: Callable[[str], Awaitable[ZoneAnswer]]
    change: Callable[[ZoneChange], Awaitable[ChangeAnswer]]


class Rfc2136Action:
    """`key` signs the record (32 bytes)."""

    def __init__(self, deed: Rfc2136Deed, key: bytes, doors: ZoneDoors) -> None:
        self._deed = deed
        self._key = key
        self._doors = doors

    async def observe(self, scene: Scene) -> Look:
        looks = [self._read(await self._doors.look(server), scene) for server in self._deed.servers]
        sights = {look.sight for look in looks}
        detail = "; ".join(f"{server}: {look.detail}" for server, look in zip(self._deed.servers, looks, strict=True))
        if Sight.FAILED in sights:
            return Look(Sight.FAILED, detail)
        if looks[0].sight is Sight.UNKNOWN and Sight.DONE not in sights:
            return Look(Sight.UNKNOWN, detail)  # the primary alone can say that it is not there
        if sights == {Sight.DONE}:
            return Look(Sight.DONE, detail)
        return Look(Sight.IN_PROGRESS if Sight.DONE in sights else Sight.ABSENT, detail)

    def _read(self, answer: ZoneAnswer, scene: Scene) -> Look:
        if answer.trouble or len(answer.texts) != 1:
            return Look(Sight.UNKNOWN, answer.trouble or f"{len(answer.texts)} texts")
        record = parse_record(answer.texts[0], self._deed.record_name, (self._key,))
        if isinstance(record, Malformed):
            return Look(Sight.UNKNOWN, record.value)
        if record.epoch < scene.epoch:
            return Look(Sight.ABSENT, f"epoch {record.epoch}")
        if record != self._record(scene):
            return Look(Sight.FAILED, f"{FOREIGN}: {record.region}, epoch {record.epoch}, run {record.run}")
        if canonical_name(answer.target) != canonical_name(self._deed.alias_target):
            return Look(Sight.FAILED, f"the alias leads to {answer.target or 'nothing'}")
        return Look(Sight.DONE, f"epoch {record.epoch}")

    async def act(self, scene: Scene) -> str:
        found = await self._doors.look(self._deed.servers[0])
        if found.trouble or len(found.texts) != 1:
            raise ActionRefused(f"the primary does not show the old record: {found.trouble or 'none'}")
        old = parse_record(found.texts[0], self._deed.record_name, (self._key,))
        if isinstance(old, Malformed) or old.epoch != scene.old_epoch:
            raise ActionRefused(f"the record is not of epoch {scene.old_epoch}: {old}")
        answer = await self._doors.change(
            ZoneChange(
                zone=self._deed.zone,
                record_name=self._deed.record_name,
                alias_name=self._deed.alias_name,
                old_text=b"".join(found.texts[0]).decode("ascii"),
                new_text=format_record(self._record(scene), self._deed.record_name, self._key),
                target=self._deed.alias_target,
                ttl_s=self._deed.ttl_s,
            )
        )
        if answer.result in ("refused", "not-as-expected"):
            raise ActionRefused(answer.detail)
        if answer.result == "unclear":
            raise ActionFailed(answer.detail)
        return f"the record names {scene.to_region} under epoch {scene.epoch}"

    async def compensate(self, scene: Scene) -> str:
        raise ActionRefused("an epoch never goes back; the next run moves the record on")

    def _record(self, scene: Scene) -> RegionRecord:
        return RegionRecord(scene.epoch, scene.to_region, scene.run)
