"""Several journal keys at once: the current one writes, the older ones still read.

Owns which key a stored secret names and which key opens it. It must never know SQL or a credential. A secret of this ring is
the first four bytes of its key's check value (the key's id), then what crypt.py makes. The traps: a journal from before key
ids holds secrets without one, so what its id does not open is tried with every key, and AES-GCM says which was right; and the
fingerprints that tell a repeat from another message (law 2) cannot be made anew, as their texts are not kept. So their secret
is no key's own: it stays the same over a rotation, sealed under the current key.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from protocols.vocabulary import Pan
from relay.errors import JournalUnusable
from relay.journal.crypt import Entropy, JournalKeys

KEY_ID_BYTES: Final = 4
Opened = TypeVar("Opened")

KEYS_MAX: Final = 8  # keys in one ring: a rotation a year, and a window of years


class KeyRing:
    """What an engine encrypts and reads with: the interface of one `JournalKeys`, over several keys."""

    __slots__ = ("_by_id", "_current", "_fingerprint", "_prefix", "fingerprint_secret", "proposed")

    def __init__(self, current: bytes, older: Sequence[bytes] = (), entropy: Entropy = os.urandom) -> None:
        """Keys of 32 bytes. Raises JournalUnusable for one of another length, and for too many."""
        keys = [JournalKeys(key, entropy) for key in (current, *older)]
        if len(keys) > KEYS_MAX:
            raise JournalUnusable(
                f"{len(keys)} journal keys are given; {KEYS_MAX} are the most.", "Take away those that no row needs."
            )
        self._by_id = {each.key_id: each for each in keys}
        self._current = keys[0]
        self._prefix = keys[0].check[:KEY_ID_BYTES]
        self.fingerprint_secret: bytes | None = None  # None: the current key's own, as in a journal that never changed its key
        self._fingerprint: Callable[[str], bytes] = keys[0].fingerprint
        self.proposed: KeyRing | None = None  # what the journal is to take into use

    @property
    def key_id(self) -> str:
        """Of the key that writes, eight hex digits."""
        return self._current.key_id

    @property
    def check(self) -> bytes:
        return self._current.check

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Of all keys given, the current one first."""
        return (self.key_id, *(key_id for key_id in self._by_id if key_id != self.key_id))

    def check_of(self, key_id: str) -> bytes | None:
        """The check value of a key that is given, None for another."""
        keys = self._by_id.get(key_id)
        return None if keys is None else keys.check

    # ---- a change of keys while the relay runs ---------------------------------------------------------------------
    def propose(self, ring: KeyRing) -> None:
        """Read with its keys from now on, which harms nothing where the journal does not take it; write with its current key
        once the journal names that, durably."""
        self._by_id = {**self._by_id, **ring._by_id}
        self.proposed = ring

    def accept(self) -> None:
        """The journal names the proposed key: from here on it writes, and the keys beside it are all that read."""
        ring, self.proposed = self.proposed, None
        if ring is not None:
            self._current, self._prefix, self._by_id = ring._current, ring._prefix, ring._by_id

    # ---- fingerprints ----------------------------------------------------------------------------------------------
    def adopt_fingerprints(self, owner_id: str, sealed: bytes | None) -> None:
        """Fingerprint as the journal always did: with the secret that the key `owner_id` sealed, or with that key's own.

        Raises ValueError when the secret does not decrypt, KeyError when that key is not given.
        """
        owner = self._by_id[owner_id]
        self.fingerprint_secret = owner.fingerprint_secret if sealed is None else owner.unwrap(sealed)
        self._fingerprint = self._current.with_fingerprint_secret(self.fingerprint_secret)

    def sealed_fingerprints(self) -> bytes:
        """The fingerprints' secret, sealed under the current key, to be stored beside its id."""
        return self._current.wrap(self.fingerprint_secret or self._current.fingerprint_secret)

    def fingerprint(self, text: str) -> bytes:
        return self._fingerprint(text)

    # ---- card numbers, bodies, secrets -----------------------------------------------------------------------------

    def pan_hash(self, pan: Pan) -> bytes:
        """As it is written: under the current key's own search key."""
        return self._current.pan_hash(pan)

    def pan_hashes(self, pan: Pan) -> list[bytes]:
        """As it may stand in a row: while rows are re-encrypted, under any key of the ring."""
        return [self._by_id[key_id].pan_hash(pan) for key_id in self.key_ids]

    def nonces(self, count: int) -> list[bytes]:
        return self._current.nonces(count)

    def seal(self, pan: Pan, key: str, nonce: bytes) -> bytes:
        return self._prefix + self._current.seal(pan, key, nonce)

    def open(self, sealed: bytes, key: str) -> Pan:
        """Raises ValueError when no key of the ring opens it; names the key that is wanted, where it says so."""
        return self._open(sealed, lambda keys, body: keys.open(body, key))

    def seal_body(self, body: bytes, key: str, nonce: bytes) -> bytes:
        return self._prefix + self._current.seal_body(body, key, nonce)

    def open_body(self, sealed: bytes, key: str) -> bytes:
        """Raises ValueError as `open` does."""
        return self._open(sealed, lambda keys, body: keys.open_body(body, key))

    def wrap(self, secret: bytes) -> bytes:
        """A file's own key, sealed under the current key."""
        return self._prefix + self._current.wrap(secret)

    def unwrap(self, sealed: bytes) -> bytes:
        """Raises ValueError as `open` does."""
        return self._open(sealed, lambda keys, body: keys.unwrap(body))

    def is_current(self, sealed: bytes) -> bool:
        """Whether a stored secret names the current key. False also for one without a name."""
        return bytes(sealed[:KEY_ID_BYTES]) == self._prefix

    def named(self, sealed: bytes) -> str:
        """The id that a stored secret begins with; meaningless for one from before there were ids."""
        return bytes(sealed[:KEY_ID_BYTES]).hex()

    def _open(self, sealed: bytes, opened: Callable[[JournalKeys, bytes], Opened]) -> Opened:
        named = self._by_id.get(self.named(sealed))
        if named is not None:
            try:
                return opened(named, sealed[KEY_ID_BYTES:])
            except ValueError:
                pass  # a nonce of old may begin like an id, once in four thousand million
        for keys in self._by_id.values():
            try:
                return opened(keys, sealed)
            except ValueError:
                continue
        if named is not None:
            raise ValueError("a stored secret does not decrypt: its row was changed outside the relay")
        raise ValueError(
            f"a stored secret does not decrypt: it wants the key {self.named(sealed)}, or its row was changed outside the relay"
        )
