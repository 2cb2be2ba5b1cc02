"""What can be done in the failover room: each deed with the orchestrator's command, and what its form asks.

Owns the table. It must never decide who may pass a gate: the console's roles only keep those out who may not do anything;
who somebody is in a failover, and in which role, is the orchestrator's to say, and it believes nothing from here without
the code of that person's own authenticator. The traps: every deed names the run that its form showed, and an approval what was
shown, so that a form of yesterday does nothing today; and a code is in no record and no form that is shown again.
"""

from __future__ import annotations

from typing import Final

from relay.console.deedkinds import Deed, Field
from relay.console.identity import Role

ROOM_ROLES: Final = frozenset({Role.OPERATOR, Role.APPROVER, Role.ADMINISTRATOR})
TOPICS: Final = ("batch-checkpoint", "accept-loss", "zengin", "alone", "remark")

PROOF: Final = Field("proof", "secret")
_RUN = Field("run", is_fixed=True)
_GATE = Field("gate", "number", is_fixed=True)
_SEEN = Field("seen", is_fixed=True)
_ENVELOPE = (Field("alone", "typed"), Field("code", "secret"))
_ROLE = Field("role", "known")
_SECOND = Field("second", "known")
_STEP = (Field("step", is_fixed=True), Field("undo", "flag", is_fixed=True))


def _deed(
    name: str, command: str, how: str, *fields: Field, is_grave: bool = False, why_as: str = "why", needs_code: bool = True
) -> Deed:
    return Deed(
        name=f"failover-{name}",
        command=f"failover-{command}",
        roles=ROOM_ROLES,
        back="/failover",
        fields=(*fields, *((PROOF,) if needs_code else ())),
        is_grave=is_grave,
        says=(("how", how),) if how else (),
        why_as=why_as,
        is_room=True,
    )


ROOM_DEEDS: Final = (
    _deed("declare", "declare", "", Field("version", "known"), _ROLE, Field("epoch", "number"), is_grave=True),
    _deed("approve", "gate", "approve", _RUN, _GATE, _SEEN, _ROLE, is_grave=True),
    _deed("deny", "gate", "deny", _RUN, _GATE, _ROLE, is_grave=True),
    _deed("withdraw", "gate", "withdraw", _RUN, _GATE),
    _deed(
        "break-glass",
        "gate",
        "break-glass",
        _RUN,
        _GATE,
        _SEEN,
        Field("alone", "typed"),
        Field("code", "secret"),
        is_grave=True,
    ),
    _deed("hold", "run", "hold", _RUN, needs_code=False),
    _deed("escalate", "run", "escalate", _RUN, needs_code=False),
    _deed("resume", "run", "resume", _RUN),
    _deed("abort", "run", "abort", _RUN, is_grave=True),
    _deed("adopt", "run", "adopt", _RUN, _SECOND, is_grave=True),
    _deed("tick", "tick", "", _RUN, *_STEP, Field("lines", "lines"), why_as=""),
    _deed("again", "step", "again", _RUN, *_STEP, why_as="saw"),
    _deed("by-hand", "step", "by-hand", _RUN, *_STEP, _SECOND, is_grave=True, why_as="saw"),
    _deed("waive", "step", "waived", _RUN, *_STEP, _SECOND, is_grave=True, why_as="saw"),
    _deed("say", "say", "", _RUN, Field("topic", "choice", choices=TOPICS), _SECOND, why_as="text"),
)
