"""The ports of a dialect kit whose settings must fit others: those of its link (a wait of the profile against a deadline), or
those of the dialect's other links (numbers that must not be shared).

Owns `RelatingKit`, `SharingKit`, `SerialKit`, `NamingDialect` and `NumberingDialect`, optional beside
`protocols.dialect.DialectKit`. It must never know where a setting stands in a file. The trap: a relation is judged on values
that are valid by themselves, defaults included, because a default that does not fit is as wrong as a value that was written.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol, runtime_checkable

import msgspec


class LinkFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the relay promises on a link, milliseconds. New facts are added with a default."""

    reply_deadline_ms: int  # a terminal is answered within it
    completion_deadline_ms: int  # an approval without its evidence goes to the person's list after it
    is_paired: bool = False  # another relay center serves the same terminals


class Relation(msgspec.Struct, frozen=True):
    """A setting of the profile that does not fit: its path there, as in "session.reply_window_ms", and which fact it fails.

    A warning does not stop the relay.
    """

    path: str
    fact: str
    problem: str
    suggestion: str = ""
    is_warning: bool = False


@runtime_checkable
class RelatingKit(Protocol):
    """A kit whose settings must fit those of the link. Optional."""

    def relations(self, profile: object, facts: LinkFacts) -> Sequence[Relation]:
        """What does not fit, empty where all is well."""
        ...


@runtime_checkable
class SharingKit(Protocol):
    """A kit whose links share something that must not be shared: numbers of lines, ranges of serials. Optional."""

    def clashes(self, profiles: Sequence[object]) -> Sequence[tuple[int, str, str]]:
        """(index of the profile, path in it, problem) for all links of this dialect in one file, in its order."""
        ...


class SerialRange(msgspec.Struct, frozen=True):
    """Numbers from `first` to `last`; `path` is that of the setting in the profile."""

    path: str
    first: int
    last: int


@runtime_checkable
class SerialKit(Protocol):
    """A kit whose links give a terminal numbers, by which alone it says later how a transaction ended. Optional."""

    def serials(self, profile: object) -> SerialRange | None:
        """None for a profile of another kit."""
        ...


@runtime_checkable
class NamingDialect(Protocol):
    """A dialect whose links all say, by Identify, for whom they speak: whoever has a message for one must name it. Optional."""

    @property
    def line_names(self) -> Collection[str]:
        """The only names there can be; empty where the far ends bring theirs."""
        ...


@runtime_checkable
class NumberingDialect(Protocol):
    """A dialect that gives numbers out of a range of its own, which no other line within `number_scope` may have. Optional."""

    @property
    def number_scope(self) -> str:
        """Within which a number is given once: a bank, say."""
        ...

    @property
    def numbers(self) -> tuple[int, int]:
        """The first and the last number of the range."""
        ...
