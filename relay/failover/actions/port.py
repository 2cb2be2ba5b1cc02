"""The one protocol of all actions: observe, act, compensate; and what an action may see of the run.

Owns the port and its values. It must never know a kind of action. The traps: `observe` must tell *under way* from *not
there*, for an effect that was asked for and is not finished must not be asked for again; and `act` may raise after it has
worked, so nobody believes it either way before the next look.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

import msgspec

from relay.failover.events import Ticked


class Sight(StrEnum):
    """What a look has found."""

    ABSENT = "absent"
    IN_PROGRESS = "in-progress"
    DONE = "done"
    FAILED = "failed"  # for good: no look will find it done
    UNKNOWN = "unknown"  # it could not be seen


class Look(msgspec.Struct, frozen=True):
    sight: Sight
    detail: str = ""


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What a step may know. `token` is the same for every try; `epoch` is the run's own, `old_epoch` the one that ends."""

    run: str
    step: str
    token: str
    old_epoch: int
    epoch: int
    from_region: str
    to_region: str
    center: str
    is_undo: bool = False
    why: str = ""
    ticks: tuple[Ticked, ...] = ()

    def names(self) -> dict[str, str]:
        """What `{...}` in a plan stands for."""
        return {"run": self.run, "epoch": str(self.epoch), "region": self.to_region, "center": self.center}


class ActionFailed(Exception):
    """The act ended badly, and may have worked all the same."""


class ActionRefused(ActionFailed):
    """The act surely had no effect: nothing left this host, or the other side said no before it did anything."""


class Action(Protocol):
    async def observe(self, scene: Scene) -> Look:
        """Is it there? With `scene.is_undo`: is it taken back? Never changes anything. May raise ActionFailed or OSError:
        unknown."""
        ...

    async def act(self, scene: Scene) -> str:
        """Do it, once; returns a few words for the log. Raises ActionFailed, OSError."""
        ...

    async def compensate(self, scene: Scene) -> str:
        """Take it back. Raises as `act`."""
        ...


class Workshop(Protocol):
    """Makes the action of a step. For an undo with words of its own, that deed's action, of which `act` is called."""

    def action(self, step: str, is_undo: bool) -> Action: ...
