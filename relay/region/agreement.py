"""What the name servers' answers mean together: the rule by which a region is taken over from DNS. Pure.

The essay. N authoritative servers are asked, each by itself. What one of them says counts only where somebody with the key has
signed it, and where its alias leads to the same region; everything else (silence, a refusal, a denial, something malformed, a
foreign signature) is *nothing said*, and changes nothing. Of what was said the highest epoch is looked at:

    below ours          OLD        a server that lags, or replays: counted, never believed
    ours, our region    CONFIRMED  all is well
    ours, another one   FREEZE     two regions in one epoch: nothing moves, a person is called
    above ours, two     FREEZE     the same, before anything was believed
    above ours, one     RAISE      where a quorum says it
                        CANDIDATE  where fewer do: the region itself has to say the same epoch first

A signature proves who wrote a record, not that it is the newest, nor that it was meant to be published already. So one server
alone (stale, replaying, or given a record that was signed and never released) moves nothing: either two servers and more than
half of them agree, or the region that would be moved to says by itself, over its own TLS, that this epoch is its own. An older
server cannot hold a switch up, for a lower epoch counts as nothing, and neither can one that runs ahead of all others: what a
quorum says goes before what one says of a higher epoch. For which regions an epoch that is not decided yet was ever told is
remembered (`Told`): two truths that are told one after the other are two truths all the same, also when one of them is told
no more, or which center moves would hang on who was heard first. Only a higher epoch leads out of a frozen one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from relay.region.record import Malformed, RegionRecord, canonical_name, parse_record

OK: Final = "ok"  # the metric label of an answer that counts
EPOCHS_TOLD_MAX: Final = 16  # that are remembered; beyond it the lowest is forgotten


class Meaning(StrEnum):
    """What all answers of one round mean; also a metric label."""

    NOTHING = "nothing"
    OLD = "old"
    CONFIRMED = "confirmed"
    CANDIDATE = "candidate"
    RAISE = "raise"
    FREEZE = "freeze"


class ZoneWord(Protocol):
    """What one server was heard to say; relay/core/zone.py makes it. `trouble` is empty where it answered both questions."""

    @property
    def trouble(self) -> str: ...

    @property
    def texts(self) -> tuple[tuple[bytes, ...], ...]:
        """Each TXT record of the name, as its character-strings."""
        ...

    @property
    def target(self) -> str:
        """Where the alias leads, one step; empty where there is no alias."""
        ...


class Names(msgspec.Struct, frozen=True):
    """`record_name` holds the TXT; `targets` is region -> DNS name of its addresses. `has_alias` where a CNAME must agree."""

    record_name: str
    targets: Mapping[str, str]
    has_alias: bool
    keys: tuple[bytes, ...]


class Known(msgspec.Struct, frozen=True):
    """What is durable: the ratchet, and whose epoch it is; `region` is empty where nobody ever said so."""

    epoch: int
    region: str = ""


class Conclusion(msgspec.Struct, frozen=True):
    """`record` is the one to move to (RAISE, CANDIDATE); `is_confirmed`: some server says what we know; `regions` are those
    that contradict each other in `epoch`."""

    meaning: Meaning
    record: RegionRecord | None = None
    is_confirmed: bool = False
    regions: tuple[str, ...] = ()
    epoch: int = 0


class Told:
    """For which regions each epoch from the known one on was ever told, by whichever server."""

    def __init__(self) -> None:
        self._regions: dict[int, frozenset[str]] = {}

    def regions(self, epoch: int) -> frozenset[str]:
        return self._regions.get(epoch, frozenset())

    def remember(self, heard: Sequence[RegionRecord], known: Known) -> None:
        for record in heard:
            self._regions[record.epoch] = self.regions(record.epoch) | {record.region}
        kept = sorted(epoch for epoch in self._regions if epoch >= known.epoch)[-EPOCHS_TOLD_MAX:]
        self._regions = {epoch: self._regions[epoch] for epoch in kept}


def quorum_of(servers: int) -> int:
    """How many servers are enough by themselves: more than half, and never one alone."""
    return max(2, servers // 2 + 1)


def read_word(word: ZoneWord, names: Names) -> tuple[RegionRecord | None, str]:
    """What one server says, and the metric label of its answer. Never raises."""
    if word.trouble:
        return None, word.trouble
    if len(word.texts) != 1:
        return None, "no-record" if not word.texts else "record-count"
    record = parse_record(word.texts[0], names.record_name, names.keys)
    if isinstance(record, Malformed):
        return None, record.value
    target = names.targets.get(record.region)
    if target is None:
        return None, "unknown-region"
    if names.has_alias and canonical_name(word.target) != canonical_name(target):
        return None, "alias-differs"  # one update has not arrived whole, or somebody changed half of it
    return record, OK


def conclude(known: Known, heard: Sequence[RegionRecord], quorum: int, told: Told | None = None) -> Conclusion:
    """`heard`: one record for each server that said something that counts. `told`: what was heard before."""
    is_confirmed = any((record.epoch, record.region) == (known.epoch, known.region) for record in heard)
    candidate: RegionRecord | None = None
    for epoch in sorted({record.epoch for record in heard if record.epoch >= known.epoch}, reverse=True):
        said = [record for record in heard if record.epoch == epoch]
        regions = {record.region for record in said}
        is_decided = epoch == known.epoch and bool(known.region)
        if is_decided:
            regions.add(known.region)
        elif told is not None:
            regions |= told.regions(epoch)
        if len(regions) > 1 and candidate is None:
            return Conclusion(Meaning.FREEZE, None, is_confirmed, tuple(sorted(regions)), epoch)
        if len(regions) > 1 or is_decided:
            break
        if len(said) >= quorum:
            return Conclusion(Meaning.RAISE, said[0], is_confirmed)
        candidate = candidate or said[0]
    if candidate is not None:
        return Conclusion(Meaning.CANDIDATE, candidate, is_confirmed)
    if is_confirmed:
        return Conclusion(Meaning.CONFIRMED, is_confirmed=True)
    return Conclusion(Meaning.OLD if heard else Meaning.NOTHING)
