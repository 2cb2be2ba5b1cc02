"""Local accounts: a file of names, roles and hashed passwords, and the adapter that checks a sign-in against it.

Owns the file and the hash (scrypt of the standard library). It must never hold a password longer than hashing it. The traps: a
hash takes a quarter of a second and 32 MiB, so it runs in a thread, one at a time, and a queue of them is refused and not
waited for, or a guesser takes the host down; one address has but a part of that queue, or it keeps everybody out; a name that
does not exist is hashed all the same, or its quick answer says so; and a file that others can write makes everybody an
administrator, so it is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import secrets
import stat
from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import scrypt, sha256
from pathlib import Path
from typing import Annotated, Final

import msgspec

from protocols.vocabulary import Secret
from relay.console.identity import Claim, Person, Role
from relay.errors import RelayError

PASSWORD_CHARS_MIN: Final = 12
PASSWORD_CHARS_MAX: Final = 200
WAITING_COUNT_MAX: Final = 8  # sign-ins whose password waits to be hashed
WAITING_PER_PLACE_MAX: Final = 3  # of these, from one address (or network, as the caller says)
ACCOUNTS_COUNT_MAX: Final = 1_000
FILE_BYTES_MAX: Final = 1_048_576
_MEMORY_BYTES: Final = 64 * 1_048_576

AccountName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]


class Cost(msgspec.Struct, frozen=True):
    """scrypt's; of equal worth to the first of those that OWASP names for it."""

    n: int = 1 << 15
    r: int = 8
    p: int = 3


USUAL: Final = Cost()


class Account(msgspec.Struct, frozen=True, kw_only=True):
    name: AccountName
    role: Role
    salt: str  # hexadecimal, as is `hash`
    hash: str
    cost: Cost = Cost()
    changed_ms: int = 0

    @property
    def person(self) -> Person:
        said = f"{self.name}\0{self.role}\0{self.hash}".encode()
        return Person(self.name, self.role, sha256(said).hexdigest()[:16])


class _File(msgspec.Struct, frozen=True):
    accounts: tuple[Account, ...] = ()


class TooManySignIns(RelayError):
    """More passwords wait to be hashed than the host should hash."""


def account(name: str, role: Role, password: Secret, now_ms: int, cost: Cost | None = None) -> Account:
    """Raises RelayError for a name or a password that will not do."""
    problem = password_problem(password.reveal())
    if problem:
        raise RelayError(problem, "A sentence that nobody else would say is a good one.")
    salt, cost = secrets.token_hex(16), USUAL if cost is None else cost
    made = Account(name=name, role=role, salt=salt, hash=_hash(password, salt, cost), cost=cost, changed_ms=now_ms)
    try:
        return msgspec.convert(msgspec.to_builtins(made), Account)
    except msgspec.ValidationError as error:
        raise RelayError(f'"{name}" will not do for a name.', "Small letters, digits, dots, dashes.") from error


def password_problem(password: str) -> str:
    """What is wrong with it; "" for nothing."""
    if len(password) < PASSWORD_CHARS_MIN:
        return f"a password has at least {PASSWORD_CHARS_MIN} characters."
    if len(password) > PASSWORD_CHARS_MAX:
        return f"a password has at most {PASSWORD_CHARS_MAX} characters."
    return "these characters are too few different ones." if len(set(password)) < 5 else ""


def is_password(account: Account, password: Secret) -> bool:
    return hmac.compare_digest(_hash(password, account.salt, account.cost), account.hash)


def _hash(password: Secret, salt: str, cost: Cost) -> str:
    said = password.reveal().encode()
    return scrypt(said, salt=bytes.fromhex(salt), n=cost.n, r=cost.r, p=cost.p, maxmem=_MEMORY_BYTES, dklen=32).hex()


# ---- the file ----------------------------------------------------------------------------------------------------------
def read_accounts(path: str) -> dict[str, Account]:
    """By name; none where there is no file. Raises RelayError."""
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise RelayError(
            f"the accounts in {path} cannot be read: {error.strerror}.", "Its owner is the relay's user."
        ) from error
    if mode & (stat.S_IWGRP | stat.S_IWOTH | stat.S_IROTH):
        raise RelayError(f"others can read or change the accounts in {path}.", f"chmod 600 {path}")
    try:
        read = msgspec.json.decode(content, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RelayError(f"the accounts in {path} do not read: {error}.", "Make them anew: relay console user add") from error
    return {each.name: each for each in read.accounts}


def write_accounts(path: str, accounts: Iterable[Account]) -> None:
    """Replaces the file as a whole; it belongs to whoever owns its folder. Raises RelayError."""
    kept = sorted(accounts, key=lambda each: each.name)
    if len(kept) > ACCOUNTS_COUNT_MAX:
        raise RelayError(f"there are {ACCOUNTS_COUNT_MAX} accounts, which is the most.", "relay console user list")
    content = accounts_text(kept)
    fresh = f"{path}.{os.getpid()}"
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh)
        # Root writes here in a folder of the relay's: never into something that lay there already.
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            owner = os.stat(Path(path).parent)
            if os.geteuid() == 0:
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        os.replace(fresh, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(fresh)
        raise RelayError(
            f"the accounts in {path} cannot be written: {error.strerror}.", "See console.accounts_path."
        ) from error


def accounts_text(accounts: Iterable[Account]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(_File(tuple(accounts))), indent=1) + b"\n"


# ---- the adapter -------------------------------------------------------------------------------------------------------
class LocalAccounts:
    """Fulfils `Identity`. The file is read again whenever it was replaced; while it cannot be read, nobody is let in."""

    def __init__(self, path: str, cost: Cost | None = None) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._accounts: Mapping[str, Account] = {}
        self.problem = ""  # why nobody is let in
        self._one_at_a_time = asyncio.Semaphore(1)
        self._waiting: Counter[str] = Counter()  # by address
        self._nobody = Account(
            name="nobody", role=Role.VIEWER, salt=secrets.token_hex(16), hash="", cost=USUAL if cost is None else cost
        )

    def current(self, name: str) -> Person | None:
        found = self._read().get(name)
        return None if found is None else found.person

    async def check(self, claim: Claim) -> Person | None:
        """Raises TooManySignIns."""
        found = self._read().get(claim.name)
        place = claim.address
        if self._waiting.total() >= WAITING_COUNT_MAX or self._waiting[place] >= WAITING_PER_PLACE_MAX:
            raise TooManySignIns("too many people sign in at this moment.", "Try again in a few seconds.")
        self._waiting[place] += 1
        try:
            async with self._one_at_a_time:
                is_right = await asyncio.to_thread(is_password, self._nobody if found is None else found, claim.proof)
        finally:
            self._waiting[place] -= 1
            if not self._waiting[place]:
                del self._waiting[place]
        return found.person if found is not None and is_right else None

    def _read(self) -> Mapping[str, Account]:
        try:
            found = os.stat(self._path)
            seen = (found.st_ino, found.st_mtime_ns)
        except OSError:
            seen = None
        if seen is None or seen != self._seen:
            self._seen = seen
            try:
                self._accounts, self.problem = read_accounts(self._path), ""
            except RelayError as error:
                self._accounts, self.problem = {}, error.problem
        return self._accounts
