"""The right to speak to one region in one epoch (law 5): the one value that the core floor and the region floor share.

Owns `Permit` and nothing else; it lives below both floors because they are strangers to each other. The trap: a permit is
a fact about one moment. It is asked for each call, never kept.
"""

from __future__ import annotations

import msgspec


class Permit(msgspec.Struct, frozen=True):
    """The call will carry both: the region epoch, and the region as that names itself."""

    epoch: int
    region: str
