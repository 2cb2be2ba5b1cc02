"""The journal's keys: one secret in, three derived keys out, for PANs, for searching them, and for fingerprints.

Owns every use of cryptography in the journal. It must never know SQL. The trap: a nonce used twice under AES-GCM gives the
plaintext away, so nonces are 96 random bits from `entropy` (the operating system's, or the simulation's) and never counters
that a restored backup would repeat; the exchange key is bound in as associated data, so that a ciphertext moved to another
row does not decrypt.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from protocols.vocabulary import Pan
from relay.errors import JournalUnusable

KEY_BYTES = 32
NONCE_BYTES = 12
HASH_BYTES = 16

Entropy = Callable[[int], bytes]


def parse_key(text: str) -> bytes:
    """The journal key from its credential: 64 hex digits, surrounding white space ignored. Raises JournalUnusable."""
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise JournalUnusable(
            "The journal key is not 64 hex digits.",
            "Make one with `openssl rand -hex 32` and keep it with the journal's backups.",
        )
    return key


class JournalKeys:
    """Derived keys. `check` tells a wrong key before anything is written with it; `key_id` names the key in the journal."""

    __slots__ = (
        "_aead",
        "_body_aead",
        "_entropy",
        "_fingerprint",
        "_search_key",
        "_wrap_aead",
        "check",
        "fingerprint_secret",
        "key_id",
    )

    def __init__(self, key: bytes, entropy: Entropy = os.urandom) -> None:
        if len(key) != KEY_BYTES:
            raise JournalUnusable(
                f"The journal key has {len(key)} bytes, not {KEY_BYTES}.", "Check the journal key credential."
            )
        self._entropy = entropy
        self._aead = AESGCM(_derive(key, b"pan"))
        self._body_aead = AESGCM(_derive(key, b"outbound"))
        self._search_key = _derive(key, b"pan-search")
        self._wrap_aead = AESGCM(_derive(key, b"wrap"))
        self.fingerprint_secret = _derive(key, b"fingerprint")
        self._fingerprint = _keyed_hash(self.fingerprint_secret)
        self.check = _derive(key, b"check")
        self.key_id = self.check[:4].hex()

    def fingerprint(self, text: str) -> bytes:
        """Keyed fingerprint, 16 bytes."""
        return self._fingerprint(text.encode("utf-8", "surrogatepass"))

    def with_fingerprint_secret(self, secret: bytes) -> Callable[[str], bytes]:
        """`fingerprint`, with another secret than this key's own: that of the journal's first key."""
        keyed_hash = _keyed_hash(secret)
        return lambda text: keyed_hash(text.encode("utf-8", "surrogatepass"))

    def wrap(self, secret: bytes) -> bytes:
        """A secret of the journal or of a file, sealed under this key."""
        (nonce,) = self.nonces(1)
        return nonce + self._wrap_aead.encrypt(nonce, secret, b"")

    def unwrap(self, sealed: bytes) -> bytes:
        """Raises ValueError when the bytes were not sealed with this key."""
        try:
            return self._wrap_aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], b"")
        except (InvalidTag, ValueError):
            raise ValueError("a wrapped secret does not decrypt") from None

    def pan_hash(self, pan: Pan) -> bytes:
        """What a search by PAN compares: keyed BLAKE2b, 16 bytes. Keyed, as card numbers are few enough to try them all."""
        return hashlib.blake2b(pan.reveal().encode(), digest_size=HASH_BYTES, key=self._search_key).digest()

    def nonces(self, count: int) -> list[bytes]:
        """As many fresh nonces, from one call to the system: a call costs as much as the cipher."""
        drawn = self._entropy(NONCE_BYTES * count)
        return [drawn[start : start + NONCE_BYTES] for start in range(0, len(drawn), NONCE_BYTES)]

    def seal(self, pan: Pan, key: str, nonce: bytes) -> bytes:
        """nonce + ciphertext + tag; `key` is the exchange's key, bound in. `nonce` is one of `nonces()`, used once."""
        return nonce + self._aead.encrypt(nonce, pan.reveal().encode(), key.encode())

    def open(self, sealed: bytes, key: str) -> Pan:
        """Raises ValueError when the bytes were not sealed with this key for this exchange."""
        try:
            return Pan(self._aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], key.encode()).decode())
        except (InvalidTag, ValueError):
            raise ValueError("a stored PAN does not decrypt: its row was changed outside the relay") from None

    def seal_body(self, body: bytes, key: str, nonce: bytes) -> bytes:
        """The body of an outbound message, as `seal` does a PAN, with a key of its own; never empty."""
        return nonce + self._body_aead.encrypt(nonce, body, key.encode())

    def open_body(self, sealed: bytes, key: str) -> bytes:
        """Raises ValueError when the bytes were not sealed with this key for this message."""
        try:
            return self._body_aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], key.encode())
        except (InvalidTag, ValueError):
            raise ValueError("a stored outbound body does not decrypt: its row was changed outside the relay") from None


def _keyed_hash(key: bytes) -> Callable[[bytes], bytes]:
    """HMAC-SHA-256 (RFC 2104), 16 bytes kept, with the key's two blocks hashed once: a third of hmac.digest's time."""
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key.ljust(64, b"\0")))
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in key.ljust(64, b"\0")))

    def keyed_hash(message: bytes) -> bytes:
        first = inner.copy()
        first.update(message)
        second = outer.copy()
        second.update(first.digest())
        return second.digest()[:HASH_BYTES]

    return keyed_hash


def _derive(key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=b"relay journal 1 " + purpose).derive(key)
