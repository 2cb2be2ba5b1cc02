"""Where a bank attaches what needs its keys: message authentication and key exchange.

Owns the two ports and their values; the default is none of either. It must never hold a key or an algorithm. The trap: a hook
is called inside the link's event and must answer at once: a soft key store or an HSM with the session key already loaded;
what needs a slow HSM command is prepared beforehand, by the operator's "key-exchange" command. One hook serves every link of
every listener that names it, from one thread. What it raises is taken for "no": a message refused, an answer not sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Protocol, TypeAlias

import msgspec

from protocols.iso8583.message import IsoMessage, Value

MAC_BYTES = 8


class MacVerdict(Enum):
    RIGHT = auto()
    WRONG = auto()
    KEY_OUT_OF_STEP = auto()


class Mac(Protocol):
    """Message authentication over the wire bytes from the MTI to the byte before the MAC (DE 64 or 128)."""

    def check(self, message: IsoMessage, covered: bytes, mac: bytes) -> MacVerdict:
        """Whether `mac` (8 bytes) belongs to `covered`. `message` names terminal and key set (DE 41, 53)."""
        ...

    def compute(self, message: IsoMessage, covered: bytes) -> bytes:
        """The 8 bytes for a message of ours; `message` is it, less its MAC."""
        ...


# The far end's key exchange request -> data elements to add to the approval, or None to refuse.
KeyExchange: TypeAlias = Callable[[IsoMessage], Mapping[int, Value] | None]


class Hooks(msgspec.Struct, frozen=True):
    """What a listener has attached."""

    mac: Mac | None = None
    key_exchange: KeyExchange | None = None
