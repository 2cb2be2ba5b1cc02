"""Who asks, where a service asks for them: the console knows somebody by a login, and here it has to bring that person's code.

Owns the one way in which a word that a service passes on becomes a person's. It must never decide what the person may
do. The traps: a service that could speak for people by its own word could pass a gate alone, so without a code its word
is nobody's; only what stops, or calls people, needs none, because a stop that comes late costs more than a
false one; and what somebody types as a code may be a password, so it is never written anywhere.
"""

from __future__ import annotations

from collections.abc import Callable

from relay.clock import Clock
from relay.failover.codes import CALL_AFTER, Codes, WrongCode
from relay.failover.people import NotAllowed, People, Vouched
from relay.telemetry.log import get_log

_log = get_log("failover")


class Door:
    """`call` calls people."""

    def __init__(self, people: People, codes: Codes, clock: Clock, call: Callable[[str, str], None]) -> None:
        self._people, self._codes, self._clock, self._call = people, codes, clock, call

    def caller(self, claimed: str, uid: int, proof: str, *, only_stops: bool = False) -> tuple[str, int]:
        """The name and the user id that the desk is told. For a service: the name of whoever has that login, and a user id
        that says it was proven. Raises NotAllowed, StoreFailed."""
        if not self._people.is_speaker(uid):
            return claimed, uid
        person = self._people.by_login(claimed)
        if not only_stops:
            try:
                self._codes.spend(person.name, proof, self._clock.wall_ms(), self._clock.monotonic_ms())
            except WrongCode as error:
                _log.warning("a wrong code at the failover desk", who=person.name, login=claimed, uid=uid, tries=error.tries)
                if error.tries == CALL_AFTER:
                    self._call(f"{error.tries} wrong codes of {person.name} at the failover desk of this center", "now")
                raise
            except NotAllowed as error:
                _log.warning("a code was refused at the failover desk", who=person.name, login=claimed, why=error.problem)
                raise
        return person.name, Vouched(uid, person.name)
