"""What a decoder of another dialect than ISO 8583 gives to `relay decode`: items with rows, for people and for programs.

Owns the port `Decoder` and the values behind it. It must never know a dialect's bytes. The traps: a decoder that is asked to
guess answers only where it read everything and the content agrees, because another dialect is asked after it; and it masks by
itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from relay.cli.plausible import Bytes


class Row(msgspec.Struct, frozen=True):
    """One item of a message: where it stands (bytes), what it is called, what it says, masked."""

    offset: int
    length: int
    name: str
    value: str


class Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message or record."""

    title: str
    rows: tuple[Row, ...] = ()
    mistakes: tuple[str, ...] = ()
    stream: str = ""
    time_ns: int = 0


class Reading(msgspec.Struct, frozen=True):
    """What a decoder made of the input. `is_whole`: nothing was left unread."""

    dialect: str
    reasons: tuple[str, ...]
    items: tuple[Item, ...]
    is_whole: bool


class Decoder(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def names_itself(self) -> bool:
        """Do its first bytes say what it is? Then it is shown broken, too, where no other dialect reads the input whole."""
        ...

    def read(self, streams: Sequence[Bytes], *, is_guess: bool) -> Reading | None:
        """None where it is not this dialect; for a guess also where there is any doubt."""
        ...
