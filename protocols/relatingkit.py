"""The port of a dialect kit whose settings must fit the relay's own: a wait of the profile against a deadline of its link.

Owns `RelatingKit`, optional beside `protocols.dialect.DialectKit`, and the values it is asked with. It must never know where a
setting stands in a file. The trap: a relation is judged on values that are valid by themselves, defaults included, because a
default that does not fit is as wrong as a value that was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec


class LinkFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the relay promises on a link, milliseconds. New facts are added with a default."""

    reply_deadline_ms: int  # a terminal is answered within it
    completion_deadline_ms: int  # an approval without its evidence goes to the person's list after it


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
