"""Network messages that the core starts: what is posted as kind and body, read into what this dialect can say.

Owns the kinds and the bodies: echo, sign-on, sign-off ({}), cutover ({"business_date": "YYYY-MM-DD"}, optional) and
key-exchange ({"data": hex of DE 96}, optional). It must never know a link. The trap: a member that nobody knows is a mistake
of whoever posted it, and a message that was meant otherwise is worse than one that was refused.

Source: ISO 8583:1987, network management (08xx) with DE 70; 1993 and 2003 with DE 24.
"""

from __future__ import annotations

import msgspec


class Wanted(msgspec.Struct, frozen=True):
    """A command of this dialect, as LinkRules.command takes it."""

    name: str
    data: bytes = b""


class _Plain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class _Cutover(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    business_date: str = ""


class _KeyExchange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    data: str = ""


KINDS = frozenset({"echo", "sign-on", "sign-off", "cutover", "key-exchange"})


def read_offer(kind: str, body: bytes) -> Wanted | str:
    """The command, or in words why there is none. The words never hold a value of the body."""
    if kind not in KINDS:
        return f"no such kind; there are {', '.join(sorted(KINDS))}"
    try:
        if kind == "cutover":
            date = msgspec.json.decode(body, type=_Cutover).business_date
            return Wanted(kind, date.replace("-", "").encode())
        if kind == "key-exchange":
            return Wanted(kind, bytes.fromhex(msgspec.json.decode(body, type=_KeyExchange).data))
        msgspec.json.decode(body, type=_Plain)
    except (ValueError, RecursionError):  # msgspec's own errors are ValueErrors
        return f"the body is not one of {kind}"
    return Wanted(kind)
