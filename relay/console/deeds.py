"""What can be done at the console: each deed with its command, who may do it, and what its form asks.

Owns the table. It must never do anything: a deed is a command of the control socket, with the same arguments and the same
function behind it, so that whatever holds there (who may retry what, what is refused) holds here. The traps: the name that
signs is that of whoever is signed in, never a field of the form; and a value is checked by the command's own types, since a
form can be filled in by anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from relay.console.deedkinds import Deed, Field
from relay.console.identity import Role
from relay.console.roomdeeds import ROOM_DEEDS
from relay.control.commands import COMMANDS
from relay.control.failovercommands import FAILOVER_COMMANDS

OPERATORS: Final = frozenset({Role.OPERATOR, Role.ADMINISTRATOR})
APPROVERS: Final = frozenset({Role.APPROVER, Role.ADMINISTRATOR})
ADMINISTRATORS: Final = frozenset({Role.ADMINISTRATOR})

DRAIN_CLASSES: Final = ("atm", "branch", "zengin")
GATE_CLASSES: Final = ("all", "atm", "branch", "partner", "inquiry")
_ASKED: Final = COMMANDS | FAILOVER_COMMANDS  # at the relay's socket, or at the orchestrator's


_KEY = Field("key", is_fixed=True)
_SECOND = Field("second")
_PIN = (Field("region"), Field("epoch", "number"), Field("minutes", "number"), _SECOND)
OWN_DEEDS: Final = (
    Deed("saf-retry", "saf-retry", OPERATORS, "/owed", (_KEY, Field("although_resolved", "flag"))),
    Deed("resolve", "resolve", OPERATORS, "/owed", (_KEY, Field("although_owed", "flag")), is_grave=True),
    Deed("outbound-cancel", "outbound-cancel", OPERATORS, "/outbound", (_KEY,), is_grave=True),
    Deed(
        "outbound-settle",
        "outbound-settle",
        OPERATORS,
        "/outbound",
        (_KEY, Field("state", "choice", choices=("acknowledged", "failed"))),
        is_grave=True,
    ),
    Deed("reconcile-now", "reconcile-now", OPERATORS, "/reports", (Field("business_date", "date"),), signs=False),
    Deed("reconcile-sign", "reconcile-sign", APPROVERS, "/reports", (Field("number", "number", is_fixed=True),), is_grave=True),
    Deed(
        "drain-start", "drain-start", OPERATORS, "/system", (Field("classes", "classes", choices=DRAIN_CLASSES),), is_grave=True
    ),
    Deed("drain-abort", "drain-abort", OPERATORS, "/system"),
    Deed(
        "region-block",
        "region-block",
        OPERATORS,
        "/system",
        (Field("classes", "classes", choices=GATE_CLASSES),),
        is_grave=True,
    ),
    Deed("region-release", "region-release", OPERATORS, "/system", (Field("classes", "classes", choices=GATE_CLASSES),)),
    Deed("announce-withdraw", "announce-withdraw", OPERATORS, "/system", is_grave=True),
    Deed("announce-resume", "announce-resume", OPERATORS, "/system"),
    Deed("announce-hand-back", "announce-hand-back", OPERATORS, "/system", is_grave=True),
    Deed("region-pin", "region-pin", OPERATORS, "/system", _PIN, is_grave=True),
    Deed("region-unpin", "region-unpin", OPERATORS, "/system"),
    Deed("lease-take", "lease-take", OPERATORS, "/system", (Field("line"), Field("by_hand", "flag"), _SECOND), is_grave=True),
    Deed("takeover-begin", "takeover-begin", OPERATORS, "/system", (Field("center"), _SECOND), is_grave=True),
    Deed("takeover-finish", "takeover-finish", OPERATORS, "/system", (_SECOND,), is_grave=True),
    Deed("reload", "reload", ADMINISTRATORS, "/system", signs=False),
    Deed("stop", "drain", ADMINISTRATORS, "/system", is_grave=True),
)
DEEDS: Final[Mapping[str, Deed]] = {deed.name: deed for deed in (*OWN_DEEDS, *ROOM_DEEDS)}
WHY_CHARS_MIN: Final = 4
WHY_CHARS_MAX: Final = 1_000
LINES_MAX: Final = 40  # of a checklist


class Unfit(Exception):
    """What was filled in does not do; the text says what, in the words of the command's own types."""


def allowed(role: Role, name: str) -> bool:
    deed = DEEDS.get(name)
    return deed is not None and role in deed.roles


def arguments(deed: Deed, form: Mapping[str, tuple[str, ...]], who: str, why: str) -> msgspec.Struct:
    """The command's arguments. Raises Unfit."""
    said: dict[str, object] = {"who": who} if deed.signs else {}
    if deed.signs and deed.why_as:
        said[deed.why_as] = why
    for field in deed.fields:
        values = form.get(field.name, ())
        first = values[0].strip() if values else ""
        match field.kind:
            case "flag":
                said[field.name] = first == "yes"
            case "classes":
                said[field.name] = [value for value in values if value]
            case "number":
                is_number = first.isascii() and first.isdecimal() and len(first) < 16
                said[field.name] = int(first) if is_number else first or (first if field.is_fixed else 0)
            case "lines":
                said[field.name] = [{"line": number, "saw": saw} for number, saw in lines_of(form)]
            case "typed":
                continue  # doing.py has looked at it
            case _:
                said[field.name] = first
    try:
        return msgspec.convert({**said, **dict(deed.says)}, _ASKED[deed.command].args)
    except msgspec.ValidationError as error:
        raise Unfit(str(error)) from error


def lines_of(form: Mapping[str, tuple[str, ...]]) -> list[tuple[int, str]]:
    """Of a checklist: those with something seen."""
    saw = [(number, " ".join(" ".join(form.get(f"saw-{number}", ())[:1]).split())) for number in range(1, LINES_MAX + 1)]
    return [(number, text[:WHY_CHARS_MAX]) for number, text in saw if text]


def said_again(deed: Deed, form: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    """What a form may be filled in with once more: no secret, no proof, and no word that it is meant."""
    names = [field.name for field in deed.fields if field.kind not in ("secret", "typed", "lines")]
    saw = [f"saw-{number}" for number, _ in lines_of(form)]
    return {name: form[name] for name in (*names, *saw, "why") if any(form.get(name, ()))}


def target_of(deed: Deed, form: Mapping[str, tuple[str, ...]]) -> str:
    """What it is about, for the record."""
    said = dict(deed.says)
    for field in deed.fields:
        if field.kind == "lines":
            said[field.name] = ",".join(str(number) for number, _ in lines_of(form))
        elif field.kind not in ("secret", "typed"):
            said[field.name] = ",".join(form.get(field.name, ()))
    return " ".join(f"{name}={value}" for name, value in said.items() if value)[:500]
