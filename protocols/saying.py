"""Speaking as the far end, for one message: what a dialect contributes so that a person can say something to a listener.

Owns the words of such a conversation: the wish, the turns, what is shown of a message. It must never know a socket, nor be part
of the daemon. The traps: a session may have to be opened first, and what opens it is said too and shown; whatever is shown is
masked here already; and where one message is no conversation, the dialect says so and names the next step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import msgspec

from protocols.dialect import Dialect


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a person wants said: the type of the message ("" is the dialect's own default) and items by name."""

    message: str = ""
    items: Mapping[str, str] = {}
    is_repeated: bool = False  # the same once more, as a repeat


class Shown(msgspec.Struct, frozen=True):
    """One message for people: `items` are name and masked value. `is_answer`: of the wish, not of what surrounds it."""

    is_sent: bool
    name: str
    items: tuple[tuple[str, str], ...] = ()
    is_answer: bool = False


class Turn(msgspec.Struct, frozen=True):
    """What to write now, what to show, and at the end the code of the (first) answer; "" where none is due."""

    data: bytes = b""
    shown: tuple[Shown, ...] = ()
    code: str | None = None  # not None: it is over


class Conversation(Protocol):
    """Pure. Raises PeerViolation for what cannot be read, LocalMisuse for what cannot be written."""

    def begin(self) -> Turn: ...

    def heard(self, data: bytes) -> Turn: ...


@runtime_checkable
class SilentKit(Protocol):
    """A kit of whose conversations none can be had with one message. Optional."""

    why_silent: str  # why, and the next step: a sentence for people


@runtime_checkable
class SpeakingKit(Protocol):
    """A kit that can speak as the far end. Optional."""

    def conversation(self, dialect: Dialect, wish: Wish) -> Conversation:
        """Raises LocalMisuse naming the item at fault."""
        ...
