"""Where a bank attaches what needs its keys: message authentication, and the key steps before a terminal goes in service.

Owns the two ports and their values; the default is none of either. It must never hold a key or an algorithm. The traps: a
hook is called inside the link's event and must answer at once; and a PIN block is never opened here, it travels on as it
came.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import msgspec

from protocols.errors import LocalMisuse

_MAC = re.compile(r"[0-9A-F]{8}")


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


class HookFailed(LocalMisuse):
    """The bank's code raised, or gave what it may not. Its own text is never told, for it may hold a key."""


class GuardedHooks:
    """The hooks as the rest calls them: whatever goes wrong in them is `HookFailed`, or a MAC that is not right."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks

    def is_right(self, terminal: str, covered: bytes, mac: str) -> bool:
        """Whether a MAC belongs to what it covers; False where nobody can say."""
        hook = self._hooks.mac
        try:
            return hook is not None and hook.check(terminal, covered, mac) is True
        except Exception:  # noqa: BLE001  the bank's code: what cannot be checked is not right
            return False

    def compute(self, terminal: str, covered: bytes) -> str:
        """Raises HookFailed: a frame without its MAC never leaves."""
        hook = self._hooks.mac
        try:
            mac = "" if hook is None else hook.compute(terminal, covered)
        except Exception as error:  # noqa: BLE001  as above
            raise HookFailed(f"the MAC hook failed ({type(error).__name__})", "hooks") from None
        if not isinstance(mac, str) or not _MAC.fullmatch(mac):
            raise HookFailed("the MAC hook gave no eight upper-case hex characters", "hooks")
        return mac

    def key_loads(self, terminal: str) -> tuple[KeyStep, ...]:
        """Raises HookFailed."""
        hook = self._hooks.key_loads
        try:
            steps = () if hook is None else tuple(hook(terminal))
        except Exception as error:  # noqa: BLE001  as above
            raise HookFailed(f"the key hook failed ({type(error).__name__})", "hooks") from None
        if not all(isinstance(step, KeyStep) and step.subclass in ("3", "4") and len(step.modifier) == 1 for step in steps):
            raise HookFailed("the key hook gave something that is no KeyStep of sub-class 3 or 4", "hooks")
        return steps
