"""What the desk needs of a link, and nothing more: who it is, how long it waits, and a way to answer.

Owns the `LinkPort` protocol; wire/link.py fulfils it. The trap: `reply` may find the link gone. It then tries the
terminal's newer link, where the dialect allows that, and says whether any byte went out; the reply intent is durable
either way, so False loses nothing.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from protocols.dialect import Dialect
from protocols.vocabulary import Reply


class ListenerFacts(msgspec.Struct, frozen=True):
    """What every link of one listener or dialer has in common."""

    name: str
    realm: str
    channel: str
    reply_deadline_ms: int
    dialect: Dialect
    terminals: frozenset[str] = frozenset()  # allowed terminals; empty means any
    certificate_is_terminal: bool = False  # a link speaks for nobody but whom its certificate names
    branch_name_chars: int = 0  # leading characters of a terminal's name that name its branch; 0: relay/exchange/traffic.py


class LinkPort(Protocol):
    @property
    def listener(self) -> ListenerFacts: ...

    @property
    def is_open(self) -> bool: ...

    @property
    def is_draining(self) -> bool:
        """It takes nothing new any more; what was taken before is still answered."""
        ...

    def reply(self, message: object, reply: Reply) -> bool:
        """Encode `reply` for `message` and write it. False when there was no link to write to."""
        ...
