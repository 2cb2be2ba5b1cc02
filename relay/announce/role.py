"""The role of this center for its service address, as a table. Pure.

    PAUSED ──resumed──▶ WITHDRAWN ──fit──▶ STANDBY ──traffic──▶ HOLDING
    HOLDING ──handed back, weak, unheard──▶ STANDBY
    from each ──unfit──▶ WITHDRAWN, ──people withdrew──▶ PAUSED, ──draining──▶ LEAVING ──▶ GONE

Owns the states, the events, and how each state is announced. There is no way from WITHDRAWN to HOLDING, and that is what
nobody pre-empts with: a center that comes back announces itself least preferred and stays so until terminals really come to
it. So the center that took over keeps them until people hand them back, or until it fails. A holder that nobody hears any more
steps back too, or it would take everything back the moment its line is mended. The trap: the holder is told by traffic
alone. Where the network falls apart, two centers may both hold, each for the terminals that reach it; when it is whole again,
the preference of the centers decides.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from relay.announce.port import Level


class Role(Enum):
    WITHDRAWN = "withdrawn"  # not announced: not fit, or not yet
    PAUSED = "paused"  # not announced: people withdrew it; outlives a restart
    STANDBY = "standby"  # announced least preferred
    HOLDING = "holding"  # announced at its own preference: terminals come here
    LEAVING = "leaving"  # least preferred while it drains
    GONE = "gone"  # the relay stops


class Event(Enum):
    FIT = "fit"
    UNFIT = "unfit"
    WEAK = "weak"  # another center would serve better
    UNHEARD = "unheard"  # nobody hears the announcement: the route has gone already
    TRAFFIC = "traffic"  # terminals come
    PEOPLE_WITHDREW = "people withdrew"
    PEOPLE_RESUMED = "people resumed"
    HANDED_BACK = "handed back"
    DRAINING = "draining"
    ENDED = "ended"


TABLE: Final[dict[tuple[Role, Event], Role]] = {
    (Role.WITHDRAWN, Event.FIT): Role.STANDBY,
    (Role.WITHDRAWN, Event.PEOPLE_WITHDREW): Role.PAUSED,
    (Role.WITHDRAWN, Event.DRAINING): Role.GONE,
    (Role.WITHDRAWN, Event.ENDED): Role.GONE,
    (Role.PAUSED, Event.PEOPLE_RESUMED): Role.WITHDRAWN,
    (Role.PAUSED, Event.DRAINING): Role.GONE,
    (Role.PAUSED, Event.ENDED): Role.GONE,
    (Role.STANDBY, Event.TRAFFIC): Role.HOLDING,
    (Role.STANDBY, Event.UNHEARD): Role.STANDBY,  # whoever stayed when it stepped back is cut off now
    (Role.STANDBY, Event.UNFIT): Role.WITHDRAWN,
    (Role.STANDBY, Event.PEOPLE_WITHDREW): Role.PAUSED,
    (Role.STANDBY, Event.DRAINING): Role.LEAVING,
    (Role.STANDBY, Event.ENDED): Role.GONE,
    (Role.HOLDING, Event.WEAK): Role.STANDBY,
    (Role.HOLDING, Event.UNHEARD): Role.STANDBY,
    (Role.HOLDING, Event.HANDED_BACK): Role.STANDBY,
    (Role.HOLDING, Event.UNFIT): Role.WITHDRAWN,
    (Role.HOLDING, Event.PEOPLE_WITHDREW): Role.PAUSED,
    (Role.HOLDING, Event.DRAINING): Role.LEAVING,
    (Role.HOLDING, Event.ENDED): Role.GONE,
    (Role.LEAVING, Event.UNFIT): Role.GONE,
    (Role.LEAVING, Event.ENDED): Role.GONE,
    (Role.GONE, Event.ENDED): Role.GONE,
}

LEVELS: Final[dict[Role, Level]] = {
    Role.WITHDRAWN: Level.NONE,
    Role.PAUSED: Level.NONE,
    Role.STANDBY: Level.STANDBY,
    Role.HOLDING: Level.HOLDING,
    Role.LEAVING: Level.STANDBY,
    Role.GONE: Level.NONE,
}

# Who dials the service address is accepted.
SERVING: Final = frozenset({Role.STANDBY, Role.HOLDING, Role.LEAVING})

# How often a role may still get worse, one step at a time, before nothing is announced: what damping keeps room for.
STEPS_DOWN: Final[dict[Level, int]] = {Level.NONE: 0, Level.STANDBY: 1, Level.HOLDING: 2}
