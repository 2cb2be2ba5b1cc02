"""The region record, moved by DNS UPDATE with compare-and-swap, and looked at on every server that must show it.

Owns the update. It must never talk DNS: the doors are given; nor judge a text: relay/failover/actions/regionzone.py does. The
trap: what is signed is signed once per run and epoch, so a second try writes the very same text.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from relay.core.zone import ZoneAnswer
from relay.core.zonechange import ChangeAnswer, ZoneChange
from relay.failover.actions.port import ActionFailed, ActionRefused, Look, Scene
from relay.failover.actions.regionzone import RecordWanted
from relay.failover.deeds import Rfc2136Deed


class ZoneDoors(msgspec.Struct, frozen=True):
    """`look(server)` asks one server; `change` tells the primary."""

    look: Callable[[str], Awaitable[ZoneAnswer]]
    change: Callable[[ZoneChange], Awaitable[ChangeAnswer]]


class Rfc2136Action:
    """`key` signs the record (32 bytes)."""

    def __init__(self, deed: Rfc2136Deed, key: bytes, doors: ZoneDoors) -> None:
        self._deed = deed
        self._wanted = RecordWanted(deed.record_name, deed.alias_target, key)
        self._doors = doors

    async def observe(self, scene: Scene) -> Look:
        return await self._wanted.look_at_all(self._deed.servers, self._doors.look, scene)

    async def act(self, scene: Scene) -> str:
        found = await self._doors.look(self._deed.servers[0])
        answer = await self._doors.change(
            ZoneChange(
                zone=self._deed.zone,
                record_name=self._deed.record_name,
                alias_name=self._deed.alias_name,
                old_text=self._wanted.old_text(found, scene),
                new_text=self._wanted.new_text(scene),
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
