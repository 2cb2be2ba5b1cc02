"""Who may do what in a failover run: names, roles, the user ids of this host, and the sealed codes. Pure.

Owns the list and the questions to it. It must never know how somebody logged in: the door says which user id asked. The
traps: a name that is typed is a claim, and the user id is the kernel's word, so both have to fit; a service that speaks for
people (the console) is named as such and still is nobody, unless the door (vouching.py) says who; one person with two logins
is one person; and a sealed code is kept as a salted scrypt hash, is opened once, and its use is told to everybody.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from relay.errors import ConfigurationError, RelayError
from relay.failover.approvals import person_key, same_person
from relay.failover.deeds import Name, Text

SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**14, 8, 1
PERSON_COUNT_MAX: Final = 500


class NotAllowed(RelayError):
    """Somebody asked for something that is not theirs to do."""


Login = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Vouched(int):
    """The user id of a service, with the name of the person for whom it speaks: only vouching.py makes one."""

    person: str

    def __new__(cls, uid: int, person: str) -> Vouched:
        made = super().__new__(cls, uid)
        made.person = person
        return made


class Person(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`uids`: user ids on this host under which this person works. `logins`: accounts of the console; `authenticator`: the
    credential with the secret of this person's authenticator, without which nothing is believed from there."""

    name: Text
    roles: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=8)]
    uids: tuple[Annotated[int, msgspec.Meta(ge=0)], ...] = ()
    logins: tuple[Login, ...] = ()
    authenticator: str = ""


class SealedCode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An envelope in a safe. `salt` and `hash` as `relay failover seal-code` prints them (hexadecimal digits)."""

    name: Name
    salt: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
    hash: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class People:
    """Args: `speakers` are user ids of services that have found out themselves who somebody is. Raises ConfigurationError."""

    def __init__(self, people: Sequence[Person], codes: Sequence[SealedCode] = (), speakers: Sequence[int] = ()) -> None:
        if len(people) > PERSON_COUNT_MAX:
            raise ConfigurationError(f"at most {PERSON_COUNT_MAX} people can be named.")
        self._people = {person_key(person.name): person for person in people}
        self._codes = tuple(codes)
        self._speakers = frozenset(speakers)
        if len(self._people) < len(people):
            raise ConfigurationError("two people have the same name.", "Width, case and blanks make no other person.")
        owners: dict[int, str] = {}
        for person in people:
            for uid in person.uids:
                if uid in owners or uid in self._speakers:
                    raise ConfigurationError(
                        f"user id {uid} is {person.name}'s and somebody else's.", "One person, one account."
                    )
                owners[uid] = person.name
        self._logins: dict[str, Person] = {}
        for person in people:
            for login in {person_key(each) for each in person.logins}:
                if login in self._logins:
                    raise ConfigurationError(f"the login {login} is {person.name}'s and somebody else's.", "One person each.")
                self._logins[login] = person

    def all(self) -> tuple[Person, ...]:
        return tuple(self._people.values())

    def is_speaker(self, uid: int) -> bool:
        return uid in self._speakers

    def by_login(self, login: str) -> Person:
        """Whose account of the console that is. Raises NotAllowed."""
        person = self._logins.get(person_key(login))
        if person is None:
            raise NotAllowed(
                f"{login[:80]} is nobody's login in a failover.", "logins in the orchestrator's configuration names them."
            )
        return person

    def who(self, claimed: str, uid: int) -> Person:
        """The person who asks. Raises NotAllowed."""
        person = self._people.get(person_key(claimed))
        if person is None:
            raise NotAllowed(f"{claimed[:80]} is not known here.", "The people of a failover are named in its configuration.")
        is_vouched = isinstance(uid, Vouched) and uid.person == person.name and uid in self._speakers
        if uid not in person.uids and not is_vouched:
            raise NotAllowed(f"user id {uid} is not {person.name}'s.", "Log in as yourself, without sudo.")
        return person

    def with_role(self, claimed: str, uid: int, role: str) -> Person:
        """As `who`, and the person has that role. Raises NotAllowed."""
        person = self.who(claimed, uid)
        if role not in person.roles:
            raise NotAllowed(f"{person.name} does not have the role {role}.", f"Roles: {', '.join(person.roles)}.")
        return person

    def second(self, claimed: str, first: Person) -> Person:
        """A second signature, given by name. Raises NotAllowed where it is the first person, or nobody."""
        person = self._people.get(person_key(claimed))
        if person is None:
            raise NotAllowed(f"{claimed[:80]} is not known here.")
        if same_person(person.name, first.name):
            raise NotAllowed("two different people sign.")
        return person

    def code(self, typed: str) -> str:
        """The name of the sealed code that was typed. Raises NotAllowed."""
        found = ""
        for code in self._codes:
            if hmac.compare_digest(hash_code(typed, bytes.fromhex(code.salt)), code.hash):
                found = code.name
        if not found:
            raise NotAllowed("that is no sealed code.", "The envelope is in the safe; each code opens once.")
        return found


def hash_code(typed: str, salt: bytes) -> str:
    """As it is kept in the configuration."""
    text = "".join(typed.split()).upper().encode()
    return hashlib.scrypt(text, salt=salt, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P, dklen=32).hex()
