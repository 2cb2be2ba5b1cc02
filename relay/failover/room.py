"""What the console's failover room is told: the run, who looks, who else there is, and what may be declared. Frozen values;
pure.

Owns their form. It must never hold a secret: that somebody has an authenticator is said, never more. The trap: what stands
here only decides which links a page shows; whoever acts is judged by the desk anew.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from relay.failover.people import NotAllowed, People
from relay.failover.view import RunView


class PersonRow(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    roles: tuple[str, ...] = ()
    has_authenticator: bool = False


class PlanRow(msgspec.Struct, frozen=True, kw_only=True):
    """A plan of the orchestrator's folder. `problem`: why it could not be declared."""

    file: str
    version: str
    name: str = ""
    kind: str = ""
    from_region: str = ""
    to_region: str = ""
    steps: int = 0
    roles: tuple[str, ...] = ()
    problem: str = ""


class RoomView(msgspec.Struct, frozen=True, kw_only=True):
    """`me` is None for somebody who has no part in a failover. `plans` where a run may be declared."""

    view: RunView = RunView()
    me: PersonRow | None = None
    people: tuple[PersonRow, ...] = ()
    plans: tuple[PlanRow, ...] = ()


def room_of(
    view: RunView,
    people: People,
    with_code: frozenset[str],
    login: str,
    plans: Sequence[PlanRow],
) -> RoomView:
    """`with_code`: names of whoever has an authenticator."""
    rows = {
        one.name: PersonRow(name=one.name, roles=one.roles, has_authenticator=one.name in with_code) for one in people.all()
    }
    try:
        me = rows[people.by_login(login).name]
    except NotAllowed:
        me = None
    return RoomView(view=view, me=me, people=tuple(rows.values()), plans=tuple(plans))
