"""What the two centers say that cannot both be right: epochs, regions, clocks. Pure.

Owns these comparisons. It must never decide which of them is right: people do. The trap: a switch of the region reaches one
center a moment before the other, so that two epochs are told only when they have stood for `DIFFERING_MS`; two regions under
one epoch are never on the way to anything, and are told at once.
"""

from __future__ import annotations

from typing import Final

from relay.pair.beat import NAME_CHARS_MAX, Beat

DIFFERING_MS: Final = 10_000


class Differing:
    """Which difference stands, in words; `""` for none."""

    def __init__(self) -> None:
        self._since_ms: int | None = None
        self.words = ""

    def saw(self, epoch: int, region: str, beat: Beat | None, now_ms: int) -> str:
        """Ours against what `beat` says; None where the peer is not heard, which takes nothing back but says nothing new."""
        if beat is None:
            return self.words
        region = region[:NAME_CHARS_MAX]  # as it travels
        if epoch == beat.epoch:
            self._since_ms = None
            is_contrary = bool(region and beat.region and region != beat.region)
            self.words = f"under epoch {epoch} we know {region}, and {beat.center} knows {beat.region}" if is_contrary else ""
        else:
            if self._since_ms is None:
                self._since_ms = now_ms
            if now_ms - self._since_ms >= DIFFERING_MS:
                self.words = f"we know epoch {epoch}, and {beat.center} knows {beat.epoch} ({beat.region or 'no region'})"
        return self.words


def skew_ms(beat: Beat, heard_wall_ms: int) -> int:
    """The peer's clock less ours, by a heartbeat that came at our `heard_wall_ms`; its time on the way is in it."""
    return beat.wall_ms - heard_wall_ms
