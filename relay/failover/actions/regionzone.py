"""The region record as a run finds it: one server's or one control plane's word, judged; and many servers' words together.

Owns what a text in the zone means for a run. It must never ask anybody. The traps: the change is done when all that must show
it do, and under way while some do; a higher epoch than ours, or ours for another region, was made by somebody else and is
never overwritten; and with no server answering nothing is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from relay.core.zone import ZoneAnswer
from relay.failover.actions.port import ActionRefused, Look, Scene, Sight
from relay.region.record import Malformed, RegionRecord, canonical_name, format_record, parse_record

FOREIGN: Final = "somebody else has moved the record"


class RecordWanted(msgspec.Struct, frozen=True):
    """What a plan wants at the two names. `key` signs (32 bytes)."""

    record_name: str
    alias_target: str
    key: bytes

    def judge(self, answer: ZoneAnswer, scene: Scene) -> Look:
        """What one answer says of this run's change."""
        if answer.trouble or len(answer.texts) != 1:
            return Look(Sight.UNKNOWN, answer.trouble or f"{len(answer.texts)} texts")
        record = parse_record(answer.texts[0], self.record_name, (self.key,))
        if isinstance(record, Malformed):
            return Look(Sight.UNKNOWN, record.value)
        if record.epoch < scene.epoch:
            return Look(Sight.ABSENT, f"epoch {record.epoch}")
        if record != record_of(scene):
            return Look(Sight.FAILED, f"{FOREIGN}: {record.region}, epoch {record.epoch}, run {record.run}")
        if canonical_name(answer.target) != canonical_name(self.alias_target):
            return Look(Sight.FAILED, f"the alias leads to {answer.target or 'nothing'}")
        return Look(Sight.DONE, f"epoch {record.epoch}")

    def old_text(self, answer: ZoneAnswer, scene: Scene) -> str:
        """The text that is compared and swapped. Raises ActionRefused where it is not the one of the epoch that ends."""
        if answer.trouble or len(answer.texts) != 1:
            raise ActionRefused(f"the primary does not show the old record: {answer.trouble or 'none'}")
        old = parse_record(answer.texts[0], self.record_name, (self.key,))
        if isinstance(old, Malformed) or old.epoch != scene.old_epoch:
            raise ActionRefused(f"the record is not of epoch {scene.old_epoch}: {old}")
        return b"".join(answer.texts[0]).decode("ascii")

    def new_text(self, scene: Scene) -> str:
        """The same for every try: signed once per run and epoch."""
        return format_record(record_of(scene), self.record_name, self.key)

    async def look_at_all(self, servers: Sequence[str], look: Callable[[str], Awaitable[ZoneAnswer]], scene: Scene) -> Look:
        """All servers that must show it; the first is the primary."""
        looks = [self.judge(answer, scene) for answer in await asyncio.gather(*map(look, servers))]
        sights = {one.sight for one in looks}
        detail = "; ".join(f"{server}: {one.detail}" for server, one in zip(servers, looks, strict=True))
        if Sight.FAILED in sights:
            return Look(Sight.FAILED, detail)
        if looks[0].sight is Sight.UNKNOWN and Sight.DONE not in sights:
            return Look(Sight.UNKNOWN, detail)  # the primary alone can say that it is not there
        if sights == {Sight.DONE}:
            return Look(Sight.DONE, detail)
        return Look(Sight.IN_PROGRESS if Sight.DONE in sights else Sight.ABSENT, detail)


def record_of(scene: Scene) -> RegionRecord:
    return RegionRecord(scene.epoch, scene.to_region, scene.run)
