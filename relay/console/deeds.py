"""What can be done at the console: each deed with its command, who may do it, and what its form asks.

Owns the table. It must never do anything: a deed is a command of the control socket, with the same arguments and the same
function behind it, so that whatever holds there (who may retry what, what is refused) holds here. The traps: the name that
signs is that of whoever is signed in, never a field of the form; and a value is checked by the command's own types, since a
form can be filled in by anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from relay.console.identity import Role
from relay.control.commands import COMMANDS

OPERATORS: Final = frozenset({Role.OPERATOR, Role.ADMINISTRATOR})
APPROVERS: Final = frozenset({Role.APPROVER, Role.ADMINISTRATOR})
ADMINISTRATORS: Final = frozenset({Role.ADMINISTRATOR})

FieldKind = Literal["text", "flag", "number", "classes", "date", "choice"]
DRAIN_CLASSES: Final = ("atm", "branch", "zengin")
GATE_CLASSES: Final = ("all", "atm", "branch", "partner", "inquiry")


class Field(msgspec.Struct, frozen=True):
    """One thing that a form asks; its words are `field.NAME`. A fixed one is what the deed is about, and only shown."""

    name: str
    kind: FieldKind = "text"
    is_fixed: bool = False
    choices: tuple[str, ...] = ()


class Deed(msgspec.Struct, frozen=True):
    """Its words are `deed.NAME` (its name), `deed.NAME.what` (what it does). `signs`: the command takes who and why."""

    name: str
    command: str
    roles: frozenset[Role]
    back: str  # the page that it belongs to
    fields: tuple[Field, ...] = ()
    is_grave: bool = False  # it stops money, or cannot be taken back
    signs: bool = True


_KEY = Field("key", is_fixed=True)
_ALL = (
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
    Deed("reload", "reload", ADMINISTRATORS, "/system", signs=False),
    Deed("stop", "drain", ADMINISTRATORS, "/system", is_grave=True),
)
DEEDS: Final[Mapping[str, Deed]] = {deed.name: deed for deed in _ALL}
WHY_CHARS_MIN: Final = 4
WHY_CHARS_MAX: Final = 1_000


class Unfit(Exception):
    """What was filled in does not do; the text says what, in the words of the command's own types."""


def allowed(role: Role, name: str) -> bool:
    deed = DEEDS.get(name)
    return deed is not None and role in deed.roles


def arguments(deed: Deed, form: Mapping[str, tuple[str, ...]], who: str, why: str) -> msgspec.Struct:
    """The command's arguments. Raises Unfit."""
    said: dict[str, object] = {"who": who, "why": why} if deed.signs else {}
    for field in deed.fields:
        values = form.get(field.name, ())
        first = values[0].strip() if values else ""
        if field.kind == "flag":
            said[field.name] = first == "yes"
        elif field.kind == "classes":
            said[field.name] = [value for value in values if value]
        elif field.kind == "number":
            said[field.name] = int(first) if first.isascii() and first.isdecimal() and len(first) < 16 else first
        else:
            said[field.name] = first
    try:
        return msgspec.convert(said, COMMANDS[deed.command].args)
    except msgspec.ValidationError as error:
        raise Unfit(str(error)) from error


def target_of(deed: Deed, form: Mapping[str, tuple[str, ...]]) -> str:
    """What it is about, for the record."""
    said = [f"{field.name}={','.join(form.get(field.name, ()))}" for field in deed.fields if any(form.get(field.name, ()))]
    return " ".join(said)[:500]
