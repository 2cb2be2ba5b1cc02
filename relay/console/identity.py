"""Who somebody is, and what he may do here: roles, persons, and the port through which a sign-in is checked.

Owns the words. It must never know how a password is kept, or whether there is one: local accounts are one adapter
(accounts.py), an OpenID provider would be another, whose claim is a code in place of a password. The trap: somebody who was
removed, or whose role changed, has a session that is still open, so each request asks `current` again.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

import msgspec

from protocols.vocabulary import Secret


class Role(StrEnum):
    """Each sees everything that the console shows; what one may do is in deeds.py."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMINISTRATOR = "administrator"


class Person(msgspec.Struct, frozen=True):
    """`stamp` changes with everything that ends open sessions: a new password, another role."""

    name: str
    role: Role
    stamp: str


class Claim(msgspec.Struct, frozen=True):
    """Somebody says who he is. `address` is where from: an address, or the network that one household has."""

    name: str
    proof: Secret
    address: str


class Identity(Protocol):
    async def check(self, claim: Claim) -> Person | None:
        """Who it is, or None; as slow for a name that does not exist as for a wrong password."""
        ...

    def current(self, name: str) -> Person | None:
        """Who `name` is now; None where he may not be here any more. Asked at each request, so it is quick."""
        ...
