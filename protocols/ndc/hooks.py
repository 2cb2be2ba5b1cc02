"""Where a bank attaches what needs its keys: message authentication, and the key steps before a terminal goes in service.

Owns the two ports and their values; the default is none of either. It must never hold a key or an algorithm. The traps: a
hook is called inside the link's event and must answer at once; and a PIN block is never opened here, it travels on as it
came.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import msgspec


class Mac(Protocol):
    """Message authentication over the body without its last FS and MAC. The value is eight upper-case hex characters."""

    def check(self, terminal: str, covered: bytes, mac: str) -> bool:
        """Whether `mac` belongs to `covered`."""
        ...

    def compute(self, terminal: str, covered: bytes) -> str:
        """The eight characters for a body of ours."""
        ...


class KeyStep(msgspec.Struct, frozen=True):
    """One key load: sub-class "3" or "4", modifier, key field as the terminal wants it, and the check value it must report
    (empty: any answer that is no reject)."""

    subclass: str
    modifier: str
    field: str
    check_value: str = ""


# The terminal's name -> its key loads, in order; called at the start of each session, for keys are unknown after a reconnect.
KeyLoads: TypeAlias = Callable[[str], Sequence[KeyStep]]


class Hooks(msgspec.Struct, frozen=True):
    """What a listener has attached."""

    mac: Mac | None = None
    key_loads: KeyLoads | None = None


NO_HOOKS = Hooks()
