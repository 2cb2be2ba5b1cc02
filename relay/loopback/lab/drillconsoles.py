"""The consoles of a drill: where people sit, what their telephones show, and whose word counts for theirs.

Owns these three. It must never sign anybody in. The trap: the relay and the orchestrator are one user here, root, where a bank
gives each its own; so root is who speaks for people, and nobody else's account may be root's.
"""

from __future__ import annotations

from protocols.vocabulary import Secret
from relay.clock import SystemClock
from relay.failover.codes import STEP_S, code_at, secret_bytes
from relay.loopback.lab.drillplan import Person
from relay.loopback.lab.lab import Lab
from relay.loopback.lab.laying import namespace
from relay.loopback.lab.secretsmade import Secrets
from relay.loopback.lab.topology import OFFICE

SPEAKERS = (0,)  # the user id of the lab's relays


def key_of(lab: Lab, one: Person) -> bytes:
    """The secret on the telephone of `one`."""
    return secret_bytes(one.name, Secret(Secrets.of(lab.folder).authenticators[one.login]))


def code(lab: Lab, one: Person, ahead: int = 0) -> str:
    """What the authenticator of `one` shows now, or so many steps ahead."""
    return code_at(key_of(lab, one), SystemClock().wall_ms() // (STEP_S * 1_000) + ahead)


def office(lab: Lab) -> str:
    """The namespace in which people sit: both consoles are reached from there, and nothing else is."""
    return namespace(lab.name, OFFICE)
