"""Which life of each relay center the fake core listens to, and who shut out the lives before it.

Owns the highest Relay-Epoch of each center, and the fences of take-overs. Pure. It must never post. The trap: a fence is
asked for by its take-over again and again, also after the heir of the center speaks above it; that is the same fence, and
not one that came too late.
"""

from __future__ import annotations

import msgspec

from relay.core import contract as c


class RelayEpochs(msgspec.Struct):
    """What of it is durable at the core."""

    heard: dict[str, int] = {}
    fences: dict[str, c.CenterAnswer] = {}

    def newest(self, center: str) -> int:
        """Calls of `center` with a lower Relay-Epoch are refused."""
        return self.heard.get(center, 0)

    def admits(self, center: str, relay_epoch: int) -> bool:
        """Whether a call is of the newest life, or of a newer one, which is the newest from then on."""
        self.saw(center, relay_epoch)
        return relay_epoch >= self.newest(center)

    def saw(self, center: str, relay_epoch: int) -> None:
        if relay_epoch > self.heard.get(center, 0):
            self.heard[center] = relay_epoch

    def raise_fence(self, center: str, request: c.FenceRequest, by: str) -> bool:
        """False where a life as high as the fence was heard already, and the fence is not this very one."""
        known = self.fences.get(center)
        if known is not None and (known.run, known.fence) == (request.run, request.relay_epoch):
            return True
        if request.relay_epoch <= self.newest(center):
            return False
        self.fences[center] = c.CenterAnswer(center=center, newest=0, fence=request.relay_epoch, run=request.run, by=by)
        self.saw(center, request.relay_epoch)
        return True

    def standing(self, center: str) -> c.CenterAnswer:
        known = self.fences.get(center, c.CenterAnswer(center=center, newest=0))
        return msgspec.structs.replace(known, newest=self.newest(center))

    def copy(self) -> RelayEpochs:
        return RelayEpochs(dict(self.heard), dict(self.fences))
